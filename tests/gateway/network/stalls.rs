//! Clients that do not read what they are sent.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::{SendStream, client::ResponseFuture};
use tokio::{net::TcpStream, task::JoinSet};
use voxgate::proto::{collector::v1::SubmitStreamRequest, store::v1::WatchRequest};

use super::grpc_addr;
use crate::support::{ACME_KEY, Gateway, Plan, nps, nps_message, wait_for};

/// A stalled client grants no more than this of a reply's bytes.
const UNREAD_BYTES: u32 = 64;

/// Begins a request over a connection of its own; `window` bytes of its reply are granted. The connection lives, and
/// answers pings, as long as `alive`.
pub(super) async fn call(
    alive: &mut JoinSet<Result<(), h2::Error>>,
    address: &str,
    window: u32,
    request: http::request::Builder,
) -> (ResponseFuture, SendStream<Bytes>) {
    let socket = TcpStream::connect(address).await.unwrap();
    let mut client = h2::client::Builder::new();
    client.initial_window_size(window);
    let (send, connection) = client.handshake::<_, Bytes>(socket).await.unwrap();
    alive.spawn(connection);
    let mut send = send.ready().await.unwrap();
    let sent = send.send_request(request.body(()).unwrap(), false).unwrap();
    // The handle keeps the connection open.
    alive.spawn(async move {
        let _send = send;
        std::future::pending().await
    });
    sent
}

/// A gRPC call whose reply is not read.
async fn stalled_call(
    alive: &mut JoinSet<Result<(), h2::Error>>,
    address: &str,
    method: &str,
    messages: impl Iterator<Item = impl prost::Message>,
) -> (ResponseFuture, SendStream<Bytes>) {
    let request = http::Request::post(format!("http://{address}/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {ACME_KEY}"));
    let (reply, mut body) = call(alive, address, UNREAD_BYTES, request).await;
    for message in messages {
        body.send_data(grpc_message(&message), false).unwrap();
    }
    (reply, body)
}

/// A message with its gRPC prefix: not compressed, its length.
fn grpc_message(message: &impl prost::Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    framed.extend(body);
    framed.into()
}

const SUBMIT_STREAM: &str = "voxgate.collector.v1.CollectorService/SubmitStream";
const WATCH: &str = "voxgate.store.v1.StoreService/Watch";

/// Each is a frame of its own: some 2,600 small ones that wait to be read are a flood to h2, which ends the connection.
fn submissions(count: u64) -> impl Iterator<Item = SubmitStreamRequest> {
    (0..count).map(|sequence| SubmitStreamRequest {
        sequence,
        submission: Some(nps_message(&format!("s-{sequence}"), 9)),
    })
}

async fn some_are_taken(gateway: &Gateway) {
    wait_for("submissions of the stream to be taken", async || {
        (gateway.ledger().await["accepted"].as_u64().unwrap() > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_never_reads_its_receipts_holds_up_nobody_and_every_submission_ends() {
    const COUNT: u64 = 1500;
    let gateway = Gateway::start().await;
    let mut alive = JoinSet::new();
    let _stalled = stalled_call(&mut alive, &grpc_addr(&gateway), SUBMIT_STREAM, submissions(COUNT)).await;
    some_are_taken(&gateway).await;
    // What was begun ends, although nobody reads its receipt.
    let settled = gateway.settled_ledger().await;
    assert!(settled["accepted"].as_u64().unwrap() < COUNT, "unread receipts are bounded: {settled}");
    // The same identities again: none of them is kept by a submission that does not come to its end.
    let again = join_all((0..COUNT).step_by(10).map(async |sequence| {
        let reply = gateway.submit(&nps(&format!("s-{sequence}"), 3)).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
    }));
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("others are served meanwhile");
    alive.shutdown().await;
    gateway.settled_ledger().await;
}

#[tokio::test]
async fn stalled_streams_do_not_use_up_what_the_gateway_may_have_in_flight() {
    let gateway = Plan::new().set("limits.in_flight", 64).set("grpc.in_flight", 32).start().await;
    let mut alive = JoinSet::new();
    let mut stalled = Vec::new();
    for _ in 0..8 {
        stalled.push(stalled_call(&mut alive, &grpc_addr(&gateway), SUBMIT_STREAM, submissions(200)).await);
    }
    some_are_taken(&gateway).await;
    gateway.settled_ledger().await;
    for index in 0..20 {
        gateway.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
}

#[tokio::test]
async fn a_client_that_never_reads_its_receipts_does_not_hold_up_the_end() {
    let mut gateway = Plan::new().set("http.drain_s", 2).start().await;
    let mut alive = JoinSet::new();
    let _stalled = stalled_call(&mut alive, &grpc_addr(&gateway), SUBMIT_STREAM, submissions(1500)).await;
    some_are_taken(&gateway).await;
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    let begun = tokio::time::Instant::now();
    let ended = gateway.terminate().await;
    assert_eq!(ended.code, Some(0), "contract 1: exit 0: {}", ended.logs);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    gateway.restart().await;
    gateway.store().first("t-1").await;
}

#[tokio::test]
async fn a_stream_that_is_open_but_quiet_ends_with_the_gateway_at_once() {
    let mut gateway = Plan::new().set("http.drain_s", 20).start().await;
    let (send, receive) = tokio::sync::mpsc::channel::<SubmitStreamRequest>(4);
    let stream = crate::support::with_key(tokio_stream::wrappers::ReceiverStream::new(receive));
    send.send(submissions(1).next().unwrap()).await.unwrap();
    let mut receipts = crate::support::collector(&gateway).submit_stream(stream).await.unwrap().into_inner();
    receipts.message().await.unwrap().expect("a receipt");
    let begun = tokio::time::Instant::now();
    let ended = gateway.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.logs);
    assert!(begun.elapsed() < Duration::from_secs(10), "it is not waited for: {:?}", begun.elapsed());
    assert!(receipts.message().await.unwrap().is_none(), "the stream ends as it should");
}

#[tokio::test]
async fn a_watcher_that_never_reads_holds_up_neither_appends_nor_the_end() {
    let mut gateway = Plan::new().set("http.drain_s", 2).start().await;
    let store = gateway.store_url().trim_start_matches("http://").to_owned();
    let mut alive = JoinSet::new();
    let mut stalled = Vec::new();
    for _ in 0..8 {
        stalled.push(stalled_call(&mut alive, &store, WATCH, std::iter::once(WatchRequest::default())).await);
    }
    join_all((0..300).map(async |index| {
        gateway.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }))
    .await;
    gateway.store().count(300).await;
    let begun = tokio::time::Instant::now();
    let ended = gateway.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.logs);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}
