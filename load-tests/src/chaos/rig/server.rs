//! One voxgate process: its ports, its configuration and its data stay the same across restarts.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::port;
use crate::{
    config::ConfigDir,
    identity,
    load::Connection,
    process::{DEADLINE, LOOK_EVERY, Launch, Process},
};

/// The admin token of every server of a rig.
pub(crate) const ADMIN_TOKEN: &str = "admin-token-of-the-rig";
/// One question to the admin listener.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// The books of a gateway.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Books {
    pub(crate) received: u64,
    pub(crate) in_flight: u64,
    pub(crate) accepted: u64,
    pub(crate) revised: u64,
    pub(crate) duplicate: u64,
    pub(crate) quarantined: u64,
    pub(crate) limited: u64,
    pub(crate) rejected: u64,
    pub(crate) appended: u64,
    pub(crate) delivered: u64,
    pub(crate) spooled: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) set_aside: u64,
    pub(crate) balanced: bool,
}

impl Books {
    /// Both sums, and what the gateway says of them.
    pub(crate) fn balance(&self) -> bool {
        let ends =
            [self.accepted, self.revised, self.duplicate, self.quarantined, self.limited, self.rejected];
        let places = [self.delivered, self.spooled, self.dead_lettered, self.set_aside];
        self.balanced
            && self.received == ends.iter().sum::<u64>() + self.in_flight
            && self.appended == places.iter().sum::<u64>()
    }
}

/// A voxgate, running or not.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    /// Changes take effect with a reload or a restart.
    pub(crate) config: ConfigDir,
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// How it is started the next time: wrapper and environment may be changed.
    pub(crate) launch: Launch,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) store: SocketAddr,
    admin: SocketAddr,
    logs: PathBuf,
    starts: u32,
    process: Option<Process>,
}

impl Server {
    /// A server that is not started yet. `roles` as `--role`; `arguments` as the command line's.
    pub(super) fn new(
        voxgate: &Path,
        config: ConfigDir,
        dir: &Path,
        name: &str,
        roles: &[&str],
    ) -> anyhow::Result<Self> {
        config.set("gateway.toml", "admin.token", ADMIN_TOKEN)?;
        let data = dir.join(format!("{name}-data"));
        let [http, grpc, store, admin] = std::array::from_fn(|_| port::free());
        let mut arguments = vec!["serve".to_owned()];
        let mut flag = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        flag("--config", config.path().display().to_string());
        flag("--data", data.display().to_string());
        flag("--admin", admin.to_string());
        for role in roles {
            flag("--role", (*role).to_owned());
        }
        if roles != ["store"] {
            flag("--http", http.to_string());
            flag("--grpc", grpc.to_string());
        }
        if roles != ["edge"] {
            flag("--store", store.to_string());
        }
        let launch = Launch {
            program: voxgate.to_owned(),
            arguments,
            wrapper: Vec::new(),
            environment: Vec::new(),
            log: PathBuf::new(),
        };
        let (name, logs) = (name.to_owned(), dir.to_owned());
        Ok(Self { name, config, data, launch, http, grpc, store, admin, logs, starts: 0, process: None })
    }

    /// Adds a flag of the command line.
    pub(super) fn flag(&mut self, name: &str, value: impl Into<String>) {
        self.launch.arguments.extend([name.to_owned(), value.into()]);
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        self.ready().await
    }

    /// Starts it without waiting. Each start has a log of its own.
    pub(crate) fn spawn(&mut self) -> anyhow::Result<()> {
        self.kill();
        self.starts += 1;
        self.launch.log = self.logs.join(format!("{}.{:02}.log", self.name, self.starts));
        self.process = Some(self.launch.start()?);
        Ok(())
    }

