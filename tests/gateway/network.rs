//! What networks and their worse inhabitants do: slow, half-open and broken connections, floods, clients that do not
//! read. Everything is bounded (invariant 7), nobody else feels it, and the books balance.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use voxgate::proto::collector::v1::SubmitStreamRequest;

use crate::support::{ACME_KEY, Gateway, nps, nps_message, wait_for};

/// A stream of submissions whose client grants no more than this of the receipts' bytes, and never reads them.
const UNREAD_BYTES: u32 = 64;

/// Sends so many submissions on one stream and reads nothing. The connection stays open, and answers pings, until what
/// is given back is dropped.
async fn stalled_stream(gateway: &Gateway, prefix: &str, count: u64) -> impl Sized {
    let address = gateway.grpc_url().trim_start_matches("http://").to_owned();
    let socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let mut client = h2::client::Builder::new();
    client.initial_window_size(UNREAD_BYTES);
    let (mut send, connection) = client.handshake::<_, Bytes>(socket).await.unwrap();
    let mut alive = JoinSet::new();
    alive.spawn(connection);
    std::future::poll_fn(|context| send.poll_ready(context)).await.unwrap();
    let request = http::Request::post(format!("http://{address}/voxgate.collector.v1.CollectorService/SubmitStream"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {ACME_KEY}"))
        .body(())
        .unwrap();
    let (receipts, mut submissions) = send.send_request(request, false).unwrap();
    for sequence in 0..count {
        let submission = nps_message(&format!("{prefix}-{sequence}"), 9);
        submissions.send_data(grpc_message(&SubmitStreamRequest { sequence, submission: Some(submission) }), false).unwrap();
    }
    (send, receipts, submissions, alive)
}

/// A message with its gRPC prefix: not compressed, its length.
fn grpc_message(message: &impl prost::Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    framed.extend(body);
    framed.into()
}

#[tokio::test]
async fn a_client_that_never_reads_its_receipts_holds_up_nobody_and_every_submission_ends() {
    const COUNT: u64 = 3000;
    let gateway = Gateway::start().await;
    let stream = stalled_stream(&gateway, "s", COUNT).await;
    wait_for("submissions of the stream to be taken", async || {
        (gateway.ledger().await["accepted"].as_u64().unwrap() >= 1).then_some(())
    })
    .await;
    // What was begun ends, although nobody reads its receipt.
    let settled = gateway.settled_ledger().await;
    assert!(settled["accepted"].as_u64().unwrap() < COUNT, "the window of unread receipts is bounded: {settled}");
    // The same identities again: none of them is kept by a submission that does not come to its end.
    let again = futures_util::future::join_all((0..COUNT).step_by(10).map(async |sequence| {
        let reply = gateway.submit(&nps(&format!("s-{sequence}"), 3)).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
    }));
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("others are served meanwhile");
    drop(stream);
    gateway.settled_ledger().await;
}
