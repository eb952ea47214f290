//! HTTP/2 floods: each is cut off or held back, memory stays bounded, and others are served meanwhile.

use std::time::Duration;

use super::{grpc_addr, serves_others};
use crate::support::{Frames, Gateway, Kind, frame, head};

/// RFC 9113, section 7.
const ENHANCE_YOUR_CALM: u32 = 11;
/// What a flood may add to the gateway's memory; each sends many times as much.
const MEMORY_BYTES: u64 = 48 << 20;
/// How long a flood is kept up when nobody cuts it off.
const FLOOD: Duration = Duration::from_secs(3);

/// `GET /widget.js`, encoded.
fn get() -> Vec<u8> {
    head(&[(":method", "GET"), (":scheme", "http"), (":path", "/widget.js"), (":authority", "x")])
}

/// Odd stream numbers, as clients use them.
fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

/// Sends until it is cut off, or held back, or enough; what the gateway said at its end.
async fn flood(address: &str, mut frames: impl FnMut() -> Vec<u8>) -> Option<u32> {
    let mut flooding = Frames::open(address, &[]).await;
    let send = async { while flooding.send(&frames()).await.is_ok() {} };
    if tokio::time::timeout(FLOOD, send).await.is_err() {
        return None;
    }
    flooding.end().await
}

/// Floods both listeners; others are served, and memory stays within its bound.
async fn withstands(frames: impl Fn() -> Box<dyn FnMut() -> Vec<u8>>) -> Vec<Option<u32>> {
    let gateway = Gateway::start().await;
    let before = gateway.memory_bytes();
    let mut ends = Vec::new();
    for (index, address) in [gateway.http_addr(), &grpc_addr(&gateway)].into_iter().enumerate() {
        let served = async {
            for turn in 0..5 {
                serves_others(&gateway, &format!("t-{index}-{turn}")).await;
            }
        };
        let (end, ()) = tokio::join!(flood(address, frames()), served);
        ends.push(end);
    }
    let grown = gateway.memory_bytes().saturating_sub(before);
    assert!(grown < MEMORY_BYTES, "{grown} bytes more than before");
    gateway.settled_ledger().await;
    ends
}

/// CVE-2023-44487.
#[tokio::test]
async fn a_rapid_reset_is_cut_off() {
    let ends = withstands(|| {
        let mut streams = streams();
        Box::new(move || {
            let flags = Frames::END_HEADERS | Frames::END_STREAM;
            let request = |stream| {
                let cancel = frame(Kind::Reset, 0, stream, &8_u32.to_be_bytes());
                [frame(Kind::Headers, flags, stream, &get()), cancel].concat()
            };
            streams.by_ref().take(100).flat_map(request).collect()
        })
    })
    .await;
    assert_eq!(ends, [Some(ENHANCE_YOUR_CALM); 2]);
}

/// CVE-2025-8671: frames that make the server itself reset the stream. Here a window that overflows.
#[tokio::test]
async fn a_client_that_makes_the_gateway_reset_its_streams_is_cut_off() {
    let ends = withstands(|| {
        let mut streams = streams();
        Box::new(move || {
            let request = |stream| {
                let overflow = frame(Kind::WindowUpdate, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
                [frame(Kind::Headers, Frames::END_HEADERS, stream, &get()), overflow].concat()
            };
            streams.by_ref().take(50).flat_map(request).collect()
        })
    })
    .await;
    assert_eq!(ends, [Some(ENHANCE_YOUR_CALM); 2]);
}

/// CVE-2024-27316 and its like: a head that never ends.
#[tokio::test]
async fn a_flood_of_continuations_is_cut_off() {
    let ends = withstands(|| {
        let mut begun = false;
        Box::new(move || {
            let first = !std::mem::replace(&mut begun, true);
            let kind = if first { Kind::Headers } else { Kind::Continuation };
            frame(kind, 0, 1, &if first { get() } else { head(&[("x-more", "more")]) })
        })
    })
    .await;
    assert!(ends.iter().all(Option::is_some), "{ends:?}");
}

/// CVE-2019-9518.
#[tokio::test]
async fn a_flood_of_empty_data_frames_is_cut_off_or_harmless() {
    withstands(|| {
        let mut begun = false;
        let post = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/f/acme/support-nps"),
            (":authority", "x"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        Box::new(move || {
            if !std::mem::replace(&mut begun, true) {
                return frame(Kind::Headers, Frames::END_HEADERS, 1, &head(&post));
            }
            frame(Kind::Data, 0, 1, &[]).repeat(1000)
        })
    })
    .await;
}

/// CVE-2019-9512, 9515, 9513: each wants an answer, or costs some work, and the client reads none.
#[tokio::test]
async fn floods_of_pings_settings_and_priorities_are_held_back() {
    let settings = frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 255, 255]);
    let ping = frame(Kind::Ping, 0, 0, &[0; 8]);
    let priority = frame(Kind::Priority, 0, 1, &[0, 0, 0, 3, 16]);
    let all = [settings, ping, priority];
    withstands(move || {
        let mut turns = all.clone().into_iter().cycle();
        Box::new(move || turns.next().unwrap_or_default().repeat(1000))
    })
    .await;
}
