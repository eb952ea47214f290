//! The key that store and gateways share, in metadata `authorization: Bearer …`.

use tonic::{Request, Status, metadata::AsciiMetadataValue, service::Interceptor};

use crate::catalog::Secret;

/// Lets calls with the store's key in; without a key, all calls.
#[derive(Clone, Debug)]
pub(crate) struct Auth(Option<Secret>);

impl Auth {
    pub(super) const fn new(key: Option<Secret>) -> Self {
        Self(key)
    }
}

impl Interceptor for Auth {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(key) = &self.0 else { return Ok(request) };
        let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        match given.and_then(bearer) {
            Some(given) if key.matches(given) => Ok(request),
            _ => {
                Err(Status::unauthenticated("send the store's key as metadata `authorization: Bearer <key>`"))
            }
        }
    }
}

/// The scheme's name is case-insensitive (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Sends the key with each call.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(Option<AsciiMetadataValue>);

impl Bearer {
    /// None when the key cannot stand in metadata: it has other than visible ASCII characters.
    pub(super) fn new(key: Option<&Secret>) -> Option<Self> {
        let Some(key) = key else { return Some(Self(None)) };
        let mut value: AsciiMetadataValue = format!("Bearer {}", key.expose()).parse().ok()?;
        value.set_sensitive(true);
        Some(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
