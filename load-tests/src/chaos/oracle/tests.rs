//! Planted faults: each must be found.

use std::time::Duration;

use super::*;
use crate::chaos::{
    history::Refused,
    plan::{Answer, Way},
};

const HELD: Fate = Fate::Acknowledged { held: true };
const ACKNOWLEDGED: Fate = Fate::Acknowledged { held: false };

fn person(number: u32) -> Person {
    Person { number, proof: Proof::References }
}

fn refused() -> Fate {
    Fate::Refused(Refused { code: "busy".to_owned(), status: 503, says_when: true })
}

/// A person's scores with their fates, in the order sent.
fn history(stories: &[(u32, &[(i32, Fate)])]) -> History {
    let mut history = History::default();
    for (number, story) in stories {
        for (ordinal, (score, fate)) in (0..).zip(story.iter()) {
            let sent = Sent {
                ordinal,
                way: Way::Json,
                gateway: 0,
                answer: Answer { score: *score, reason: None },
                at: Duration::ZERO,
                took: Duration::ZERO,
                fate: fate.clone(),
            };
            history.note(person(*number), sent);
        }
    }
    history
}

fn stored(number: u32, score: i32) -> Stored {
    Stored {
        id: format!("id-{number}"),
        respondent: person(number).respondent(),
        interaction: person(number).interaction(),
        score: Some(score),
        reason: None,
    }
}

fn storage(responses: &[Stored]) -> Storage {
    Storage { responses: responses.to_vec(), held: Vec::new() }
}

/// Lost, doubled, strangers.
fn found(history: &History, storage: &Storage) -> (u64, u64, u64) {
    let findings = judge(history, storage, &BTreeSet::new());
    assert_eq!(findings.are_clean(), findings.named.is_empty(), "what is wrong is named: {findings:?}");
    (findings.lost, findings.doubled, findings.strangers)
}

#[test]
fn a_store_with_all_that_was_acknowledged_is_clean() {
    let history = history(&[(0, &[(9, ACKNOWLEDGED)]), (1, &[(9, ACKNOWLEDGED), (3, ACKNOWLEDGED)])]);
    assert_eq!(found(&history, &storage(&[stored(0, 9), stored(1, 3)])), (0, 0, 0));
}

#[test]
fn a_response_that_is_missing_is_lost() {
    let history = history(&[(0, &[(9, ACKNOWLEDGED)]), (1, &[(9, ACKNOWLEDGED)])]);
    assert_eq!(found(&history, &storage(&[stored(1, 9)])), (1, 0, 0));
}

#[test]
fn a_second_response_of_one_person_is_doubled() {
    let history = history(&[(0, &[(9, ACKNOWLEDGED)])]);
    let mut twin = stored(0, 9);
    twin.id = "another".to_owned();
    assert_eq!(found(&history, &storage(&[stored(0, 9), twin.clone()])), (0, 1, 0));
    let mut third = twin.clone();
    third.id = "a third".to_owned();
    assert_eq!(found(&history, &storage(&[stored(0, 9), twin, third])), (0, 2, 0));
}

#[test]
fn an_older_value_is_lost() {
    let history = history(&[(0, &[(9, ACKNOWLEDGED), (3, ACKNOWLEDGED)])]);
    assert_eq!(found(&history, &storage(&[stored(0, 9)])), (1, 0, 0));
}

#[test]
fn what_nobody_sent_is_a_stranger() {
    let history = history(&[(0, &[(9, ACKNOWLEDGED)])]);
    assert_eq!(found(&history, &storage(&[stored(0, 9), stored(7, 9)])), (0, 0, 1));
    let mut nobody = stored(0, 9);
    nobody.respondent = String::new();
    assert_eq!(found(&history, &storage(&[stored(0, 9), nobody])), (0, 0, 1));
}

#[test]
fn a_value_that_was_not_sent_is_found_with_and_without_a_receipt() {
    let receipt = history(&[(0, &[(9, ACKNOWLEDGED)])]);
    assert_eq!(found(&receipt, &storage(&[stored(0, 8)])), (1, 0, 0));
    let none = history(&[(0, &[(9, Fate::Broken)])]);
    assert_eq!(found(&none, &storage(&[stored(0, 8)])), (0, 0, 1));
}