    /// Waits for `/readyz` to answer 200.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !matches!(self.get("/readyz").await, Ok((200, _))) {
            self.process()?.still_runs()?;
            ensure!(started.elapsed() < DEADLINE, "{} does not become ready", self.name);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// SIGKILL; one that does not run stays so.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Kills it if it runs, starts it on the same ports and data, and waits until it is ready.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.start().await
    }

    /// Sends a signal by its name: `TERM`, `STOP`, `CONT`, `HUP`.
    pub(crate) fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        self.process()?.signal(name)
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let status = self.process()?.ended(within).await?;
        self.process = None;
        Ok(status)
    }

    /// # Errors
    /// It does not run.
    fn process(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("{} does not run", self.name))
    }

    /// Its process id.
    pub(crate) fn pid(&mut self) -> anyhow::Result<u32> {
        Ok(self.process()?.pid())
    }

    /// Memory that it has now, and the most that it ever had since it was started, bytes.
    pub(crate) fn memory_bytes(&mut self) -> anyhow::Result<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let of = |field: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            line.trim().strip_suffix(" kB")?.parse().ok().map(|kib: u64| kib << 10)
        };
        of("VmRSS:").zip(of("VmHWM:")).context("/proc/<pid>/status says no memory")
    }

    /// GET on the admin listener.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        self.ask(&identity::get(path)).await
    }

    /// POST on the admin listener, with its token.
    pub(crate) async fn post(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let fields =
            format!("host: localhost\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-length: 0\r\n");
        self.ask(format!("POST {path} HTTP/1.1\r\n{fields}\r\n").as_bytes()).await
    }

    /// POST of JSON on the HTTP listener, with these header fields, each with its line's end.
    pub(crate) async fn submit(&self, path: &str, fields: &str, body: &str) -> anyhow::Result<(u16, Value)> {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             {fields}content-length: {length}\r\n\r\n{body}"
        );
        let mut connection = Connection::open(self.http).await?;
        let reply = connection.exchange(request.as_bytes()).await?;
        Ok((reply.status, serde_json::from_slice(reply.body).unwrap_or_default()))
    }

    async fn ask(&self, request: &[u8]) -> anyhow::Result<(u16, String)> {
        let asked = async {
            let mut connection = Connection::open(self.admin).await?;
            let reply = connection.exchange(request).await?;
            anyhow::Ok((reply.status, String::from_utf8_lossy(reply.body).into_owned()))
        };
        let asked = tokio::time::timeout(ASK_WITHIN, asked).await;
        asked.with_context(|| format!("{} does not answer in {ASK_WITHIN:?}", self.name))?
    }

    /// `/ledger`.
    pub(crate) async fn books(&self) -> anyhow::Result<Books> {
        let (status, body) = self.get("/ledger").await?;
        ensure!(status == 200, "/ledger of {} answered {status}", self.name);
        Ok(serde_json::from_str(&body)?)
    }

    /// `/readyz`: the status, and what it says.
    pub(crate) async fn readyz(&self) -> anyhow::Result<(u16, Value)> {
        let (status, body) = self.get("/readyz").await?;
        Ok((status, serde_json::from_str(&body)?))
    }

    /// A line of `/metrics` by its beginning.
    pub(crate) async fn metric(&self, beginning: &str) -> anyhow::Result<f64> {
        let (_, metrics) = self.get("/metrics").await?;
        let line = metrics.lines().find(|line| line.starts_with(beginning));
        let value = line.and_then(|line| line.rsplit(' ').next());
        Ok(value.with_context(|| format!("{} has no metric {beginning}", self.name))?.parse()?)
    }

    /// Runs a command with this server's configuration, for example `["erase", "--store", URL, …]`; what it printed.
    ///
    /// # Errors
    /// It fails; the error says what it printed.
    pub(crate) fn voxgate(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.launch.program);
        command.args(arguments).arg("--config").arg(self.config.path());
        let ran = command.output()?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        if !ran.status.success() {
            bail!("voxgate {arguments:?}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        }
        Ok(said)
    }

    /// `http://` and its admin listener, as `--admin` takes it.
    pub(crate) fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// `http://` and its store's listener, as `--store` takes it.
    pub(crate) fn store_url(&self) -> String {
        format!("http://{}", self.store)
    }

    /// All that it logged since it was started last.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.launch.log).unwrap_or_default()
    }

    /// Waits for a line of its log since it was started last.
    pub(crate) async fn logs(&self, words: &str, within: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.log().contains(words) {
            ensure!(started.elapsed() < within, "{} does not log {words:?} in {within:?}", self.name);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}
