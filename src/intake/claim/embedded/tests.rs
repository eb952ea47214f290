use std::sync::Arc;

use tokio::time::Instant;

use super::*;
use crate::{
    intake::claim::{ClaimedAnswer, ClaimedAnswers, Claims},
    outcome::Value,
};

const WINDOW: Duration = Duration::from_hours(24);

fn claims(bound: usize, clock: &Clock) -> Claims {
    Claims::embedded(&settings::Claims { answers_per_day: 1000, embedded: bound }, clock.clone())
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_795_000_000))
}

fn id(number: u32) -> ResponseId {
    let mut hash = [0; 16];
    blake3::Hasher::new().update(&number.to_be_bytes()).finalize_xof().fill(&mut hash);
    ResponseId::from_hash(hash)
}

async fn ask_again(claims: &Claims, clock: &Clock) -> Verdict {
    claim(claims, clock, 9).await.verdict
}

/// As intake asks: doubles are spooled again.
async fn claim(claims: &Claims, clock: &Clock, score: i32) -> Claimed {
    let answers = [ClaimedAnswer::new("q", &Value::Score(score))];
    let now = clock.now();
    let confidence = Confidence::Confirmed;
    let ask = Ask {
        id: id(1),
        now,
        stamp: now,
        edit_window: WINDOW,
        answers: &answers,
        confidence,
        spooled_again: 32,
        is_evidence: false,
        yields_to_newer_by: None,
    };
    let ticket = claims.ticket();
    let claimed = claims.claim(&ask, &ticket, Instant::now()).await;
    ticket.settle();
    claimed
}

#[tokio::test]
async fn a_button_pressed_twice_is_one_record_and_the_same_said_later_is_another() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    assert_eq!(ask_again(&claims, &clock).await, Verdict::Fresh);
    clock.advance(Duration::from_secs(9));
    assert_eq!(ask_again(&claims, &clock).await, Verdict::Same { settled: true });
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask_again(&claims, &clock).await, Verdict::Same { settled: false });
}

#[tokio::test]
async fn a_claim_made_again_from_the_spool_drops_nothing() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    claims.refill([recovered(id(1), 9, clock.now())].into_iter());
    assert_eq!(ask_again(&claims, &clock).await, Verdict::Same { settled: false });
}

async fn answer(
    claims: &Claims,
    clock: &Clock,
    id: ResponseId,
    score: i32,
    confidence: Confidence,
) -> Claimed {
    let answers = [ClaimedAnswer::new("q", &Value::Score(score))];
    let now = clock.now();
    let ask = Ask {
        id,
        now,
        stamp: now,
        edit_window: WINDOW,
        answers: &answers,
        confidence,
        spooled_again: 0,
        is_evidence: false,
        yields_to_newer_by: None,
    };
    let ticket = claims.ticket();
    let claimed = claims.claim(&ask, &ticket, Instant::now()).await;
    ticket.settle();
    claimed
}

/// A restart while what a clock that was ahead took lies in the spool.
#[tokio::test]
async fn a_late_answer_found_in_the_spool_makes_no_later_one_late() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    let ahead = clock.now().after(WINDOW * 365);
    claims.refill([recovered(id(1), 9, clock.now()), recovered(id(1), 3, ahead)].into_iter());
    clock.advance(Duration::from_secs(1));
    let claimed = claim(&claims, &clock, 4).await;
    assert_eq!((claimed.verdict, claimed.stamp), (Verdict::Revised { late: false }, clock.now()));
}

fn recovered(id: ResponseId, score: i32, stamp: Timestamp) -> Recovered {
    Recovered {
        id,
        stamp,
        edit_window: WINDOW,
        answers: ClaimedAnswers::from_slice(&[ClaimedAnswer::new("q", &Value::Score(score))]),
        confidence: Confidence::Confirmed,
    }
}

#[tokio::test]
async fn a_settled_double_is_dropped_and_a_change_is_a_revision() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    let first = answer(&claims, &clock, id(1), 9, Confidence::Confirmed).await;
    assert_eq!(first, Claimed { verdict: Verdict::Fresh, verified: true, stamp: clock.now() });
    let double = answer(&claims, &clock, id(1), 9, Confidence::Confirmed).await;
    assert_eq!(double.verdict, Verdict::Same { settled: true });
    let change = answer(&claims, &clock, id(1), 3, Confidence::Confirmed).await;
    assert_eq!(change.verdict, Verdict::Revised { late: false });
    assert!(change.stamp > first.stamp);
}

