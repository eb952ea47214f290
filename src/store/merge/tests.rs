//! The rules of the merge one by one, and that no order, repetition or split of the records changes anything.

use std::{collections::BTreeMap, time::Duration};

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::{
    clock::Clock,
    proto::store::v1::{Channel, Held, Press, Signals, watch_response::Change},
    store::{
        record::{self, Checked},
        sqlite::{self, HeldFilter, Ledger},
        tests::{nps, record, touch},
    },
};

const DAY_US: i64 = 86_400 * 1_000_000;
const START_US: i64 = 1_795_000_000_000_000;

/// A record with one score, given so many days after the first.
fn given(day: i64, score: i32) -> Record {
    let stamp_us = START_US + day * DAY_US;
    Record { stamp_us, received_us: stamp_us, answers: vec![nps("recommend", score)], ..record() }
}

fn entry(record: Record) -> Entry {
    let Checked { hash, record, .. } = record::check(record).unwrap();
    Entry { hash, record, decision: Decision::None }
}

fn merged(records: impl IntoIterator<Item = Record>) -> Merged {
    merge(&records.into_iter().map(entry).collect::<Vec<_>>(), None)
}

/// The current scores, by question.
fn scores(merged: &Merged) -> Vec<(String, i32)> {
    let answers = merged.response.iter().flat_map(|response| response.answers.clone());
    answers
        .map(|answer| match answer.content {
            Some(Content::Value(score)) => (answer.question, score),
            other => panic!("{other:?} is no score"),
        })
        .collect()
}

fn recommend(score: i32) -> Vec<(String, i32)> {
    vec![("recommend".to_owned(), score)]
}

fn waiting(merged: &Merged) -> Vec<(String, Vec<String>)> {
    let waiting = merged.held.values().filter(|hold| hold.state == HeldState::Waiting);
    waiting.map(|hold| (hold.reason.clone(), hold.questions.clone())).collect()
}

#[test]
fn the_newest_value_within_the_edit_window_wins() {
    let merged = merged([given(0, 9), given(14, 3), given(5, 7)]);
    assert_eq!(scores(&merged), recommend(3));
    assert_eq!(waiting(&merged), []);
}

#[test]
fn a_change_a_microsecond_past_the_edit_window_is_held_as_late() {
    let mut late = given(14, 3);
    late.stamp_us += 1;
    let merged = merged([given(0, 9), late]);
    assert_eq!(scores(&merged), recommend(9));
    assert_eq!(waiting(&merged), [("late".to_owned(), vec!["recommend".to_owned()])]);
}

#[test]
fn a_late_value_that_changes_nothing_is_not_held() {
    let merged = merged([given(0, 9), given(5, 7), given(30, 7)]);
    assert_eq!(scores(&merged), recommend(7));
    assert_eq!(waiting(&merged), []);
}

#[test]
fn an_answer_to_a_question_not_answered_before_is_no_change() {
    let mut both = given(30, 3);
    both.answers.push(nps("again", 5));
    let merged = merged([given(0, 9), both]);
    assert_eq!(scores(&merged), [("again".to_owned(), 5), ("recommend".to_owned(), 9)]);
    assert_eq!(waiting(&merged), [("late".to_owned(), vec!["recommend".to_owned()])]);
}

#[test]
fn a_confirmed_value_beats_a_newer_provisional_one() {
    let provisional = Record { confidence: Confidence::Provisional as i32, ..given(1, 10) };
    assert_eq!(scores(&merged([given(0, 2), provisional.clone()])), recommend(2));
    let alone = merged([provisional]);
    assert_eq!(scores(&alone), recommend(10));
}

#[test]
fn a_provisional_value_does_not_close_the_window() {
    let provisional = Record { confidence: Confidence::Provisional as i32, ..given(0, 10) };
    let merged = merged([provisional, given(30, 2), given(40, 3)]);
    assert_eq!(scores(&merged), recommend(3));
    assert_eq!(waiting(&merged), []);
}

