//! What networks and their worse inhabitants do: slow, half-open and broken connections, floods, clients that do not
//! read. Everything is bounded (invariant 7), nobody else feels it, and the books balance.

mod floods;
mod slow;
mod stalls;
mod vanished;

use tokio::{io::AsyncReadExt as _, net::TcpStream};

use crate::support::{ACME_KEY, DEADLINE, Gateway, nps};

/// `host:port` of the gRPC listener.
fn grpc_addr(gateway: &Gateway) -> String {
    gateway.grpc_url().trim_start_matches("http://").to_owned()
}

/// `POST /v1/responses` up to its body, over HTTP/1.1.
fn post_head(length: usize) -> String {
    format!(
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ACME_KEY}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// All that comes until the gateway closes the connection.
async fn rest(socket: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(DEADLINE, socket.read_to_end(&mut rest)).await;
    // A reset ends a connection too.
    read.expect("the gateway closes the connection in time").ok();
    String::from_utf8_lossy(&rest).into_owned()
}

/// Somebody else is served.
async fn serves_others(gateway: &Gateway, interaction: &str) {
    gateway.submit(&nps(interaction, 9)).await.receipt(201, "accepted");
}
