//! A real Redis on a free port, without persistence: the gateway promises nothing on its account.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::process::{DEADLINE, LOOK_EVERY, Process};

/// Tries to find a port that nobody else takes in between.
const TRIES: u32 = 20;

/// A running `redis-server`.
#[derive(Debug)]
pub(crate) struct Redis {
    process: Process,
    address: SocketAddr,
}

impl Redis {
    /// Starts one whose log lies in `dir`.
    pub(crate) async fn start(dir: &Path, core: &str) -> anyhow::Result<Self> {
        for _ in 0..TRIES {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let port = address.port().to_string();
            let dir_name = dir.display().to_string();
            let arguments = [
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                &dir_name,
            ];
            let process = Process::start(Path::new("redis-server"), &arguments, core, dir.join("redis.log"))
                .context("redis-server is needed: `make tools` installs it")?;
            let mut redis = Self { process, address };
            if redis.came_up().await? {
                return Ok(redis);
            }
        }
        bail!("no free port for a redis-server in {TRIES} tries")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// All memory that it holds for its data and itself, bytes.
    pub(crate) fn used_bytes(&self) -> anyhow::Result<u64> {
        let memory = self.info("memory")?;
        let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(used.context("Redis does not say used_memory")?.trim().parse()?)
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
