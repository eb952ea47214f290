//! The certificates and keys that settings name: read, checked, and made into the TLS of listeners and clients.

use std::time::Duration;

use super::{layers::Layers, source::read_bounded, value::Value};
use crate::{
    clock::Clock,
    tls::{Authorities, Chain, ClientTls, Identity, Lifetime, Protocols, ServerTls},
};

/// A bundle of all public authorities has a quarter of it.
const PEM_BYTES: u64 = 1024 * 1024;
/// A certificate that ends within it is warned of: time to renew by hand, past the day that automatic renewal takes.
const AHEAD: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The settings of a listener's TLS.
pub(super) struct ListenerKeys {
    pub(super) cert: &'static str,
    pub(super) key: &'static str,
    /// Whose clients are let in, where a listener can ask for certificates.
    pub(super) client_ca: Option<&'static str>,
    pub(super) plain: &'static str,
    pub(super) protocols: Protocols,
}

/// The settings of a client's TLS.
pub(super) struct ClientKeys {
    pub(super) ca: &'static str,
    pub(super) cert: &'static str,
    pub(super) key: &'static str,
}

pub(super) const HTTP: ListenerKeys = ListenerKeys {
    cert: "http.tls_cert",
    key: "http.tls_key",
    client_ca: None,
    plain: "http.plain",
    protocols: Protocols::Http,
};
pub(super) const GRPC: ListenerKeys = ListenerKeys {
    cert: "grpc.tls_cert",
    key: "grpc.tls_key",
    client_ca: Some("grpc.tls_client_ca"),
    plain: "grpc.plain",
    protocols: Protocols::Grpc,
};
pub(super) const STORE: ListenerKeys = ListenerKeys {
    cert: "store.tls_cert",
    key: "store.tls_key",
    client_ca: Some("store.tls_client_ca"),
    plain: "store.plain",
    protocols: Protocols::Grpc,
};
pub(super) const ADMIN: ListenerKeys = ListenerKeys {
    cert: "admin.tls_cert",
    key: "admin.tls_key",
    client_ca: None,
    plain: "admin.plain",
    protocols: Protocols::Http1,
};
pub(super) const TO_STORE: ClientKeys =
    ClientKeys { ca: "store.tls_ca", cert: "store.tls_client_cert", key: "store.tls_client_key" };
pub(super) const TO_REDIS: ClientKeys =
    ClientKeys { ca: "redis.tls_ca", cert: "redis.tls_client_cert", key: "redis.tls_client_key" };

/// The TLS of a listener; none when no certificate is set, or when what is set is wrong.
pub(super) fn listener(layers: &Layers<'_>, keys: &ListenerKeys) -> Option<ServerTls> {
    let plain = layers.get(keys.plain).and_then(|value| value.yes_or_no().filter(|yes| *yes).map(|_| value));
    let certificate = layers.find(keys.cert);
    if let Some(plain) = plain.filter(|_| certificate.is_some()) {
        plain.problem(format!("stands beside {}; choose one of them", keys.cert));
    }
    let clients = keys.client_ca.and_then(|key| layers.find(key));
    if let Some(clients) = clients.as_ref().filter(|_| certificate.is_none()) {
        clients.problem(format!("asks for client certificates without TLS; set {} as well", keys.cert));
    }
    let identity = identity(layers, keys.cert, keys.key);
    let authorities = clients.as_ref().map(authorities);
    if authorities.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    let tls = ServerTls::new(&identity?, authorities.flatten(), keys.protocols);
    tls.map_err(|error| clients.or(certificate).map(|value| value.problem(error.to_string()))).ok()
}

/// The TLS of a client. `speaks` says whether any of its URLs asks for TLS; what is set without need is a problem,
/// because somebody believes to be protected by it.
pub(super) fn client(layers: &Layers<'_>, keys: &ClientKeys, speaks: impl FnOnce() -> bool) -> ClientTls {
    let trusted = layers.find(keys.ca);
    let shown = identity(layers, keys.cert, keys.key);
    let set = trusted.clone().or_else(|| layers.find(keys.cert));
    if let Some(set) = set.filter(|_| !speaks()) {
        let section = keys.ca.split('.').next().unwrap_or_default();
        set.problem(match section {
            "redis" => "is of no use: [redis] urls holds one that is no rediss:// URL".to_owned(),
            _ => "is of no use: [store] url is no https:// URL".to_owned(),
        });
    }
    ClientTls::new(trusted.as_ref().and_then(authorities), shown)
}

/// A certificate and its key, both or none.
fn identity(layers: &Layers<'_>, cert: &'static str, key: &'static str) -> Option<Identity> {
    match (layers.find(cert), layers.find(key)) {
        (None, None) => None,
        (Some(alone), None) => {
            alone.problem(format!("needs {key} beside it"));
            None
        }
        (None, Some(alone)) => {
            without_key(&alone).problem(format!("needs {cert} beside it"));
            None
        }
        (Some(cert), Some(key)) => {
            let (chain, key_pem) = (chain(&cert), pem(&without_key(&key)));
            let identity = Identity::new(chain?, &key_pem?);
            identity.map_err(|error| without_key(&key).problem(error.to_string())).ok()
        }
    }
}

fn chain(value: &Value<'_>) -> Option<Chain> {
    let chain = Chain::read(&pem(value)?).map_err(|error| value.problem(error.to_string())).ok()?;
    match chain.lifetime(Clock::System.now(), AHEAD) {
        Lifetime::Current => {}
        Lifetime::Ending(at) => {
            value.warning(format!("holds a certificate that ends on {at}; renew it, then reload"));
        }
        Lifetime::Ended(at) => value.warning(format!(
            "holds a certificate that ended on {at}: whoever checks it refuses; renew it, then reload"
        )),
        Lifetime::NotYet(at) => value.warning(format!(
            "holds a certificate that begins on {at}: whoever checks it refuses until then; is the clock right?"
        )),
    }
    Some(chain)
}

fn authorities(value: &Value<'_>) -> Option<Authorities> {
    Authorities::read(&pem(value)?).map_err(|error| value.problem(error.to_string())).ok()
}

fn pem(value: &Value<'_>) -> Option<String> {
    let path = value.text()?;
    let read = read_bounded(&value.reading.dir.join(path), PEM_BYTES);
    read.map_err(|error| value.problem(format!("cannot be read: {error}; give the path of a PEM file"))).ok()
}

/// The same value, hidden when the key itself was written where its path belongs.
fn without_key<'a>(value: &Value<'a>) -> Value<'a> {
    let value = value.clone();
    if value.text().is_some_and(|text| text.contains("-----")) { value.hidden() } else { value }
}
