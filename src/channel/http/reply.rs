//! Replies, and the header fields that several dialects share.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::outcome::{QuotaStatus, Refusal};

/// A reply whose body is whole.
pub(crate) type Reply = Response<Full<Bytes>>;

/// A reply with a body of this type.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
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
    let policy = format!("\"{}\";q={};w={}", quota.policy, quota.limit, whole_seconds(quota.window));
    let left = format!("\"{}\";r={};t={}", quota.policy, quota.remaining, whole_seconds(quota.resets_in));
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
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
