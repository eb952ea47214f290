//! The wall clock jumps while a gateway runs (libfaketime): nothing is lost, and nothing stays wrong for a year.

use std::{fs, path::PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Gateway, Plan, Reply, answer, client, nps, wait_for};

const DAY_S: i64 = 86_400;

/// The wall clock of a gateway.
struct Jumps {
    dir: TempDir,
}

impl Jumps {
    fn new() -> Self {
        let jumps = Self { dir: tempfile::tempdir().unwrap() };
        jumps.to("+0");
        jumps
    }

    /// So far from the real one from now on; renamed, so that nobody reads half of it.
    fn to(&self, offset: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("clock")
    }

    /// A gateway that lives by this clock; its monotonic clock goes on as it is.
    fn plan(&self) -> Plan {
        let libraries = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
        let library = libraries
            .map(|path| path.join("faketime/libfaketimeMT.so.1"))
            .find(|path| path.exists())
            .expect("libfaketime is needed: `make tools` installs it");
        Plan::new()
            .env("LD_PRELOAD", &library.display().to_string())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file().display().to_string())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

/// How far from the real time an answer is stamped that is given now, in days.
async fn stamped_days_ahead(gateway: &Gateway, interaction: &str) -> i64 {
    gateway.submit(&nps(interaction, 9)).await.receipt(201, "accepted");
    let stored = gateway.store().first(interaction).await;
    let stamp = answer(&stored, "recommend").unwrap().answered_at.unwrap().seconds;
    let real = fs::metadata(gateway.data_path().join("store.sqlite-wal")).unwrap().modified().unwrap();
    let real = i64::try_from(real.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    (stamp - real + DAY_S / 2).div_euclid(DAY_S)
}

#[tokio::test]
async fn a_change_after_a_jump_back_is_the_newest() {
    let jumps = Jumps::new();
    let gateway = jumps.plan().start().await;
    assert_eq!(stamped_days_ahead(&gateway, "before").await, 0);
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    jumps.to("-1d");
    assert_eq!(stamped_days_ahead(&gateway, "jumped").await, -1, "the jump reached the gateway");
    gateway.submit(&nps("t-1", 3)).await.receipt(200, "revised");
    gateway.submit(&nps("t-1", 3)).await.receipt(200, "duplicate");
    gateway.store().scored("t-1", "recommend", 3).await;
    jumps.to("+0");
    gateway.submit(&nps("t-1", 7)).await.receipt(200, "revised");
    gateway.store().scored("t-1", "recommend", 7).await;
    gateway.settled_ledger().await;
}

#[tokio::test]
async fn an_answer_given_a_year_ahead_can_be_changed_when_the_clock_is_right_again() {
    let jumps = Jumps::new();
    let gateway = jumps.plan().set("limits.per_api_key", "4 / 1h").start().await;
    jumps.to("+365d");
    assert_eq!(stamped_days_ahead(&gateway, "jumped").await, 365, "the jump reached the gateway");
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    // The quota's window of that time is used up, and no other.
    gateway.submit(&nps("t-2", 9)).await.receipt(201, "accepted");
    gateway.submit(&nps("t-3", 9)).await.receipt(201, "accepted");
    gateway.submit(&nps("t-4", 9)).await.problem(429, "quota_exceeded");
    jumps.to("+0");
    gateway.submit(&nps("t-1", 3)).await.receipt(200, "revised");
    gateway.store().scored("t-1", "recommend", 3).await;
    gateway.settled_ledger().await;
}

#[tokio::test]
async fn delivered_answers_are_kept_for_a_replay_over_a_jump_of_a_year() {
    const COUNT: usize = 1000;
    let jumps = Jumps::new();
    let gateway = jumps.plan().set("spool.segment_bytes", "64 KiB").start().await;
    let item = |index: usize| {
        let mut body = nps(&format!("t-{index}"), 9);
        body["answers"]["reason"] = "x".repeat(300).into();
        body
    };
    let items: Vec<_> = (0..COUNT).map(item).collect();
    let reply = gateway.post_json("/v1/responses/batch", &json!(items)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    gateway.settled_ledger().await;
    jumps.to("+365d");
    // Housekeeping has looked around several times when these are in.
    for index in 0..200 {
        gateway.submit(&nps(&format!("later-{index}"), 9)).await.receipt(201, "accepted");
    }
    gateway.settled_ledger().await;
    let replay = client()
        .post(format!("{}/spool/replay?since=2000-01-01T00:00:00Z", gateway.admin_url()))
        .bearer_auth("admin-token-of-the-tests");
    let replayed = Reply::of(replay).await;
    assert_eq!(replayed.status, 200, "{}", replayed.text);
    assert_eq!(replayed.json()["records"], COUNT + 200, "{}", replayed.text);
    wait_for("the replay to be delivered", async || (gateway.ledger().await["spooled"] == 0).then_some(()))
        .await;
}
