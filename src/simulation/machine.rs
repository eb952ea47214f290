//! A machine with a gateway on it: the real spool, claims, intake and forwarder, in a process that can be killed.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{disk::Platter, network::Network, redis::Servers, trace::Trace, turns::Turns};
use crate::{
    catalog::Catalog,
    clock::Clock,
    config::{self, Loaded, Overrides, settings::Settings},
    forward::{DeadLetters, Forward, StoreAddress},
    intake::{self, Intake, Submission, claim::Claims, limit::Limiter},
    outcome::{Receipt, Refusal},
    proto::store::v1::Touched,
    spool::{
        Spool,
        stepped::{self, KeeperTurns, WriterTurns},
    },
    tls::{ClientTls, LiveClientTls},
};

const DATA: &str = "/data";
/// How often the keeper looks around.
const KEEPER_TURN: Duration = Duration::from_millis(250);
/// How often the turns are asked whether they are due, while something is on its way, and while nothing is.
const BUSY: Duration = Duration::from_micros(500);
const IDLE: Duration = Duration::from_millis(50);
/// How long a stop waits for what is on its way.
const DRAIN: Duration = Duration::from_secs(5);

/// The sample configuration, with a small spool, impatient delivery and two buckets of claims.
fn configuration() -> &'static (Settings, Arc<ArcSwap<Catalog>>) {
    static LOADED: OnceLock<(Settings, Arc<ArcSwap<Catalog>>)> = OnceLock::new();
    LOADED.get_or_init(|| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config");
        let set = [
            ("VOXGATE_REDIS_EXPECTED_ANSWERS_PER_DAY", "1"),
            ("VOXGATE_SPOOL_BUDGET", "1 MiB"),
            ("VOXGATE_SPOOL_SEGMENT_BYTES", "64 KiB"),
            ("VOXGATE_SPOOL_KEEP_DELIVERED", "10 s"),
            ("VOXGATE_STORE_BATCH_RECORDS", "4"),
            ("VOXGATE_STORE_WINDOW", "3"),
            ("VOXGATE_STORE_ACK_TIMEOUT", "4 s"),
            ("VOXGATE_STORE_BACKOFF_MAX", "2 s"),
        ];
        let environment = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let loaded = config::load(&dir, &Overrides::default(), &environment);
        let Loaded { settings, catalog, .. } = loaded.unwrap_or_else(|findings| panic!("{findings:?}"));
        (settings, Arc::new(ArcSwap::from_pointee(catalog)))
    })
}

/// What a person hears.
#[derive(Debug)]
pub(super) enum Reply {
    Receipt(Receipt),
    Refusal(Refusal),
    /// The gateway is away, dies meanwhile, or the person does not wait for it.
    Nothing,
}

/// A machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) index: usize,
    pub(super) platter: Platter,
    pub(super) clock: Clock,
    /// None: embedded claims.
    pub(super) redis: Option<Arc<Servers>>,
    pub(super) network: Arc<Network>,
    pub(super) trace: Trace,
    pub(super) chance: fn() -> f64,
    pub(super) alive: Mutex<CancellationToken>,
    pub(super) process: Mutex<Option<Arc<Process>>>,
    /// Records that a power cut may have taken before anybody was thanked for them.
    pub(super) cut_off: AtomicU64,
    /// What a start must not have left.
    pub(super) complaint: Mutex<Option<String>>,
}

/// A gateway that runs.
#[derive(Debug)]
pub(super) struct Process {
    alive: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
    intake: Intake,
    pub(super) spool: Spool,
    pub(super) letters: Arc<DeadLetters>,
    on_the_way: AtomicUsize,
    /// Answers whose senders did not wait; they may be on their way still.
    hung_up: AtomicUsize,
    poke: Notify,
}

type Opened = (Spool, WriterTurns, KeeperTurns, DeadLetters);

impl Machine {
    pub(super) fn process(&self) -> Option<Arc<Process>> {
        self.process.lock().unwrap().clone()
    }

