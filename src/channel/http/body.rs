//! Reads bodies, bounded in bytes and time, compressed and not.

use std::{future::poll_fn, io::Read as _, pin::pin, task::Poll, time::Duration};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::error::Elapsed;

use crate::outcome::{Reason, Refusal};

/// What is read of a body that is refused for its size.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
/// For how long.
const LINGER: Duration = Duration::from_secs(2);

/// How a body is packed (RFC 9110, 8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// Reads a body that comes as it is.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    bytes: usize,
    timeout: Duration,
) -> Result<Bytes, Refusal> {
    match coding(headers) {
        Some(Coding::Identity) => whole(headers, body, bytes, timeout).await,
        _ => Err(unpackable("send the body as it is: Content-Encoding is not taken here")),
    }
}

/// Reads a body that may come as gzip. The bound holds for what arrives and for what it unpacks to, so that no ratio
/// between the two makes memory grow.
pub(super) async fn read_packed(
    headers: &HeaderMap,
    body: Incoming,
    bytes: usize,
    timeout: Duration,
) -> Result<Bytes, Refusal> {
    let Some(coding) = coding(headers) else {
        return Err(unpackable("send the body as it is, or as one gzip: no other Content-Encoding is taken"));
    };
    let arrived = whole(headers, body, bytes, timeout).await?;
    match coding {
        Coding::Identity => Ok(arrived),
        // Unpacking megabytes takes milliseconds, in which no other request should have to wait.
        Coding::Gzip => tokio::task::spawn_blocking(move || unpack(&arrived, bytes))
            .await
            .unwrap_or_else(|_| Err(Refusal::new(Reason::Malformed, "the body could not be unpacked"))),
    }
}

/// The coding of a body; none when it is several, or one that nothing here unpacks.
fn coding(headers: &HeaderMap) -> Option<Coding> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(only) = codings.next() else { return Some(Coding::Identity) };
    let is = |name: &str| only.as_bytes().trim_ascii().eq_ignore_ascii_case(name.as_bytes());
    match codings.next() {
        None if is("identity") => Some(Coding::Identity),
        None if is("gzip") || is("x-gzip") => Some(Coding::Gzip),
        _ => None,
    }
}

fn unpackable(detail: &'static str) -> Refusal {
    Refusal::new(Reason::UnsupportedMediaType, detail)
}

/// Unpacks gzip of one or more members, and stops at the bound.
pub(super) fn unpack(packed: &[u8], bytes: usize) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(packed).take(bytes as u64 + 1).read_to_end(&mut unpacked);
    if unpacked.len() > bytes {
        return Err(Refusal::new(Reason::TooLarge, format!("the body must unpack to at most {bytes} bytes")));
    }
    match read {
        Ok(_) => Ok(unpacked.into()),
        Err(_) => Err(Refusal::new(Reason::Malformed, "the body is no whole gzip")),
    }
}

async fn whole(
    headers: &HeaderMap,
    mut body: Incoming,
    bytes: usize,
    timeout: Duration,
) -> Result<Bytes, Refusal> {
    if content_length(headers).is_some_and(|length| length > bytes as u64) {
        linger(&mut body).await;
        return Err(too_large(bytes));
    }
    #[allow(clippy::disallowed_methods, reason = "the body is limited")]
    let collected = within(timeout, Limited::new(&mut body, bytes).collect()).await;
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

/// As [`tokio::time::timeout`], but what is there at the second look needs no timer: a connection hands out a body that
/// came with its head once it was asked for it, and nearly all do.
async fn within<F: Future>(timeout: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut has_looked = false;
    let looked = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if has_looked => Poll::Ready(None),
        Poll::Pending => {
            has_looked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match looked.await {
        Some(output) => Ok(output),
        None => tokio::time::timeout(timeout, future).await,
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn reason(packed: &[u8], bytes: usize) -> Option<Reason> {
        unpack(packed, bytes).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn what_unpacks_to_the_bound_is_taken_and_one_byte_more_is_too_large() {
        let body = vec![b' '; 100_000];
        assert_eq!(unpack(&gzip(&body), body.len()).unwrap(), body);
        assert_eq!(reason(&gzip(&body), body.len() - 1), Some(Reason::TooLarge));
        let twice = [gzip(b"one"), gzip(b"two")].concat();
        assert_eq!(unpack(&twice, 6).unwrap(), "onetwo");
        assert_eq!(reason(&twice, 5), Some(Reason::TooLarge));
    }

    #[test]
    fn what_is_cut_or_no_gzip_is_malformed() {
        let whole = gzip(b"[]");
        for cut in 1..whole.len() {
            assert_eq!(reason(&whole[..cut], 9), Some(Reason::Malformed), "{cut}");
        }
        assert_eq!(reason(b"[]", 9), Some(Reason::Malformed));
        assert_eq!(reason(&[&whole[..], b"rest"].concat(), 9), Some(Reason::Malformed));
    }

    #[test]
    fn a_coding_is_one_that_we_know_or_none() {
        let coded = |codings: &[&'static str]| {
            let values = codings.iter().map(|coding| http::HeaderValue::from_static(coding));
            coding(&values.map(|value| (header::CONTENT_ENCODING, value)).fold(
                HeaderMap::new(),
                |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                },
            ))
        };
        assert_eq!(coded(&[]), Some(Coding::Identity));
        assert_eq!(coded(&["Identity"]), Some(Coding::Identity));
        assert_eq!(coded(&["GZIP"]), Some(Coding::Gzip));
        for refused in [&["br"][..], &["zstd"], &["deflate"], &["gzip, gzip"], &["identity", "gzip"], &[""]] {
            assert_eq!(coded(refused), None, "{refused:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_the_second_look_needs_no_timer_and_what_does_not_come_is_waited_for_no_longer() {
        let begun = tokio::time::Instant::now();
        let mut looks = 0;
        let second = poll_fn(|_| {
            looks += 1;
            if looks == 2 { Poll::Ready(7) } else { Poll::Pending }
        });
        assert_eq!(within(Duration::ZERO, second).await, Ok(7));
        assert!(within(Duration::from_secs(3), std::future::pending::<()>()).await.is_err());
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
