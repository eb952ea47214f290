//! Intake on a real spool, with embedded claims or with a real Redis.

use std::{path::Path, sync::Arc};

use arc_swap::ArcSwap;
use futures_util::{future::join_all, poll};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::*;
use crate::{
    catalog::{Action, ApiKey, Quotas},
    config::{self, Loaded, Overrides},
    intake::claim::server::{Server, wait},
    intake::event::Noted,
    outcome::OutcomeCounts,
    proto::store::v1::{Touched, record::Event},
};

struct Running {
    intake: Intake,
    _data: TempDir,
}

impl Running {
    fn start() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut settings::Settings)) -> Self {
        let (settings, catalog) = configured(change);
        let claims = Claims::embedded(&settings.claims, Clock::System);
        Self::on(claims, &settings, catalog)
    }

    /// With claims in Redis, which one submission may wait for as long as `timeout`.
    async fn on_redis(server: &Server, timeout: Duration) -> Self {
        let (settings, mut catalog) = configured(|settings| {
            settings.redis.urls = vec![server.url()];
            settings.redis.timeout = timeout;
            // It stays closed: whoever may ask does ask.
            settings.redis.breaker_failures = u32::MAX;
        });
        // Nobody waits for a lease before the claim.
        catalog.quotas = Quotas::default();
        let tasks = TaskTracker::new();
        let sizes = (&settings.redis, &settings.claims);
        let stop = CancellationToken::new();
        let claims =
            Claims::redis(sizes.0, sizes.1, "fingerprint", Clock::System, &tasks, stop).await.unwrap();
        Self::on(claims, &settings, catalog)
    }

    fn on(claims: Claims, settings: &settings::Settings, catalog: Catalog) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::System;
        let (spool, _) = Spool::open(data.path(), &settings.spool, clock.clone()).unwrap();
        let claims = Arc::new(claims);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let limiter = Limiter::new(&settings.limits, Arc::clone(&claims), clock.clone(), &tasks, &stop);
        let catalog = Arc::new(ArcSwap::from_pointee(catalog));
        Self { intake: Intake::new(settings, catalog, limiter, claims, spool, clock), _data: data }
    }

    fn counts(&self) -> OutcomeCounts {
        let counts = self.intake.ledger().view().total;
        assert!(counts.balanced(), "{counts:?}");
        counts
    }

    /// Records on disk, once all that was appended is.
    async fn settled(&self) -> Vec<crate::proto::store::v1::Record> {
        let spool = self.intake.spool.clone();
        tokio::task::spawn_blocking(move || {
            spool.close();
            spool.scan().map(|(_, record)| prost::Message::decode(record).unwrap()).collect()
        })
        .await
        .unwrap()
    }
}

fn configured(change: impl FnOnce(&mut settings::Settings)) -> (settings::Settings, Catalog) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config");
    let environment = [("VOXGATE_SPOOL_BUDGET".to_owned(), "1 MiB".to_owned())].into();
    let Loaded { mut settings, catalog, .. } =
        config::load(&dir, &Overrides::default(), &environment).unwrap();
    change(&mut settings);
    (settings, catalog)
}

fn nps(interaction: &str, score: i64) -> Submission {
    let key =
        ApiKey { name: "test".into(), brand: "acme".into(), actions: [Action::Submit].into(), quota: None };
    let mut submission = Submission::new(Channel::Api, "acme", "support-nps", Proof::Key(Arc::new(key)));
    submission.interaction = Reference::parse(interaction);
    submission.answers = vec![("recommend".into(), Given::Whole(score))];
    submission
}

fn strict(text: &str) -> Option<SubmissionKey> {
    Some(SubmissionKey { text: text.into(), strict: true })
}

