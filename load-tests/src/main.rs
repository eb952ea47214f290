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
mod profile;

mod floor;

mod figure;
mod goal;
mod plan;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::plan::Plan;

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
            terminal::say(&format!("void: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
