//! One run: machines, servers, people, and what befalls them.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    runtime,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    dice::Dice, disk::Platter, faults, machine::Machine, network::Network, oracle, people::Person,
    redis::Servers, store::StoreHost, trace::Trace,
};
use crate::{
    clock::{Clock, Timestamp},
    intake::claim::Runs,
    store::stepped::all_responses,
};

/// How long it may take until everything is delivered, once all is well again.
const HEALED: Duration = Duration::from_secs(120);
/// People who insist, in a thousand.
const INSISTENT: u64 = 250;
const LOOK: Duration = Duration::from_millis(100);
/// Claims of an edit window of 14 days have periods of so many days.
const PERIOD_DAYS: u64 = 64;
/// The longest that two gateways' clocks are apart, half of it.
pub(super) const SKEW_US: u64 = 400_000;

/// What a run gives.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) trace: Vec<String>,
    /// About whom, and what is wrong.
    pub(super) wrong: Option<(String, String)>,
}

thread_local! {
    static JITTER: RefCell<Option<Dice>> = const { RefCell::new(None) };
}

/// What the forwarder's jitter draws from.
fn chance() -> f64 {
    JITTER.with_borrow(|dice| dice.as_ref().map_or(0.5, Dice::fraction))
}

/// Runs a seed from its first start to the last look.
pub(super) fn run(seed: u64) -> Run {
    JITTER.set(Some(Dice::new(seed, "jitter")));
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed);
        let trace = world.trace.clone();
        let wrong = world.run().await.err();
        Run { trace: trace.lines(), wrong }
    })
}

/// All there is.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) seed: u64,
    pub(super) trace: Trace,
    pub(super) tasks: TaskTracker,
    pub(super) clocks: Vec<Clock>,
    pub(super) machines: Vec<Arc<Machine>>,
    pub(super) redis: Option<Arc<Servers>>,
    pub(super) network: Arc<Network>,
    pub(super) store: Arc<tokio::sync::Mutex<StoreHost>>,
    /// Records that the store refuses, by machine.
    pub(super) unfit: Arc<Mutex<Vec<u64>>>,
    pub(super) over: CancellationToken,
    dir: TempDir,
}

impl World {
    fn new(seed: u64) -> Self {
        let dice = Dice::new(seed, "world");
        let (trace, tasks) = (Trace::new(), TaskTracker::new());
        let began = Instant::now();
        let at = begin(&dice);
        let clock = |at: Timestamp| Clock::Runtime(Arc::new(at.as_micros().into()), began);
        let gateways = 1 + dice.place(3);
        let embedded = gateways == 1 && dice.permille(600);
        let redis = (!embedded).then(|| {
            let is_cluster = dice.permille(400);
            Servers::new(Dice::new(seed, "redis"), clock(at), tasks.clone(), trace.clone(), is_cluster)
        });
        let network = Network::new(Dice::new(seed, "network"), tasks.clone(), trace.clone());
        let machine = |index| {
            Arc::new(Machine {
                index,
                platter: Platter::new(Dice::new(seed, &format!("disk {index}"))),
                clock: clock(at),
                redis: redis.clone(),
                network: Arc::clone(&network),
                trace: trace.clone(),
                chance,
                alive: Mutex::default(),
                process: Mutex::default(),
                cut_off: AtomicU64::new(0),
                complaint: Mutex::default(),
            })
        };
        let machines: Vec<_> = (0..gateways).map(machine).collect();
        let dir = scratch();
        let store = StoreHost {
            path: dir.path().join("store.sqlite"),
            clock: clock(at),
            dice: Dice::new(seed, "store"),
            network: Arc::clone(&network),
            tasks: tasks.clone(),
            trace: trace.clone(),
            commit_ms: [5, 50, 1_500][dice.place(3)],
            running: None,
        };
        let mut clocks: Vec<_> = machines.iter().map(|machine| machine.clock.clone()).collect();
        clocks.push(store.clock.clone());
        clocks.extend(redis.as_ref().map(|redis| redis.clock.clone()));
        trace.note(format!(
            "seed {seed}: {gateways} gateways, Redis {:?}",
            redis.as_ref().map(|it| it.is_cluster)
        ));
        Self {
            dice,
            seed,
            trace,
            tasks,
            clocks,
            machines,
            redis,
            network,
            store: Arc::new(tokio::sync::Mutex::new(store)),
            unfit: Arc::new(Mutex::new(vec![0; gateways])),
            over: CancellationToken::new(),
            dir,
        }
    }

