//! Processes that a run starts, and ends with itself.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// How long anything may take to come up or to settle.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Between two looks at something that is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a program is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Precedes the program. It has to become it (`exec`), so that its process id is the program's.
    pub(crate) wrapper: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// Where what it says goes.
    pub(crate) log: PathBuf,
}

impl Launch {
    /// A program on a core (any, when empty); what it says goes to `log`.
    pub(crate) fn on(program: &Path, arguments: &[&str], core: &str, log: PathBuf) -> Self {
        // taskset becomes the program that it starts.
        let wrapper = if core.is_empty() { Vec::new() } else { vec!["taskset", "-c", core] };
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (program, arguments, wrapper) = (program.to_owned(), owned(arguments), owned(&wrapper));
        Self { program, arguments, wrapper, environment: Vec::new(), log }
    }

    /// Under another program, which has to become it.
    pub(crate) fn under(mut self, under: &[String]) -> Self {
        self.wrapper.extend_from_slice(under);
        self
    }

    /// Starts it.
    pub(crate) fn start(&self) -> anyhow::Result<Process> {
        let mut command = match self.wrapper.split_first() {
            None => Command::new(&self.program),
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(&self.program);
                command
            }
        };
        let log = &self.log;
        let out = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        let child =
            command.spawn().with_context(|| format!("{} cannot be started", self.program.display()))?;
        Ok(Process { child, log: log.clone() })
    }
}

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
        Launch::on(program, arguments, core, log).start()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, `TERM`, `STOP`, `CONT`, `HUP`. After `STOP` it stands still: one thread takes the
    /// signal and stops the others, and until then they go on.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status()?;
        ensure!(sent.success(), "SIG{name} cannot be sent to process {}", self.pid());
        let started = Instant::now();
        while name == "STOP" && !self.stands_still()? {
            ensure!(started.elapsed() < DEADLINE, "process {} does not stop", self.pid());
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether every thread is stopped (state `T` of proc_pid_stat(5), after the name); one that is gone is no more.
    fn stands_still(&self) -> anyhow::Result<bool> {
        let mut all = true;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let stat = fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
            all &= stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['T', 'Z']));
        }
        Ok(all)
    }

    /// SIGKILL, and waits for the end. One that has already ended is as good.
    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It still runs.
    pub(crate) async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(started.elapsed() < within, "a process did not end within {within:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
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
                bail!("a process ended, {status}:\n{log}")
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
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
