//! Redis Cluster: three masters with a replica each.

use std::{net::SocketAddr, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, bail, ensure};

use super::port;
use crate::{
    process::{DEADLINE, LOOK_EVERY},
    redis::Redis,
};

/// A master that does not answer for so long is failed over, ms.
const NODE_TIMEOUT_MS: &str = "1000";
/// The same while they meet: a handshake that takes longer is given up, and `redis-cli` then waits for it for ever.
const MEETING_TIMEOUT_MS: &str = "30000";

/// Six nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts and joins them; logs lie in `dir`.
    pub(crate) async fn start(dir: &Path) -> anyhow::Result<Self> {
        let mut nodes = Vec::new();
        while nodes.len() < 6 {
            let (address, bus) = (port::free(), port::free().port().to_string());
            let file = format!("nodes-{}.conf", address.port());
            let more = [
                ["--cluster-enabled", "yes"],
                ["--cluster-port", &bus],
                ["--cluster-config-file", &file],
                ["--cluster-node-timeout", MEETING_TIMEOUT_MS],
                ["--repl-diskless-sync-delay", "0"],
            ];
            nodes.extend(Redis::start_at(address, dir, "", more.as_flattened()).await?);
        }
        let cluster = Self { nodes };
        cluster.join().await?;
        Ok(cluster)
    }

    /// All of them, separated by commas, as `--redis` takes them.
    pub(crate) fn urls(&self) -> String {
        self.nodes.iter().map(Redis::url).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn nodes(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    async fn join(&self) -> anyhow::Result<()> {
        let addresses: Vec<SocketAddr> = self.nodes.iter().map(Redis::address).collect();
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "create"]).args(addresses.iter().map(SocketAddr::to_string));
        let created = command.args(["--cluster-replicas", "1", "--cluster-yes"]).output();
        let created = created.context("redis-cli is needed: `make tools` installs it")?;
        ensure!(created.status.success(), "no cluster: {}", String::from_utf8_lossy(&created.stdout));
        let started = Instant::now();
        for node in &self.nodes {
            node.cli(&["CONFIG", "SET", "cluster-node-timeout", NODE_TIMEOUT_MS])?;
            loop {
                let info = node.cli(&["CLUSTER", "INFO"])?;
                if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6") {
                    break;
                }
                if started.elapsed() > DEADLINE {
                    bail!("the cluster does not come up: {info}");
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }
}
