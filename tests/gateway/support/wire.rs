//! Requests byte for byte, as no client library would send them.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{DEADLINE, Gateway};

/// An HTTP/1 connection.
pub(crate) struct Wire(TcpStream);

/// What came back, read to the end of its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) async fn open(gateway: &Gateway) -> Self {
        Self(TcpStream::connect(gateway.http_addr()).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A gateway that has refused closes; what it said is read all the same.
        self.0.write_all(bytes.as_ref()).await.ok();
    }

    /// The next answer; none when the connection was closed before it.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        timeout(DEADLINE, self.read()).await.expect("an answer, or the end of the connection")
    }

    async fn read(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if self.more(&mut bytes).await == 0 {
                return None;
            }
        };
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap().to_ascii_lowercase();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while bytes.len() < head + length && self.more(&mut bytes).await > 0 {}
        let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
        Some(Answer { status, head: text, body })
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) -> usize {
        self.0.read_buf(bytes).await.unwrap_or(0)
    }
}

/// Sends bytes on a connection of their own and reads what comes back.
pub(crate) async fn exchange(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut wire = Wire::open(gateway).await;
    wire.send(bytes).await;
    wire.answer().await
}
