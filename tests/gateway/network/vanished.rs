//! Clients that go away in the middle: nothing acknowledged is lost, nothing is left open.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::Instant};

use super::{grpc_addr, post_head, serves_others, stalls::call};
use crate::support::{ACME_KEY, Frames, Gateway, Kind, frame, head, nps, wait_for};

/// Closes with a reset instead of an orderly end, as a crashed host's network does.
fn reset(socket: TcpStream) {
    socket.set_zero_linger().unwrap();
    drop(socket);
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_body_is_one_rejected_submission() {
    let gateway = Gateway::start().await;
    let mut socket = TcpStream::connect(gateway.http_addr()).await.unwrap();
    socket.write_all(format!("{}{{\"survey\":", post_head(100)).as_bytes()).await.unwrap();
    wait_for("the request to be in flight", async || (gateway.ledger().await["received"] == 1).then_some(()))
        .await;
    reset(socket);
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 1, "invariant 6: {ledger}");
    serves_others(&gateway, "t-1").await;
}

#[tokio::test]
async fn a_grpc_call_reset_in_the_middle_of_its_message_leaves_nothing_in_flight() {
    let gateway = Gateway::start().await;
    let mut alive = JoinSet::new();
    let address = grpc_addr(&gateway);
    for method in ["Submit", "SubmitStream"] {
        let request =
            http::Request::post(format!("http://{address}/voxgate.collector.v1.CollectorService/{method}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("authorization", format!("Bearer {ACME_KEY}"));
        let (_reply, mut body) = call(&mut alive, &address, 65_535, request).await;
        body.send_data(bytes::Bytes::from_static(&[0, 0, 0, 3, 232, 10]), false).unwrap();
        body.send_reset(h2::Reason::CANCEL);
    }
    serves_others(&gateway, "t-1").await;
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["accepted"], 1, "{ledger}");
}

/// Whole requests whose clients reset the connection at once: whatever was taken in stays.
#[tokio::test]
async fn an_answer_whose_client_is_gone_before_the_receipt_stays_and_is_stored_once() {
    const COUNT: usize = 100;
    let gateway = Gateway::start().await;
    let interaction = |index| format!("gone-{index}");
    join_all((0..COUNT).map(async |index| {
        let body = nps(&interaction(index), 9).to_string();
        let mut socket = TcpStream::connect(gateway.http_addr()).await.unwrap();
        socket.write_all(format!("{}{body}", post_head(body.len())).as_bytes()).await.unwrap();
        if index % 2 == 0 { reset(socket) } else { drop(socket) }
    }))
    .await;
    wait_for("all requests that were read to have ended", async || {
        let ledger = gateway.ledger().await;
        (ledger["in_flight"] == 0 && ledger["spooled"] == 0).then_some(())
    })
    .await;
    let ledger = gateway.settled_ledger().await;
    let stored = gateway.store().all().await;
    assert_eq!(ledger["appended"], stored.len(), "each appended answer is one response: {ledger}");
    assert!(ledger["accepted"].as_u64().unwrap() <= stored.len() as u64, "acknowledged is stored: {ledger}");
    // A retry finds what is there, and makes the rest.
    for index in 0..COUNT {
        let reply = gateway.submit(&nps(&interaction(index), 9)).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
    }
    gateway.store().count(COUNT).await;
    gateway.settled_ledger().await;
}

#[tokio::test]
async fn a_half_open_http2_connection_is_found_and_closed() {
    let gateway = Gateway::start().await;
    join_all([gateway.http_addr(), &grpc_addr(&gateway)].map(async |address| {
        let mut gone = Frames::open(address, &[]).await;
        let request = [(":method", "GET"), (":scheme", "http"), (":path", "/widget.js"), (":authority", "x")];
        let flags = Frames::END_HEADERS | Frames::END_STREAM;
        gone.send(&frame(Kind::Headers, flags, 1, &head(&request))).await.unwrap();
        let begun = Instant::now();
        // From here on it answers nothing, not even a ping.
        let ended = tokio::time::timeout(Duration::from_secs(60), gone.end()).await;
        ended.unwrap_or_else(|_| panic!("{address}: still open after {:?}", begun.elapsed()));
    }))
    .await;
}