#[test]
fn an_answer_without_a_reply_may_be_there_or_not_but_only_over_what_came_before_it() {
    let after = history(&[(0, &[(9, ACKNOWLEDGED), (3, Fate::TimedOut)])]);
    for score in [9, 3] {
        assert_eq!(found(&after, &storage(&[stored(0, score)])), (0, 0, 0));
    }
    let before = history(&[(0, &[(3, Fate::Broken), (9, ACKNOWLEDGED)])]);
    assert_eq!(found(&before, &storage(&[stored(0, 3)])), (1, 0, 0));
    let alone = history(&[(0, &[(3, Fate::Broken)])]);
    assert_eq!(found(&alone, &storage(&[])), (0, 0, 0));
    assert_eq!(found(&alone, &storage(&[stored(0, 3)])), (0, 0, 0));
}

#[test]
fn what_was_refused_must_not_be_there() {
    let history = history(&[(0, &[(9, refused())])]);
    assert_eq!(found(&history, &storage(&[])), (0, 0, 0));
    assert_eq!(found(&history, &storage(&[stored(0, 9)])), (0, 0, 1));
}

#[test]
fn a_text_with_a_receipt_is_owed_beside_the_score() {
    let mut history = history(&[(0, &[(9, ACKNOWLEDGED), (9, ACKNOWLEDGED)])]);
    let first = &mut history.people.get_mut(&person(0)).unwrap()[0];
    first.answer.reason = Some((0, 1));
    assert_eq!(found(&history, &storage(&[stored(0, 9)])), (1, 0, 0));
    let mut whole = stored(0, 9);
    whole.reason = Answer { score: 9, reason: Some((0, 1)) }.reason();
    assert_eq!(found(&history, &storage(&[whole])), (0, 0, 0));
}

#[test]
fn a_held_answer_is_owed_among_the_held() {
    let history = history(&[(0, &[(9, HELD)])]);
    let held = Storage { responses: Vec::new(), held: vec![stored(0, 9)] };
    assert_eq!(found(&history, &held), (0, 0, 0));
    assert_eq!(found(&history, &storage(&[])), (1, 0, 0));
    let other = Storage { responses: Vec::new(), held: vec![stored(0, 9), stored(0, 2)] };
    assert_eq!(found(&history, &other), (0, 0, 1));
}

#[test]
fn a_held_answer_that_says_what_is_stored_need_not_wait_whatever_else_is_stored() {
    let story = [(0, &[(5, ACKNOWLEDGED), (9, HELD), (9, ACKNOWLEDGED)][..])];
    let mut history = history(&story);
    let sent = history.people.get_mut(&person(0)).unwrap();
    sent[0].answer.reason = Some((0, 0));
    let reason = sent[0].answer.reason();
    let with_a_reason = |score| Stored { reason: reason.clone(), ..stored(0, score) };
    assert_eq!(found(&history, &storage(&[with_a_reason(9)])), (0, 0, 0));
    history.people.get_mut(&person(0)).unwrap().pop();
    assert_eq!(found(&history, &storage(&[with_a_reason(9)])), (0, 0, 0), "storage knows all there is");
    assert_eq!(found(&history, &storage(&[with_a_reason(5)])), (1, 0, 0));
}

#[test]
fn a_double_waits_where_what_it_repeats_is_held_and_counts_otherwise() {
    let history = |last| history(&[(0, &[(9, ACKNOWLEDGED), (3, HELD), (3, last)])]);
    let held = Storage { responses: vec![stored(0, 9)], held: vec![stored(0, 3)] };
    assert_eq!(found(&history(Fate::Double), &held), (0, 0, 0));
    assert_eq!(found(&history(ACKNOWLEDGED), &held), (1, 0, 0), "a revision has to be there");
    let nothing_held = self::history(&[(0, &[(9, ACKNOWLEDGED), (3, Fate::Double)])]);
    assert_eq!(found(&nothing_held, &storage(&[stored(0, 9)])), (1, 0, 0));
}

#[test]
fn whoever_was_erased_must_be_gone() {
    let history = history(&[(0, &[(9, ACKNOWLEDGED)]), (1, &[(9, ACKNOWLEDGED)])]);
    let erased = BTreeSet::from([person(0)]);
    assert!(judge(&history, &storage(&[stored(1, 9)]), &erased).are_clean());
    assert_eq!(judge(&history, &storage(&[stored(0, 9), stored(1, 9)]), &erased).strangers, 1);
}
