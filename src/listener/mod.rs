//! Where connections come from: a bounded number of them, plain or over TLS.
//!
//! Takes a TCP listener.
//! Gives [`Connection`]s, one for each client; a TLS handshake is made by whoever reads first, so that accepting never
//! waits for one.
//! Refuses a client that does not speak TLS where TLS is spoken.
//! Bounds connections (more wait in the kernel's queue) and, for gRPC, the time until a client has begun to speak HTTP/2,
//! handshake included; the HTTP servers bound the time until a request's head has come.

mod connection;

pub(crate) use self::connection::Connection;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use self::connection::Greeting;
use crate::tls::LiveServerTls;

/// A pause after a failed accept (no file descriptors left, for one), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How HTTP/2 begins (RFC 9113, 3.4).
const HTTP2_PREFACE_BYTES: usize = 24;

/// A TCP listener and what its connections are made of.
#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    places: Arc<Semaphore>,
    tls: LiveServerTls,
}

impl Listener {
    /// Takes a bound socket over, for so many connections at once.
    pub(crate) fn new(tcp: TcpListener, connections: usize, tls: LiveServerTls) -> Self {
        Self { tcp, places: Arc::new(Semaphore::new(connections)), tls }
    }

    /// The next connection, and where it comes from. Waits for a place first: what is over the bound waits in the
    /// kernel's queue.
    pub(crate) async fn accept(&self) -> (Connection, SocketAddr) {
        loop {
            if let Some(accepted) = self.try_accept().await {
                return accepted;
            }
        }
    }

    async fn try_accept(&self) -> Option<(Connection, SocketAddr)> {
        // Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let (stream, peer) = match self.tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return None;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        Some((Connection::new(stream, self.tls.load(), place), peer))
    }

    /// All connections, one after the other, for a gRPC server, which takes them so and has no bound for a client that
    /// never begins to speak HTTP/2. It never ends and never fails.
    pub(crate) fn incoming(
        self,
        greet_within: Duration,
        stop: CancellationToken,
    ) -> impl Stream<Item = Result<Connection, Infallible>> {
        stream::unfold((self, stop), move |(listener, stop)| async move {
            let (connection, _) = listener.accept().await;
            let greeting = Greeting::new(HTTP2_PREFACE_BYTES, greet_within, stop.clone());
            Some((Ok(connection.expecting(greeting)), (listener, stop)))
        })
    }
}
