//! HTTP/2 frame by frame (RFC 9113, section 4), for what no client library would send.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What every connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Literal fields without indexing, with a new name (RFC 7541, 6.2.2).
const LITERAL: u8 = 0;

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Data = 0,
    Headers = 1,
    Priority = 2,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

/// One connection, spoken frame by frame.
pub(crate) struct Frames {
    socket: TcpStream,
}

impl Frames {
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;

    /// Connects to `host:port`, and begins as clients do, with these settings (identifier, value).
    pub(crate) async fn open(address: &str, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self { socket: TcpStream::connect(address).await.unwrap() };
        frames.socket.set_nodelay(true).unwrap();
        frames.socket.write_all(PREFACE).await.unwrap();
        let settings = settings
            .iter()
            .flat_map(|(identifier, value)| identifier.to_be_bytes().into_iter().chain(value.to_be_bytes()));
        frames.send(&frame(Kind::Settings, 0, 0, &settings.collect::<Vec<_>>())).await.unwrap();
        frames
    }

    /// Sends frames as one write.
    pub(crate) async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.socket.write_all(frames).await
    }

    /// The next frame; none at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.socket.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, _, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.socket.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, payload })
    }

    /// Reads until the other side ends the connection; the error code of its GOAWAY, if it sent one.
    pub(crate) async fn end(mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == Kind::GoAway as u8 {
                code = frame.payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
            }
        }
        code
    }
}

/// A frame's bytes.
pub(crate) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length.to_vec();
    bytes.extend([kind as u8, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a request, encoded (RFC 7541).
pub(crate) fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(LITERAL);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}
