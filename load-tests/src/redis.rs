//! A real Redis on a free port, without persistence: the gateway promises nothing on its account.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use crate::process::{DEADLINE, LOOK_EVERY, Launch, Process};

/// Tries to find a port that nobody else takes in between.
const TRIES: u32 = 20;

/// A running `redis-server`.
#[derive(Debug)]
pub(crate) struct Redis {
    process: Process,
    address: SocketAddr,
    launch: Launch,
}

/// What a Redis was asked. System calls are what a command costs most of, where few share one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) commands: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

impl Traffic {
    /// What came after `before`.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            commands: self.commands - before.commands,
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
        }
    }
}

impl Redis {
    /// Starts one on any port, whose log lies in `dir`.
    pub(crate) async fn start(dir: &Path, core: &str) -> anyhow::Result<Self> {
        for _ in 0..TRIES {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            if let Some(redis) = Self::start_at(address, dir, core, &[]).await? {
                return Ok(redis);
            }
        }
        bail!("no free port for a redis-server in {TRIES} tries")
    }

    /// Starts one at an address; none when somebody else has the port. `more` are settings, as on the command line.
    pub(crate) async fn start_at(
        address: SocketAddr,
        dir: &Path,
        core: &str,
        more: &[&str],
    ) -> anyhow::Result<Option<Self>> {
        let (port, dir_name) = (address.port().to_string(), dir.display().to_string());
        let ours =
            ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", &dir_name];
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let launch = Launch {
            program: PathBuf::from("redis-server"),
            arguments: owned(&[&ours[..], more].concat()),
            wrapper: if core.is_empty() { Vec::new() } else { owned(&["taskset", "-c", core]) },
            environment: Vec::new(),
            log: dir.join(format!("redis-{port}.log")),
        };
        let process = launch.start().context("redis-server is needed: `make tools` installs it")?;
        let mut redis = Self { process, address, launch };
        Ok(redis.came_up().await?.then_some(redis))
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// SIGKILL; its data is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts an empty one on the same port; kills the one that runs.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) async fn come_back(&mut self) -> anyhow::Result<()> {
        self.kill();
        self.process = self.launch.start()?;
        ensure!(self.came_up().await?, "redis-server does not come back on {}", self.address);
        Ok(())
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.process.signal("STOP")
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) -> anyhow::Result<()> {
        self.process.signal("CONT")
    }

    /// What `redis-cli` prints.
    ///
    /// # Errors
    /// It fails; the error says what it printed.
    pub(crate) fn cli(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("redis-cli");
        command.args(["-e", "-p", &self.address.port().to_string()]).args(arguments);
        let asked = command.output().context("redis-cli is needed: `make tools` installs it")?;
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        ensure!(
            asked.status.success(),
            "redis-cli {arguments:?}: {said}{}",
            String::from_utf8_lossy(&asked.stderr)
        );
        Ok(said)
    }

    /// All memory that it holds for its data and itself, bytes.
    pub(crate) fn used_bytes(&self) -> anyhow::Result<u64> {
        let memory = self.info("memory")?;
        let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(used.context("Redis does not say used_memory")?.trim().parse()?)
    }

    /// What it was asked since it started, and in how many reads and writes of its sockets.
    pub(crate) fn traffic(&self) -> anyhow::Result<Traffic> {
        let stats = self.info("stats")?;
        let count = |name: &str| -> anyhow::Result<u64> {
            let value = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            Ok(value.with_context(|| format!("Redis does not say {name}"))?.trim().parse()?)
        };
        Ok(Traffic {
            commands: count("total_commands_processed")?,
            reads: count("total_reads_processed")?,
            writes: count("total_writes_processed")?,
        })
    }

    /// Whether it is ours that answers; false when it gave up.
    async fn came_up(&mut self) -> anyhow::Result<bool> {
        let started = Instant::now();
        while started.elapsed() < DEADLINE {
            if self.process.still_runs().is_err() {
                return Ok(false);
            }
            let ours = format!("process_id:{}\r", self.pid());
            if self.info("server").is_ok_and(|info| info.contains(&ours)) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("redis-server does not answer on {}", self.address)
    }

    fn info(&self, section: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "INFO {section}\r\nQUIT\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    }
}