#[test]
fn a_held_record_says_nothing_until_it_is_released_and_never_once_discarded() {
    let held = entry(Record { hold: "suspicious".into(), ..given(1, 1) });
    let mut set = vec![entry(given(0, 9)), held];
    assert_eq!(scores(&merge(&set, None)), recommend(9));
    assert_eq!(waiting(&merge(&set, None)), [("suspicious".to_owned(), vec!["recommend".to_owned()])]);
    set[1].decision = Decision::Released;
    assert_eq!(scores(&merge(&set, None)), recommend(1));
    assert_eq!(waiting(&merge(&set, None)), []);
    set[1].decision = Decision::Discarded;
    assert_eq!(scores(&merge(&set, None)), recommend(9));
    set[0].decision = Decision::Discarded;
    assert_eq!(merge(&set, None).response, None);
}

#[test]
fn a_released_late_value_counts_as_if_it_were_timely() {
    let mut set = vec![entry(given(0, 9)), entry(given(30, 3)), entry(given(31, 4))];
    set[1].decision = Decision::Released;
    let merged = merge(&set, None);
    assert_eq!(scores(&merged), recommend(3));
    assert_eq!(waiting(&merged), [("late".to_owned(), vec!["recommend".to_owned()])]);
}

#[test]
fn at_one_stamp_the_larger_value_hash_wins_wherever_it_came_in() {
    let winner = |first: Record, second: Record| scores(&merged([first, second]));
    let by_mail = winner(given(0, 9), Record { channel: Channel::Ivr as i32, ..given(0, 3) });
    let by_phone = winner(Record { channel: Channel::Ivr as i32, ..given(0, 9) }, given(0, 3));
    assert_eq!(by_mail, by_phone);
}

#[test]
fn the_fields_are_those_of_the_earliest_record_and_the_newest_attribute_wins() {
    let attributes = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let first = Record {
        channel: Channel::Ivr as i32,
        attributes: attributes(&[("plan", "free"), ("seat", "4")]),
        ..given(0, 9)
    };
    let second = Record { country: "DE".into(), attributes: attributes(&[("plan", "pro")]), ..given(1, 8) };
    let late = Record { attributes: attributes(&[("plan", "late")]), ..given(90, 1) };
    let response = merged([late, second, first]).response.unwrap();
    assert_eq!((response.channel, response.country.as_str()), (Channel::Ivr as i32, "CH"));
    assert_eq!(response.attributes, attributes(&[("plan", "pro"), ("seat", "4")]));
    assert_eq!(response.first_answered_at, Some(Timestamp::from_micros(START_US).to_proto()));
}

fn answered(day: i64, score: i32, page_ms: u32) -> Record {
    let signals = Signals { page_ms: Some(page_ms), press: Press::Pointer.into(), ..Signals::default() };
    Record { signals: Some(signals), ..given(day, score) }
}

fn judged(merged: &Merged) -> Vec<(i32, Vec<String>)> {
    let answers = merged.response.iter().flat_map(|response| response.answers.clone());
    answers.map(|answer| (answer.confidence, answer.reasons)).collect()
}

const CONFIRMED: (i32, Vec<String>) = (Confidence::Confirmed as i32, Vec::new());

/// The scanner's click locks nothing, late though the person comes.
#[test]
fn the_persons_own_answer_replaces_what_a_machine_gave_before() {
    let scanner = answered(0, 10, 40);
    let alone = merged([scanner.clone()]);
    assert_eq!(judged(&alone), [(Confidence::Provisional as i32, vec!["too_fast".to_owned()])]);
    let both = merged([scanner, answered(30, 2, 5_000)]);
    assert_eq!((scores(&both), judged(&both)), (recommend(2), vec![CONFIRMED]));
    assert_eq!(waiting(&both), []);
}