    /// Starts the gateway; false when its disk does not let it, or it is killed meanwhile.
    pub(super) async fn start(&self) -> bool {
        let alive = CancellationToken::new();
        *self.alive.lock().unwrap() = alive.clone();
        let booted = alive.run_until_cancelled(self.boot(&alive)).await.flatten();
        let started = booted.is_some();
        self.trace.note(format!(
            "gateway {} {}",
            self.index,
            if started { "starts" } else { "does not start" }
        ));
        *self.process.lock().unwrap() = booted;
        started
    }

    async fn boot(&self, alive: &CancellationToken) -> Option<Arc<Process>> {
        let (settings, catalog) = configuration();
        let (spool, writer, keeper, letters) = self.open(settings).await?;
        let (tasks, stopping, clock) = (TaskTracker::new(), CancellationToken::new(), self.clock.clone());
        let claims = Arc::new(self.claims(settings, alive, &tasks, &stopping).await);
        claims.keep_for(catalog.load().longest_edit_window());
        intake::refill(&claims, spool.scan().map(|(_, record)| record));
        let limiter = Limiter::new(&settings.limits, Arc::clone(&claims), clock.clone(), &tasks, &stopping);
        let intake =
            Intake::new(settings, Arc::clone(catalog), limiter, claims, spool.clone(), clock.clone());
        let letters = Arc::new(letters);
        let store = StoreAddress::new(
            "http://store".to_owned(),
            LiveClientTls::new(ClientTls::default()),
            settings.identity_key.fingerprint(),
        );
        let forward = Forward::new(spool.clone(), Arc::clone(&letters), store, settings.store.clone(), clock);
        let forward = forward.simulated(self.network.seen_by(self.index, alive.clone()), self.chance);
        let process = Arc::new(Process {
            alive: alive.clone(),
            stopping: stopping.clone(),
            tasks,
            intake,
            spool,
            letters,
            on_the_way: AtomicUsize::new(0),
            hung_up: AtomicUsize::new(0),
            poke: Notify::new(),
        });
        process.spawn(forward.run(stopping));
        process.spawn(write(writer, Arc::clone(&process)));
        process.spawn(keep(keeper, Arc::clone(&process)));
        Some(process)
    }

    async fn open(&self, settings: &'static Settings) -> Option<Opened> {
        let (disk, clock) = (Arc::new(self.platter.mount()), self.clock.clone());
        let open = move || {
            let data = Path::new(DATA);
            let opened = stepped::open(disk.clone(), data, &settings.spool, clock);
            let (spool, _, writer, mut keeper) = opened.map_err(std::io::Error::other)?;
            let remains = stepped::remains(&*disk, data)?;
            keeper.turn();
            let letters = DeadLetters::open_on(disk, data, 1_000)?;
            Ok::<_, std::io::Error>((remains, (spool, writer, keeper, letters)))
        };
        let opened = Turns::start().run(open).await;
        if let Ok((remains @ 1.., _)) = &opened {
            let complaint = format!("gateway {}: {remains} bytes of a torn commit are left", self.index);
            self.complaint.lock().unwrap().get_or_insert(complaint);
        }
        let opened = opened.map(|(_, opened)| opened);
        opened.inspect_err(|error| self.trace.note(format!("gateway {}: {error}", self.index))).ok()
    }

