//! Redis fails in every way it can. Nothing is lost or doubled, an answer costs little more, and each gateway takes
//! Redis back by itself.

pub(super) mod outage;
pub(super) mod topology;

use std::time::Duration;

use anyhow::{Context as _, bail};

use self::outage::Outage;
use crate::{
    chaos::{
        case::Case,
        rig::{Claims, Network, Setup},
        verdict::Verdict,
    },
    redis::Redis,
};

/// Longer than anybody waits for Redis.
const SLOW: Duration = Duration::from_secs(5);
/// Another fleet's.
const OTHER_KEY: &str = "616e206964656e74697479206b6579206f6620616e6f7468657220666c656574";
const ENDS_WITHIN: Duration = Duration::from_secs(20);
const RESHARDED_WITHIN: Duration = Duration::from_secs(60);
/// Beside what Redis needs for itself.
const ROOM_BYTES: u64 = 2 << 20;

fn two_gateways(claims: Claims) -> Setup {
    Setup { gateways: 2, claims, ..Setup::default() }
}

/// SIGKILL; away for a while, and back empty.
pub(super) async fn killed(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Redis)).await?;
    outage.rig.redis()?.kill();
    outage.redis_is_up(false).await?;
    outage.goes_on().await?;
    outage.rig.redis()?.come_back().await?;
    outage.end().await
}

/// Gone and back, empty, before anybody can tell; again and again.
pub(super) async fn restarted_empty(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Redis)).await?;
    let (mut faults, restarts) = (case.faults(), case.pick(3, 20));
    for _ in 0..restarts {
        outage.rig.redis()?.come_back().await?;
        outage.redis_is_up(true).await?;
        faults.pause(100, 400).await;
    }
    outage.goes_on().await?;
    outage.end().await
}

/// SIGSTOP: connections stay, and nothing is said over them.
pub(super) async fn frozen(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Redis)).await?;
    outage.rig.redis()?.freeze()?;
    outage.redis_is_up(false).await?;
    outage.goes_on().await?;
    outage.rig.redis()?.thaw()?;
    outage.end().await
}

/// Whatever is sent to Redis, and whatever it says, arrives 5 s later.
pub(super) async fn slow(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { redis_proxy: true, ..two_gateways(Claims::Redis) };
    let outage = Outage::begin(&case, setup).await?;
    let set = |network| {
        outage.rig.gateways.iter().filter_map(|gateway| gateway.redis_proxy.as_ref()).for_each(|proxy| {
            proxy.set(network);
        });
    };
    set(Network::Delay(SLOW));
    outage.redis_is_up(false).await?;
    outage.goes_on().await?;
    set(Network::Pass);
    outage.end().await
}

/// `maxmemory` is reached, and nothing may be evicted: writes are refused, reads go on.
pub(super) async fn out_of_memory(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Redis)).await?;
    let redis = outage.rig.redis()?;
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"])?;
    outage.redis_is_up(false).await?;
    outage.goes_on().await?;
    outage.rig.redis()?.cli(&["CONFIG", "SET", "maxmemory", "0"])?;
    outage.end().await
}

/// Replicas that were cut off take over: what was claimed since is forgotten. One takes over by command, which leaves
/// the connections to its master open; another because its master dies.
pub(super) async fn failover(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Cluster)).await?;
    let pairs = topology::pairs(outage.nodes()?)?;
    let [by_command, by_death, ..] = pairs[..] else { bail!("there are three masters with a replica each") };
    topology::replicated(outage.nodes()?, by_command).await?;
    topology::cut_replication(topology::node(outage.nodes()?, by_command.master)?)?;
    outage.load.acknowledges(50, ENDS_WITHIN).await?;
    topology::take_over(outage.nodes()?, by_command).await?;
    outage.goes_on().await?;
    topology::replicated(outage.nodes()?, by_death).await?;
    topology::cut_replication(topology::node(outage.nodes()?, by_death.master)?)?;
    outage.load.acknowledges(50, ENDS_WITHIN).await?;
    topology::node(outage.nodes()?, by_death.master)?.kill();
    topology::becomes_master(topology::node(outage.nodes()?, by_death.replica)?).await?;
    outage.goes_on().await?;
    outage.end().await
}

