//! `gateway.toml`: the settings, each looked for in its layers. A setting that could not be read is a problem, and
//! stands as zero until the report is made.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use bytesize::ByteSize;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{
    address::has_user,
    layers::Layers,
    overrides::Role,
    settings::{
        Admin, Claims, Grpc, Http, Limits, Links, Redis, RedisMode, Settings, Shutdown, Spool, Store,
        Telemetry,
    },
    tls_files::{self, ADMIN, GRPC, HTTP, STORE, TO_REDIS, TO_STORE},
    value::Value,
};
use crate::{
    catalog::{IdentityKey, LinkKey, LinkKeys, Quota, Quotas, Secret},
    tls::ClientTls,
};

/// What `gateway.toml` says: what is fixed at start, and what a reload may change.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) settings: Settings,
    pub(super) link_keys: LinkKeys,
    pub(super) quotas: Quotas,
}

/// Reads all settings.
pub(super) fn read(layers: &Layers<'_>, roles: BTreeSet<Role>) -> Gateway {
    // Certificates of parts that are played elsewhere lie elsewhere.
    let [edge, stores] = [Role::Edge, Role::Store].map(|role| roles.contains(&role));
    let settings = Settings {
        public_base_url: layers.get("public_base_url").and_then(|value| value.base_url()).unwrap_or_default(),
        trusted_proxies: trusted_proxies(layers),
        roles,
        http: http(layers, edge),
        grpc: grpc(layers, edge),
        admin: Admin {
            listen: listen(layers, "admin.listen"),
            token: secret(layers, "admin.token"),
            tls: tls_files::listener(layers, &ADMIN),
        },
        store: store(layers, edge, stores),
        redis: redis(layers, edge),
        claims: Claims {
            answers_per_day: whole(layers, "redis.expected_answers_per_day", 1..=100_000_000_000),
            embedded: count(layers, "redis.embedded_claims", 1_000..=1_000_000_000),
        },
        identity_key: identity_key(layers),
        links: Links {
            kept: whole(layers, "links.kept", 1..=10_000_000_000),
            kept_after: time(layers, "links.kept_after", Duration::ZERO..=10_000 * DAY),
            cached: count(layers, "links.cached", 1..=100_000_000),
            cached_for: time(layers, "links.cached_for", MS..=365 * DAY),
            timeout: time(layers, "links.timeout", 10 * MS..=HOUR),
            lookups: count(layers, "links.lookups", 1..=100_000),
        },
        limits: limits(layers),
        spool: spool(layers),
        telemetry: Telemetry { log: log(layers) },
        shutdown: Shutdown {
            drain_delay: time(layers, "http.drain_delay", Duration::ZERO..=HOUR),
            drain: layers
                .get("http.drain_s")
                .and_then(|value| value.seconds(Duration::ZERO..=HOUR))
                .unwrap_or_default(),
        },
        data: layers.get("data").and_then(|value| value.text()).map(PathBuf::from).unwrap_or_default(),
        sample_secrets: false,
    };
    Gateway { settings, link_keys: link_keys(layers), quotas: quotas(layers) }
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// No human-made span is shorter.
const MOMENT: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn http(layers: &Layers<'_>, edge: bool) -> Http {
    let some_time = MOMENT..=HOUR;
    Http {
        listen: listen(layers, "http.listen"),
        connections: count(layers, "http.connections", 1..=1_000_000),
        header_timeout: time(layers, "http.header_timeout", some_time.clone()),
        body_timeout: time(layers, "http.body_timeout", some_time.clone()),
        request_timeout: time(layers, "http.request_timeout", some_time),
        head_bytes: size(layers, "http.head_bytes", ByteSize::kib(8)..=ByteSize::mib(1)),
        head_fields: count(layers, "http.head_fields", 10..=1_000),
        body_bytes: size(layers, "http.body_bytes", ByteSize::kib(16)..=ByteSize::mib(16)),
        batch_bytes: size(layers, "http.batch_bytes", ByteSize::kib(16)..=ByteSize::mib(256)),
        batch_items: count(layers, "http.batch_items", 1..=100_000),
        form_fields: count(layers, "http.form_fields", 10..=10_000),
        text_chars: count(layers, "http.text_chars", 1..=100_000),
        attributes: count(layers, "http.attributes", 0..=1_000),
        tls: edge.then(|| tls_files::listener(layers, &HTTP)).flatten(),
    }
}

fn grpc(layers: &Layers<'_>, edge: bool) -> Grpc {
    Grpc {
        listen: listen(layers, "grpc.listen"),
        connections: count(layers, "grpc.connections", 1..=1_000_000),
        message_bytes: size(layers, "grpc.message_bytes", ByteSize::kib(16)..=ByteSize::mib(16)),
        streams: small(layers, "grpc.streams", 1..=10_000),
        in_flight: count(layers, "grpc.in_flight", 1..=100_000),
        tls: edge.then(|| tls_files::listener(layers, &GRPC)).flatten(),
    }
}

fn store(layers: &Layers<'_>, edge: bool, stores: bool) -> Store {
    let url = layers.find("store.url").and_then(|value| {
        let advice = "is no URL of a store; write it like \"http://store.internal:50052\"";
        value.http_url(advice, |url| matches!(url.path(), "" | "/") && url.query().is_none())
    });
    Store {
        listen: listen(layers, "store.listen"),
        connections: count(layers, "store.connections", 1..=1_000_000),
        url: url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        key: secret(layers, "store.key"),
        batch_records: count(layers, "store.batch_records", 1..=10_000),
        batch_bytes: size(layers, "store.batch_bytes", ByteSize::kib(64)..=ByteSize::mib(16)),
        linger: time(layers, "store.linger", Duration::ZERO..=SECOND),
        window: count(layers, "store.window", 1..=64),
        ack_timeout: time(layers, "store.ack_timeout", SECOND..=HOUR),
        backoff_max: time(layers, "store.backoff_max", 10 * MS..=HOUR),
        dead_letters: count(layers, "store.dead_letters", 0..=100_000_000),
        tls: stores.then(|| tls_files::listener(layers, &STORE)).flatten(),
        client_tls: if edge { store_client(layers) } else { ClientTls::default() },
    }
}

fn redis(layers: &Layers<'_>, edge: bool) -> Redis {
    let modes = [("auto", RedisMode::Auto), ("single", RedisMode::Single), ("cluster", RedisMode::Cluster)];
    Redis {
        urls: redis_urls(layers),
        mode: layers.get("redis.mode").and_then(|value| value.word(&modes)).unwrap_or(RedisMode::Auto),
        prefix: layers.get("redis.prefix").and_then(|value| prefix(&value)).unwrap_or_default(),
        timeout: time(layers, "redis.timeout", MS..=10 * SECOND),
        breaker_failures: small(layers, "redis.breaker_failures", 1..=1_000),
        breaker_probe: time(layers, "redis.breaker_probe", 10 * MS..=HOUR),
        tls: if edge { redis_client(layers) } else { ClientTls::default() },
    }
}

/// Without a URL the local listener is asked, or the one that a command names.
fn store_client(layers: &Layers<'_>) -> ClientTls {
    let url = layers.find("store.url").and_then(|value| value.text());
    tls_files::client(layers, &TO_STORE, || url.is_none_or(|url| url.starts_with("https://")))
}

fn redis_client(layers: &Layers<'_>) -> ClientTls {
    let urls = layers.get("redis.urls").and_then(|value| value.list()).unwrap_or_default();
    let speaks = |url: &Value<'_>| url.text().is_some_and(|url| url.starts_with("rediss://"));
    tls_files::client(layers, &TO_REDIS, || urls.iter().all(speaks))
}

/// The URLs, with user and password written into those that name none.
fn redis_urls(layers: &Layers<'_>) -> Vec<String> {
    let user = layers.find("redis.user").and_then(|value| value.text()).unwrap_or_default();
    let password = secret(layers, "redis.password");
    let items = layers.get("redis.urls").and_then(|value| value.list()).unwrap_or_default();
    let password = password.as_ref().map(Secret::expose);
    items.iter().filter_map(|item| redis_url(item, user, password)).map(Into::into).collect()
}

fn redis_url(value: &Value<'_>, user: &str, password: Option<&str>) -> Option<Url> {
    let advice = "is no URL of a Redis server; write it like \"redis://127.0.0.1:6379\" or \
                  \"rediss://redis.internal:6380\"";
    let value = value.without_password();
    let server = |mut url: Url| {
        let known = matches!(url.scheme(), "redis" | "rediss") && !url.host_str()?.is_empty();
        if known && !has_user(&url) {
            url.set_username(user).and_then(|()| url.set_password(password)).ok()?;
        }
        known.then_some(url)
    };
    value.parsed(advice, |text| Url::parse(text).ok().and_then(server))
}

/// Braces would choose a cluster's hash slot, and the claims choose their own.
fn prefix(value: &Value<'_>) -> Option<String> {
    let visible = |text: &&str| {
        text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'{' | b'}'))
    };
    value.parsed("is no prefix; write up to 64 visible ASCII characters, no braces", |text| {
        Some(text).filter(visible).map(str::to_owned)
    })
}