    async fn claims(
        &self,
        settings: &Settings,
        alive: &CancellationToken,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Claims {
        let Some(servers) = &self.redis else {
            return Claims::embedded(&settings.claims, self.clock.clone());
        };
        let redis = servers.seen_by(self.index, alive.clone());
        let sizes = (&settings.redis, &settings.claims);
        Claims::simulated(redis, sizes, self.clock.clone(), tasks, stopping.clone()).await.unwrap()
    }

    /// The process ends at once; with `power`, so does the machine.
    pub(super) fn die(&self, power: bool) {
        self.trace.note(format!(
            "gateway {} {}",
            self.index,
            if power { "loses power" } else { "is killed" }
        ));
        if power {
            self.platter.power_fails()
        } else {
            self.platter.process_ends()
        }
        self.alive.lock().unwrap().cancel();
        self.network.cut(self.index);
        if let Some(servers) = &self.redis {
            servers.cut_gateway(self.index);
        }
        let process = self.process.lock().unwrap().take();
        if let Some(process) = process {
            process.stopping.cancel();
            if power {
                self.cut_off.fetch_add(process.unthanked(), Ordering::Relaxed);
            }
        }
    }

    /// The gateway stops as it does on SIGTERM.
    pub(super) async fn stop(&self) {
        let Some(process) = self.process.lock().unwrap().take() else { return };
        self.trace.note(format!("gateway {} stops", self.index));
        let answered = async {
            while process.on_the_way.load(Ordering::Relaxed) > 0 {
                sleep(IDLE).await;
            }
        };
        drop(timeout(DRAIN, answered).await);
        process.spool.close();
        process.stopping.cancel();
        process.tasks.close();
        drop(timeout(DRAIN, process.tasks.wait()).await);
        self.platter.process_ends();
        process.alive.cancel();
        self.network.cut(self.index);
    }

    /// Sends a submission, and waits for the reply as long as the person does.
    pub(super) async fn submit(&self, submission: Submission, patience: Duration) -> Reply {
        let Some(process) = self.process() else { return Reply::Nothing };
        let _on_the_way = process.on_its_way();
        let submitting = timeout(patience, Box::pin(process.intake.submit(submission)));
        match process.alive.run_until_cancelled(submitting).await {
            Some(Ok(Ok(receipt))) => Reply::Receipt(receipt),
            Some(Ok(Err(refusal))) => Reply::Refusal(refusal),
            Some(Err(_)) => {
                process.hung_up.fetch_add(1, Ordering::Relaxed);
                Reply::Nothing
            }
            None => Reply::Nothing,
        }
    }
}

impl Machine {
    /// Opens a link with a score in it; nobody waits for what becomes of that.
    pub(super) fn touch(&self, submission: Submission, touched: Touched) {
        let Some(process) = self.process() else { return };
        process.hung_up.fetch_add(1, Ordering::Relaxed);
        process.poke.notify_one();
        let noted = process.intake.touch(submission, touched);
        self.trace.note(format!("a touch at gateway {}: {noted:?}", self.index));
    }
}

impl Process {
    /// A task that ends with the process.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let alive = self.alive.clone();
        self.tasks.spawn(async move {
            alive.run_until_cancelled(task).await;
        });
    }

    pub(super) fn balances(&self) -> bool {
        self.intake.ledger().view().total.balanced()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.on_the_way.load(Ordering::Relaxed) > 0
    }

    fn unthanked(&self) -> u64 {
        (self.on_the_way.load(Ordering::Relaxed) + self.hung_up.load(Ordering::Relaxed)) as u64
    }

    pub(super) fn on_its_way(&self) -> impl Drop + '_ {
        self.on_the_way.fetch_add(1, Ordering::Relaxed);
        self.poke.notify_one();
        scopeguard::guard((), |()| {
            self.on_the_way.fetch_sub(1, Ordering::Relaxed);
        })
    }

    async fn look_again(&self) {
        match self.on_the_way.load(Ordering::Relaxed) {
            0 => drop(timeout(IDLE, self.poke.notified()).await),
            _ => sleep(BUSY).await,
        }
    }
}

/// The writer's thread.
async fn write(mut writer: WriterTurns, process: Arc<Process>) {
    let mut turns = Turns::start();
    loop {
        while !writer.is_due() {
            process.look_again().await;
        }
        let taken = move || {
            let more = writer.turn();
            (writer, more)
        };
        let more;
        (writer, more) = turns.run(taken).await;
        if !more {
            return writer.finish();
        }
    }
}

/// The keeper's thread.
async fn keep(mut keeper: KeeperTurns, process: Arc<Process>) {
    let mut turns = Turns::start();
    while !process.stopping.is_cancelled() {
        let wanted = async {
            while !keeper.is_wanted() {
                process.look_again().await;
            }
        };
        drop(timeout(KEEPER_TURN, process.stopping.run_until_cancelled(wanted)).await);
        keeper = turns
            .run(move || {
                keeper.turn();
                keeper
            })
            .await;
    }
    turns.run(move || keeper.finish()).await;
}
