//! Replies, and the header fields that several dialects share.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::outcome::{QuotaStatus, Refusal};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Header fields that a reply has room for at once: a beacon's have most.
const FIELDS: usize = 10;

/// A reply whose body is whole.
pub(crate) type Reply = Response<Full<Bytes>>;

/// A reply with a body of this type.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.reserve(FIELDS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// 204.
pub(crate) fn no_content() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Says which methods the route takes.
pub(crate) fn allow(mut reply: Reply, methods: &'static str) -> Reply {
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    reply
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) fn quota_fields(headers: &mut HeaderMap, quota: Option<&QuotaStatus>) {
    let Some(quota) = quota else { return };
    let QuotaStatus { policy, limit, window, remaining, resets_in } = *quota;
    let said = item(policy, [(";q=", limit), (";w=", whole_seconds(window))]);
    let left = item(policy, [(";r=", remaining), (";t=", whole_seconds(resets_in))]);
    for (name, value) in [(RATELIMIT_POLICY, said), (RATELIMIT, left)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// A name with whole numbers as its parameters (RFC 9651, 3.1.2), written without the machinery of `format!`: two stand
/// in nearly every reply.
fn item(name: &str, parameters: [(&str, u64); 2]) -> String {
    let mut text = String::with_capacity(64);
    text.extend(["\"", name, "\""]);
    for (parameter, number) in parameters {
        text.push_str(parameter);
        text.push_str(itoa::Buffer::new().format(number));
    }
    text
}

/// `Retry-After` on 429 and 503, one second at the least.
pub(crate) fn retry_after(headers: &mut HeaderMap, refusal: &Refusal) {
    let limited =
        matches!(refusal.reason.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    if limited || refusal.retry_after.is_some() {
        let pause = refusal.retry_after.unwrap_or(Duration::from_secs(1));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(pause)));
    }
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).max(1)
}
