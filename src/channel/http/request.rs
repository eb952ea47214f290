//! A request as the routes see it.

use std::{borrow::Cow, net::IpAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header, request::Parts};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

use super::body;
use crate::{
    config::settings,
    outcome::{Reason, Refusal},
};

/// Makes a program's retry known as one (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Names the trace that a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request whose body is not read yet.
pub(crate) struct Request {
    pub(crate) parts: Parts,
    /// Where it came from, trusted proxies seen through.
    pub(crate) source: IpAddr,
    pub(crate) trace: TraceId,
    body: Incoming,
}

/// Shows neither address nor header fields: they hold tokens, keys and references.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.parts.method)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

impl Request {
    pub(crate) fn new(request: http::Request<Incoming>, source: IpAddr) -> Self {
        let (parts, body) = request.into_parts();
        let trace = TraceId::of(&parts.headers);
        Self { parts, source, trace, body }
    }

    pub(crate) const fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(crate) fn raw_query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    /// A header that is readable text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The media type in any case, without parameters; empty when there is none.
    pub(crate) fn media_type(&self) -> &str {
        let full = self.header(&http::header::CONTENT_TYPE).unwrap_or_default();
        full.split(';').next().unwrap_or_default().trim()
    }

    /// Reads the body, at most so many bytes in the configured time.
    ///
    /// # Errors
    /// [`Reason::TooLarge`], [`Reason::BodyTimeout`], [`Reason::ClientGone`], [`Reason::UnsupportedMediaType`] for
    /// an encoded one, [`Reason::Malformed`] when the head says who speaks or what follows in two ways.
    pub(crate) async fn read(self, bytes: usize, bounds: &settings::Http) -> Result<(Parts, Bytes), Refusal> {
        let (parts, body) = self.read_with_head(bytes, bounds).await;
        Ok((parts, body?))
    }

    /// The same, for who needs the head also when the body is refused.
    pub(crate) async fn read_with_head(
        self,
        bytes: usize,
        bounds: &settings::Http,
    ) -> (Parts, Result<Bytes, Refusal>) {
        let Self { parts, body, .. } = self;
        let read = match said_once(&parts.headers) {
            Ok(()) => body::read(&parts.headers, body, bytes, bounds.body_timeout).await,
            Err(refusal) => Err(refusal),
        };
        (parts, read)
    }

    /// The same of a body that may come as gzip; the bound holds packed and unpacked.
    ///
    /// # Errors
    /// As [`Request::read`].
    pub(crate) async fn read_packed(
        self,
        bytes: usize,
        bounds: &settings::Http,
    ) -> Result<(Parts, Bytes), Refusal> {
        said_once(&self.parts.headers)?;
        let body = body::read_packed(&self.parts.headers, self.body, bytes, bounds.body_timeout).await?;
        Ok((self.parts, body))
    }

    /// The path's segments, percent-decoded; a trailing slash is ignored.
    ///
    /// # Errors
    /// [`Reason::Malformed`] when the decoded bytes are no UTF-8 or a percent sign stands alone.
    pub(crate) fn segments(path: &str) -> Result<SmallVec<[Cow<'_, str>; 6]>, Refusal> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        path.split('/').map(segment).collect()
    }
}

/// Fields of which a second one would be another caller, another dialect or another key. Which of two counts is
/// read differently by proxies and by us, so neither does (RFC 9110, 5.3).
const SINGLE: [HeaderName; 3] = [header::AUTHORIZATION, header::CONTENT_TYPE, IDEMPOTENCY_KEY];

fn said_once(headers: &HeaderMap) -> Result<(), Refusal> {
    match SINGLE.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(Reason::Malformed, format!("send the header field {name} once"))),
    }
}

fn segment(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if !raw.as_bytes().contains(&b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    let broken = || Refusal::new(Reason::Malformed, "the path's percent-encoding is broken");
    if !has_whole_escapes(raw) {
        return Err(broken());
    }
    percent_decode_str(raw).decode_utf8().map_err(|_| broken())
}

/// Whether each percent sign is followed by two hex digits.
pub(crate) fn has_whole_escapes(raw: &str) -> bool {
    raw.split('%')
        .skip(1)
        .all(|rest| matches!(rest.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Names a request in replies and logs: the trace id of a W3C `traceparent`, else a random one; 32 lower hex digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(trace_id);
        Self(given.and_then(|id| id.as_bytes().try_into().ok()).unwrap_or_else(random_hex))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn random_hex() -> [u8; 32] {
    let mut id = [b'0'; 32];
    hex::encode_to_slice(rand::random::<[u8; 16]>(), &mut id).map_or([b'0'; 32], |()| id)
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case; all zeros and version ff are invalid.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut fields = traceparent.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let whole = is_hex(version, 2) && version != "ff" && is_hex(span, 16) && is_hex(flags, 2);
    (whole && is_hex(trace, 32) && trace.bytes().any(|byte| byte != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_gives_its_trace_id_and_a_broken_one_none() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        assert_eq!(trace_id(&format!("cc-{id}-00f067aa0ba902b7-01-new")), Some(id));
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_path_is_split_and_decoded() {
        let segments = |path| Request::segments(path).map(|all| all.join("|"));
        assert_eq!(segments("/r/v4.local.abc/10/").unwrap(), "r|v4.local.abc|10");
        assert_eq!(segments("/f/ac%6de/x%2Fy").unwrap(), "f|acme|x/y");
        for bad in ["/r/%", "/r/%4", "/r/%zz", "/r/%ff"] {
            assert_eq!(segments(bad).unwrap_err().reason, Reason::Malformed, "{bad}");
        }
    }
}
