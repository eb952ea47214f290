//! Sends requests to one gateway, each in its channel's dialect, and says what was replied.

mod grpc;
mod judge;
mod tokens;
mod wire;

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;

pub(crate) use self::tokens::Tokens;
use super::{
    history::{Fate, Refused},
    plan::{Request, Way},
};
use crate::load::Connection;

/// Idle connections that are kept for the next requests.
const KEPT: usize = 64;
/// A connection is made in this time or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Where clients find a gateway; its own listeners, or a proxy's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
}

/// A request over HTTP/1.1, head and body.
///
/// # Errors
/// It needs a link token that was not made, or goes over gRPC.
pub(super) fn wire(request: &Request, tokens: &Tokens) -> anyhow::Result<Vec<u8>> {
    wire::request(request, tokens)
}

/// Those who send to one gateway.
#[derive(Debug)]
pub(super) struct Clients {
    http: SocketAddr,
    idle: Mutex<Vec<Connection>>,
    calls: Channel,
    stream: grpc::Stream,
}

impl Clients {
    pub(super) fn of(address: Address, tasks: &TaskTracker) -> anyhow::Result<Self> {
        let grpc_url = format!("http://{}", address.grpc);
        Ok(Self {
            http: address.http,
            idle: Mutex::default(),
            calls: grpc::channel(&grpc_url)?,
            stream: grpc::Stream::new(&grpc_url, tasks)?,
        })
    }

    /// Sends a request and waits for its reply so long; the fate of each of its steps.
    ///
    /// # Errors
    /// The request cannot be written: a mistake of the plan.
    pub(super) async fn send(
        &self,
        request: &Request,
        tokens: &Tokens,
        within: Duration,
    ) -> anyhow::Result<Vec<Fate>> {
        let Some(step) = request.steps.first() else { return Ok(Vec::new()) };
        let one = |fate: Result<Fate, _>| vec![fate.unwrap_or(Fate::TimedOut)];
        Ok(match request.way {
            Way::Submit => one(timeout(within, grpc::submit(self.calls.clone(), step)).await),
            Way::SubmitStream => one(timeout(within, self.stream.submit(step)).await),
            way => {
                let wire = wire::request(request, tokens)?;
                let answers = request.steps.len();
                let fates = timeout(within, self.exchange(way, &wire, answers)).await;
                fates.unwrap_or_else(|_| vec![Fate::TimedOut; answers])
            }
        })
    }

    async fn exchange(&self, way: Way, wire: &[u8], answers: usize) -> Vec<Fate> {
        let Some(mut connection) = self.connection().await else {
            return vec![Fate::Refused(Refused::unreachable()); answers];
        };
        let Ok(reply) = connection.exchange(wire).await else { return vec![Fate::Broken; answers] };
        let (fates, is_last) = (judge::fates(way, reply, answers), reply.is_last);
        if !is_last {
            self.keep(connection);
        }
        fates
    }

    /// An idle one that still stands, or a new one.
    async fn connection(&self) -> Option<Connection> {
        while let Some(connection) = self.idle().pop() {
            if connection.is_idle() {
                return Some(connection);
            }
        }
        timeout(CONNECT_WITHIN, Connection::open(self.http)).await.ok()?.ok()
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A panic elsewhere leaves a list of connections as good as it was.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
