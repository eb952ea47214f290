//! Where the instructions of an answer go: scenarios with the gateway under callgrind, which counts them by function.
//! Counts do not drift with what else the machine does, so two builds can be told apart to a per cent; what the kernel
//! spends is not in them, and Redis and the store run as they are.

use std::{
    fs,
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};

use crate::{
    config::ConfigDir,
    cores::{Cores, CpuClock},
    load::Bound,
    plan::{Bench, Plan},
    scenario::Scenario,
    terminal::say,
};

/// What callgrind is told: threads take turns as the kernel would let them, and each run leaves one file.
const CALLGRIND: [&str; 4] = ["valgrind", "--tool=callgrind", "--fair-sched=yes", "--dump-instr=no"];

/// How the profile is to be taken.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProfilePlan {
    #[command(flatten)]
    plan: Plan,
    /// Answers of a scenario that are counted, after a fifth of them to warm up.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(64..))]
    answers: u64,
    /// Functions shown of each scenario.
    #[arg(long, default_value_t = 40)]
    functions: usize,
    /// Where callgrind's files are written, for KCachegrind and `callgrind_annotate`.
    #[arg(long, default_value = "target/profile")]
    to: PathBuf,
}

/// Takes the profiles and prints them.
///
/// # Errors
/// A tool is not there, or the run is void.
pub(crate) fn run(profile: &ProfilePlan) -> anyhow::Result<()> {
    let work = &profile.plan.work;
    if work.exists() {
        fs::remove_dir_all(work)?;
    }
    fs::create_dir_all(work)?;
    fs::create_dir_all(&profile.to)?;
    // All links of a scenario are made before it is counted.
    let links = profile.answers * 2;
    let mut plan = Plan { config: patient(&profile.plan)?, links, ..profile.plan.clone() };
    let (cores, clock) = (Cores::share()?, CpuClock::new()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut totals = Vec::new();
    for scenario in Scenario::ALL.into_iter().filter(|scenario| scenario.name().contains(&profile.plan.only))
    {
        let name = scenario.name().trim_end_matches("_cpu_ratio");
        let out = profile.to.join(format!("callgrind.{name}"));
        let file = format!("--callgrind-out-file={}", out.display());
        plan.gateway_under = CALLGRIND.iter().map(|word| (*word).to_owned()).chain([file]).collect();
        say(&format!("{name}: {} answers under callgrind", profile.answers));
        let bench = Bench { plan: &plan, cores: &cores, clock };
        let answers = runtime.block_on(scenario.profile(bench, profile.answers, &Callgrind))?;
        let dump = dumped(&out)?;
        totals.push((name, instructions(&dump)? / answers));
        writeln!(stdout(), "{}", table(&dump, profile.functions)?)?;
    }
    for (name, each) in totals {
        writeln!(stdout(), "{name:<24}{each:>9} instructions an answer")?;
    }
    fs::remove_dir_all(work)?;
    Ok(())
}

/// A copy of the configuration in which a gateway that is fifty times slower is not overloaded.
fn patient(plan: &Plan) -> anyhow::Result<PathBuf> {
    let config = ConfigDir::copy(&plan.config, &plan.work.join("patient"))?;
    config.set("gateway.toml", "limits.queue_delay", "20 s")?;
    config.set("gateway.toml", "redis.timeout", "5 s")?;
    Ok(config.path().to_owned())
}

/// Tells callgrind in a running process what to do.
#[derive(Debug)]
pub(crate) struct Callgrind;

impl Callgrind {
    /// Counts from zero.
    pub(crate) fn begin(&self, pid: u32) -> anyhow::Result<()> {
        self.control("--zero", pid)
    }

    /// Writes what was counted.
    pub(crate) fn end(&self, pid: u32) -> anyhow::Result<()> {
        self.control("--dump", pid)
    }

    #[allow(clippy::unused_self, reason = "whoever has one has started the process under callgrind")]
    fn control(&self, what: &str, pid: u32) -> anyhow::Result<()> {
        let told = Command::new("callgrind_control").args([what, &pid.to_string()]).output();
        let told =
            told.context("callgrind_control is needed: `scripts/install-tools profile` installs it")?;
        ensure!(
            told.status.success(),
            "callgrind does not listen: {}",
            String::from_utf8_lossy(&told.stderr)
        );
        Ok(())
    }
}

/// The file of a dump that was asked for: callgrind numbers them.
fn dumped(out: &Path) -> anyhow::Result<PathBuf> {
    let numbered = PathBuf::from(format!("{}.1", out.display()));
    fs::rename(&numbered, out).with_context(|| format!("callgrind left no {}", numbered.display()))?;
    Ok(out.to_owned())
}

/// The instructions of all threads.
fn instructions(dump: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(dump)?;
    let totals =
        text.lines().filter_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    let totals: Result<Vec<u64>, _> = totals.map(|total| total.trim().parse()).collect();
    totals?.into_iter().max().context("callgrind counted nothing")
}

/// The functions that take most, what they call included.
fn table(dump: &Path, functions: usize) -> anyhow::Result<String> {
    let made = Command::new("callgrind_annotate").arg("--inclusive=yes").arg(dump).output()?;
    ensure!(made.status.success(), "callgrind_annotate: {}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8_lossy(&made.stdout);
    let rows = text.lines().skip_while(|line| !line.contains("file:function")).take(functions);
    Ok(rows.collect::<Vec<_>>().join("\n"))
}

/// So many answers, however long they take.
pub(crate) const fn so_many(items: u64) -> Bound {
    Bound { length: Duration::MAX, items }
}
