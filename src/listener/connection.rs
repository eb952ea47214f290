//! One connection: bytes in and out, whether plain or over TLS.

use std::{
    fmt, io,
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::place::Place;

/// A client's connection. It holds its place at the listener until it is dropped.
pub(crate) struct Connection {
    stream: Stream,
    greeting: Option<Box<Greeting>>,
    place: Place,
}

/// TLS is boxed, so that it costs plain connections nothing.
enum Stream {
    Plain(TcpStream),
    /// Until the first read or write has driven it to its end.
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Failed,
}

/// How long a client may take to send its first bytes.
pub(super) struct Greeting {
    missing_bytes: usize,
    end: Pin<Box<Sleep>>,
    /// Who has not greeted by then has nothing in flight.
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Greeting {
    /// So many bytes within a time from now, or until the listener closes.
    pub(super) fn new(bytes: usize, time: Duration, stop: CancellationToken) -> Box<Self> {
        let end = Box::pin(tokio::time::sleep(time));
        Box::new(Self { missing_bytes: bytes, end, stop: Box::pin(stop.cancelled_owned()) })
    }

    /// Fails when the time is up; else wakes the task then.
    fn is_late(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not greet in time"));
        }
        if self.stop.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the listener closes"));
        }
        Ok(())
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>, place: Place) -> Self {
        let stream = match tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Handshake(Box::new(TlsAcceptor::from(tls).accept(stream))),
        };
        Self { stream, greeting: None, place }
    }

    /// Closes unless the client greets.
    pub(super) fn expecting(self, greeting: Box<Greeting>) -> Self {
        Self { greeting: Some(greeting), ..self }
    }

    /// Drives the handshake to its end, if there is one and it has not ended.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stream::Handshake(handshake) = &mut self.stream else { return Poll::Ready(Ok(())) };
        match Pin::new(&mut **handshake).poll(cx) {
            Poll::Ready(Ok(stream)) => {
                self.stream = Stream::Tls(Box::new(stream));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.stream = Stream::Failed;
                tracing::debug!(%error, "a TLS handshake failed");
                Poll::Ready(Err(error))
            }
            Poll::Pending => self.poll_greeting(cx),
        }
    }

    /// Nothing has come: pending, until the greeting is late.
    fn poll_greeting<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.greeting.as_mut().map(|greeting| greeting.is_late(cx)) {
            Some(Err(late)) => Poll::Ready(Err(late)),
            _ => Poll::Pending,
        }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_handshake(cx))?;
        let before = buffer.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
            Stream::Handshake(_) | Stream::Failed => Poll::Ready(Err(failed())),
        };
        if self.greeting.is_none() {
            return read;
        }
        match read {
            Poll::Pending => self.poll_greeting(cx),
            Poll::Ready(read) => {
                self.heard(buffer.filled().len() - before);
                Poll::Ready(read)
            }
        }
    }

    /// Bytes have come.
    fn heard(&mut self, bytes: usize) {
        if let Some(greeting) = &mut self.greeting {
            greeting.missing_bytes = greeting.missing_bytes.saturating_sub(bytes);
            if greeting.missing_bytes == 0 {
                self.greeting = None;
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.poll_bytes(cx, buffer) {
            Poll::Pending => this.place.poll_silence(cx),
            read => {
                this.place.heard();
                read
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_handshake(cx))?;
        this.place.heard();
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
            Stream::Handshake(_) | Stream::Failed => Poll::Ready(Err(failed())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_handshake(cx))?;
        this.place.heard();
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
            Stream::Handshake(_) | Stream::Failed => Poll::Ready(Err(failed())),
        }
    }

    /// Both kinds write vectors; a handshake becomes one that does.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_handshake(cx))?;
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
            Stream::Handshake(_) | Stream::Failed => Poll::Ready(Err(failed())),
        }
    }

    /// A handshake that is not over has nothing to say goodbye to.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Stream::Handshake(handshake) => match handshake.get_mut() {
                Some(stream) => Pin::new(stream).poll_shutdown(cx),
                None => Poll::Ready(Ok(())),
            },
            Stream::Failed => Poll::Ready(Ok(())),
        }
    }
}

/// Nothing that a service asks of it: whom to let in is said by keys and certificates, not by addresses.
impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = match &self.stream {
            Stream::Plain(_) => "plain",
            Stream::Handshake(_) => "handshake",
            Stream::Tls(_) => "tls",
            Stream::Failed => "failed",
        };
        f.debug_struct("Connection").field("stream", &stream).finish_non_exhaustive()
    }
}

fn failed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the TLS handshake failed")
}
