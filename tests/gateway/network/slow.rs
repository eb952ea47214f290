//! Heads and bodies that come byte by byte, and connections on which nothing comes.

use std::time::Duration;

use bytes::Bytes;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::Instant};
use tonic_types::StatusExt as _;

use super::{grpc_addr, post_head, rest, serves_others, stalls::call};
use crate::support::{ACME_KEY, DEADLINE, Frames, Gateway, Kind, Plan, frame};

/// The bound that these tests set, where the default is 10 or 15 s.
const BOUND: Duration = Duration::from_secs(1);
/// The pause between two bytes.
const PAUSE: Duration = Duration::from_millis(100);
/// Far from the bound, near enough to tell it from the default.
const SOON: Duration = Duration::from_secs(8);

async fn gateway() -> Gateway {
    Plan::new().set("http.header_timeout", "1 s").set("http.body_timeout", "1 s").start().await
}

/// Sends byte by byte until the other side no longer takes them.
async fn trickle(socket: &mut (impl tokio::io::AsyncWrite + Unpin)) {
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        if socket.write_all(b"x").await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off_in_time() {
    let gateway = gateway().await;
    for first in ["GET /widget.js HTTP/1.1\r\nhost: x\r\nx-slow: ", "GET /"] {
        let mut socket = TcpStream::connect(gateway.http_addr()).await.unwrap();
        socket.write_all(first.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let (mut read, mut write) = socket.split();
        let mut reply = Vec::new();
        tokio::select! {
            () = trickle(&mut write) => {}
            ended = tokio::io::copy(&mut read, &mut reply) => drop(ended),
        }
        assert!((BOUND / 2..SOON).contains(&begun.elapsed()), "{first:?}: {:?}", begun.elapsed());
    }
    serves_others(&gateway, "t-1").await;
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_refused_with_408_and_booked() {
    let gateway = gateway().await;
    let mut socket = TcpStream::connect(gateway.http_addr()).await.unwrap();
    socket.write_all(post_head(1000).as_bytes()).await.unwrap();
    let (mut read, mut write) = socket.split();
    let mut reply = Vec::new();
    tokio::select! {
        () = trickle(&mut write) => {}
        ended = tokio::io::copy(&mut read, &mut reply) => drop(ended),
    }
    let reply = String::from_utf8_lossy(&reply).into_owned() + &rest(&mut socket).await;
    assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
    assert!(reply.contains("body_timeout"), "{reply}");
    serves_others(&gateway, "t-1").await;
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["rejected"], &ledger["accepted"]), (&1.into(), &1.into()), "{ledger}");
}

/// Sends DATA frames of one byte on an open request until the reply comes.
async fn trickle_data(body: &mut h2::SendStream<Bytes>) {
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        if body.send_data(Bytes::from_static(b"\0"), false).is_err() {
            return std::future::pending().await;
        }
    }
}

#[tokio::test]
async fn a_body_that_comes_in_data_frames_of_one_byte_is_refused_with_408() {
    let gateway = gateway().await;
    let mut alive = JoinSet::new();
    let request = http::Request::post(format!("http://{}/v1/responses", gateway.http_addr()))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {ACME_KEY}"));
    let (reply, mut body) = call(&mut alive, gateway.http_addr(), 65_535, request).await;
    let reply = tokio::select! {
        () = trickle_data(&mut body) => unreachable!(),
        reply = tokio::time::timeout(DEADLINE, reply) => reply.unwrap().unwrap(),
    };
    assert_eq!(reply.status(), 408);
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 1, "{ledger}");
}

#[tokio::test]
async fn a_grpc_message_that_comes_byte_by_byte_ends_with_deadline_exceeded_and_is_booked() {
    let gateway = gateway().await;
    let mut alive = JoinSet::new();
    let address = grpc_addr(&gateway);
    let request =
        http::Request::post(format!("http://{address}/voxgate.collector.v1.CollectorService/Submit"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {ACME_KEY}"));
    let (reply, mut body) = call(&mut alive, &address, 65_535, request).await;
    // Not compressed, 1000 bytes.
    body.send_data(Bytes::from_static(&[0, 0, 0, 3, 232]), false).unwrap();
    let reply = tokio::select! {
        () = trickle_data(&mut body) => unreachable!(),
        reply = tokio::time::timeout(SOON, reply) => reply.expect("a message's time is bounded").unwrap(),
    };
    let status = tonic::Status::from_header_map(reply.headers()).unwrap();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "BODY_TIMEOUT");
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 1, "{ledger}");
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed_on_every_listener() {
    let gateway = gateway().await;
    let [store, admin] =
        [gateway.store_url(), gateway.admin_url()].map(|url| url.trim_start_matches("http://").to_owned());
    for (name, address) in
        [("http", gateway.http_addr()), ("grpc", &grpc_addr(&gateway)), ("store", &store), ("admin", &admin)]
    {
        let mut silent = TcpStream::connect(address).await.unwrap();
        let begun = Instant::now();
        rest(&mut silent).await;
        assert!(begun.elapsed() < DEADLINE, "{name}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_connection_kept_alive_and_not_used_is_closed() {
    let gateway = gateway().await;
    let mut idle = TcpStream::connect(gateway.http_addr()).await.unwrap();
    idle.write_all(b"GET /widget.js HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let begun = Instant::now();
    let reply = rest(&mut idle).await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{}", reply.lines().next().unwrap_or_default());
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn idle_connections_give_way_to_clients_who_have_something_to_say() {
    const PLACES: usize = 100;
    let plan = Plan::new().set("http.header_timeout", "10m").set("http.connections", PLACES as i64);
    let gateway = plan.set("grpc.connections", 10).start().await;
    let connect = async |address: &str, count| {
        let mut idle = Vec::new();
        for _ in 0..count {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        idle
    };
    let idle = connect(gateway.http_addr(), PLACES * 3 / 2).await;
    let begun = Instant::now();
    for index in 0..20 {
        // Each over a connection of its own.
        let request = crate::support::client().post(format!("http://{}/v1/responses", gateway.http_addr()));
        let request = request.bearer_auth(ACME_KEY).json(&crate::support::nps(&format!("t-{index}"), 9));
        crate::support::Reply::of(request).await.receipt(201, "accepted");
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let is_closed = |socket: &&TcpStream| !matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    let closed = idle.iter().filter(is_closed).count();
    assert!((50..PLACES).contains(&closed), "{closed} gave way, not all of them");
    gateway
        .logs_a_line("that all places are taken", |line| line.contains("all connections of a listener"))
        .await;
}

#[tokio::test]
async fn an_http2_connection_without_a_request_is_closed() {
    let gateway = gateway().await;
    let mut silent = Frames::open(gateway.http_addr(), &[]).await;
    silent.send(&frame(Kind::Ping, 0, 0, &[0; 8])).await.unwrap();
    let ended = tokio::time::timeout(SOON, silent.end()).await;
    ended.expect("the head of the first request has its time");
}