#[tokio::test]
async fn an_answer_is_accepted_then_a_duplicate_then_revised() {
    let running = Running::start();
    let first = running.intake.submit(nps("t-1", 9)).await.unwrap();
    let again = running.intake.submit(nps("t-1", 9)).await.unwrap();
    let changed = running.intake.submit(nps("t-1", 3)).await.unwrap();
    assert_eq!(
        [first.outcome, again.outcome, changed.outcome],
        [Outcome::Accepted, Outcome::Duplicate, Outcome::Revised]
    );
    assert_eq!([again.id, changed.id], [first.id, first.id]);
    assert_eq!(running.settled().await.len(), 2);
}

fn pressed(turn: &str, score: i64) -> Submission {
    let proof = Proof::Call { call_id: "CA1".to_owned() };
    Submission {
        interaction: Reference::parse("CA1"),
        key: Some(SubmissionKey { text: format!("CA1:{turn}"), strict: false }),
        answers: vec![("recommend".into(), Given::Whole(score))],
        ..Submission::new(Channel::Ivr, "acme", "support-nps", proof)
    }
}

/// Contract 3: a retry gets `duplicate`, also after other turns. Without its own memory it would be the newest value.
#[tokio::test]
async fn a_turn_of_a_call_that_comes_again_after_later_turns_changes_nothing() {
    let running = Running::start();
    let mut outcomes = Vec::new();
    for (turn, score) in [("first", 1), ("second", 10), ("first", 1), ("second", 10), ("first", 1)] {
        outcomes.push(running.intake.submit(pressed(turn, score)).await.unwrap().outcome);
    }
    use Outcome::{Accepted, Duplicate, Revised};
    assert_eq!(outcomes, [Accepted, Revised, Duplicate, Duplicate, Duplicate]);
    assert_eq!(running.intake.ledger().view().respooled, 0);
    let stored = running.settled().await;
    assert_eq!(stored.len(), 2, "nothing is stored twice");
    assert!(stored[0].stamp_us < stored[1].stamp_us);
}

#[tokio::test]
async fn another_answer_in_the_same_turn_of_a_call_is_no_error() {
    let running = Running::start();
    for (score, outcome) in [(9, Outcome::Accepted), (3, Outcome::Revised)] {
        assert_eq!(running.intake.submit(pressed("first", score)).await.unwrap().outcome, outcome);
    }
}

fn touched() -> Touched {
    Touched { question: "recommend".into(), score: 9, head: false }
}

fn link(interaction: &str) -> Submission {
    let proof = Proof::Link { invitation: "link-1".into(), issued: None };
    Submission {
        interaction: Reference::parse(interaction),
        ..Submission::new(Channel::Email, "acme", "support-nps", proof)
    }
}

#[tokio::test]
async fn a_touch_reaches_the_disk_without_a_claim_and_without_an_entry_in_the_books() {
    let running = Running::start();
    assert_eq!(running.intake.touch(link("t-1"), touched()), Noted::Spooled);
    assert_eq!(running.counts().received, 0);
    let answer = Submission { answers: nps("t-1", 9).answers, ..link("t-1") };
    assert_eq!(running.intake.known(link("t-1")).await, None);
    let receipt = running.intake.submit(answer).await.unwrap();
    assert_eq!(receipt.outcome, Outcome::Accepted);
    let records = running.settled().await;
    let [touch, answer] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(touch.event, Some(Event::Touched(touched())));
    assert_eq!((&touch.response_id, &touch.invitation), (&answer.response_id, &answer.invitation));
    assert_eq!((touch.interaction.as_str(), touch.respondent_ref.as_str(), touch.answers.len()), ("", "", 0));

    let recovered: Vec<_> = records.iter().map(|record| record::recovered(&record.encode_to_vec())).collect();
    assert!(recovered[0].is_none() && recovered[1].is_some(), "a refill makes a claim of the answer alone");
}

#[tokio::test]
async fn a_link_that_is_opened_without_end_leaves_so_many_touches_and_no_more() {
    let running = Running::with(|settings| settings.limits.touches_per_link = 3);
    let noted: Vec<_> = (0..5).map(|_| running.intake.touch(link("t-1"), touched())).collect();
    let [spooled, limited] = [Noted::Spooled, Noted::Limited];
    assert_eq!(noted, [spooled, spooled, spooled, limited, limited]);
    assert_eq!(running.settled().await.len(), 3);
}

