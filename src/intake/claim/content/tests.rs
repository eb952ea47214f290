use proptest::prelude::*;

use super::*;
use crate::{
    intake::claim::{ClaimedAnswers, Runs},
    outcome::{ResponseId, Value},
    survey::Confidence,
};

fn digest() -> impl Strategy<Value = Digest> {
    prop_oneof![any::<i8>().prop_map(Digest::Score), any::<[u8; 8]>().prop_map(Digest::Hash)]
}

fn known() -> impl Strategy<Value = Known> {
    (any::<[u8; 3]>(), digest(), any::<u32>(), any::<bool>(), any::<bool>()).prop_map(
        |(tag, digest, first_after_secs, late, doubtful)| Known {
            tag: Tag(tag),
            digest,
            first_after_secs,
            late,
            doubtful,
        },
    )
}

prop_compose! {
    fn claim()(
        run in any::<[u8; 6]>(), ticket in any::<u64>(), written_secs in any::<u32>(),
        first in 0..4_000_000_000_000_000_i64, after in -1_000_000_i64..4_000_000_000_000, revisions in any::<u8>(),
        answers in proptest::collection::vec(known(), 0..20),
    ) -> Claim {
        Claim {
            run: RunId(run), ticket, written_secs, revisions,
            first: Timestamp::from_micros(first), last: Timestamp::from_micros(first + after),
            content: Content::Each(answers.into_iter().collect()),
        }
    }
}

proptest! {
    #[test]
    fn a_claim_is_read_as_it_was_packed_or_condensed_within_the_bound(claim in claim()) {
        let packed = claim.pack(&[]);
        prop_assert!(packed.len() <= MAX_BYTES);
        let read = Claim::unpack(&packed).unwrap();
        match read.content {
            Content::Each(_) => prop_assert_eq!(&read, &claim),
            Content::Whole { .. } => {
                prop_assert!(claim.pack_as(&claim.content).len() > MAX_BYTES);
                prop_assert_eq!(Claim { content: claim.content.clone(), ..read.clone() }, claim);
                prop_assert_eq!(Claim::unpack(&read.pack(&[])).unwrap().last, read.last);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(claim) = Claim::unpack(&bytes) {
            prop_assert!(claim.pack(&[]).len() <= MAX_BYTES);
        }
    }
}

#[test]
fn one_score_takes_22_bytes() {
    let runs = Runs::default();
    // A gateway that has taken a million answers.
    let mut claim = Claim::recovered(&Recovered {
        id: ResponseId::from_hash([0; 16]),
        stamp: Timestamp::from_micros(1_795_000_000_654_321),
        edit_window: std::time::Duration::ZERO,
        answers: ClaimedAnswers::from_slice(&[ClaimedAnswer::new("recommend", &Value::Score(9))]),
        confidence: Confidence::Confirmed,
    });
    claim.run = runs.current().id();
    claim.ticket = 1_000_000;
    assert_eq!(claim.pack(&[]).len(), 22);
}

#[test]
fn the_order_of_answers_does_not_change_their_digest() {
    let answers = [("a", 1), ("b", 2), ("c", 3)]
        .map(|(question, score)| ClaimedAnswer::new(question, &Value::Score(score)));
    let mut turned = answers;
    turned.reverse();
    assert_eq!(whole(&answers), whole(&turned));
    assert_ne!(whole(&answers), whole(&answers[..2]));
}
