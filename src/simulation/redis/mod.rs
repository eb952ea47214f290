//! A Redis that lags, freezes, forgets and fails over: one server with a replica behind it, or a cluster's one shard.
//!
//! What the claims send is run in order on each connection, after a delay. A command whose caller has given up is run
//! all the same, however late; a cut loses commands and replies that are on their way.

mod data;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::data::Data;
use super::{dice::Dice, trace::Trace};
use crate::{clock::Clock, intake::claim::Watch};

/// Commands of one connection that wait.
const WAITING: usize = 1_024;
/// How often what waits for a frozen server looks again.
const LOOK: Duration = Duration::from_millis(20);
/// A cluster's client gives a node up after this.
const NODE_PATIENCE: Duration = Duration::from_millis(500);

type Words = Vec<Vec<u8>>;

/// The servers.
#[derive(Debug)]
pub(super) struct Servers {
    state: Mutex<State>,
    dice: Dice,
    pub(super) clock: Clock,
    tasks: TaskTracker,
    trace: Trace,
    pub(super) is_cluster: bool,
}

#[derive(Debug, Default)]
struct State {
    master: Data,
    replica: Data,
    epoch: u64,
    conditions: Conditions,
    connections: Vec<Arc<Pipe>>,
}

/// How the servers are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions {
    /// Nothing is answered; what comes waits.
    pub(super) frozen: bool,
    /// Nothing listens.
    pub(super) away: bool,
    /// Writes are refused.
    pub(super) full: bool,
    /// A command takes up to 300 ms.
    pub(super) slow: bool,
}

#[derive(Debug)]
struct Pipe {
    gateway: usize,
    cut: CancellationToken,
    /// Nothing gets through; nobody is told.
    silent: std::sync::atomic::AtomicBool,
}

impl Pipe {
    fn is_silent(&self) -> bool {
        self.silent.load(std::sync::atomic::Ordering::Relaxed)
    }
}

struct Call {
    asked: Asked,
    reply: oneshot::Sender<RedisResult<Vec<Value>>>,
}

#[derive(Clone)]
enum Asked {
    Commands(Vec<Words>),
    Epoch,
}

impl Servers {
    pub(super) fn new(
        dice: Dice,
        clock: Clock,
        tasks: TaskTracker,
        trace: Trace,
        is_cluster: bool,
    ) -> Arc<Self> {
        let state = Mutex::new(State { epoch: 1, ..State::default() });
        Arc::new(Self { state, dice, clock, tasks, trace, is_cluster })
    }

    /// As one process of a gateway sees them.
    pub(super) fn seen_by(self: &Arc<Self>, gateway: usize, alive: CancellationToken) -> Redis {
        Redis { servers: Arc::clone(self), gateway, alive }
    }

    pub(super) fn set(&self, conditions: Conditions) {
        self.state().conditions = conditions;
        if conditions.away {
            self.cut(|_| true);
        }
    }

    /// The replica catches up.
    pub(super) fn replicate(&self) {
        let mut state = self.state();
        state.replica = state.master.clone();
    }

    /// The replica takes over with what it has. Connections to the old master are lost; a cluster's may stay.
    pub(super) fn fail_over(&self) {
        let mut state = self.state();
        state.master = state.replica.clone();
        state.epoch += 1;
        drop(state);
        if !(self.is_cluster && self.dice.permille(500)) {
            self.cut(|_| true);
        }
    }

    /// Both start again with nothing.
    pub(super) fn restart_empty(&self) {
        let mut state = self.state();
        (state.master, state.replica) = (Data::default(), Data::default());
        state.epoch += 1;
        drop(state);
        self.cut(|_| true);
    }

    /// Memory was short: a key is gone.
    pub(super) fn evict(&self) {
        let place = self.dice.place(1_000);
        if let Some(key) = self.state().master.evict(place) {
            self.trace.note(format!("redis evicts {key}"));
        }
    }

    pub(super) fn cut_gateway(&self, gateway: usize) {
        self.cut(|pipe| pipe.gateway == gateway);
    }