fn limits(layers: &Layers<'_>) -> Limits {
    Limits {
        per_address: small(layers, "limits.per_address", 1..=1_000_000_000),
        per_link: small(layers, "limits.per_link", 1..=1_000_000_000),
        per_call: small(layers, "limits.per_call", 1..=1_000_000_000),
        sources: count(layers, "limits.sources", 1_000..=100_000_000),
        fallback_share: layers
            .get("limits.fallback_share")
            .and_then(|value| value.share())
            .unwrap_or_default(),
        held_per_hour: small(layers, "limits.held_per_hour", 0..=1_000_000_000),
        touches_per_link: small(layers, "limits.touches_per_link", 1..=1_000_000_000),
        in_flight: count(layers, "limits.in_flight", 1..=1_000_000),
        queue_delay: time(layers, "limits.queue_delay", Duration::from_millis(1)..=Duration::from_mins(1)),
    }
}

fn spool(layers: &Layers<'_>) -> Spool {
    let budget = bytes(layers, "spool.budget", ByteSize::kib(256)..=ByteSize::pib(1));
    let segment_bytes = bytes(layers, "spool.segment_bytes", ByteSize::kib(64)..=ByteSize::gib(4));
    Spool {
        budget,
        disk_floor: bytes(layers, "spool.disk_floor", ByteSize::b(0)..=ByteSize::pib(1)),
        keep_delivered: time(layers, "spool.keep_delivered", Duration::ZERO..=366 * DAY),
        // Space is freed by the segment: a small budget needs several of them.
        segment_bytes: segment_bytes.min(budget / 8).next_multiple_of(4096),
        queue: count(layers, "spool.queue", 1..=1_000_000),
    }
}

