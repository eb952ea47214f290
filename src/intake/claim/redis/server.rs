//! Real Redis servers for tests: started on free ports in a directory of their own, ended with the value.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const START: Duration = Duration::from_secs(30);

/// One redis-server.
pub(crate) struct Server {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
}

impl Server {
    /// A server without persistence.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let child = spawn(port, &arguments, directory.path());
        let server = Self { child, port, arguments, directory };
        server.wait_until_up();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs redis-cli against it.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        cli(self.port, arguments)
    }

    /// SIGSTOP: it keeps its connections and says nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, empty.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.arguments, self.directory.path());
        self.wait_until_up();
    }

    /// Listens on another port from now on, with all that it holds.
    pub(crate) fn move_to(&mut self, port: u16) {
        assert_eq!(self.cli(&["CONFIG", "SET", "port", &port.to_string()]), "OK");
        self.port = port;
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    fn wait_until_up(&self) {
        wait(|| self.cli(&["PING"]) == "PONG");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Three masters with a replica each.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let node = || {
            let bus = free_port().to_string();
            Server::start_with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "1000",
                "--cluster-require-full-coverage",
                "no",
            ])
        };
        let servers: Vec<_> = std::iter::repeat_with(node).take(6).collect();
        let addresses: Vec<_> = servers.iter().map(Server::address).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        let created = servers[0].cli(&create);
        assert!(created.contains("All 16384 slots covered"), "{created}");
        let cluster = Self { servers };
        wait(|| cluster.servers.iter().all(Server::is_whole));
        cluster
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Server::url).collect()
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| server.is_replica())
    }
}

impl Server {
    fn is_replica(&self) -> bool {
        self.cli(&["ROLE"]).starts_with("slave")
    }

    /// The node agrees with the cluster, and has its data when it is a replica.
    fn is_whole(&self) -> bool {
        let role = self.cli(&["ROLE"]);
        let info = self.cli(&["CLUSTER", "INFO"]);
        info.contains("cluster_state:ok")
            && info.contains("cluster_known_nodes:6")
            && (role.starts_with("slave") && role.contains("connected") || role.starts_with("master"))
    }
}

/// Waits until it holds; fails after half a minute.
pub(crate) fn wait(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < START, "waited for half a minute in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    // Cluster bus ports may be any, so that all are free ones.
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, arguments: &[String], directory: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(arguments)
        .arg("--dir")
        .arg(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn cli(port: u16, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