/// Slots move from one master to the next, and on, while claims in them are asked for.
pub(super) async fn reshard(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Cluster)).await?;
    let pairs = topology::pairs(outage.nodes()?)?;
    let masters: Vec<_> = pairs.iter().map(|pair| pair.master).collect();
    let moves = masters.iter().zip(masters.iter().cycle().skip(1)).cycle();
    for (from, to) in moves.take(case.pick(1, 6)) {
        topology::reshard(outage.nodes()?, *from, *to, case.pick(400, 3000), RESHARDED_WITHIN).await?;
    }
    outage.goes_on().await?;
    outage.end().await
}

/// `allkeys-lru`, and others fill the memory again and again: buckets, runs' numbers and the fleet's identity are
/// evicted.
pub(super) async fn lru(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Redis)).await?;
    let redis = outage.rig.redis()?;
    let used: u64 = told(redis, "memory", "used_memory:")?;
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    redis.cli(&["CONFIG", "SET", "maxmemory", &(used + ROOM_BYTES).to_string()])?;
    let mut buckets_evicted = 0;
    for round in 0..case.pick(5, 40) {
        let fill = "for i = 1, 4000 do redis.call('SET', ARGV[1] .. ':' .. i, string.rep('x', 1000)) end";
        let redis = outage.rig.redis()?;
        let before = redis.cli(&["KEYS", "vg:{*"])?.lines().count();
        redis.cli(&["EVAL", fill, "0", &format!("others:{round}")])?;
        let after = redis.cli(&["KEYS", "vg:{*"])?.lines().count();
        buckets_evicted += before.saturating_sub(after);
        outage.load.acknowledges(40, ENDS_WITHIN).await?;
    }
    let evicted: u64 = told(outage.rig.redis()?, "stats", "evicted_keys:")?;
    outage.goes_on().await?;
    outage.rig.redis()?.cli(&["CONFIG", "SET", "maxmemory", "0"])?;
    let mut verdict = outage.end().await?;
    verdict.must(buckets_evicted > 0, || format!("no bucket was evicted, although {evicted} keys were"));
    verdict.note(format!("{evicted} keys evicted, {buckets_evicted} buckets among them"));
    Ok(verdict)
}

/// A second gateway comes with another identity key and ends, saying why. Then Redis itself becomes another fleet's:
/// the gateways go on without it, and take it back.
pub(super) async fn other_identity_key(case: Case) -> anyhow::Result<Verdict> {
    let mut outage = Outage::begin(&case, two_gateways(Claims::Redis)).await?;
    let second = &mut outage.rig.gateway(1)?.server;
    let config = second.config.file("gateway.toml");
    let ours = std::fs::read_to_string(&config)?;
    second.kill();
    second.config.set("gateway.toml", "identity.key", OTHER_KEY)?;
    second.spawn()?;
    let ended = second.ended(ENDS_WITHIN).await?;
    let log = second.log();
    std::fs::write(&config, ours)?;
    second.restart().await?;
    outage.is_calm().await?;

    outage.rig.redis()?.cli(&["SET", "vg:identity", "of another fleet"])?;
    outage.redis_is_up(false).await?;
    outage.goes_on().await?;
    outage.rig.redis()?.cli(&["DEL", "vg:identity"])?;
    let mut verdict = outage.end().await?;
    verdict.must(ended.code() == Some(64), || format!("the other gateway ended with {ended}"));
    verdict.must(log.contains("identity"), || format!("it does not say why: {log}"));
    Ok(verdict)
}

/// A figure of `INFO`.
fn told(redis: &Redis, section: &str, field: &str) -> anyhow::Result<u64> {
    let info = redis.cli(&["INFO", section])?;
    let value = info.lines().find_map(|line| line.strip_prefix(field));
    Ok(value.with_context(|| format!("{field} is told"))?.trim().parse()?)
}