    async fn run(&mut self) -> Result<(), (String, String)> {
        self.store.lock().await.start();
        for machine in &self.machines {
            machine.start().await;
        }
        let until = Instant::now() + self.dice.millis(15_000..45_000);
        let befalling = faults::begin(self);
        let people = self.people(until);
        let mut lives = Vec::new();
        for person in people {
            lives.push(person.await.unwrap());
        }
        self.over.cancel();
        for faults in befalling {
            faults.await.unwrap();
        }
        self.heal().await;
        self.all_delivered().await?;
        self.balance()?;
        for machine in &self.machines {
            machine.stop().await;
            machine.start().await;
        }
        // A record that a failed sync left on the disk after all is found now.
        self.all_delivered().await?;
        self.balance()?;
        oracle::judge(&lives, &all_responses(&self.dir.path().join("store.sqlite")))
    }

    fn people(&self, until: Instant) -> Vec<JoinHandle<Person>> {
        let many = 2 + self.dice.place(5);
        let person = |number| {
            let name = format!("p{number}");
            let dice = Dice::new(self.seed, &name);
            let insists = Dice::new(self.seed, &format!("{name} insists")).permille(INSISTENT);
            let person = Person::new(name, dice, insists, self.machines.clone(), self.trace.clone());
            self.tasks.spawn(person.live(until))
        };
        (0..many).map(person).collect()
    }

    /// Everything works and runs again.
    async fn heal(&self) {
        self.trace.note("all is well again");
        for machine in &self.machines {
            machine.platter.heal();
            self.network.silence(machine.index, false);
            while machine.process().is_none() && !machine.start().await {}
        }
        if let Some(redis) = &self.redis {
            redis.set(Default::default());
            self.machines.iter().for_each(|machine| redis.silence(machine.index, false));
        }
        let mut store = self.store.lock().await;
        if store.running.is_none() {
            store.start();
        }
    }

    async fn all_delivered(&self) -> Result<(), (String, String)> {
        let delivered = timeout(HEALED, self.delivered()).await;
        delivered.map_err(|_| (String::new(), format!("delivery did not finish: {}", self.statuses())))
    }

    async fn delivered(&self) {
        let spooled = |machine: &Arc<Machine>| {
            machine.process().is_none_or(|process| {
                let status = process.spool.status();
                status.spooled > 0 || status.accepting.is_err()
            })
        };
        while self.machines.iter().any(spooled) {
            sleep(LOOK).await;
        }
    }

    fn statuses(&self) -> String {
        let status = |machine: &Arc<Machine>| {
            format!("{}: {:?}", machine.index, machine.process().map(|process| process.spool.status()))
        };
        self.machines.iter().map(status).collect::<Vec<_>>().join("; ")
    }

    /// The books of each gateway: all is accounted for, nothing that anybody was thanked for was unreadable, and the
    /// letters are those counted.
    fn balance(&self) -> Result<(), (String, String)> {
        for machine in &self.machines {
            let Some(process) = machine.process() else {
                return Err((String::new(), format!("gateway {} does not start", machine.index)));
            };
            if let Some(complaint) = machine.complaint.lock().unwrap().take() {
                return Err((format!("gateway {}", machine.index), complaint));
            }
            let (status, letters) = (process.spool.status(), process.letters.len() as u64);
            let unfit = self.unfit.lock().unwrap()[machine.index];
            self.trace.note(format!("gateway {}: {status:?}, {letters} letters", machine.index));
            let holds = status.balances()
                && process.balances()
                && status.spooled == 0
                // Of a commit that was torn in its middle the numbers cannot tell that nobody was thanked for it.
                && status.set_aside <= machine.cut_off.load(Ordering::Relaxed)
                && status.dead_lettered == letters
                && letters >= unfit;
            if !holds {
                let wrong = format!(
                    "the books of gateway {} do not balance: {status:?}, {letters} letters of {unfit}",
                    machine.index
                );
                return Err((format!("gateway {}", machine.index), wrong));
            }
        }
        Ok(())
    }
}

/// Anywhere in a period of the claims' buckets, often just before one of its boundaries: there are two buckets, whose
/// periods begin half of one apart, and each looks at the period before for the first quarter of its own.
fn begin(dice: &Dice) -> Timestamp {
    let period = Timestamp::from_secs(i64::try_from(325 * PERIOD_DAYS * 86_400).unwrap());
    let quarter = Duration::from_secs(PERIOD_DAYS * 86_400 / 4);
    match dice.place(2) {
        0 => period.after(quarter * u32::try_from(dice.place(4)).unwrap()).before(dice.millis(0..30_000)),
        _ => period.after(dice.millis(0..PERIOD_DAYS * 86_400_000)),
    }
}

/// A directory for the store's file; in memory, where there is such a place.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A ticket that belongs to no claim.
pub(super) fn no_claim() -> crate::intake::claim::Ticket {
    Runs::default().ticket()
}
