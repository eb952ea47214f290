//! The claim protocol's own cases: what Redis knows of an answer is more, less or older than what is on disk.

mod halted;
mod later;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use voxgate::proto::store::v1::Claim;

use self::halted::Halted;
use super::redis::{outage, topology};
use crate::{
    chaos::{
        case::Case,
        plan::Way,
        rig::{Claims, Gateway, Rig, Setup},
        script::{Say, Script},
        verdict::Verdict,
    },
    process::LOOK_EVERY,
};

/// A number that moved is published, or a key that was told to expire is gone, within this.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// Answers until one of them is known to be on disk.
const RETRIED: usize = 200;

/// Redis is waited for as long as a busy machine may take: an answer that is not verified proves nothing here.
fn two_gateways(claims: Claims) -> Setup {
    Setup { gateways: 2, claims, ..Setup::default() }.set("redis.timeout", "4 s")
}

fn say(gateway: usize, person: u32, score: i32, ordinal: u32) -> Say {
    let way = if person.is_multiple_of(2) { Way::Submit } else { Way::Json };
    Say { gateway, way, person, score, ordinal }
}

/// Half of them with an idempotency key, which is noted first; the others as beacons, of which only the claim is.
fn first_of(gateway: usize, person: u32) -> Say {
    let way = if person.is_multiple_of(2) { Way::Json } else { Way::Beacon };
    Say { way, ..say(gateway, person, 9, 0) }
}

/// A gateway dies between claim and fsync; the retry at the other one meets a claim, or a key, of which nothing is on
/// disk.
pub(super) async fn killed_before_fsync(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = halted::unlimited(two_gateways(Claims::Redis)).start(&case).await?;
    let rounds = case.pick(2, 12);
    let script = Arc::new(rig.script(rounds)?);
    until_retries_are_dropped(&rig, &script, rounds).await?;
    for person in 0..rounds {
        rig.delivered().await?;
        let on_disk = rig.gateway(0)?.server.books().await?.appended;
        let halted = Halted::between_claim_and_disk(&mut rig, &script, first_of(0, person)).await?;
        rig.gateway(0)?.server.kill();
        let fate = halted.fate().await?;
        ensure!(!fate.is_acknowledged(), "acknowledged by a gateway that had nothing on disk: {fate:?}");
        ensure!(is_respooled(&rig, &script, first_of(1, person)).await?, "the retry was taken for stored");
        rig.gateway(0)?.server.restart().await?;
        let appended = rig.gateway(0)?.server.books().await?.appended;
        ensure!(
            appended == on_disk,
            "person {person}: the first one was on disk after all: {appended} records, not {on_disk}; {fate:?}"
        );
    }
    rig.judge_history(&history(script)?).await
}

/// A double comes to the other gateway while the first answer is claimed and not yet on disk.
pub(super) async fn double_before_fsync(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = halted::unlimited(two_gateways(Claims::Redis)).start(&case).await?;
    let rounds = case.pick(2, 12);
    let script = Arc::new(rig.script(rounds)?);
    until_retries_are_dropped(&rig, &script, rounds).await?;
    for person in 0..rounds {
        let halted = Halted::between_claim_and_disk(&mut rig, &script, first_of(0, person)).await?;
        ensure!(is_respooled(&rig, &script, first_of(1, person)).await?, "the double was dropped");
        rig.gateway(0)?.server.signal("CONT")?;
        let fate = halted.fate().await?;
        ensure!(fate.is_acknowledged(), "a gateway that was stopped for a moment lost its caller: {fate:?}");
    }
    rig.judge_history(&history(script)?).await
}

/// Sends answers of further people and retries them at the other gateway, until it knows that one is on disk. Before,
/// while its connection is young, it would spool every retry.
async fn until_retries_are_dropped(rig: &Rig, script: &Script, first: u32) -> anyhow::Result<()> {
    for person in (first.next_multiple_of(2)..).step_by(2).take(RETRIED) {
        let before = published(rig)?;
        script.acknowledged(first_of(0, person)).await?;
        until(|| Ok(published(rig)? > before), "no gateway publishes what it has on disk").await?;
        if !is_respooled(rig, script, first_of(1, person)).await? {
            return Ok(());
        }
    }
    bail!("the other gateway never knows that an answer is on disk")
}

/// The sum of all numbers that gateways have published.
fn published(rig: &Rig) -> anyhow::Result<u64> {
    let script = "local n = 0 \
                  for _, k in ipairs(redis.call('KEYS', 'vg:r:*')) do n = n + redis.call('GET', k) end \
                  return n";
    let redis = rig.redis.as_ref().context("there is no single Redis")?;
    Ok(redis.cli(&["EVAL", script, "0"])?.trim().parse()?)
}

