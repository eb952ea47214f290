//! The store is restored from an older copy.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use voxgate::clock::Clock;

use super::erasure::{PEOPLE, answer_again, erase_all, say};
use crate::chaos::{
    case::Case,
    driver::{Driver, Pace},
    plan::Person,
    rig::{Claims, Rig, Setup},
    script::Script,
    storage::Storage,
    verdict::Verdict,
};

const WITHIN: Duration = Duration::from_secs(60);

/// A replay of each gateway's spool makes it whole.
pub(super) async fn replay(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = start(&case).await?;
    let more = case.pick(150, 2000);
    load.acknowledges(more, WITHIN).await?;
    let copy = Copy::of(&mut rig)?;
    load.acknowledges(more, WITHIN).await?;
    copy.put_back(&mut rig).await?;
    copy.replay(&rig)?;
    load.acknowledges(50, WITHIN).await?;
    rig.judge(load).await
}

/// Whom the copy still knows, because they were erased after it was made, is forgotten again when the store starts; the
/// replay does not bring them back, and whoever answered after the erasure is there.
pub(super) async fn erased(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = start(&case).await?;
    let script = rig.script(PEOPLE)?;
    // Of some all is in the copy, of others a change came later, and some came later altogether.
    for person in (0..PEOPLE).filter(|person| person % 3 < 2) {
        script.acknowledged(say(0, person, 9, 0)).await?;
    }
    load.acknowledges(case.pick(150, 1000), WITHIN).await?;
    stored(&rig, |person| person % 3 < 2).await?;
    let copy = Copy::of(&mut rig)?;
    for person in (0..PEOPLE).filter(|person| person % 3 > 0) {
        script.acknowledged(say(1, person, 3, 1)).await?;
    }
    stored(&rig, |_| true).await?;
    erase_all(&mut rig, &script)?;
    load.acknowledges(case.pick(100, 1000), WITHIN).await?;
    copy.put_back(&mut rig).await?;
    let again = known(&rig).await?;
    copy.replay(&rig)?;
    answer_again(&script).await?;
    load.acknowledges(50, WITHIN).await?;
    let mut history = load.stop().await?;
    history.merge(script.history());
    let mut verdict = rig.judge_history(&history).await?;
    verdict.must(again.is_empty(), || format!("the restored store knows who was erased: {again:?}"));
    Ok(verdict)
}

async fn start(case: &Case) -> anyhow::Result<(Rig, Driver)> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, ..Setup::default() };
    let rig = setup.start(case).await?;
    let load = rig.load(Pace::of(case), Duration::from_secs(case.pick(120, 200)))?;
    Ok((rig, load))
}

/// Waits until these people of the script are in the store.
async fn stored(rig: &Rig, who: impl Fn(u32) -> bool) -> anyhow::Result<()> {
    let who: Vec<_> = (0..PEOPLE).filter(|person| who(*person)).map(Script::person).collect();
    let started = std::time::Instant::now();
    loop {
        let known = known(rig).await?;
        if who.iter().all(|person| known.contains(person)) {
            return Ok(());
        }
        ensure!(started.elapsed() < WITHIN, "of {who:?} only {known:?} are stored");
        tokio::time::sleep(crate::process::LOOK_EVERY).await;
    }
}

/// The people of the script whom the store knows.
async fn known(rig: &Rig) -> anyhow::Result<Vec<Person>> {
    let storage = Storage::read(&rig.store_url()?).await?;
    let is_stored = |person: &Person| {
        let respondent = person.respondent();
        storage.responses.iter().chain(&storage.held).any(|stored| stored.respondent == respondent)
    };
    Ok((0..PEOPLE).map(Script::person).filter(is_stored).collect())
}

/// A backup of the store.
struct Copy {
    path: PathBuf,
    /// What came later may be missing in it.
    since: String,
}

impl Copy {
    fn of(rig: &mut Rig) -> anyhow::Result<Self> {
        // What was received before the copy began may have been delivered after it; too much does no harm.
        let since = Clock::System.now().before(Duration::from_secs(60)).to_string();
        let path = rig.case.work.join("older.sqlite");
        let name = path.to_str().context("a path that is no text")?;
        Connection::open(database(&rig.store()?.data))?.execute("VACUUM INTO ?1", [name])?;
        Ok(Self { path, since })
    }

    /// As the README says: the database, and nothing else.
    async fn put_back(&self, rig: &mut Rig) -> anyhow::Result<()> {
        let store = rig.store()?;
        store.kill();
        fs::rename(&self.path, database(&store.data))?;
        for file in ["store.sqlite-wal", "store.sqlite-shm"] {
            fs::remove_file(store.data.join(file)).ok();
        }
        store.restart().await
    }

    fn replay(&self, rig: &Rig) -> anyhow::Result<()> {
        for gateway in &rig.gateways {
            let server = &gateway.server;
            let place = server.admin_url();
            let said = server.voxgate(&["spool", "replay", "--since", &self.since, "--admin", &place])?;
            ensure!(said.contains("records"), "a replay said {said:?}");
        }
        Ok(())
    }
}

fn database(data: &Path) -> PathBuf {
    data.join("store.sqlite")
}
