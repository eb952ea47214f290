//! Real Redis servers on free ports, killed when the test ends.

use std::{
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use super::{certificates::Authority, wait::wait_for};

/// One `redis-server` without persistence.
pub(crate) struct Redis {
    child: Child,
    dir: TempDir,
    port: u16,
    cluster_port: Option<u16>,
    tls_port: Option<u16>,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        Self::start_as(false, None).await
    }

    /// One that also speaks TLS, and asks its clients for a certificate of the same authority.
    pub(crate) async fn start_with_tls(authority: &Authority) -> Self {
        Self::start_as(false, Some(authority)).await
    }

    async fn start_as(node: bool, authority: Option<&Authority>) -> Self {
        // Another process may take a free port before the server does; then the next one is tried.
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let port = free_port();
            let cluster_port = node.then(free_port);
            let tls_port = authority.map(|authority| {
                authority.write_to(dir.path());
                free_port()
            });
            let child = launch(&dir, port, cluster_port, tls_port);
            let mut redis = Self { child, dir, port, cluster_port, tls_port };
            if redis.came_up().await {
                return redis;
            }
        }
        panic!("no free port for a redis-server in twenty tries");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `rediss://` of one that speaks TLS.
    pub(crate) fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.tls_port.unwrap())
    }

    /// SIGKILL; its data is gone.
    pub(crate) fn kill(&mut self) {
        end(&mut self.child);
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT: it goes on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.unwrap().success());
    }

    /// Starts an empty server on the same port.
    pub(crate) async fn come_back(&mut self) {
        self.kill();
        self.child = launch(&self.dir, self.port, self.cluster_port, self.tls_port);
        assert!(self.came_up().await, "redis-server did not come back on port {}", self.port);
    }

    /// Whether our own server answers; false when it gave up.
    async fn came_up(&mut self) -> bool {
        wait_for("redis-server to answer or to give up", async || {
            if self.child.try_wait().unwrap().is_some() {
                return Some(false);
            }
            let info = self.cli(&["INFO", "server"]);
            let ours = format!("process_id:{}\r", self.child.id());
            String::from_utf8_lossy(&info.stdout).contains(&ours).then_some(true)
        })
        .await
    }

    /// Runs `redis-cli` against it.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output().unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn launch(dir: &TempDir, port: u16, cluster_port: Option<u16>, tls_port: Option<u16>) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(dir.path());
    if let Some(bus) = cluster_port {
        command.args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]);
        command.args(["--cluster-node-timeout", "2000"]);
    }
    if let Some(port) = tls_port {
        command.args(["--tls-port", &port.to_string()]);
        for (flag, file) in
            [("--tls-cert-file", "cert.pem"), ("--tls-key-file", "key.pem"), ("--tls-ca-cert-file", "ca.pem")]
        {
            command.arg(flag).arg(dir.path().join(file));
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server is installed by `make test`")
}

fn end(child: &mut Child) {
    // Already ended is as good.
    child.kill().ok();
    child.wait().ok();
}

/// A port that is free now. Below the ephemeral range, so that no outgoing connection takes it in between.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 15_000 + (std::process::id().wrapping_mul(61).wrapping_add(step)) % 15_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Six nodes: three masters with a replica each.
pub(crate) struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    pub(crate) async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push(Redis::start_as(true, None).await);
        }
        let cluster = Self { nodes };
        cluster.join().await;
        cluster
    }

    /// All seeds, separated by commas, as `--redis` takes them.
    pub(crate) fn urls(&self) -> String {
        self.nodes.iter().map(Redis::url).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// SIGKILL to the node at `index`.
    pub(crate) fn kill(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// The place of a node that is a master and holds keys.
    pub(crate) fn master_with_keys(&self) -> Option<usize> {
        self.nodes.iter().position(|node| {
            let role = String::from_utf8_lossy(&node.cli(&["ROLE"]).stdout).into_owned();
            let keys = String::from_utf8_lossy(&node.cli(&["DBSIZE"]).stdout).trim().parse::<u64>();
            role.starts_with("master") && keys.is_ok_and(|keys| keys > 0)
        })
    }

    async fn join(&self) {
        let addresses: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        for node in &self.nodes {
            wait_for("cluster_state:ok on every node", async || {
                let info = node.cli(&["CLUSTER", "INFO"]);
                let info = String::from_utf8_lossy(&info.stdout).into_owned();
                (info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6")).then_some(())
            })
            .await;
        }
    }
}
