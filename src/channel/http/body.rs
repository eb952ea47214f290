//! Reads bodies, bounded in bytes and time.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::outcome::{Reason, Refusal};

/// What is read of a body that is refused for its size.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
/// For how long.
const LINGER: Duration = Duration::from_secs(2);

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
    let mut body = body;
    if content_length(headers).is_some_and(|length| length > bytes as u64) {
        linger(&mut body).await;
        return Err(too_large(bytes));
    }
    #[allow(clippy::disallowed_methods, reason = "the body is limited")]
    let collected = tokio::time::timeout(timeout, Limited::new(&mut body, bytes).collect()).await;
    match collected {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            linger(&mut body).await;
            Err(too_large(bytes))
        }
        Ok(Err(_)) => Err(Refusal::new(Reason::ClientGone, "the body was cut off")),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", timeout.as_secs());
            Err(Refusal::new(Reason::BodyTimeout, detail))
        }
    }
}

/// Reads on for a while and drops what comes: a client that is still sending when its connection closes never sees
/// the refusal (RFC 9112, 9.6).
async fn linger(body: &mut Incoming) {
    let drop_all = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Whoever sends longer than that has to find out by himself.
    drop(tokio::time::timeout(LINGER, drop_all).await);
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes: usize) -> Refusal {
    Refusal::new(Reason::TooLarge, format!("the body must be at most {bytes} bytes"))
}