#[tokio::test]
async fn a_claim_whose_record_was_lost_never_drops_a_double() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    let answers = [ClaimedAnswer::new("q", &Value::Score(9))];
    let now = clock.now();
    let ask = Ask {
        id: id(1),
        now,
        stamp: now,
        edit_window: WINDOW,
        answers: &answers,
        confidence: Confidence::Confirmed,
        spooled_again: 0,
        is_evidence: false,
        yields_to_newer_by: None,
    };
    {
        let lost = claims.ticket();
        assert_eq!(claims.claim(&ask, &lost, Instant::now()).await.verdict, Verdict::Fresh);
    }
    let again = answer(&claims, &clock, id(1), 9, Confidence::Confirmed).await;
    assert_eq!(again.verdict, Verdict::Same { settled: false });
    let third = answer(&claims, &clock, id(1), 9, Confidence::Confirmed).await;
    assert_eq!(third.verdict, Verdict::Same { settled: true });
}

#[tokio::test]
async fn a_provisional_answer_claims_nothing() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    for _ in 0..2 {
        let claimed = answer(&claims, &clock, id(1), 9, Confidence::Provisional).await;
        assert_eq!(claimed.verdict, Verdict::Fresh);
    }
    let person = answer(&claims, &clock, id(1), 9, Confidence::Confirmed).await;
    assert_eq!(person.verdict, Verdict::Fresh);
}

#[tokio::test]
async fn claims_made_again_from_the_spool_are_settled_and_know_the_last_stamp() {
    let clock = clock();
    let claims = claims(10_000, &clock);
    let first = clock.now().before(Duration::from_hours(2));
    let second = clock.now().after(Duration::from_secs(5));
    claims.refill([recovered(id(1), 9, first), recovered(id(1), 3, second)].into_iter());
    let double = answer(&claims, &clock, id(1), 3, Confidence::Confirmed).await;
    assert_eq!(double.verdict, Verdict::Same { settled: true });
    let change = answer(&claims, &clock, id(1), 9, Confidence::Confirmed).await;
    assert_eq!(change.verdict, Verdict::Revised { late: false });
    assert!(change.stamp > second);
    clock.advance(Duration::from_hours(23));
    let late = answer(&claims, &clock, id(1), 1, Confidence::Confirmed).await;
    assert_eq!(late.verdict, Verdict::Revised { late: true }, "the window begins with the first record");
}

#[tokio::test]
async fn memory_stays_bounded_and_the_oldest_go_first() {
    let clock = clock();
    let claims = claims(1280, &clock);
    for number in 0..20_000 {
        answer(&claims, &clock, id(number), 9, Confidence::Confirmed).await;
    }
    let super::super::Place::Embedded(embedded) = &claims.place else { panic!() };
    let held: usize = embedded
        .shards
        .iter()
        .map(|shard| {
            let shard = shard.lock().unwrap();
            shard.claims.young.len() + shard.claims.old.len()
        })
        .sum();
    assert!((640..=1280).contains(&held), "{held}");
    assert_eq!(
        answer(&claims, &clock, id(19_999), 9, Confidence::Confirmed).await.verdict,
        Verdict::Same { settled: true }
    );
    assert_eq!(answer(&claims, &clock, id(0), 9, Confidence::Confirmed).await.verdict, Verdict::Fresh);
}

#[tokio::test]
async fn an_idempotency_key_is_known_for_24_hours() {
    let clock = clock();
    let claims = Arc::new(claims(10_000, &clock));
    let ask = async |payload: [u8; 8], answered: u32| {
        let ticket = claims.ticket();
        let answer = (id(answered), Timestamp::from_secs(answered.into()));
        let found = claims.idempotent(&[5; 16], payload, answer, &ticket, Instant::now()).await;
        ticket.settle();
        found
    };
    assert_eq!(ask([1; 8], 1).await, Idempotency::New);
    let stamp = Timestamp::from_secs(1);
    assert_eq!(ask([1; 8], 2).await, Idempotency::Same { id: id(1), stamp, settled: true });
    assert_eq!(ask([2; 8], 2).await, Idempotency::Other);
    clock.advance(IDEMPOTENCY_KEPT);
    assert_eq!(ask([2; 8], 2).await, Idempotency::New);
}
