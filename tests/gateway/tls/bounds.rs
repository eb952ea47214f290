//! What a client can hold up that does not go on: nothing but itself, and not for long.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use voxgate::proto::collector::v1::collector_service_client::CollectorServiceClient;

use super::{one, submit};
use crate::support::{Authority, DEADLINE, Plan};

const HEADER_TIMEOUT: Duration = Duration::from_millis(700);

/// The beginning of a TLS record that says that 512 bytes follow, and of a ClientHello within it.
const HALF_A_HELLO: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];

/// How long a listener keeps a client that says so much and no more.
async fn kept(addr: &str, says: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_all(says).await.unwrap();
    let mut rest = Vec::new();
    // A reset is as good as an end: what matters is when it comes.
    timeout(DEADLINE, client.read_to_end(&mut rest)).await.expect("the client is closed").ok();
    begun.elapsed()
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_greeting_is_closed_in_time() {
    let authority = Authority::new();
    let bounded = || Plan::new().set("http.header_timeout", "700 ms");
    let plain = bounded().start().await;
    let tls = ["http", "grpc", "store"].into_iter().fold(bounded(), |plan, part| plan.tls(part, &authority));
    // The edge of this process cannot know the authority: nothing here is about delivery.
    let tls = tls.start().await;
    for gateway in [&plain, &tls] {
        for addr in [gateway.http_addr(), gateway.grpc_addr(), gateway.store_addr()] {
            for says in [&b""[..], HALF_A_HELLO, &b"PRI * HTTP/2.0\r\n"[..]] {
                let kept = kept(addr, says).await;
                let bound = HEADER_TIMEOUT + Duration::from_secs(5);
                assert!(kept < bound, "{addr} kept a client for {kept:?} that said {says:?}");
            }
        }
    }
    let silent = kept(tls.grpc_addr(), b"").await;
    assert!(silent >= HEADER_TIMEOUT, "a slow client has its time: {silent:?}");
}

#[tokio::test]
async fn clients_that_stop_in_mid_handshake_keep_nobody_else_out() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("http", &authority).tls("grpc", &authority).start().await;
    let mut stopped = Vec::new();
    for addr in [gateway.http_addr(), gateway.grpc_addr()] {
        for _ in 0..50 {
            let mut client = TcpStream::connect(addr).await.unwrap();
            client.write_all(HALF_A_HELLO).await.unwrap();
            stopped.push(client);
        }
    }
    let patience = Duration::from_secs(8);
    let client = authority.http_client(false);
    let submitted = timeout(patience, submit(&client, &gateway, "t-1")).await;
    submitted.expect("before the others are closed").unwrap().receipt(201, "accepted");
    let mut grpc = CollectorServiceClient::new(authority.channel(gateway.grpc_addr(), None));
    timeout(patience, grpc.submit(one("t-2"))).await.expect("before the others are closed").unwrap();
    drop(stopped);
}

#[tokio::test]
async fn grpc_connections_are_bounded_and_the_next_waits_for_a_place() {
    let gateway = Plan::new().set("grpc.connections", 2).start().await;
    let client = || async {
        let channel = tonic::transport::Endpoint::from_shared(gateway.grpc_url()).unwrap();
        CollectorServiceClient::new(channel.connect().await.unwrap())
    };
    let (mut first, mut second, mut third) = (client().await, client().await, client().await);
    first.submit(one("t-1")).await.unwrap();
    second.submit(one("t-2")).await.unwrap();
    {
        let waiting = third.submit(one("t-3"));
        tokio::pin!(waiting);
        assert!(timeout(Duration::from_millis(500), &mut waiting).await.is_err(), "one over the bound waits");
        drop(first);
        timeout(DEADLINE, waiting).await.expect("a place is free").unwrap();
    }
    second.submit(one("t-4")).await.unwrap();
}

#[tokio::test]
async fn a_handshake_counts_against_the_bound_of_connections() {
    let authority = Authority::new();
    let plan = Plan::new().tls("http", &authority).set("http.connections", 2);
    let gateway = plan.set("http.header_timeout", "700 ms").start().await;
    let mut stopped = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(gateway.http_addr()).await.unwrap();
        client.write_all(HALF_A_HELLO).await.unwrap();
        stopped.push(client);
    }
    let begun = Instant::now();
    submit(&authority.http_client(false), &gateway, "t-1").await.unwrap().receipt(201, "accepted");
    let waited = begun.elapsed();
    assert!(waited > HEADER_TIMEOUT / 2, "both places were taken until the handshakes timed out: {waited:?}");
    drop(stopped);
}
