//! What an answer costs voxgate, beside what a bare server spends on the same request.
//!
//! `load-tests bench` starts floors, Redis, a store and a gateway, loads them in interleaved rounds, and judges the
//! ratios. The modules, in reading order:

mod bench;
mod scenario;
mod standing;

mod growth;
mod latency;
mod throughput;

mod append;
mod claims;
mod disk;
mod peer;
mod redis_cpu;
mod steady;
mod upsert;

mod identity;
mod load;
mod telephony;
mod tls;

mod config;
mod cores;
mod process;
mod redis;
mod system;

mod chaos;

mod floor;

mod figure;
mod goal;
mod profile;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Measures what an answer costs, beside its floor.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs all scenarios, prints the table, writes the figures.
    Bench(Plan),
    /// Prints how the cost of an answer grows with claims, surveys, brands, connections, comments and a backlog.
    Growth {
        #[command(flatten)]
        plan: Plan,
        /// Claims and records at the most.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        most: u64,
    },
    /// Runs faults while answers come in, and holds what was acknowledged to what is stored.
    Chaos(chaos::Plan),
    /// Counts the instructions of an answer by function.
    Profile(profile::ProfilePlan),
    /// The floor: answers 202 to every request. Started by `bench`.
    Floor,
    /// The store's floor: SQLite that is given records. Started by `bench`.
    SqliteFloor(upsert::BareSqlite),
}

/// How a bench is to be run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/voxgate")]
    voxgate: PathBuf,
    /// The configuration that is copied, with higher quotas.
    #[arg(long, default_value = "gateway-config")]
    config: PathBuf,
    /// Where spool, store and logs lie while it runs; on the disk that is to be measured. Emptied at the end.
    #[arg(long, default_value = "target/bench")]
    work: PathBuf,
    /// Where the figures are written.
    #[arg(long, default_value = "target/bench.json")]
    out: PathBuf,
    /// Rounds of each scenario; the median is of them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Length of a round, ms.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    round_ms: u64,
    /// HTTP connections at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Links made for a round of `email_post`: it ends when they are used up.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    links: u64,
    /// Answers a day that the claims are sized for. With a million a bench opens a bucket with nearly every answer, as
    /// the first ones of a new fleet do, which is the dear end; with 10000 its buckets fill.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    answers_per_day: u64,
    /// Claims made to measure Redis's memory.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(64..))]
    claims: u64,
    /// Writes of a round that the disk is measured by.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    syncs: u64,
    /// Only the scenarios whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// What precedes the gateway's command: a profiler. It has to become it (`exec`).
    #[arg(skip)]
    gateway_under: Vec<String>,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Bench(plan) => bench::run(&plan),
        Command::Growth { plan, most } => bench::run_growth(&plan, most),
        Command::Chaos(plan) => chaos::run(&plan),
        Command::Profile(plan) => profile::run(&plan),
        Command::Floor => floor::run(),
        Command::SqliteFloor(order) => upsert::bare_sqlite(&order),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            bench::say(&format!("void: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