    /// A gateway's connections carry nothing from now on, until they carry again what was sent.
    pub(super) fn silence(&self, gateway: usize, silent: bool) {
        for pipe in self.state().connections.iter().filter(|pipe| pipe.gateway == gateway) {
            pipe.silent.store(silent, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn cut(&self, which: impl Fn(&Pipe) -> bool) {
        let mut cut = Vec::new();
        self.state().connections.retain(|pipe| {
            let stays = !which(pipe);
            if !stays {
                cut.push(Arc::clone(pipe));
            }
            stays
        });
        cut.iter().for_each(|pipe| pipe.cut.cancel());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn latency(&self) -> Duration {
        match self.state().conditions.slow {
            true => self.dice.millis(1..300),
            false => self.dice.micros(50..3_000),
        }
    }

    fn run(&self, asked: &Asked, gateway: usize) -> RedisResult<Vec<Value>> {
        let mut state = self.state();
        match asked {
            Asked::Epoch => Ok(vec![Value::Int(state.epoch.cast_signed())]),
            Asked::Commands(commands) => {
                let (now, full) = (self.clock.now(), state.conditions.full);
                let replies = commands.iter().map(|words| {
                    let reply = state.master.run(words, now, full);
                    self.trace.note(format!("redis {gateway} {}", data::told(words, &reply)));
                    reply
                });
                // All of a pipeline runs, whatever one of them says.
                replies.collect::<Vec<_>>().into_iter().collect()
            }
        }
    }

    async fn thawed(&self, pipe: &Pipe) {
        while self.state().conditions.frozen || pipe.is_silent() {
            sleep(LOOK).await;
        }
    }
}

/// The servers as one process of a gateway sees them.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    servers: Arc<Servers>,
    gateway: usize,
    alive: CancellationToken,
}

impl Redis {
    /// Connects; `watch` hears of it when the connection is lost.
    pub(crate) async fn connect(&self, watch: Watch) -> RedisResult<RedisConnection> {
        sleep(self.servers.latency()).await;
        if self.alive.is_cancelled() || self.servers.state().conditions.away {
            return Err(lost());
        }
        let (calls, queue) = mpsc::channel(WAITING);
        let server =
            Server { servers: Arc::clone(&self.servers), gateway: self.gateway, alive: self.alive.clone() };
        match self.servers.is_cluster {
            true => drop(self.servers.tasks.spawn(server.cluster(queue, watch))),
            false => drop(self.servers.tasks.spawn(server.single(queue, watch))),
        }
        Ok(RedisConnection { calls, alive: self.alive.clone(), is_cluster: self.servers.is_cluster })
    }
}

/// A connection to a server, or to the cluster.
#[derive(Clone, Debug)]
pub(crate) struct RedisConnection {
    calls: mpsc::Sender<Call>,
    alive: CancellationToken,
    is_cluster: bool,
}

impl RedisConnection {
    pub(crate) const fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    pub(crate) async fn one(&self, command: &Cmd) -> RedisResult<Value> {
        let mut values = self.call(Asked::Commands(vec![data::words(command)])).await?;
        values.pop().ok_or_else(lost)
    }

    pub(crate) async fn many(&self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        self.call(Asked::Commands(pipeline.cmd_iter().map(data::words).collect())).await
    }

    /// None for a single server.
    pub(crate) async fn epoch(&self) -> RedisResult<Option<u64>> {
        if !self.is_cluster {
            return Ok(None);
        }
        let told = self.call(Asked::Epoch).await?;
        Ok(told
            .first()
            .and_then(|value| if let Value::Int(epoch) = value { Some(epoch.cast_unsigned()) } else { None }))
    }

    async fn call(&self, asked: Asked) -> RedisResult<Vec<Value>> {
        if self.alive.is_cancelled() {
            return Err(lost());
        }
        let (reply, told) = oneshot::channel();
        self.calls.send(Call { asked, reply }).await.map_err(|_| lost())?;
        told.await.map_err(|_| lost())?
    }
}

/// The far end of a connection.
struct Server {
    servers: Arc<Servers>,
    gateway: usize,
    alive: CancellationToken,
}

impl Server {
    fn pipe(&self) -> Arc<Pipe> {
        let cut = CancellationToken::new();
        let pipe = Arc::new(Pipe { gateway: self.gateway, cut, silent: false.into() });
        self.servers.state().connections.push(Arc::clone(&pipe));
        pipe
    }

    /// One server: the connection ends with a cut, and its owner hears of it a little later, or by its next command.
    async fn single(self, mut queue: mpsc::Receiver<Call>, watch: Watch) {
        let pipe = self.pipe();
        let serving = async {
            while let Some(Call { asked, reply }) = queue.recv().await {
                sleep(self.servers.latency()).await;
                self.servers.thawed(&pipe).await;
                let value = self.servers.run(&asked, self.gateway);
                sleep(self.servers.latency()).await;
                // Whoever asked may have given up.
                drop(reply.send(value));
            }
        };
        if pipe.cut.run_until_cancelled(serving).await.is_none() {
            drop(queue);
            sleep(self.servers.dice.millis(0..60)).await;
            if !self.alive.is_cancelled() {
                watch.server_lost();
            }
        }
    }

    /// A cluster's client connects again by itself, and sends again what had no reply.
    async fn cluster(self, mut queue: mpsc::Receiver<Call>, watch: Watch) {
        let mut waiting = VecDeque::<Call>::new();
        loop {
            let pipe = self.pipe();
            let serving = async {
                loop {
                    if waiting.is_empty() {
                        let Some(call) = queue.recv().await else { return };
                        waiting.push_back(call);
                    }
                    let Some(asked) = waiting.front().map(|call| call.asked.clone()) else { continue };
                    sleep(self.servers.latency()).await;
                    self.servers.thawed(&pipe).await;
                    let value = self.servers.run(&asked, self.gateway);
                    sleep(self.servers.latency()).await;
                    // Whoever asked may have given up. Until here a cut has it sent again.
                    drop(waiting.pop_front().map(|call| call.reply.send(value)));
                }
            };
            if pipe.cut.run_until_cancelled(serving).await.is_some() || self.alive.is_cancelled() {
                return;
            }
            watch.node_lost();
            while self.servers.state().conditions.away {
                sleep(NODE_PATIENCE).await;
                waiting.clear();
                while queue.try_recv().is_ok() {}
            }
        }
    }
}

fn lost() -> RedisError {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}
