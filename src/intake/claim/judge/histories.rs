//! Random histories of two gateways, crashes and failovers: what was acknowledged last is what the store says.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{super::content::Packed, *};
use crate::{
    intake::claim::{RunId, Runs},
    outcome::{ResponseId, Value},
    survey::Confidence,
};

const QUESTIONS: [&str; 2] = ["recommend", "effort"];

#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// The gateway dies before its record is on disk.
    LostBeforeDisk,
    /// It dies after that, before it says so.
    LostBeforeThanks,
}

#[derive(Clone, Debug)]
enum Step {
    Answer {
        gateway: usize,
        scores: [Option<i32>; 2],
        fate: Fate,
        numbers_known: bool,
    },
    /// What was acknowledged before comes again, by its idempotency key: by its first stamp.
    Again {
        gateway: usize,
        which: usize,
        numbers_known: bool,
    },
    /// The replica catches up.
    Replicate,
    /// The replica takes over with what it has.
    Failover,
}

fn step() -> impl Strategy<Value = Step> {
    let score = || prop_oneof![1 => Just(None), 3 => (0..3).prop_map(Some)];
    let fate = prop_oneof![
        6 => Just(Fate::Answered), 1 => Just(Fate::LostBeforeDisk), 1 => Just(Fate::LostBeforeThanks)
    ];
    let answer = (0..2_usize, [score(), score()], fate, any::<bool>()).prop_map(
        |(gateway, scores, fate, numbers_known)| Step::Answer { gateway, scores, fate, numbers_known },
    );
    let again = (0..2_usize, 0..24_usize, any::<bool>())
        .prop_map(|(gateway, which, numbers_known)| Step::Again { gateway, which, numbers_known });
    prop_oneof![8 => answer, 2 => again, 2 => Just(Step::Replicate), 1 => Just(Step::Failover)]
}

struct World {
    now: Timestamp,
    gateways: [Runs; 2],
    dead: Vec<Runs>,
    claim: Option<Packed>,
    replica: Option<Packed>,
    connected: Timestamp,
    /// By question, the newest stamp and its score: what the store makes of the records.
    stored: BTreeMap<&'static str, (Timestamp, i32)>,
    /// By its own stamp, what was acknowledged.
    acknowledged: Vec<(Timestamp, [Option<i32>; 2])>,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_secs(1_795_000_000);
        let gateways = [Runs::default(), Runs::default()];
        let (dead, stored) = (Vec::new(), BTreeMap::new());
        Self {
            now,
            gateways,
            dead,
            claim: None,
            replica: None,
            connected: now.before(Duration::from_secs(60)),
            stored,
            acknowledged: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step, span_secs: u64) {
        self.now = self.now.after(Duration::from_secs(span_secs));
        match step {
            Step::Answer { gateway, scores, fate, numbers_known } => {
                self.answer(*gateway, scores, *fate, *numbers_known);
            }
            Step::Again { gateway, which, numbers_known } => self.again(*gateway, *which, *numbers_known),
            Step::Replicate => self.replica.clone_from(&self.claim),
            Step::Failover => {
                self.claim.clone_from(&self.replica);
                self.connected = self.now;
            }
        }
    }

    /// A retry says nothing that is new, wherever it comes, whatever was lost.
    fn again(&mut self, gateway: usize, which: usize, numbers_known: bool) {
        let Some(index) = which.checked_rem(self.acknowledged.len()) else { return };
        let (stamp, scores) = self.acknowledged[index];
        let before = self.stored.clone();
        let answers = claimed(&given(&scores));
        let ticket = self.gateways[gateway].ticket();
        let ask = Ask { yields_to_newer_by: Some(Duration::ZERO), ..ask(self.now, stamp, &answers) };
        let (verdict, stamp) = self.claim(&ask, &ticket, numbers_known);
        if verdict != (Verdict::Same { settled: true }) {
            self.store(&given(&scores), stamp);
        }
        ticket.settle();
        let scores = |stored: &BTreeMap<_, (Timestamp, i32)>| {
            stored.iter().map(|(question, (_, score))| (*question, *score)).collect::<Vec<_>>()
        };
        assert_eq!(scores(&self.stored), scores(&before), "a retry is no change");
    }

    fn store(&mut self, given: &[(&'static str, i32)], stamp: Timestamp) {
        for (question, score) in given {
            let newest = self.stored.entry(question).or_insert((stamp, *score));
            *newest = (*newest).max((stamp, *score));
        }
    }

    fn answer(&mut self, gateway: usize, scores: &[Option<i32>; 2], fate: Fate, numbers_known: bool) {
        let given = given(scores);
        let answers = claimed(&given);
        let ask = ask(self.now, self.now, &answers);
        let ticket = self.gateways[gateway].ticket();
        let (verdict, stamp) = self.claim(&ask, &ticket, numbers_known);
        let dropped = verdict == Verdict::Same { settled: true };
        if !dropped && !matches!(fate, Fate::LostBeforeDisk) {
            self.store(&given, stamp);
        }
        if !matches!(fate, Fate::Answered) {
            drop(ticket);
            self.dead.push(std::mem::take(&mut self.gateways[gateway]));
            return;
        }
        ticket.settle();
        self.acknowledged.push((ask.stamp, *scores));
        for (question, score) in given {
            assert_eq!(
                self.stored.get(question).map(|(_, score)| *score),
                Some(score),
                "{question} was acknowledged"
            );
        }
    }

    fn claim(&mut self, ask: &Ask<'_>, ticket: &Ticket, numbers_known: bool) -> (Verdict, Timestamp) {
        let Some(claim) = self.claim.as_deref().and_then(Claim::unpack) else {
            self.claim = Some(Claim::fresh(ask, ticket).pack(ask.answers));
            return (Verdict::Fresh, ask.stamp);
        };
        let certainty = Certainty {
            on_disk: (numbers_known || claim.run == ticket.run()) && self.is_on_disk(claim.run, claim.ticket),
            newest: i64::from(claim.written_secs) > self.connected.as_secs() + 2,
        };
        let judged = judge(&claim, ask, certainty, ticket);
        if let Some(next) = judged.write {
            self.claim = Some(next.pack(ask.answers));
        }
        (judged.verdict, judged.stamp)
    }

    fn is_on_disk(&self, run: RunId, ticket: u64) -> bool {
        let below = self.gateways.iter().chain(&self.dead).find_map(|runs| runs.settled_below(run));
        below.is_some_and(|below| ticket < below)
    }
}

fn given(scores: &[Option<i32>; 2]) -> Vec<(&'static str, i32)> {
    QUESTIONS.iter().zip(scores).filter_map(|(question, score)| Some((*question, (*score)?))).collect()
}

fn claimed(given: &[(&'static str, i32)]) -> Vec<ClaimedAnswer> {
    given.iter().map(|(question, score)| ClaimedAnswer::new(question, &Value::Score(*score))).collect()
}

fn ask(now: Timestamp, stamp: Timestamp, answers: &[ClaimedAnswer]) -> Ask<'_> {
    Ask {
        id: ResponseId::from_hash([7; 16]),
        now,
        stamp,
        edit_window: Duration::from_hours(24 * 365),
        answers,
        confidence: Confidence::Confirmed,
        spooled_again: 0,
        is_evidence: false,
        yields_to_newer_by: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn an_acknowledged_answer_is_the_newest_in_the_store(
        steps in proptest::collection::vec((step(), 1_u64..6), 1..24)
    ) {
        let mut world = World::new();
        for (step, span_secs) in &steps {
            world.take(step, *span_secs);
        }
    }
}