#[tokio::test]
async fn a_touch_that_finds_no_room_is_left_out_and_waits_for_nobody() {
    let running = Running::with(|settings| settings.spool.queue = 1);
    let noted: Vec<_> = (0..3).map(|_| running.intake.touch(link("t-1"), touched())).collect();
    assert!(noted.contains(&Noted::NoRoom), "{noted:?}");
}

#[tokio::test]
async fn what_is_nobodys_is_not_recorded() {
    let running = Running::start();
    let unknown = Submission { brand: "nobody".into(), ..link("t-1") };
    assert_eq!(running.intake.touch(unknown, touched()), Noted::Nobodys);
    assert_eq!(running.settled().await.len(), 0);
}

/// Invariants 1 and 6: what may have been claimed reaches the disk, and ends once.
#[tokio::test]
async fn a_caller_that_hangs_up_before_its_claim_is_known_leaves_its_answer() {
    let running = Running::start();
    let id = running.intake.submit(nps("t-1", 9)).await.unwrap().id;
    {
        let _turn = running.intake.order.turn(id).await;
        let mut waiting = Box::pin(running.intake.submit(nps("t-1", 4)));
        assert!(poll!(&mut waiting).is_pending());
        assert_eq!(running.counts().in_flight, 1);
    }
    let counts = running.counts();
    assert_eq!((counts.accepted, counts.in_flight), (2, 0));
    let records = running.settled().await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].claim(), crate::proto::store::v1::Claim::Unverified);
}

#[tokio::test]
async fn submissions_of_one_identity_end_in_the_order_they_came() {
    let running = Running::start();
    let all = [9, 3, 8, 1, 7].map(|score| running.intake.submit(nps("t-1", score)));
    join_all(all).await;
    let records = running.settled().await;
    let newest = records.iter().max_by_key(|record| record.stamp_us).unwrap();
    assert_eq!(newest.answers[0].value, Some(crate::proto::store::v1::answer::Value::Score(7)));
}

/// Each of them would wait for Redis as long as the first did, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stood_in_line_behind_one_that_redis_left_without_an_answer_does_not_ask_again() {
    const TIMEOUT: Duration = Duration::from_millis(400);
    let server = Server::start();
    let running = Running::on_redis(&server, TIMEOUT).await;
    let first = running.intake.submit(nps("t-1", 0)).await.unwrap();
    assert_eq!(first.outcome, Outcome::Accepted);
    server.freeze();
    let began = Instant::now();
    let all = (1..=10).map(|score| running.intake.submit(nps("t-1", score)));
    let receipts = join_all(all).await;
    let took = began.elapsed();
    server.thaw();
    assert!(took >= TIMEOUT && took < 2 * TIMEOUT, "ten in a line waited {took:?}");
    assert!(receipts.iter().all(|receipt| receipt.as_ref().unwrap().outcome == Outcome::Accepted));
    let asked = || server.cli(&["INFO", "commandstats"]);
    wait(|| !asked().contains("cmdstat_hsetnx:calls=1,"));
    assert!(asked().contains("cmdstat_hsetnx:calls=2,"), "{}", asked());
    let records = running.settled().await;
    assert_eq!(records.len(), 11);
    let newest = records.iter().max_by_key(|record| record.stamp_us).unwrap();
    assert_eq!(newest.answers[0].value, Some(crate::proto::store::v1::answer::Value::Score(10)));
}