/// Waits until it is so.
async fn until(so: impl Fn() -> anyhow::Result<bool>, otherwise: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    while !so()? {
        ensure!(started.elapsed() < SEEN_WITHIN, "{otherwise}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Whether the second gateway spools it although it calls it a double.
async fn is_respooled(rig: &Rig, script: &Script, say: Say) -> anyhow::Result<bool> {
    let second = rig.gateways.get(1).context("there are two gateways")?;
    let before = respooled(second).await?;
    script.acknowledged(say).await?;
    Ok(respooled(second).await? > before)
}

/// "9, then 3, then 9 again", where a failover forgets the 3: the last 9 is not taken for the first.
pub(super) async fn changed_back_across_failover(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = two_gateways(Claims::Cluster).start(&case).await?;
    let people = case.pick(4, 40);
    let script = rig.script(people)?;
    for person in 0..people {
        script.acknowledged(say(0, person, 9, 0)).await?;
        until_known(&rig, &script, person).await?;
    }
    let cluster = rig.cluster.as_mut().context("there is a cluster")?;
    let pairs = topology::pairs(cluster.nodes())?;
    for pair in &pairs {
        topology::replicated(cluster.nodes(), *pair).await?;
        topology::cut_replication(topology::node(cluster.nodes(), pair.master)?)?;
    }
    for person in 0..people {
        script.acknowledged(say(0, person, 3, 10_000)).await?;
    }
    let cluster = rig.cluster.as_mut().context("there is a cluster")?;
    for pair in &pairs {
        topology::take_over(cluster.nodes(), *pair).await?;
    }
    for person in 0..people {
        script.acknowledged(say((person % 2) as usize, person, 9, 10_001)).await?;
    }
    let mut verdict = rig.judge_history(&script.history()).await?;
    let them: BTreeSet<_> = (0..people).map(|person| Script::person(person).respondent()).collect();
    let claims = outage::claims(&rig.store_url()?, &them).await?;
    let verified = claims.iter().filter(|claim| **claim == Claim::Verified).count();
    // An unverified answer is stored whatever the claims say: it proves nothing here.
    verdict
        .must(verified * 2 > claims.len(), || format!("only {verified} of {} were verified", claims.len()));
    verdict.note(format!("{verified} of {people} changed back over a claim that a failover brought back"));
    Ok(verdict)
}

/// Says the same until the other gateway knows that it is on disk, and drops it.
async fn until_known(rig: &Rig, script: &Script, person: u32) -> anyhow::Result<()> {
    let other = rig.gateways.get(1).context("there are two gateways")?;
    let mut ordinal = 1;
    loop {
        let before = respooled(other).await?;
        script.acknowledged(say(1, person, 9, ordinal)).await?;
        if respooled(other).await? == before {
            return Ok(());
        }
        ensure!(ordinal < 1000, "the other gateway never knows that the first answer is on disk");
        ordinal += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Answers on the two sides of the moment at which a new period of a bucket begins: doubles and changes are known.
/// There are two buckets, whose periods begin half of one apart; half of the people are in the one that crosses.
pub(super) async fn bucket_boundary(case: Case) -> anyhow::Result<Verdict> {
    let boundary = later::Boundary::of_buckets()?;
    let setup = two_gateways(Claims::Redis).set("redis.expected_answers_per_day", 1);
    let mut rig = boundary.soon(setup)?.start(&case).await?;
    let people = case.pick(20, 200);
    let script = rig.script(people)?;
    for person in 0..people {
        script.acknowledged(say(0, person, 9, 0)).await?;
    }
    ensure!(!boundary.is_past(), "the machine is too slow: the boundary came before the answers were in");
    boundary.wait().await;
    for person in 0..people {
        let score = if person < people / 2 { 9 } else { 3 };
        script.acknowledged(say(1, person, score, 1)).await?;
    }
    let books = rig.gateway(1)?.server.books().await?;
    let buckets = rig.redis()?.cli(&["KEYS", "vg:{*"])?;
    let names: Vec<_> = buckets.lines().filter_map(|key| Some(key.rsplit_once('}')?.0)).collect();
    let crossed = BTreeSet::from_iter(&names).len() < names.len();
    ensure!(crossed, "the boundary was not crossed: {buckets}");
    let mut verdict = rig.judge_history(&script.history()).await?;
    let half = u64::from(people / 2);
    verdict.must((books.accepted, books.duplicate, books.revised) == (0, half, half), || {
        format!("not {half} duplicates and {half} revisions: {books:?}")
    });
    Ok(verdict)
}

/// Buckets and runs' numbers expire while their answers may still be doubled and changed: the words are `accepted`, and
/// storage is exact.
pub(super) async fn expired_bucket(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = two_gateways(Claims::Redis).start(&case).await?;
    let people = case.pick(20, 200);
    let script = rig.script(people)?;
    for person in 0..people {
        script.acknowledged(say(0, person, 9, 0)).await?;
    }
    let expire = "for _, k in ipairs(redis.call('KEYS', 'vg:*')) do redis.call('PEXPIRE', k, 1) end";
    let redis = rig.redis()?;
    redis.cli(&["EVAL", expire, "0"])?;
    // Redis counts in whole milliseconds: for one or two the claims are still there.
    until(|| Ok(redis.cli(&["KEYS", "vg:{*"])?.trim().is_empty()), "the buckets do not expire").await?;
    rig.delivered().await?;
    for person in 0..people {
        let score = if person < people / 2 { 9 } else { 3 };
        script.acknowledged(say(1, person, score, 1)).await?;
    }
    let books = rig.gateway(1)?.server.books().await?;
    let mut verdict = rig.judge_history(&script.history()).await?;
    verdict.must(books.accepted == u64::from(people), || format!("not all `accepted`: {books:?}"));
    Ok(verdict)
}

/// Doubles that this gateway spooled once more, since it was started.
async fn respooled(gateway: &Gateway) -> anyhow::Result<u64> {
    let (_, ledger) = gateway.server.get("/ledger").await?;
    let ledger: serde_json::Value = serde_json::from_str(&ledger)?;
    let respooled = ledger.get("respooled").and_then(serde_json::Value::as_u64);
    respooled.context("the ledger tells what was spooled again")
}

fn history(script: Arc<Script>) -> anyhow::Result<crate::chaos::history::History> {
    Ok(Arc::into_inner(script).context("nobody sends any more")?.history())
}
