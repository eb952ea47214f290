//! Forms as browsers send them, in both encodings, and queries.

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, header};

use super::Fields;
use crate::outcome::Reason;

/// Fields of a form in these tests.
const FIELDS: usize = 12;
const URLENCODED: &str = "application/x-www-form-urlencoded";

fn read(content_type: &[u8], body: &[u8]) -> Result<Fields, Reason> {
    let mut headers = HeaderMap::new();
    if let Ok(content_type) = HeaderValue::from_bytes(content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    // The body is whole, so that there is nothing to wait for.
    let read = Fields::read(&headers, Bytes::copy_from_slice(body), FIELDS).now_or_never();
    read.expect("a form that is whole is read at once").map_err(|refusal| refusal.reason)
}

fn assert_bounded(fields: &Fields, body: &[u8]) {
    assert!(fields.0.len() <= FIELDS);
    let bytes: usize = fields.0.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(bytes <= body.len());
}

#[test]
fn the_fields_of_an_urlencoded_form_are_the_same_when_written_and_read_again() {
    crate::fuzz::run("form", |body| match read(URLENCODED.as_bytes(), body) {
        Ok(fields) => {
            assert_bounded(&fields, body);
            let pairs = fields.0.iter().filter(|(name, value)| !(name.is_empty() && value.is_empty()));
            let written =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs.clone()).finish();
            let again = read(URLENCODED.as_bytes(), written.as_bytes()).unwrap();
            assert!(again.0.iter().eq(pairs));
        }
        Err(reason) => assert!(matches!(reason, Reason::Malformed | Reason::TooLarge), "{reason:?}"),
    });
}

#[test]
fn what_is_read_strictly_is_what_the_url_standard_reads() {
    crate::fuzz::run("form", |body| {
        if let Ok(fields) = read(URLENCODED.as_bytes(), body) {
            let standard: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
            assert_eq!(fields.0, standard);
        }
    });
}

#[test]
fn a_query_gives_fields_with_names_whatever_was_added_on_the_way() {
    crate::fuzz::run("form", |query| {
        let Ok(query) = std::str::from_utf8(query) else { return };
        let fields = Fields::of_query(query);
        assert!(fields.0.len() <= query.split('&').count());
        for (name, _) in &fields.0 {
            assert!(!name.is_empty());
            let values = [fields.get(name), fields.last(name)].into_iter().flatten();
            assert!(values.into_iter().all(|value| !value.is_empty() && value.trim() == value));
        }
    });
}

/// The first line is the content type.
#[test]
fn a_multipart_form_gives_bounded_fields_or_is_refused() {
    crate::fuzz::run("multipart", |input| {
        let (content_type, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        match read(content_type, body) {
            Ok(fields) => {
                assert_bounded(&fields, body);
                assert_eq!(read(content_type, body), Ok(fields));
            }
            Err(reason) => {
                let known =
                    [Reason::Malformed, Reason::TooLarge, Reason::UnsupportedMediaType].contains(&reason);
                assert!(known, "{reason:?}");
            }
        }
    });
}
