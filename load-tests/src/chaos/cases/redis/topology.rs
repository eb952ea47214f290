//! Who is whose replica in a cluster, and how it is changed.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

use crate::{
    process::{DEADLINE, LOOK_EVERY},
    redis::Redis,
};

/// A master and its replica, by their places.
#[derive(Clone, Copy, Debug)]
pub(in crate::chaos::cases) struct Pair {
    pub(in crate::chaos::cases) master: usize,
    pub(in crate::chaos::cases) replica: usize,
}

/// Every master that has a replica.
pub(in crate::chaos::cases) fn pairs(nodes: &[Redis]) -> anyhow::Result<Vec<Pair>> {
    let mut found = Vec::new();
    for (replica, node) in nodes.iter().enumerate() {
        let role = node.cli(&["ROLE"])?;
        let mut lines = role.lines();
        if lines.next() != Some("slave") {
            continue;
        }
        let port: u16 = lines.nth(1).context("a replica tells its master's port")?.parse()?;
        let master = nodes.iter().position(|node| node.address().port() == port);
        found.push(Pair { master: master.context("its master is one of the nodes")?, replica });
    }
    Ok(found)
}

/// The node at a place.
pub(in crate::chaos::cases) fn node(nodes: &mut [Redis], place: usize) -> anyhow::Result<&mut Redis> {
    nodes.get_mut(place).context("there is such a node")
}

/// Waits until a replica has all that its master had when it was asked.
pub(in crate::chaos::cases) async fn replicated(nodes: &mut [Redis], pair: Pair) -> anyhow::Result<()> {
    let written = offset(node(nodes, pair.master)?, "master_repl_offset:")?;
    let started = Instant::now();
    let replica = node(nodes, pair.replica)?;
    let is_linked = |replica: &Redis| {
        anyhow::Ok(replica.cli(&["INFO", "replication"])?.contains("master_link_status:up"))
    };
    while !is_linked(replica)? || offset(replica, "slave_repl_offset:")? < written {
        ensure!(started.elapsed() < DEADLINE, "a replica does not catch up");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn offset(node: &Redis, field: &str) -> anyhow::Result<u64> {
    let info = node.cli(&["INFO", "replication"])?;
    let value = info.lines().find_map(|line| line.strip_prefix(field));
    Ok(value.with_context(|| format!("{field} is told: {info}"))?.trim().parse()?)
}

/// What a master is told from now on never reaches its replica.
pub(in crate::chaos::cases) fn cut_replication(master: &Redis) -> anyhow::Result<()> {
    master.cli(&["ACL", "SETUSER", "default", "-psync", "-sync"])?;
    master.cli(&["CLIENT", "KILL", "TYPE", "replica"])?;
    Ok(())
}

/// The replica takes over with what it has, without asking anyone. Its master learns of it, and no connection ends.
pub(in crate::chaos::cases) async fn take_over(nodes: &mut [Redis], pair: Pair) -> anyhow::Result<()> {
    node(nodes, pair.replica)?.cli(&["CLUSTER", "FAILOVER", "TAKEOVER"])?;
    becomes_master(node(nodes, pair.replica)?).await
}

/// Waits until it is a master.
pub(in crate::chaos::cases) async fn becomes_master(replica: &Redis) -> anyhow::Result<()> {
    let started = Instant::now();
    while !replica.cli(&["ROLE"])?.starts_with("master") {
        ensure!(started.elapsed() < DEADLINE, "the replica at {} does not take over", replica.address());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// `redis-cli --cluster reshard`: moves so many slots from one master to another.
pub(in crate::chaos::cases) async fn reshard(
    nodes: &[Redis],
    from: usize,
    to: usize,
    slots: u32,
    within: Duration,
) -> anyhow::Result<()> {
    let id = |place: usize| nodes.get(place).context("there is such a node")?.cli(&["CLUSTER", "MYID"]);
    let (from, to, slots) = (id(from)?, id(to)?, slots.to_string());
    let any = nodes.first().context("there are nodes")?.address().to_string();
    agree(&any).await?;
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "reshard", &any, "--cluster-from", from.trim(), "--cluster-to", to.trim()]);
    command.args(["--cluster-slots", &slots, "--cluster-yes"]).stdin(Stdio::null());
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(within, ran).await.context("resharding does not end")???;
    let said = String::from_utf8_lossy(&output.stdout);
    let end = said.char_indices().rev().nth(2000).map_or(0, |(place, _)| place);
    ensure!(output.status.success(), "resharding failed: …{}", said.get(end..).unwrap_or_default());
    Ok(())
}

/// Waits until all nodes know the same of the slots; the tool refuses to move any before.
async fn agree(any: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "check", any]).stdin(Stdio::null());
        if tokio::task::spawn_blocking(move || command.output()).await??.status.success() {
            return Ok(());
        }
        ensure!(started.elapsed() < DEADLINE, "the nodes do not agree about the slots");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
