//! A person is erased while an answer of theirs is still elsewhere: it never comes back.

use std::{collections::BTreeSet, time::Duration};

use anyhow::ensure;
use voxgate::clock::Clock;

use crate::{
    chaos::{
        case::Case,
        driver::{Driver, Pace},
        plan::{Person, Way},
        rig::{Claims, Network, Refuses, Rig, Setup},
        script::{Say, Script},
        storage::Storage,
        verdict::Verdict,
    },
    process::LOOK_EVERY,
};

/// People who are erased; half of them answer again afterwards.
pub(super) const PEOPLE: u32 = 8;
const WITHIN: Duration = Duration::from_secs(60);
/// The edit window where answers have to be late, as the configuration says it and as it is waited for.
const WINDOW: (&str, Duration) = ("1 s", Duration::from_secs(1));

/// In the spool of a gateway that cannot reach the store.
pub(super) async fn in_a_spool(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, store_proxy: true, ..Setup::default() };
    let mut rig = setup.set("store.ack_timeout", "1 s").start(&case).await?;
    let (load, script) = (load(&rig)?, rig.script(PEOPLE)?);
    network(&mut rig, Network::Cut)?;
    for person in 0..PEOPLE {
        // What waits is all that is known of some, and a change of what is stored of others.
        if person % 2 == 0 {
            script.acknowledged(say(0, person, 9, 0)).await?;
        }
        script.acknowledged(say(1, person, 3, 1)).await?;
    }
    let waiting = rig.gateway(1)?.server.books().await?.spooled;
    erase_all(&mut rig, &script)?;
    network(&mut rig, Network::Pass)?;
    answer_again(&script).await?;
    let mut verdict = end(rig, load, script).await?;
    verdict.must(waiting >= u64::from(PEOPLE), || format!("only {waiting} records waited in the spool"));
    Ok(verdict)
}

/// In the dead letters, which are retried after it.
pub(super) async fn in_dead_letters(case: Case) -> anyhow::Result<Verdict> {
    let mut rig =
        Setup { claims: Claims::Redis, refusing_store: true, ..Setup::default() }.start(&case).await?;
    let (load, script) = (load(&rig)?, rig.script(PEOPLE)?);
    let people: BTreeSet<Person> = (0..PEOPLE).map(Script::person).collect();
    rig.refusing()?.set(Refuses::People(people));
    for person in 0..PEOPLE {
        script.acknowledged(say(0, person, 3, 0)).await?;
    }
    load.acknowledges(50, WITHIN).await?;
    rig.delivered_to(|books| books.dead_lettered >= u64::from(PEOPLE)).await?;
    erase_all(&mut rig, &script)?;
    rig.refusing()?.set(Refuses::Nothing);
    let server = &rig.gateway(0)?.server;
    server.voxgate(&["dead-letters", "retry", "--admin", &server.admin_url()])?;
    answer_again(&script).await?;
    // The load goes on, so something always waits; what waits now, the retried letters with it, must not.
    let due = rig.gateway(0)?.server.books().await?.appended;
    rig.delivered_to(|books| books.appended - books.spooled >= due).await?;
    let (_, letters) = rig.gateway(0)?.server.get("/dead-letters").await?;
    let mut verdict = end(rig, load, script).await?;
    verdict.must(letters.contains("\"total\":0"), || format!("dead letters are left: {letters}"));
    Ok(verdict)
}

/// Held as late; nothing of it can be released, and a replay does not bring it back. Without a load beside it: with so
/// short an edit window, what storage holds a gateway that could not ask may have called accepted.
pub(super) async fn held(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup { claims: Claims::Redis, ..Setup::default() }.start(&case).await?;
    let server = &mut rig.gateway(0)?.server;
    server.config.set("surveys/support-nps.toml", "edit_window", WINDOW.0)?;
    server.restart().await?;
    let script = rig.script(PEOPLE)?;
    for person in 0..PEOPLE {
        script.acknowledged(say(0, person, 9, 0)).await?;
    }
    // The last of the nines was stamped before its receipt came.
    let closes = Clock::System.now().after(WINDOW.1);
    while Clock::System.now() <= closes {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    for person in 0..PEOPLE {
        script.acknowledged(say(0, person, 3, 1)).await?;
    }
    rig.delivered().await?;
    // By storage's word: the gateway's is only what it knew.
    let held = Storage::read(&rig.store_url()?).await?.held.len();
    ensure!(held == usize::try_from(PEOPLE)?, "{held} of {PEOPLE} late changes are held");
    erase_all(&mut rig, &script)?;
    let server = &rig.gateway(0)?.server;
    server.voxgate(&[
        "spool",
        "replay",
        "--since",
        "2026-01-01T00:00:00Z",
        "--admin",
        &server.admin_url(),
    ])?;
    answer_again(&script).await?;
    rig.judge_history(&script.history()).await
}

fn load(rig: &Rig) -> anyhow::Result<Driver> {
    rig.load(Pace::of(&rig.case), Duration::from_secs(120))
}

pub(super) fn say(gateway: usize, person: u32, score: i32, ordinal: u32) -> Say {
    Say { gateway, way: Way::Json, person, score, ordinal }
}

fn network(rig: &mut Rig, network: Network) -> anyhow::Result<()> {
    rig.gateway(1)?.store_proxy.iter().for_each(|proxy| proxy.set(network));
    Ok(())
}

/// What was sent before is not owed any more; whoever does not answer again must be gone.
pub(super) fn erase_all(rig: &mut Rig, script: &Script) -> anyhow::Result<()> {
    let store = rig.store_url()?;
    for number in 0..PEOPLE {
        let person = Script::person(number);
        let respondent = format!("ref:{}", person.respondent());
        rig.gateway(0)?.server.voxgate(&["erase", "--respondent", &respondent, "--store", &store])?;
        if answers_again(number) {
            script.forget(number);
        } else {
            rig.erased.insert(person);
        }
    }
    Ok(())
}

fn answers_again(person: u32) -> bool {
    person % 4 < 2
}

/// An erased person is free to answer, with what was erased or with something else.
pub(super) async fn answer_again(script: &Script) -> anyhow::Result<()> {
    for person in (0..PEOPLE).filter(|person| answers_again(*person)) {
        script.acknowledged(say(0, person, if person % 2 == 0 { 3 } else { 7 }, 2)).await?;
    }
    Ok(())
}

async fn end(rig: Rig, load: Driver, script: Script) -> anyhow::Result<Verdict> {
    load.acknowledges(50, WITHIN).await?;
    let mut history = load.stop().await?;
    history.merge(script.history());
    rig.judge_history(&history).await
}