#[test]
fn the_same_score_from_the_person_confirms_what_a_machine_gave() {
    let both = merged([answered(0, 9, 40), answered(1, 9, 5_000)]);
    assert_eq!((scores(&both), judged(&both)), (recommend(9), vec![CONFIRMED]));
}

#[test]
fn evidence_that_comes_later_changes_the_verdict() {
    let answer = answered(0, 9, 5_000);
    assert_eq!(judged(&merged([answer.clone()])), [CONFIRMED]);
    let touches = (0..11).map(|score| Record { received_us: START_US + 1, ..touch(7, score) });
    let swept = merged(touches.chain([answer]));
    assert_eq!(judged(&swept), [(Confidence::Provisional as i32, vec!["swept".to_owned()])]);
}

prop_compose! {
    fn any_record()(
        day in prop_oneof![0_i64..4, 10_i64..20],
        scores in prop::collection::btree_map("[ab]", 0_i32..3, 1..3),
        window_days in prop_oneof![Just(0_i64), Just(3), Just(14)],
        provisional in prop::bool::weighted(0.2),
        hold in prop::option::weighted(0.2, prop_oneof!["suspicious", "over_limit"]),
        attribute in prop::option::of(("[xy]", "[pq]")),
        channel in 1_i32..3,
        received in 0_i64..2,
        touched in prop::option::weighted(0.4, 0_i32..6),
        page_ms in prop::option::of(0_u32..3_000),
    ) -> Record {
        if let Some(score) = touched {
            return Record { received_us: START_US + received, ..touch(7, score) };
        }
        let confidence = if provisional { Confidence::Provisional } else { Confidence::Confirmed };
        Record {
            signals: page_ms.map(|page_ms| Signals { page_ms: Some(page_ms), ..Signals::default() }),
            answers: scores.into_iter().map(|(question, score)| nps(&question, score)).collect(),
            edit_window_us: window_days * DAY_US,
            confidence: confidence as i32,
            hold: hold.unwrap_or_default(),
            attributes: attribute.into_iter().collect(),
            channel,
            received_us: START_US + received,
            ..given(day, 0)
        }
    }
}

/// Some records, and an order with repetitions in which each of them occurs.
fn records_in_any_order() -> impl Strategy<Value = (Vec<Record>, Vec<Record>)> {
    prop::collection::vec(any_record(), 1..8).prop_flat_map(|records| {
        let twice: Vec<_> = records.iter().chain(&records).cloned().collect();
        let repeated = prop::sample::subsequence(records.clone(), 0..=records.len());
        let shuffled = repeated.prop_flat_map(move |some| {
            let all: Vec<_> = if some.is_empty() { twice.clone() } else { some };
            Just(all).prop_shuffle()
        });
        (Just(records.clone()), shuffled, Just(records).prop_shuffle())
            .prop_map(|(records, extra, order)| (records, order.into_iter().chain(extra).collect()))
    })
}

/// What the file says of the one response: what it says now, and the records that wait.
fn stored(ledger: &Ledger) -> (Option<Response>, Vec<Held>) {
    let filter = HeldFilter {
        survey: String::new(),
        brand: String::new(),
        state: HeldState::Waiting as i32,
        after: (-1, RecordHash([0; 16])),
        limit: 100,
    };
    ledger.read(|tx| {
        let response = sqlite::get(tx, [7; 16])?;
        Ok((response, sqlite::held(tx, &filter)?.rows))
    })
}

fn without_updated_at(response: Option<Response>) -> Option<Response> {
    response.map(|response| Response { updated_at: None, ..response })
}

