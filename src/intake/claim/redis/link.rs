//! The way to Redis: connects in the background, opens the breaker when Redis fails, bounds every wait.
//!
//! While there is no connection every question is answered at once: not known. The breaker opens after
//! `breaker_failures` failures in a row by dropping the connection, and with it whatever still waited on it; every
//! `breaker_probe` a new connection is tried with a write, so that a server that is full or read-only stays out.

mod owner;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    ConnectError,
    gathered::Commands,
    wire::{self, Servers, Watch, Wire},
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    tls::ClientTls,
};

/// Requests on the way at once; more wait, each no longer than its submission may.
const IN_FLIGHT: usize = 4096;
/// Time to connect to one server; the ones named first may hang.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time to connect to any, and to check who Redis belongs to.
const CONNECTING: Duration = Duration::from_secs(5);
/// After so long a cluster of which a part fails is connected to anew.
const PART_FAILS: Duration = Duration::from_secs(2);
/// Masters remembered at once; a cluster has at most 1000 nodes (Redis Cluster specification).
const EPOCHS: usize = 4096;

/// A connection that stands, or stood.
pub(super) struct Live {
    wire: Wire,
    watch: Watch,
    /// When each master of a cluster was first seen.
    epochs: Mutex<HashMap<u64, Timestamp>>,
}

/// The way to Redis.
pub(in crate::intake::claim) struct Link {
    servers: ArcSwap<Servers>,
    settings: settings::Redis,
    fingerprint: String,
    clock: Clock,
    live: ArcSwapOption<Live>,
    failures: AtomicU32,
    /// Since when nothing but failures came.
    failing_since: Mutex<Option<Instant>>,
    /// Since when, and when last, a part of a cluster failed.
    failing: Mutex<Option<(Instant, Instant)>>,
    /// Counts connections: what was known of Redis's keys ends with each.
    generation: Arc<AtomicU64>,
    permits: Semaphore,
    /// Whether Redis was found to be this fleet's.
    accepted: AtomicBool,
    conflict: CancellationToken,
}

impl Link {
    pub(in crate::intake::claim) fn new(
        servers: Servers,
        settings: &settings::Redis,
        fingerprint: &str,
        clock: Clock,
    ) -> Self {
        Self {
            servers: ArcSwap::from_pointee(servers),
            settings: settings.clone(),
            fingerprint: fingerprint.to_owned(),
            clock,
            live: ArcSwapOption::empty(),
            failures: AtomicU32::new(0),
            failing_since: Mutex::default(),
            failing: Mutex::default(),
            generation: Arc::default(),
            permits: Semaphore::new(IN_FLIGHT),
            accepted: AtomicBool::new(false),
            conflict: CancellationToken::new(),
        }
    }

    /// Connections are made with this from now on.
    pub(super) fn trust(&self, tls: &ClientTls) {
        self.servers.store(Arc::new(self.servers.load().with_tls(tls)));
    }

