//! Sends a plan at a steady rate, whatever is outstanding, and writes down what was told.
//!
//! Open loop: what is due is sent on time. Past a bound of outstanding requests what is due is not sent, and counted.
//! A person's answers are sent one after the other, so that "newest" is well defined; an answer whose connection ended
//! without a reply may have reached the gateway, so the next one comes a moment later, and where no reply came in time
//! it may still be on its way: then nothing else is sent for this person, except the same again.
//!
//! Programs and scripts send again what broke, or what was refused for now, after a second and to the next gateway;
//! people do not.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    case::Case,
    history::{Fate, Gaps, History, Sent},
    plan::{Person, Request, Step},
    send::{Address, Clients, Tokens},
};
use crate::process::LOOK_EVERY;

/// Between an attempt that failed and the next, and after a connection that broke.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// What reached a gateway whose connection broke has its stamp by then.
const SETTLED_AFTER: Duration = Duration::from_millis(300);
/// A connection that broke later than this may have been given up by its client's side first.
const OURS_AFTER: Duration = Duration::from_millis(900);

/// How a plan is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Requests a second.
    pub(crate) rate: u32,
    /// Requests without a reply at once.
    pub(crate) outstanding: usize,
    /// A reply that is not there by then is given up.
    pub(crate) reply_within: Duration,
    /// How often a program tries again.
    pub(crate) retries: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 100, outstanding: 2000, reply_within: Duration::from_secs(10), retries: 1 }
    }
}

impl Pace {
    /// As fast as the form allows: the short one runs beside others, with a binary that is not optimized.
    pub(crate) fn of(case: &Case) -> Self {
        Self { rate: case.pick(60, 200), ..Self::default() }
    }
}

/// A load that runs.
#[derive(Debug)]
pub(crate) struct Driver {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    clients: Vec<Clients>,
    tokens: Tokens,
    pace: Pace,
    started: Instant,
    written: Mutex<Written>,
    acknowledged: AtomicU64,
}

#[derive(Debug)]
struct Written {
    history: History,
    gaps: Gaps,
    /// People of whom an answer may still be on its way; only the same is sent again.
    unsettled: HashMap<Person, Step>,
    ended: bool,
    mistake: Option<anyhow::Error>,
}

impl Driver {
    /// Starts to send.
    pub(crate) fn start(
        plan: Vec<Request>,
        tokens: Tokens,
        gateways: &[Address],
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let (tasks, streams, stop) = (TaskTracker::new(), TaskTracker::new(), CancellationToken::new());
        let clients = gateways.iter().map(|address| Clients::of(*address, &streams));
        let started = Instant::now();
        let written = Written {
            history: History::default(),
            gaps: Gaps::since(started),
            unsettled: HashMap::new(),
            ended: false,
            mistake: None,
        };
        let shared = Arc::new(Shared {
            clients: clients.collect::<anyhow::Result<_>>()?,
            tokens,
            pace,
            started,
            written: Mutex::new(written),
            acknowledged: AtomicU64::new(0),
        });
        tasks.spawn(dispatch(Arc::clone(&shared), plan, stop.clone(), tasks.clone()));
        Ok(Self { shared, stop, tasks })
    }

    /// Answers that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// When it began; what a history's times are counted from.
    pub(crate) fn started(&self) -> Instant {
        self.shared.started
    }