#[tokio::test]
async fn one_more_than_may_be_worked_on_at_once_is_refused_as_busy() {
    let running = Running::with(|settings| settings.limits.in_flight = 1);
    let id = running.intake.submit(nps("t-1", 9)).await.unwrap().id;
    let turn = running.intake.order.turn(id).await;
    let mut waiting = Box::pin(running.intake.submit(nps("t-1", 4)));
    assert!(poll!(&mut waiting).is_pending());
    let refusal = running.intake.submit(nps("t-2", 9)).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Busy);
    assert!(refusal.retry_after.is_some());
    drop(turn);
    assert_eq!(waiting.await.unwrap().outcome, Outcome::Revised);
    let counts = running.counts();
    assert_eq!((counts.received, counts.limited), (3, 1));
}

/// Room is reserved before the claim: what was refused was not claimed.
#[tokio::test]
async fn a_full_spool_claims_nothing() {
    let running = Running::start();
    let mut rooms = Vec::new();
    while let Ok(room) = running.intake.spool.reserve(8 * 1024) {
        rooms.push(room);
    }
    let refusal = loop {
        match running.intake.spool.reserve(64) {
            Ok(room) => rooms.push(room),
            Err(_) => break running.intake.submit(nps("t-1", 9)).await.unwrap_err(),
        }
    };
    assert_eq!(refusal.reason, Reason::SpoolFull);
    rooms.clear();
    assert_eq!(running.intake.submit(nps("t-1", 9)).await.unwrap().outcome, Outcome::Accepted);
}

#[tokio::test]
async fn an_idempotency_key_is_good_for_one_payload() {
    let running = Running::start();
    let first = running.intake.submit(Submission { key: strict("k-1"), ..nps("t-1", 9) }).await.unwrap();
    let again = running.intake.submit(Submission { key: strict("k-1"), ..nps("t-1", 9) }).await.unwrap();
    assert_eq!((again.id, again.outcome), (first.id, Outcome::Duplicate));
    let other = running.intake.submit(Submission { key: strict("k-1"), ..nps("t-1", 3) }).await.unwrap_err();
    assert_eq!(other.reason, Reason::IdempotencyKeyReused);
    // A retry of the first after a change by another key is still the first.
    let changed = running.intake.submit(Submission { key: strict("k-2"), ..nps("t-1", 3) }).await.unwrap();
    assert_eq!(changed.outcome, Outcome::Revised);
    let late = running.intake.submit(Submission { key: strict("k-1"), ..nps("t-1", 9) }).await.unwrap();
    assert_eq!(late.outcome, Outcome::Duplicate);
    let records = running.settled().await;
    let newest = records.iter().max_by_key(|record| record.stamp_us).unwrap();
    assert_eq!(newest.answers[0].value, Some(crate::proto::store::v1::answer::Value::Score(3)));
}

/// Invariant 8.
#[tokio::test]
async fn what_a_browser_states_has_an_id_of_its_own() {
    let running = Running::start();
    let proven = running.intake.submit(nps("t-1", 9)).await.unwrap();
    let nobody = Proof::Nobody { source: std::net::IpAddr::from([127, 0, 0, 1]) };
    let stated = Submission { channel: Channel::Form, proof: nobody, ..nps("t-1", 1) };
    let stated = running.intake.submit(stated).await.unwrap();
    assert_ne!(stated.id, proven.id);
    assert_eq!((stated.identity, stated.outcome), (crate::survey::Identity::Stated, Outcome::Accepted));
}

#[tokio::test]
async fn a_held_answer_claims_nothing_and_is_told_so() {
    let running = Running::start();
    let link = Proof::Link { invitation: "i-1".into(), issued: None };
    let held =
        Submission { channel: Channel::Email, proof: link, hold: Some(Reason::LinkExpired), ..nps("t-1", 2) };
    let receipt = running.intake.submit(held).await.unwrap();
    assert_eq!((receipt.outcome, receipt.reason), (Outcome::Quarantined, Some(Reason::LinkExpired)));
    assert_eq!(running.intake.submit(nps("t-1", 9)).await.unwrap().outcome, Outcome::Accepted);
    let records = running.settled().await;
    assert_eq!(records[0].hold, "link_expired");
}