fn open(dir: &tempfile::TempDir) -> Ledger {
    let clock = Clock::manual(Timestamp::from_micros(START_US + 1_000_000_000));
    Ledger::open(&dir.path().join("store.sqlite"), clock, "").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_order_and_no_repetition_changes_what_is_said((records, order) in records_in_any_order()) {
        prop_assert_eq!(merged(order), merged(records));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn no_split_into_batches_and_no_time_of_a_decision_changes_what_is_stored(
        (records, order) in records_in_any_order(),
        batch in 1_usize..5,
        decide_after in any::<Index>(),
        decided in any::<Index>(),
        release in any::<bool>(),
        rule_after in any::<Index>(),
        confirm in prop::option::of(any::<bool>()),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = open(&dir);
        let decision = if release { Decision::Released } else { Decision::Discarded };
        let mut set: Vec<_> = records.into_iter().map(entry).collect();
        let batches: Vec<Vec<Checked>> = order
            .chunks(batch)
            .map(|batch| batch.iter().map(|record| record::check(record.clone()).unwrap()).collect())
            .collect();
        let decide_after = decide_after.index(batches.len());
        let rule_after = rule_after.index(batches.len());
        let mut ruling = None;
        for (place, batch) in batches.into_iter().enumerate() {
            ledger.append(vec![batch]).unwrap();
            let (_, held) = stored(&ledger);
            if place == decide_after && !held.is_empty() {
                let id = RecordHash::from_hex(&held[decided.index(held.len())].id).unwrap();
                prop_assert_eq!(ledger.decide(&[id], decision).unwrap(), 1);
                set.iter_mut().filter(|entry| entry.hash == id).for_each(|entry| entry.decision = decision);
            }
            if let Some(confirmed) = confirm.filter(|_| place == rule_after && stored(&ledger).0.is_some()) {
                prop_assert_eq!(ledger.rule(&[[7; 16]], confirmed).unwrap(), 1);
                // All that there is was received by then.
                ruling = Some(Ruling { confirmed, until_us: START_US + 1_000_000_000 });
            }
        }
        let expected = merge(&set, ruling);
        let (response, held) = stored(&ledger);
        prop_assert_eq!(without_updated_at(response), expected.response);
        let expected_held: BTreeMap<_, _> = expected
            .held
            .into_iter()
            .filter(|(_, hold)| hold.state == HeldState::Waiting)
            .map(|(hash, hold)| (hash.to_string(), vec![hold.reason]))
            .collect();
        prop_assert_eq!(held.into_iter().map(|held| (held.id, held.reasons)).collect::<BTreeMap<_, _>>(), expected_held);
    }
}

#[test]
fn a_replay_moves_nothing_and_each_change_moves_updated_at() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_micros(START_US));
    let mut ledger = Ledger::open(&dir.path().join("store.sqlite"), clock.clone(), "").unwrap();
    let mut updated_after = |record: &Record| {
        ledger.append(vec![vec![record::check(record.clone()).unwrap()]]).unwrap();
        let updated = stored(&ledger).0.unwrap().updated_at.unwrap();
        Timestamp::from_proto(&updated).as_micros() - START_US
    };
    assert_eq!(updated_after(&given(0, 9)), 0);
    assert_eq!(updated_after(&given(1, 8)), 1, "the clock stands, the change is told apart");
    clock.advance(Duration::from_secs(60));
    assert_eq!(updated_after(&given(0, 9)), 1, "a replay");
    assert_eq!(updated_after(&given(0, 5)), 1, "an older value changes nothing");
    assert_eq!(updated_after(&given(2, 8)), 60_000_000, "the same score, given later");
}

#[test]
fn a_hold_that_an_earlier_record_settles_is_waiting_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir);
    let late = given(20, 3);
    for record in [given(0, 9), late.clone(), given(10, 3)] {
        ledger.append(vec![vec![record::check(record).unwrap()]]).unwrap();
    }
    assert_eq!(stored(&ledger).1, [], "what it says counts already");
    let changes = ledger.read(|tx| sqlite::changes(tx, 0, 10)).rows;
    let states: Vec<_> = changes
        .into_iter()
        .filter_map(|(_, change)| match change.change {
            Some(Change::Held(held)) => Some(held.state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [HeldState::Settled as i32]);
}