fn trusted_proxies(layers: &Layers<'_>) -> Vec<IpNet> {
    let items = layers.get("trusted_proxies").and_then(|value| value.list()).unwrap_or_default();
    let advice = "is no address range; write it like \"10.0.0.0/8\" or \"192.0.2.7\"";
    items.iter().filter_map(|item| item.parsed(advice, range)).collect()
}

/// A CIDR range, or one address.
fn range(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn identity_key(layers: &Layers<'_>) -> IdentityKey {
    let key = layers.get("identity.key").and_then(|value| {
        if value.is_empty() {
            value.hidden().problem("is missing; voxgate init makes one, and every gateway needs the same");
            return None;
        }
        value.key_of_32_bytes()
    });
    IdentityKey::new(key.unwrap_or_default())
}

fn link_keys(layers: &Layers<'_>) -> LinkKeys {
    let Some(value) = layers.get("tokens.keys").map(Value::hidden) else { return LinkKeys::default() };
    let items = value.list().unwrap_or_default();
    if items.is_empty() || items.len() > 8 {
        value.problem("must hold 1 to 8 keys; voxgate key new --token makes one");
    }
    let mut keys: Vec<LinkKey> = Vec::new();
    for item in items {
        let Some(key) = item.key_of_32_bytes().map(LinkKey::new) else { continue };
        if keys.iter().any(|other| other.id == key.id) {
            item.problem("has the id of another key; make a new one with voxgate key new --token");
        }
        keys.push(key);
    }
    LinkKeys(keys)
}

fn quotas(layers: &Layers<'_>) -> Quotas {
    let quota = |key| layers.find(key).and_then(|value| value.quota());
    Quotas {
        per_api_key: quota("limits.per_api_key"),
        per_brand: quota("limits.per_brand"),
        per_survey: quota("limits.per_survey"),
    }
}

impl Value<'_> {
    /// A quota, for example `600000 / 1m`.
    pub(super) fn quota(&self) -> Option<Quota> {
        self.parsed(
            "is no quota; write it like \"600000 / 1m\": how many in which time, 1 s to 366 days",
            |text| {
                let (limit, window) = text.split_once('/')?;
                let limit = limit.trim().parse().ok().filter(|limit| *limit > 0)?;
                let window =
                    super::value::duration(window).filter(|window| (SECOND..=366 * DAY).contains(window))?;
                Some(Quota { limit, window })
            },
        )
    }
}

fn log(layers: &Layers<'_>) -> String {
    let value = layers.get("telemetry.log");
    let advice = "is no log filter; write it like \"info\" or \"info,voxgate::forward=debug\"";
    let filter = |text: &str| EnvFilter::try_new(text).is_ok().then(|| text.to_owned());
    value.and_then(|value| value.parsed(advice, filter)).unwrap_or_default()
}

fn listen(layers: &Layers<'_>, key: &'static str) -> SocketAddr {
    let advice = "is no address to listen on; write it like \"127.0.0.1:8080\" or \"[::1]:8080\"";
    let address = layers.get(key).and_then(|value| value.parsed(advice, |text| text.parse().ok()));
    address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn secret(layers: &Layers<'_>, key: &'static str) -> Option<Secret> {
    layers.find(key).and_then(|value| value.secret())
}

fn time(layers: &Layers<'_>, key: &'static str, range: RangeInclusive<Duration>) -> Duration {
    layers.get(key).and_then(|value| value.duration(range)).unwrap_or_default()
}

fn bytes(layers: &Layers<'_>, key: &'static str, range: RangeInclusive<ByteSize>) -> u64 {
    layers.get(key).and_then(|value| value.bytes(range)).unwrap_or_default()
}

fn size(layers: &Layers<'_>, key: &'static str, range: RangeInclusive<ByteSize>) -> usize {
    usize::try_from(bytes(layers, key, range)).unwrap_or(usize::MAX)
}

fn whole(layers: &Layers<'_>, key: &'static str, range: RangeInclusive<u64>) -> u64 {
    layers.get(key).and_then(|value| value.whole(range)).unwrap_or_default()
}

fn count(layers: &Layers<'_>, key: &'static str, range: RangeInclusive<u64>) -> usize {
    usize::try_from(whole(layers, key, range)).unwrap_or(usize::MAX)
}

fn small(layers: &Layers<'_>, key: &'static str, range: RangeInclusive<u64>) -> u32 {
    u32::try_from(whole(layers, key, range)).unwrap_or(u32::MAX)
}