    /// Since it began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.started.elapsed()
    }

    /// Waits until so many more were acknowledged.
    ///
    /// # Errors
    /// They were not, in this time.
    pub(crate) async fn acknowledges(&self, more: u64, within: Duration) -> anyhow::Result<()> {
        let (wanted, started) = (self.acknowledged() + more, Instant::now());
        while self.acknowledged() < wanted {
            anyhow::ensure!(
                started.elapsed() < within,
                "not {more} acknowledgements in {within:?}: {} are missing",
                wanted - self.acknowledged()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Waits until so many were refused with a code.
    ///
    /// # Errors
    /// They were not, in this time.
    pub(crate) async fn refuses(&self, code: &str, many: u64, within: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let refusals = self.so_far().refusals;
            if refusals.get(code).is_some_and(|count| *count >= many) {
                return Ok(());
            }
            anyhow::ensure!(
                started.elapsed() < within,
                "not {many} times {code} in {within:?}: {refusals:?}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What was sent up to now.
    pub(crate) fn so_far(&self) -> super::history::Counts {
        self.shared.written().history.counts.clone()
    }

    /// Sends no more, and waits for the replies to what was sent.
    ///
    /// # Errors
    /// The plan held something that cannot be sent.
    pub(crate) async fn stop(self) -> anyhow::Result<History> {
        self.stop.cancel();
        self.shared.end();
        self.tasks.close();
        self.tasks.wait().await;
        let mut written = self.shared.written();
        if let Some(mistake) = written.mistake.take() {
            return Err(mistake.context("the driver cannot send its plan"));
        }
        Ok(std::mem::take(&mut written.history))
    }
}

/// Each request at its time.
async fn dispatch(shared: Arc<Shared>, plan: Vec<Request>, stop: CancellationToken, tasks: TaskTracker) {
    let slots = Arc::new(Semaphore::new(shared.pace.outstanding));
    let mut turns = Turns::default();
    let mut due = tokio::time::interval(Duration::from_secs(1) / shared.pace.rate.max(1));
    for request in plan {
        tokio::select! {
            _ = due.tick() => {}
            () = stop.cancelled() => return,
        }
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            shared.written().history.counts.not_sent += request.steps.len() as u64;
            continue;
        };
        let turn = turns.of(&request);
        tasks.spawn(Arc::clone(&shared).deliver(request, turn, slot));
    }
    // The plan is at its end before the faults are: what a gap is measured by is over.
    shared.end();
}

/// Who comes after whom: of each person, the last request that was made.
#[derive(Debug, Default)]
struct Turns(HashMap<Person, CancellationToken>);

/// A request's place among those of the same people.
#[derive(Debug)]
struct Turn {
    before: Vec<CancellationToken>,
    _done: DropGuard,
}

impl Turns {
    fn of(&mut self, request: &Request) -> Turn {
        let done = CancellationToken::new();
        let people = request.steps.iter().map(|step| step.person);
        let before = people.filter_map(|person| self.0.insert(person, done.clone())).collect();
        Turn { before, _done: done.drop_guard() }
    }
}

impl Shared {
    fn written(&self) -> MutexGuard<'_, Written> {
        // What is written down stays true whoever panicked.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The load ends here: gaps are counted up to now.
    fn end(&self) {
        let mut written = self.written();
        if !written.ended {
            written.ended = true;
            written.history.counts.longest_gap = written.gaps.mark(Instant::now());
        }
    }

    /// Sends a request when those before it of the same people are done, and again where its sender would.
    async fn deliver(self: Arc<Self>, mut request: Request, turn: Turn, _slot: OwnedSemaphorePermit) {
        for before in &turn.before {
            before.cancelled().await;
        }
        for attempt in 0..=self.pace.retries {
            self.withhold(&mut request);
            let Some(fates) = self.attempt(&request).await else { return };
            let is_again = |(_, fate): &(&Step, &Fate)| match fate {
                Fate::Acknowledged { .. } | Fate::Double => false,
                Fate::Refused(refused) => refused.is_for_now(),
                Fate::Broken | Fate::TimedOut => true,
            };
            let again = request.steps.iter().zip(&fates).filter(is_again);
            request.steps = again.map(|(step, _)| step.clone()).collect();
            if fates.contains(&Fate::Broken) {
                tokio::time::sleep(SETTLED_AFTER).await;
            }
            let is_last = attempt == self.pace.retries || !request.way.tries_again();
            if is_last || request.steps.is_empty() {
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
            request.gateway += 1;
        }
    }

    /// Leaves out those of whom something else may still be on its way.
    fn withhold(&self, request: &mut Request) {
        let mut written = self.written();
        let before = request.steps.len();
        request.steps.retain(|step| {
            written.unsettled.get(&step.person).is_none_or(|on_its_way| on_its_way.answer == step.answer)
        });
        written.history.counts.withheld += (before - request.steps.len()) as u64;
    }

    async fn attempt(&self, request: &Request) -> Option<Vec<Fate>> {
        let place = request.gateway % self.clients.len().max(1);
        let sent_at = Instant::now();
        let told = match self.clients.get(place).context("there is no gateway") {
            Ok(clients) => clients.send(request, &self.tokens, self.pace.reply_within).await,
            Err(none) => Err(none),
        };
        let (took, mut written) = (sent_at.elapsed(), self.written());
        let fates = match told {
            Ok(fates) => fates,
            Err(mistake) => {
                written.mistake.get_or_insert(mistake);
                return None;
            }
        };
        let fates: Vec<_> = fates.into_iter().map(|fate| doubtful(fate, took)).collect();
        let at = sent_at.duration_since(self.started);
        for (step, fate) in request.steps.iter().zip(&fates) {
            if *fate == Fate::TimedOut {
                written.unsettled.insert(step.person, step.clone());
            }
            if fate.is_acknowledged() {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            let fate = fate.clone();
            let (ordinal, way, answer) = (step.ordinal, request.way, step.answer);
            written.history.note(step.person, Sent { ordinal, way, gateway: place, answer, at, took, fate });
        }
        if !written.ended && fates.iter().any(Fate::is_acknowledged) {
            written.history.counts.longest_gap = written.gaps.mark(Instant::now());
        }
        Some(fates)
    }
}

/// A connection that broke late may have been given up by our own side: what was sent may still be on its way.
fn doubtful(fate: Fate, took: Duration) -> Fate {
    if fate == Fate::Broken && took > OURS_AFTER { Fate::TimedOut } else { fate }
}
