//! Reads bodies, bounded in bytes and time.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::outcome::{Reason, Refusal};

pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    bytes: usize,
    timeout: Duration,
) -> Result<Bytes, Refusal> {
    let is_identity = |encoding: &http::HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    let encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| !is_identity(encoding));
    if encoded {
        let detail = "send the body as it is: Content-Encoding is not taken";
        return Err(Refusal::new(Reason::UnsupportedMediaType, detail));
    }
    if content_length(headers).is_some_and(|length| length > bytes as u64) {
        return Err(too_large(bytes));
    }
    #[allow(clippy::disallowed_methods, reason = "the body is limited")]
    let collected = tokio::time::timeout(timeout, Limited::new(body, bytes).collect()).await;
    match collected {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(bytes)),
        Ok(Err(_)) => Err(Refusal::new(Reason::ClientGone, "the body was cut off")),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", timeout.as_secs());
            Err(Refusal::new(Reason::BodyTimeout, detail))
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes: usize) -> Refusal {
    Refusal::new(Reason::TooLarge, format!("the body must be at most {bytes} bytes"))
}
