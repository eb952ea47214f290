//! Gateways, Redis and the store in a deterministic simulation: the real code on a disk, a network, a Redis and a clock
//! that are played, by chance from a seed.
//!
//! # What is real
//!
//! The spool (writer, keeper, recovery, reader, books), the dead letters, the forwarder with its gRPC client, the
//! claims (in Redis and embedded) with runs, buckets, breaker and published numbers,
//! [`Intake::submit`](crate::intake::Intake), and the store: its gRPC service, its checks, its ledger on SQLite, its
//! merge.
//!
//! # What is played
//!
//! - **Time**: one thread, a runtime whose time stands still until all wait ([`world`]); each gateway's clock is up to
//!   0.4 s off and set anew now and then, and sometimes hours pass at once, over the boundaries of the claims' buckets.
//! - **Threads**: the spool's two and the store's one take turns with the runtime ([`turns`]): wherever one would wait
//!   for the disk, time goes by and others run.
//! - **Disk** ([`disk`]): sectors and names that were not synced are lost or kept by chance, syncs fail, are slow or
//!   told late, writes are short, the disk is full. A gateway loses its power or only its process, also while it
//!   recovers.
//! - **Network** to the store ([`network`]): delays, cuts that lose what is on its way, silence that nobody is told of;
//!   with the sending anew that follows, batches come twice and in any order.
//! - **Store**: killed before a commit, or after it and before the ack.
//! - **Redis** ([`redis`]): one server or a cluster's shard, with a replica that lags. It fails over, restarts empty,
//!   evicts, freezes, is full, slow or away; commands run late though their caller gave up, or twice.
//! - **People** ([`people`]): two questions, doubles, changes, back to what was said before, twice at once at two
//!   gateways, idempotency keys, links opened and not answered, hanging up, trying elsewhere when no reply comes; some
//!   insist until doubles are dropped.
//!
//! Then all is healed, everything is delivered, and [`oracle`] and books are held to what was sent. On the way a start
//! must have left nothing behind the spool's last frame, and a double that is dropped must be one of what is on a disk.
//!
//! # What is not
//!
//! SQLite's own durability (its file is that of a process that dies, not of a machine), a disk that lies about a sync
//! or flips bits, more than one shard, two masters at once, several gateways with embedded claims, the channels.
//!
//! # Running it
//!
//! `cargo test simulation` runs a hundred seeds; `VOXGATE_SIMULATION_SEEDS=5000 cargo test --release --lib simulation`
//! so many, and `VOXGATE_SIMULATION_SEED=7` only that one. The same seed gives the same trace.

mod cases;
mod dice;
mod disk;
mod faults;
mod machine;
mod network;
mod oracle;
mod people;
mod redis;
mod store;
mod trace;
mod turns;
mod world;

pub(crate) use self::{
    network::Dialler,
    redis::{Redis, RedisConnection},
};

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use self::world::{Run, run};

/// Seeds of an ordinary run.
const SEEDS: u64 = 100;
/// Seeds that are run twice.
const TWICE: u64 = 8;
/// Lines of a failed run that are shown.
const SHOWN: usize = 120;

fn asked(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// What a failed run shows: what is wrong, and what happened around whom it is about.
fn told(seed: u64, run: &Run) -> Option<String> {
    let (whom, wrong) = run.wrong.as_ref()?;
    let about = |line: &&String| {
        line.contains(&format!(" {whom}.")) || !(line.contains(" redis ") || line.contains(" at gateway "))
    };
    let lines: Vec<_> = run.trace.iter().filter(about).map(String::as_str).collect();
    let shown = lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n");
    Some(format!(
        "seed {seed}: {wrong}\n{shown}\nrun it again: VOXGATE_SIMULATION_SEED={seed} cargo test --lib simulation"
    ))
}

/// Runs seeds on all processors; gives what the lowest that failed shows, and how many failed.
fn failures(seeds: std::ops::Range<u64>) -> Vec<(u64, String)> {
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if let Some(told) = told(seed, &run(seed)) {
                failed.lock().unwrap().push((seed, told));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    failed
}

#[test]
fn what_is_acknowledged_is_stored_whatever_befalls_gateways_redis_network_and_store() {
    let seeds = match asked("VOXGATE_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("VOXGATE_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let many = seeds.end - seeds.start;
    let failed = failures(seeds);
    let Some((_, first)) = failed.first() else { return };
    let others = failed.iter().filter_map(|(_, told)| told.lines().next()).collect::<Vec<_>>().join("\n");
    panic!("{first}\n{} of {many} seeds fail:\n{others}", failed.len());
}

#[test]
fn a_seed_that_is_run_twice_gives_the_same_trace() {
    for seed in 0..TWICE {
        let [first, second] = [run(seed), run(seed)];
        let differs = first.trace.iter().zip(&second.trace).position(|(one, other)| one != other);
        if let Some(at) = differs {
            let around =
                |run: &Run| run.trace[at.saturating_sub(5)..(at + 3).min(run.trace.len())].join("\n");
            panic!("seed {seed} differs:\n{}\n---\n{}", around(&first), around(&second));
        }
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
    }
}
