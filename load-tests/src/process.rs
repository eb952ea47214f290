//! Processes that a bench starts, and ends with itself.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// How long anything may take to come up or to settle.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Between two looks at something that is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program on a core (any, when empty); what it says goes to `log`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        core: &str,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let mut command = if core.is_empty() {
            Command::new(program)
        } else {
            let mut pinned = Command::new("taskset");
            pinned.args(["-c", core]).arg(program);
            pinned
        };
        let out = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        command.args(arguments).stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        let child = command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self { child, log })
    }

    /// Its process id. taskset becomes the program that it starts, so this is the program's own.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the address that a listener logs once it accepts.
    pub(crate) async fn listening(&mut self, listener: &str) -> anyhow::Result<SocketAddr> {
        let started = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log)?;
            if let Some(address) = log.lines().find_map(|line| address(line, listener)) {
                return Ok(address);
            }
            self.still_runs()?;
            if started.elapsed() > DEADLINE {
                bail!("its {listener} listener did not come up:\n{log}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// # Errors
    /// It ended; the error says what it logged.
    pub(crate) fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("a process of the bench ended, {status}:\n{log}")
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn address(line: &str, listener: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let is = |field, wanted| event.get(field).and_then(Value::as_str) == Some(wanted);
    if !(is("message", "listening") && is("listener", listener)) {
        return None;
    }
    event.get("addr")?.as_str()?.parse().ok()
}
