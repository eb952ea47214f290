//! Real Redis servers for tests: started on free ports in a directory of their own, ended with the value.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
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
        Self::start_as(|| arguments.iter().map(|argument| (*argument).to_owned()).collect())
    }

    /// A server with arguments that are chosen anew for each try: another process may take a free port before the
    /// server does.
    fn start_as(arguments: impl Fn() -> Vec<String>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            let (port, arguments) = (free_port(), arguments());
            let mut child = spawn(port, &arguments, directory.path());
            if came_up(&mut child, port) {
                return Self { child, port, arguments, directory };
            }
        }
        panic!("no free port for a redis-server in twenty tries");
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
        assert!(came_up(&mut self.child, self.port), "it did not come back on its port");
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
            Server::start_as(|| {
                let words =
                    "--cluster-enabled yes --cluster-node-timeout 30000 --cluster-require-full-coverage no";
                let bus = ["--cluster-port".to_owned(), free_port().to_string()];
                words.split(' ').map(str::to_owned).chain(bus).collect()
            })
        };
        let servers: Vec<_> = std::iter::repeat_with(node).take(6).collect();
        let addresses: Vec<_> = servers.iter().map(Server::address).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        let created = servers[0].cli(&create);
        assert!(created.contains("All 16384 slots covered"), "{created}");
        // A handshake that takes longer than this is given up, so it is short only from here on.
        for server in &servers {
            assert_eq!(server.cli(&["CONFIG", "SET", "cluster-node-timeout", "1000"]), "OK");
        }
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
    pub(crate) fn is_replica(&self) -> bool {
        self.cli(&["ROLE"]).starts_with("slave")
    }

    /// The node agrees with the cluster, and has its data when it is a replica.
    pub(crate) fn is_whole(&self) -> bool {
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

/// Whether our own server answers; false when it gave up.
fn came_up(child: &mut Child, port: u16) -> bool {
    let mut gave_up = false;
    wait(|| {
        gave_up = child.try_wait().unwrap().is_some();
        gave_up || cli(port, &["INFO", "server"]).contains(&format!("process_id:{}\r", child.id()))
    });
    !gave_up
}

/// A port that is free now. Below the ephemeral range, so that no outgoing connection takes it in between.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 2_000 + (std::process::id().wrapping_mul(61).wrapping_add(step)) % 12_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
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
