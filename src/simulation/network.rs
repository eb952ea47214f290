//! The network between gateways and the store: streams of bytes that come late, are cut with what is on its way, or
//! carry nothing for a while and nobody is told.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::codegen::Service;

use super::{dice::Dice, trace::Trace};

/// Bytes that wait at each end.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes that travel together.
const CHUNK_BYTES: usize = 16 << 10;

/// All of it.
#[derive(Debug)]
pub(super) struct Network {
    dice: Dice,
    tasks: TaskTracker,
    trace: Trace,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the store accepts; none while it is away.
    store: Option<mpsc::Sender<DuplexStream>>,
    wires: Vec<Arc<Wire>>,
}

/// One connection.
#[derive(Debug)]
struct Wire {
    gateway: usize,
    cut: CancellationToken,
    silent: watch::Sender<bool>,
}

impl Network {
    pub(super) fn new(dice: Dice, tasks: TaskTracker, trace: Trace) -> Arc<Self> {
        Arc::new(Self { dice, tasks, trace, state: Mutex::default() })
    }

    /// As one process of a gateway sees it.
    pub(super) fn seen_by(self: &Arc<Self>, gateway: usize, alive: CancellationToken) -> Dialler {
        Dialler { network: Arc::clone(self), gateway, alive }
    }

    /// The store listens.
    pub(super) fn listen(&self) -> mpsc::Receiver<DuplexStream> {
        let (accept, accepted) = mpsc::channel(16);
        self.state().store = Some(accept);
        accepted
    }

    /// The store is gone, and with it all connections.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.store = None;
        state.wires.drain(..).for_each(|wire| wire.cut.cancel());
    }

    /// Cuts a gateway's connections; what is on its way is lost.
    pub(super) fn cut(&self, gateway: usize) {
        self.state().wires.retain(|wire| {
            let stays = wire.gateway != gateway;
            if !stays {
                wire.cut.cancel();
            }
            stays
        });
    }

    /// A gateway's connections carry nothing, or again what was sent meanwhile.
    pub(super) fn silence(&self, gateway: usize, silent: bool) {
        for wire in self.state().wires.iter().filter(|wire| wire.gateway == gateway) {
            wire.silent.send_replace(silent);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn dial(
        self: Arc<Self>,
        gateway: usize,
        alive: CancellationToken,
    ) -> io::Result<TokioIo<DuplexStream>> {
        sleep(self.dice.micros(100..5_000)).await;
        let accept = self.state().store.clone().filter(|_| !alive.is_cancelled());
        let accept = accept.ok_or(io::ErrorKind::ConnectionRefused)?;
        let ((client, near), (server, far)) = (duplex(BUFFER_BYTES), duplex(BUFFER_BYTES));
        accept.send(server).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        let wire =
            Arc::new(Wire { gateway, cut: CancellationToken::new(), silent: watch::Sender::new(false) });
        self.state().wires.push(Arc::clone(&wire));
        self.trace.note(format!("network {gateway} connected"));
        let ((sent, to_client), (answered, to_server)) = (split(near), split(far));
        self.carry(&wire, sent, to_server);
        self.carry(&wire, answered, to_client);
        Ok(TokioIo::new(client))
    }

    fn carry(self: &Arc<Self>, wire: &Arc<Wire>, from: ReadHalf<DuplexStream>, to: WriteHalf<DuplexStream>) {
        let (network, wire) = (Arc::clone(self), Arc::clone(wire));
        self.tasks.spawn(async move {
            let carrying = network.carry_all(&wire, from, to);
            // A reset, a broken pipe: both ends see that the other is gone.
            drop(wire.cut.run_until_cancelled(carrying).await);
        });
    }

    async fn carry_all(
        &self,
        wire: &Wire,
        mut from: ReadHalf<DuplexStream>,
        mut to: WriteHalf<DuplexStream>,
    ) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut silent = wire.silent.subscribe();
        loop {
            let read = from.read(&mut chunk).await?;
            sleep(self.dice.micros(50..8_000)).await;
            // The sender lives as long as the wire.
            drop(silent.wait_for(|silent| !silent).await);
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&chunk[..read]).await?;
        }
    }
}

/// Connects a process of a gateway with the store.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    network: Arc<Network>,
    gateway: usize,
    alive: CancellationToken,
}

impl Service<http::Uri> for Dialler {
    type Response = TokioIo<DuplexStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        Box::pin(Arc::clone(&self.network).dial(self.gateway, self.alive.clone()))
    }
}
