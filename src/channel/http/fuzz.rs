//! Heads, that is paths and the header fields that we read ourselves, and packed bodies.

use http::{HeaderMap, HeaderValue};

use super::{Request, TraceId, body::unpack, source::Proxies};
use crate::{
    channel::page::{Visit, wishes},
    outcome::Reason,
    survey::Language,
};

#[test]
fn a_path_is_split_at_its_slashes_alone_or_refused() {
    crate::fuzz::run("path", |bytes| {
        let Ok(path) = std::str::from_utf8(bytes) else { return };
        match Request::segments(path) {
            Ok(segments) => {
                let trimmed = path.strip_prefix('/').unwrap_or(path);
                let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
                assert_eq!(segments.len(), trimmed.split('/').count());
                assert!(segments.iter().map(|segment| segment.len()).sum::<usize>() <= path.len());
            }
            Err(refusal) => assert_eq!(refusal.reason, Reason::Malformed),
        }
    });
}

/// A header field a line.
#[test]
fn header_fields_give_a_source_a_trace_and_languages_whatever_they_hold() {
    let proxies = Proxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let proxy = "127.0.0.1".parse().unwrap();
    crate::fuzz::run("headers", |bytes| {
        let mut headers = HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n').take(20) {
            let Ok(value) = HeaderValue::from_bytes(line) else { continue };
            for name in ["x-forwarded-for", "traceparent", "accept-language"] {
                headers.append(name, value.clone());
            }
        }
        let source = proxies.source(proxy, &headers);
        assert_eq!(source, proxies.source(proxy, &headers));
        let foreign = "192.0.2.1".parse().unwrap();
        assert_eq!(proxies.source(foreign, &headers), foreign, "only a trusted proxy is believed");
        let trace = TraceId::of(&headers);
        assert!(trace.as_str().len() == 32 && trace.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        let visit = Visit { path: "/", token: None, query: "", headers: &headers, source };
        for language in wishes(&visit, None, None) {
            assert_eq!(Language::parse(language.as_str()).as_ref(), Some(&language));
        }
    });
}

#[test]
fn what_is_unpacked_never_grows_past_the_bound() {
    crate::fuzz::run("gzip", |packed| match unpack(packed, 4_096) {
        Ok(unpacked) => assert!(unpacked.len() <= 4_096),
        Err(refusal) => assert!(matches!(refusal.reason, Reason::Malformed | Reason::TooLarge)),
    });
}
