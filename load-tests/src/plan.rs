//! How a run is asked for, and what each part of it is run with.

use std::path::PathBuf;

use crate::cores::{Cores, CpuClock};

/// How a bench is to be run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/voxgate")]
    pub(crate) voxgate: PathBuf,
    /// The configuration that is copied, with higher quotas.
    #[arg(long, default_value = "gateway-config")]
    pub(crate) config: PathBuf,
    /// Where spool, store and logs lie while it runs; on the disk that is to be measured. Emptied at the end.
    #[arg(long, default_value = "target/bench")]
    pub(crate) work: PathBuf,
    /// Where the figures are written.
    #[arg(long, default_value = "target/bench.json")]
    pub(crate) out: PathBuf,
    /// Rounds of each scenario; the median is of them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Length of a round, ms.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) round_ms: u64,
    /// HTTP connections at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: u32,
    /// Links made for a round of `email_post`: it ends when they are used up.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) links: u64,
    /// Answers a day that the claims are sized for. With a million a bench opens a bucket with nearly every answer, as
    /// the first ones of a new fleet do, which is the dear end; with 10000 its buckets fill.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) answers_per_day: u64,
    /// Claims made to measure Redis's memory.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(64..))]
    pub(crate) claims: u64,
    /// Writes of a round that the disk is measured by.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) syncs: u64,
    /// Only the scenarios whose name holds this.
    #[arg(long, default_value = "")]
    pub(crate) only: String,
    /// What precedes the gateway's command: a profiler. It has to become it (`exec`).
    #[arg(skip)]
    pub(crate) gateway_under: Vec<String>,
}

/// What a scenario is run with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) cores: &'a Cores,
    pub(crate) clock: CpuClock,
}
