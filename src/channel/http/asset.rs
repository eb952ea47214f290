//! A document that is the same for everybody as long as the process runs: hashed and compressed once, then served from
//! memory.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::Full;

use super::Reply;

/// Both representations with their strong tags.
pub(crate) struct Asset {
    content_type: &'static str,
    cache: &'static str,
    plain: Bytes,
    plain_tag: String,
    gzip: Option<Bytes>,
    gzip_tag: String,
}

impl Asset {
    /// Hashes and compresses a text; `cache` is what `Cache-Control` says.
    pub(crate) fn new(content_type: &'static str, cache: &'static str, text: impl Into<Bytes>) -> Self {
        let plain = text.into();
        let hash = blake3::hash(&plain).to_hex();
        let hash = hash.get(..16).unwrap_or_default();
        Self {
            content_type,
            cache,
            gzip: gzip(&plain).ok().map(Bytes::from),
            plain_tag: format!("\"{hash}\""),
            gzip_tag: format!("\"{hash}-gzip\""),
            plain,
        }
    }

    /// The reply to a GET, gzipped where that is accepted; 304 when the client has it. Pages of any origin may read it.
    pub(crate) fn reply(&self, request: &HeaderMap) -> Reply {
        let (body, encoding, tag) = self.variant(request);
        let mut reply = Reply::default();
        let headers = reply.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.extend(HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)));
        if is_known(request, tag) {
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
            return reply;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers
            .extend(encoding.map(|encoding| (header::CONTENT_ENCODING, HeaderValue::from_static(encoding))));
        *reply.body_mut() = Full::new(body.clone());
        reply
    }

    fn variant(&self, request: &HeaderMap) -> (&Bytes, Option<&'static str>, &str) {
        match &self.gzip {
            Some(gzip) if takes_gzip(request) => (gzip, Some("gzip"), &self.gzip_tag),
            _ => (&self.plain, None, &self.plain_tag),
        }
    }

    /// Bytes gzipped and plain.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.gzip.as_ref().map_or(0, Bytes::len), self.plain.len())
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Whether `Accept-Encoding` names gzip and does not weigh it with zero (RFC 9110, 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let fields = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Whether `If-None-Match` names the tag, by weak comparison (RFC 9110, 13.1.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let fields = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset::new("text/plain", "public, max-age=3600", "the same for everybody, for everybody the same")
    }

    fn request(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn each_encoding_has_its_own_tag_and_a_known_one_is_not_sent_again() {
        let plain = asset().reply(&request(&[("accept-encoding", "br, gzip;q=0")]));
        let zipped = asset().reply(&request(&[("accept-encoding", "br;q=1.0, gzip;q=0.8")]));
        assert_eq!(plain.headers().get("content-encoding"), None);
        assert_eq!(zipped.headers()["content-encoding"], "gzip");
        assert_ne!(plain.headers()["etag"], zipped.headers()["etag"]);
        let tag = plain.headers()["etag"].to_str().unwrap();
        for known in [tag.to_owned(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            assert_eq!(asset().reply(&request(&[("if-none-match", &known)])).status(), 304, "{known}");
        }
        let changed = asset().reply(&request(&[("accept-encoding", "gzip"), ("if-none-match", tag)]));
        assert_eq!(changed.status(), 200);
    }
}
