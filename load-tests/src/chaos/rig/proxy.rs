//! A TCP proxy that plays a network which fails.
//!
//! What it holds back when it cuts is dropped, never delivered late. A connection that lost bytes stays dead when the
//! network is well again; new ones pass.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::port;

/// Bytes that are passed on at once.
const CHUNK: usize = 16 << 10;

/// How the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// It is well.
    Pass,
    /// What is sent arrives so much later.
    Delay(Duration),
    /// So many bytes a second in each direction of each connection.
    Slow(u32),
    /// Nothing arrives, and nobody is told; connections are still accepted.
    HalfOpen,
    /// Open connections end (FIN), new ones end at once.
    Cut,
    /// Open connections are reset, new ones at once.
    Reset,
}

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    _end: DropGuard,
}

impl Proxy {
    /// Listens on a port of its own and passes on to `target`, which may come and go.
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let address = port::free();
        let listener = TcpListener::bind(address).await?;
        let (network, state) = watch::channel(Network::Pass);
        let end = CancellationToken::new();
        let tasks = TaskTracker::new();
        let accepting = accept(listener, target, state, end.clone(), tasks.clone());
        tasks.spawn(accepting);
        Ok(Self { address, network, _end: end.drop_guard() })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the network is so.
    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    state: watch::Receiver<Network>,
    end: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.cancelled() => return,
        };
        let Ok((client, _)) = accepted else { continue };
        let connection = connect(client, target, state.clone());
        let end = end.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = end.cancelled() => {}
            }
        });
    }
}

/// One connection, until it ends or the network ends it.
async fn connect(client: TcpStream, target: SocketAddr, mut state: watch::Receiver<Network>) {
    let ends = |network: &Network| matches!(network, Network::Cut | Network::Reset);
    let now = *state.borrow_and_update();
    if now == Network::Reset {
        client.set_zero_linger().ok();
    }
    if ends(&now) {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_dead = Arc::new(AtomicBool::new(false));
    let mut up =
        Pump { from: from_client, to: to_server, state: state.clone(), is_dead: Arc::clone(&is_dead) };
    let mut down = Pump { from: from_server, to: to_client, state: state.clone(), is_dead };
    tokio::select! {
        // Either side's end is the other's: HTTP clients do not half-close.
        () = up.run() => {}
        () = down.run() => {}
        ended = state.wait_for(ends) => {
            if ended.is_ok_and(|network| *network == Network::Reset) {
                up.to.as_ref().set_zero_linger().ok();
                down.to.as_ref().set_zero_linger().ok();
            }
        }
    }
}

/// One direction.
struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    state: watch::Receiver<Network>,
    /// Bytes of this connection were swallowed: nothing more of it arrives.
    is_dead: Arc<AtomicBool>,
}

impl Pump {
    async fn run(&mut self) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length) = self.from.read(&mut chunk).await {
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            if self.pass(bytes).await.is_err() {
                break;
            }
        }
        // Nor does anybody learn of an end while nothing arrives.
        self.state.wait_for(|network| *network != Network::HalfOpen).await.ok();
    }

    async fn pass(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let network = *self.state.borrow_and_update();
        match network {
            Network::Delay(span) => sleep(span).await,
            Network::Slow(bytes_per_s) => return self.drip(bytes, bytes_per_s).await,
            Network::HalfOpen => self.is_dead.store(true, Ordering::Relaxed),
            Network::Pass | Network::Cut | Network::Reset => {}
        }
        if self.is_dead.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.to.write_all(bytes).await
    }

    /// Byte by byte in time; faster again as soon as the network is.
    async fn drip(&mut self, bytes: &[u8], bytes_per_s: u32) -> std::io::Result<()> {
        let started = Instant::now();
        for (count, byte) in (1_u32..).zip(bytes) {
            tokio::select! {
                () = sleep_until(started + Duration::from_secs(1) * count / bytes_per_s.max(1)) => {}
                _ = self.state.wait_for(|network| !matches!(network, Network::Slow(_))) => {}
            }
            if *self.state.borrow() == Network::HalfOpen {
                self.is_dead.store(true, Ordering::Relaxed);
            }
            if self.is_dead.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.to.write_all(std::slice::from_ref(byte)).await?;
        }
        Ok(())
    }
}
