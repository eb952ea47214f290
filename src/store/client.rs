//! A client of any store, for the commands and for delivery.

use std::time::Duration;

use tonic::{
    service::interceptor::InterceptedService,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::auth::Bearer;
use crate::{catalog::Secret, proto::store::v1::store_service_client::StoreServiceClient, tls::ClientTls};

/// A client of the store service that sends the key with each call.
pub(crate) type Client = StoreServiceClient<InterceptedService<Channel, Bearer>>;

/// The metadata of `Append` in which a gateway says which identity key its hashes are made with: the key's
/// fingerprint. A store that was filled with another one refuses with FAILED_PRECONDITION.
pub(crate) const IDENTITY_KEY_METADATA: &str = "voxgate-identity-key";

/// A page of a store ends at 3 MiB; other stores may send more.
const MESSAGE_BYTES: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no connection to the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The URL is none.
    #[error("`{url}` is no address of a store: it looks like http://127.0.0.1:50052")]
    Url {
        /// As it was given.
        url: String,
    },
    /// The key cannot be sent.
    #[error("the store's key may have visible ASCII characters only")]
    Key,
    /// Nobody answers.
    #[error(
        "the store at {url} cannot be reached: start it with `voxgate`, or name another with --store ({source})"
    )]
    Unreachable {
        /// As it was given.
        url: String,
        /// What the network says.
        source: tonic::transport::Error,
    },
}

/// Connects to the store at `url`: `http://HOST:PORT`, `HOST:PORT`, or `https://…`, where `tls` says
/// whom to trust and what to show.
///
/// # Errors
/// When the URL is none, or when nobody answers within five seconds.
pub(crate) async fn connect(
    url: &str,
    key: Option<&Secret>,
    tls: &ClientTls,
) -> Result<Client, ConnectError> {
    let endpoint = endpoint(url, tls)?;
    let bearer = Bearer::new(key).ok_or(ConnectError::Key)?;
    let channel = endpoint
        .connect()
        .await
        .map_err(|source| ConnectError::Unreachable { url: url.to_owned(), source })?;
    Ok(StoreServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MESSAGE_BYTES))
}

/// A client that connects when it is first used.
///
/// # Errors
/// When the URL is none, or the key cannot be sent.
pub(super) fn dial(url: &str, key: Option<&Secret>, tls: &ClientTls) -> Result<Client, ConnectError> {
    let bearer = Bearer::new(key).ok_or(ConnectError::Key)?;
    let channel = endpoint(url, tls)?.connect_lazy();
    Ok(StoreServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MESSAGE_BYTES))
}

/// How a store is reached, for the commands and for delivery.
///
/// # Errors
/// The URL is none.
pub(crate) fn endpoint(url: &str, tls: &ClientTls) -> Result<Endpoint, ConnectError> {
    let bad = || ConnectError::Url { url: url.to_owned() };
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let parsed = url::Url::parse(&full).map_err(|_| bad())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(bad());
    }
    let mut endpoint = Endpoint::from_shared(full).map_err(|_| bad())?;
    if parsed.scheme() == "https" {
        endpoint = endpoint.tls_config(tls_config(tls)).map_err(|_| bad())?;
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10)))
}

fn tls_config(tls: &ClientTls) -> ClientTlsConfig {
    let config = ClientTlsConfig::new();
    let config = match tls.authorities_pem() {
        Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
        None => config.with_native_roots(),
    };
    match tls.identity_pem() {
        Some((chain, key)) => config.identity(Identity::from_pem(chain, key)),
        None => config,
    }
}
