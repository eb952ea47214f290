//! How a gateway is to be started.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{
    config::ConfigDir,
    gateway::{Ended, Gateway, exit_code},
    logs::Logs,
};

/// The admin token of every gateway that a test starts.
pub(super) const ADMIN_TOKEN: &str = "admin-token-of-the-tests";

/// How a gateway is to be started: all roles, embedded claims, the sample configuration.
pub(crate) struct Plan {
    pub(crate) config: ConfigDir,
    data: TempDir,
    redis: Option<String>,
    store: String,
    roles: Vec<&'static str>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Option<u32>,
}

impl Plan {
    pub(crate) fn new() -> Self {
        let config = ConfigDir::samples();
        config.set("gateway.toml", "admin.token", ADMIN_TOKEN);
        // Many gateways run at once on one disk.
        config.set("gateway.toml", "spool.segment_bytes", "4 MiB");
        // And on few cores, which is no overload of any one of them.
        config.set("gateway.toml", "limits.queue_delay", "10 s");
        Self {
            config,
            data: tempfile::tempdir().unwrap(),
            redis: None,
            store: "127.0.0.1:0".to_owned(),
            roles: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            descriptors: None,
        }
    }

    /// Claims and quotas are shared through these servers.
    pub(crate) fn redis(mut self, urls: impl Into<String>) -> Self {
        self.redis = Some(urls.into());
        self
    }

    /// Only the store, listening on `addr`.
    pub(crate) fn only_store(mut self, addr: &str) -> Self {
        self.roles = vec!["store"];
        addr.clone_into(&mut self.store);
        self
    }

    /// Only the edge, delivering to a store elsewhere.
    pub(crate) fn only_edge(mut self, store_url: &str) -> Self {
        self.roles = vec!["edge"];
        store_url.clone_into(&mut self.store);
        self
    }

    /// Changes the configuration.
    pub(crate) fn config(self, change: impl FnOnce(&ConfigDir)) -> Self {
        change(&self.config);
        self
    }

    /// Sets one value of `gateway.toml`.
    pub(crate) fn set(self, path: &str, value: impl Into<toml::Value>) -> Self {
        self.config.set("gateway.toml", path, value);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it with a soft limit of so many file descriptors, as a shell does.
    pub(crate) fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// Adds a flag or its value.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Uses another gateway's data directory.
    pub(crate) fn data(self, path: &Path) -> Self {
        self.arg("--data").arg(path.display().to_string())
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(self) -> Gateway {
        Gateway::of(self).await
    }

    /// Starts it where it has to refuse, and waits for its end.
    pub(crate) async fn refuse(self) -> Ended {
        let logs = Logs::new();
        let mut child = self.spawn(&logs);
        let code = exit_code(&mut child).await;
        Ended { code, logs: logs.whole().await }
    }

    pub(super) fn spawn(&self, logs: &Logs) -> Child {
        let mut command = self.program();
        command.arg("serve");
        for (flag, value) in self.flags() {
            if !self.arguments.iter().any(|argument| argument == flag) {
                command.args([flag, value.as_str()]);
            }
        }
        for role in &self.roles {
            command.args(["--role", role]);
        }
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        logs.follow(child.stdout.take().unwrap());
        logs.follow(child.stderr.take().unwrap());
        child
    }

    fn program(&self) -> Command {
        let voxgate = env!("CARGO_BIN_EXE_voxgate");
        let Some(limit) = self.descriptors else { return Command::new(voxgate) };
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -Sn {limit} && exec \"$0\" \"$@\""), voxgate]);
        shell
    }

    /// Makes the next start listen for gateways at `addr`.
    pub(super) fn store_at(&mut self, addr: &str) {
        addr.clone_into(&mut self.store);
    }

    pub(super) fn data_path(&self) -> &Path {
        self.data.path()
    }

    /// The flags of every start; an added one of the same name replaces ours.
    fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = vec![
            ("--config", self.config.path().display().to_string()),
            ("--data", self.data.path().display().to_string()),
            ("--http", "127.0.0.1:0".to_owned()),
            ("--grpc", "127.0.0.1:0".to_owned()),
            ("--admin", "127.0.0.1:0".to_owned()),
            ("--store", self.store.clone()),
        ];
        flags.extend(self.redis.clone().map(|urls| ("--redis", urls)));
        flags
    }

    pub(super) fn has_role(&self, role: &str) -> bool {
        self.roles.is_empty() || self.roles.contains(&role)
    }
}