    pub(super) fn is_up(&self) -> bool {
        self.live.load().is_some()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Ended when Redis belongs to gateways with another identity key, and never was this gateway's.
    pub(super) const fn conflict(&self) -> &CancellationToken {
        &self.conflict
    }

    /// The connection that stands.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// Sends one command; none when Redis fails or the time is up.
    pub(super) async fn one(&self, live: &Live, command: &Cmd, deadline: Instant) -> Option<Value> {
        let mut wire = live.wire.clone();
        self.bounded(live, deadline, async move { wire.one(command).await }).await?.ok()
    }

    /// As [`Link::one`], with the server's refusal of a script that it does not know.
    pub(super) async fn script(
        &self,
        live: &Live,
        command: &Cmd,
        deadline: Instant,
    ) -> Option<Result<Value, NoScript>> {
        let mut wire = live.wire.clone();
        let reply = self.bounded(live, deadline, async move { wire.one(command).await }).await?;
        Some(reply.map_err(|_| NoScript))
    }

    /// Sends commands on keys of one slot.
    pub(super) async fn many(
        &self,
        live: &Live,
        commands: Commands,
        deadline: Instant,
    ) -> Option<Vec<Value>> {
        let mut wire = live.wire.clone();
        self.bounded(live, deadline, async move { wire.many(commands).await }).await?.ok()
    }

    /// Whether a claim at `key`, written at `written` and read over `live`, is younger than the connection: then no
    /// failover since can have brought it back in place of a newer one.
    pub(super) async fn is_younger(
        &self,
        live: &Live,
        key: &[u8],
        written: Timestamp,
        margin: Duration,
        deadline: Instant,
    ) -> bool {
        if written <= live.since().after(margin) {
            return false;
        }
        if !live.wire.is_cluster() {
            return true;
        }
        let mut wire = live.wire.clone();
        match self.bounded(live, deadline, async move { wire.epoch(key).await }).await {
            Some(Ok(Some(epoch))) => written > live.epoch_since(epoch, self.clock.now()).after(margin),
            _ => false,
        }
    }

    /// Awaits a reply: `None` is a failure, an error within is a script that is not known. When the time is up already
    /// nothing is sent, and nothing has failed.
    async fn bounded<T>(
        &self,
        live: &Live,
        deadline: Instant,
        reply: impl Future<Output = RedisResult<T>>,
    ) -> Option<RedisResult<T>> {
        if Instant::now() >= deadline {
            return None;
        }
        let permitted = async {
            let _permit = self.permits.acquire().await.ok()?;
            Some(reply.await)
        };
        match timeout_at(deadline, permitted).await.ok().flatten() {
            Some(Err(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                Some(Err(error))
            }
            Some(Ok(value)) => {
                if self.failures.load(Ordering::Relaxed) != 0 {
                    self.failures.store(0, Ordering::Relaxed);
                }
                Some(Ok(value))
            }
            Some(Err(error)) => self.failed(live, Some(&error)),
            None => self.failed(live, None),
        }
    }

    fn failed<T>(&self, live: &Live, error: Option<&RedisError>) -> Option<T> {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let is_cluster = live.wire.is_cluster();
        let dropped = !is_cluster && error.is_some_and(RedisError::is_unrecoverable_error);
        let is_refusal =
            error.is_some_and(|error| matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension));
        if dropped || self.is_all_away(failures, is_cluster) {
            let why = error.map_or_else(|| "it does not answer in time".to_owned(), ToString::to_string);
            if self.forget(live) {
                tracing::warn!(failures, why, "Redis fails: answers are taken unverified until it is back");
            }
            live.watch.lost.cancel();
        } else if is_cluster && !is_refusal && self.keeps_failing() {
            live.watch.lost.cancel();
        }
        None
    }

    /// Whether so many failures in a row mean that all of Redis is away. Of a cluster of which a part fails, a few in a
    /// row happen by chance: there nothing must have come for as long as an answer may wait.
    fn is_all_away(&self, failures: u32, is_cluster: bool) -> bool {
        let now = Instant::now();
        let mut since = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *match failures {
            1 => since.insert(now),
            _ => since.get_or_insert(now),
        };
        failures >= self.settings.breaker_failures && (!is_cluster || now - since >= self.settings.timeout)
    }

    /// A part of a cluster is silent for long, although others answer: its client may hold on to a node that hangs, so
    /// a new one is made, while the old one goes on serving the others. A node that refuses, being full say, would
    /// refuse a new client too, and all claims would be older than its connection.
    fn keeps_failing(&self) -> bool {
        let now = Instant::now();
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = failing.unwrap_or((now, now));
        let first = if now - last > PART_FAILS / 2 { now } else { first };
        let long = now - first > PART_FAILS;
        *failing = (!long).then_some((first, now));
        long
    }

    /// Takes the connection out of use, unless it was replaced already.
    fn forget(&self, live: &Live) -> bool {
        let standing = self.live.load_full();
        let is_standing = standing.as_deref().is_some_and(|standing| std::ptr::eq(standing, live));
        if is_standing {
            self.live.compare_and_swap(&standing, None);
        }
        is_standing
    }

    /// Tries to connect once. Writes as it does so: a server that refuses writes is of no use.
    pub(super) async fn connect(&self) -> Result<Arc<Live>, ConnectError> {
        let connecting = timeout(CONNECTING, self.connect_and_check());
        let live = connecting.await.unwrap_or(Err(ConnectError::Timeout))?;
        self.failures.store(0, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.live.store(Some(Arc::clone(&live)));
        Ok(live)
    }

    async fn connect_and_check(&self) -> Result<Arc<Live>, ConnectError> {
        let watch = Watch {
            since: Arc::default(),
            lost: CancellationToken::new(),
            generation: Arc::clone(&self.generation),
            clock: self.clock.clone(),
        };
        let mut wire = wire::connect(&self.servers.load_full(), self.settings.mode, PATIENCE, &watch)
            .await
            .map_err(ConnectError::Unavailable)?;
        self.check_identity(&mut wire).await?;
        // Where one master is silent the others serve; an epoch not seen now counts from when it is seen first.
        let epochs = wire::epochs(&mut wire).await.unwrap_or_default();
        let now = self.clock.now();
        watch.since.store(now.as_micros(), Ordering::Release);
        let epochs = Mutex::new(epochs.into_iter().map(|epoch| (epoch, now)).collect());
        Ok(Arc::new(Live { wire, watch, epochs }))
    }

    /// Keeps a connection up, for good or until Redis turns out to be another fleet's and never was this gateway's.
    pub(super) async fn keep_up(&self, mut standing: Option<Arc<Live>>) {
        let mut told_of_others = false;
        loop {
            if let Some(live) = standing.take() {
                live.watch.lost.cancelled().await;
                if !live.wire.is_cluster() {
                    self.forget(&live);
                }
                // A breaker that opened waits before it tries; a connection that was cut is made again at once.
                if self.failures.load(Ordering::Relaxed) >= self.settings.breaker_failures {
                    tokio::time::sleep(self.settings.breaker_probe).await;
                }
            }
            let was_away = !self.is_up();
            match self.connect().await {
                Ok(live) => {
                    if was_away {
                        tracing::info!("Redis is back: answers are verified again");
                    }
                    told_of_others = false;
                    standing = Some(live);
                }
                Err(ConnectError::IdentityKey) if self.conflict.is_cancelled() => return,
                Err(error) => {
                    let is_others = matches!(error, ConnectError::IdentityKey);
                    match is_others && !told_of_others {
                        true => self.tell_of_others(&error),
                        false => tracing::debug!(%error, "Redis is still away"),
                    }
                    told_of_others |= is_others;
                    tokio::time::sleep(self.settings.breaker_probe).await;
                }
            }
        }
    }
}

impl Live {
    fn since(&self) -> Timestamp {
        Timestamp::from_micros(self.watch.since.load(Ordering::Acquire))
    }

    fn epoch_since(&self, epoch: u64, now: Timestamp) -> Timestamp {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        if epochs.len() >= EPOCHS {
            epochs.clear();
        }
        *epochs.entry(epoch).or_insert(now)
    }
}

/// The server does not know the script.
pub(super) struct NoScript;

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("up", &self.is_up()).finish_non_exhaustive()
    }
}
