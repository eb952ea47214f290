//! Faults while answers come in, and an oracle that holds what was acknowledged to what is stored.
//!
//! `load-tests chaos` runs every case in turn, each with a rig of its own, and fails if any of them does. The modules,
//! in reading order:

mod case;
mod cases;

mod plan;
mod send;

mod driver;
mod history;
mod script;

mod oracle;
mod storage;

mod rig;

mod report;
mod verdict;

use std::{
    fs,
    io::{IsTerminal as _, Write as _, stderr, stdout},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use voxgate::clock::Clock;

use self::{
    case::{Case, Entry},
    report::{Line, Report},
    verdict::Verdict,
};
use crate::terminal::say;

/// A case that takes longer hangs.
const CASE_WITHIN: Duration = Duration::from_secs(600);
/// Lines of each process's log that are shown when a case fails.
const SHOWN: usize = 30;

/// How the cases are to be run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Makes the submissions and the moments of the faults; a new one each run, when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Only the cases whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only the case of exactly this name.
    #[arg(long)]
    exactly: bool,
    /// A few seconds each.
    #[arg(long)]
    short: bool,
    /// Prints the names of the cases, and ends.
    #[arg(long)]
    list: bool,
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/voxgate")]
    voxgate: PathBuf,
    /// The configuration that is copied.
    #[arg(long, default_value = "gateway-config")]
    config: PathBuf,
    /// Where data and logs lie while it runs. What belongs to a case that passed is removed.
    #[arg(long, default_value = "target/chaos")]
    work: PathBuf,
    /// Where the figures are written.
    #[arg(long, default_value = "target/chaos.json")]
    out: PathBuf,
    /// A README whose table is rewritten.
    #[arg(long)]
    readme: Option<PathBuf>,
}

/// Runs the cases.
///
/// # Errors
/// One of them failed, or what is needed is not there.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let wanted = |entry: &&Entry| {
        if plan.exactly { entry.name == plan.only } else { entry.name.contains(&plan.only) }
    };
    let entries: Vec<_> = cases::ALL.iter().filter(wanted).collect();
    ensure!(!entries.is_empty(), "no case's name holds {:?}: see --list", plan.only);
    if plan.list {
        for entry in entries {
            writeln!(stdout(), "{}", entry.name)?;
        }
        return Ok(());
    }
    let seed = plan.seed.unwrap_or_else(rand::random);
    say(&format!("seed {seed}"));
    let progress = Progress::of(entries.len());
    let mut report = Report { seed, cases: Vec::new() };
    for entry in entries {
        report.cases.push(run_one(plan, entry, seed, &progress)?);
    }
    progress.bar.finish_and_clear();
    writeln!(stdout(), "{}", report.table())?;
    report.write(&plan.out)?;
    if let Some(readme) = &plan.readme {
        let date = Clock::System.now().to_string();
        report.rewrite(readme, date.get(..10).unwrap_or(&date))?;
    }
    let failed: Vec<_> = report.cases.iter().filter(|line| !line.is_clean()).collect();
    if !failed.is_empty() {
        bail!("{} of {} cases failed; seed {seed}", failed.len(), report.cases.len());
    }
    Ok(())
}

fn run_one(plan: &Plan, entry: &Entry, seed: u64, progress: &Progress) -> anyhow::Result<Line> {
    let work = plan.work.join(entry.name);
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("{} cannot be emptied", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    let absolute =
        |path: &Path| path.canonicalize().with_context(|| format!("{} is not there", path.display()));
    let case = Case {
        seed,
        is_short: plan.short,
        voxgate: absolute(&plan.voxgate)?,
        config: absolute(&plan.config)?,
        work: absolute(&work)?,
    };
    progress.begins(entry.name);
    let started = Instant::now();
    // Of its own, so that nothing of a case outlives it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let ran = runtime.block_on(async { tokio::time::timeout(CASE_WITHIN, (entry.run)(case)).await });
    runtime.shutdown_timeout(Duration::from_secs(5));
    let verdict = match ran {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => failed(format!("{error:#}")),
        Err(_) => failed(format!("it did not end within {CASE_WITHIN:?}")),
    };
    let line = Line::of(entry.name, verdict, started.elapsed().as_secs());
    progress.ended(&line);
    if line.is_clean() {
        fs::remove_dir_all(&work)?;
    } else {
        show(&line, &work, seed);
    }
    Ok(line)
}

fn failed(problem: String) -> Verdict {
    Verdict { problems: vec![problem], ..Verdict::default() }
}

/// What went wrong, and the end of every log.
fn show(line: &Line, work: &Path, seed: u64) {
    for problem in line.problems() {
        say(&format!("{}, seed {seed}: {problem}", line.name()));
    }
    let entries = fs::read_dir(work).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut logs: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    logs.sort();
    for log in logs {
        let text = fs::read_to_string(&log).unwrap_or_default();
        // The configuration is the sample's, as every one of its warnings says.
        let lines: Vec<_> =
            text.lines().filter(|line| !line.contains("\"message\":\"configuration\"")).collect();
        let shown = lines.len().saturating_sub(SHOWN);
        say(&format!("--- {} ({shown} lines before)", log.display()));
        for line in lines.iter().skip(shown) {
            say(line);
        }
    }
}

/// A bar on a terminal, else a line for each case.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn of(cases: usize) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg} {elapsed}");
        let bar = ProgressBar::new(cases as u64);
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())) }
    }

    fn begins(&self, name: &str) {
        self.bar.set_message(name.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(200));
        if !stderr().is_terminal() {
            say(&format!("{name} …"));
        }
    }

    fn ended(&self, line: &Line) {
        self.bar.inc(1);
        self.bar.suspend(|| say(&line.to_string()));
    }
}
