//! Where connections come from: a bounded number of them, plain or over TLS.
//!
//! Takes a TCP listener.
//! Gives [`Connection`]s, one for each client; a TLS handshake is made by whoever reads first, so that accepting never
//! waits for one.
//! Refuses a client that does not speak TLS where TLS is spoken.
//! Bounds connections (those that are silent for longest give way to new ones) and, for gRPC, the time until a client
//! has begun to speak HTTP/2, handshake included; the HTTP servers bound the time until a request's head has come.

mod connection;
mod place;

pub(crate) use self::connection::Connection;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{Stream, stream};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{connection::Greeting, place::Places};
use crate::tls::LiveServerTls;

/// A pause after a failed accept (no file descriptors left, for one), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How HTTP/2 begins (RFC 9113, 3.4).
const HTTP2_PREFACE_BYTES: usize = 24;

/// How often it is said that all places are taken.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// A TCP listener and what its connections are made of.
#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    places: Arc<Places>,
    /// When it was last said that all places are taken.
    warned: Mutex<Option<Instant>>,
    tls: LiveServerTls,
}

impl Listener {
    /// Takes a bound socket over, for so many connections at once.
    pub(crate) fn new(tcp: TcpListener, connections: usize, tls: LiveServerTls) -> Self {
        Self { tcp, places: Places::new(connections), warned: Mutex::default(), tls }
    }

    /// The next connection, and where it comes from. Where all places are taken it waits for one: those give way that
    /// were silent for longest, and whoever comes after waits in the kernel's queue.
    pub(crate) async fn accept(&self) -> (Connection, SocketAddr) {
        loop {
            if let Some(accepted) = self.try_accept().await {
                return accepted;
            }
        }
    }

    async fn try_accept(&self) -> Option<(Connection, SocketAddr)> {
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
        let place = self.places.take(|gave_way| self.warn_full(gave_way)).await;
        Some((Connection::new(stream, self.tls.load(), place), peer))
    }

    /// Said once in a while, not for each client of a flood.
    fn warn_full(&self, gave_way: usize) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            let addr = self.tcp.local_addr().ok().map(tracing::field::display);
            tracing::warn!(
                addr,
                gave_way,
                "all connections of a listener are taken; the silent ones give way: see who holds them, or raise `connections`"
            );
        }
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
