//! One HTTP/1.1 keep-alive connection that costs the load's core little, so that the server is what is measured.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::tls::Trust;

/// Fields of a reply's head at the most.
const FIELDS: usize = 32;
/// A reply at the most: that to an order of links is the largest.
const REPLY_BYTES: usize = 4 << 20;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    read: Vec<u8>,
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    /// Whether it says when to come back (Retry-After).
    pub(crate) says_when: bool,
    /// Whether the connection ends with it (`Connection: close`).
    pub(crate) is_last: bool,
    pub(crate) body: &'a [u8],
}

impl Reply<'_> {
    /// Whether it is refused for now, and may be sent again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}

/// The head of a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    status: u16,
    says_when: bool,
    is_last: bool,
    head_bytes: usize,
    body_bytes: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("{address} does not accept"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Either::Left(stream), read: Vec::with_capacity(8192) })
    }

    /// Over TLS where there is somebody to trust.
    pub(crate) async fn open_with(address: SocketAddr, trust: Option<&Trust>) -> anyhow::Result<Self> {
        let Some(trust) = trust else { return Self::open(address).await };
        let stream = Either::Right(Box::new(trust.connect(address).await?));
        Ok(Self { stream, read: Vec::with_capacity(8192) })
    }

    /// Whether it is open and nothing lies in it: the server may have closed it, or have said so, since it was used.
    pub(crate) fn is_idle(&self) -> bool {
        let (mut byte, stream) = (
            [0],
            match &self.stream {
                Either::Left(stream) => stream,
                Either::Right(stream) => stream.get_ref().0,
            },
        );
        matches!(stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Sends a request and reads the reply whole.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.read.clear();
        let Head { status, says_when, is_last, head_bytes, body_bytes } = loop {
            self.read_more().await?;
            if let Some(head) = head(&self.read)? {
                break head;
            }
        };
        let whole = head_bytes + body_bytes;
        while self.read.len() < whole {
            self.read_more().await?;
        }
        Ok(Reply { status, says_when, is_last, body: self.read.get(head_bytes..whole).unwrap_or_default() })
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the server closed a connection that was in use");
        }
        if self.read.len() > REPLY_BYTES {
            bail!("a reply is larger than {REPLY_BYTES} bytes");
        }
        Ok(())
    }
}

/// None while it is not there whole.
fn head(read: &[u8]) -> anyhow::Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head_bytes) = response.parse(read).context("the reply is no HTTP")? else {
        return Ok(None);
    };
    let field = |name: &str| response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let says_when = field("retry-after").is_some();
    let is_last = field("connection").is_some_and(|field| field.value.eq_ignore_ascii_case(b"close"));
    let length =
        field("content-length").context("the reply has no Content-Length, which this load relies on")?;
    let body_bytes = std::str::from_utf8(length.value)?.parse()?;
    Ok(Some(Head { status: response.code.unwrap_or(0), says_when, is_last, head_bytes, body_bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let reply = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..reply.len() - 2 {
            assert_eq!(head(&reply[..cut]).unwrap(), None, "{cut}");
        }
        let whole = Head {
            status: 201,
            says_when: false,
            is_last: false,
            head_bytes: reply.len() - 2,
            body_bytes: 2,
        };
        assert_eq!(head(reply).unwrap(), Some(whole));
    }

    #[test]
    fn a_reply_whose_end_cannot_be_known_is_an_error() {
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(head(b"no http\r\n\r\n").is_err());
    }
}
