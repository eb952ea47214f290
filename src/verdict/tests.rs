//! The rules one by one, at their bounds, and that no order or repetition of the evidence changes a verdict.

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::{
    proto::store::v1::Touched,
    store::tests::{nps, record, touch},
};

/// What a person leaves: a page that was open for a while, and a press.
fn person() -> Signals {
    Signals {
        page_ms: Some(4_000),
        press: Press::Pointer.into(),
        navigation: Navigation::Fetched.into(),
        ..Signals::default()
    }
}

fn answered(signals: Signals) -> Record {
    Record { signals: Some(signals), ..record() }
}

/// A touch so long after the answer.
fn opened(after_us: i64, score: i32, head: bool) -> Record {
    let event = Some(Event::Touched(Touched { question: "recommend".into(), score, head }));
    Record { received_us: record().received_us + after_us, event, ..touch(7, score) }
}

fn reasons(touches: &[Record], answer: &Record) -> Vec<&'static str> {
    Evidence::of(touches.iter(), None).judge(answer).reasons
}

#[test]
fn a_person_is_believed_and_so_is_what_came_through_no_page() {
    assert_eq!(reasons(&[], &answered(person())), Vec::<&str>::new());
    assert_eq!(reasons(&[opened(0, 0, true)], &record()), Vec::<&str>::new());
    assert_eq!(by_itself(Some(&person())), Confidence::Confirmed);
    assert_eq!(by_itself(None), Confidence::Confirmed);
}

#[test]
fn each_whole_reason_is_enough_by_itself() {
    let cases = [
        ("driven", Signals { driven: true, ..person() }),
        ("untrusted", Signals { untrusted: true, ..person() }),
        ("no_press", Signals { press: Press::None.into(), ..person() }),
        ("too_fast", Signals { page_ms: Some(TOO_FAST_MS - 1), ..person() }),
    ];
    for (reason, signals) in cases {
        assert_eq!(by_itself(Some(&signals)), Confidence::Provisional, "{reason}");
        assert_eq!(reasons(&[], &answered(signals)), [reason]);
    }
    let slow_enough = Signals { page_ms: Some(TOO_FAST_MS), ..person() };
    assert_eq!(reasons(&[], &answered(slow_enough)), Vec::<&str>::new());
}

#[test]
fn a_form_that_nobody_sent_is_told_by_the_browser_where_no_script_is() {
    let form = |navigation: Navigation| Signals {
        press: Press::NoScript.into(),
        navigation: navigation.into(),
        ..person()
    };
    assert_eq!(reasons(&[], &answered(form(Navigation::Unactivated))), ["unactivated", "no_script"]);
    for navigation in [Navigation::Activated, Navigation::Unspecified] {
        assert_eq!(reasons(&[], &answered(form(navigation))), Vec::<&str>::new(), "{navigation:?}");
    }
    // A page that waits for its turn sends itself, long after the press.
    let waited = Signals { navigation: Navigation::Unactivated.into(), ..person() };
    assert_eq!(reasons(&[], &answered(waited)), Vec::<&str>::new());
}

#[test]
fn two_halves_make_a_whole() {
    let no_script = Signals { press: Press::NoScript.into(), ..person() };
    let unserved = Signals { page_ms: None, press: Press::Unspecified.into(), ..person() };
    let checked = [opened(-4_000_000 - 9_000_000, 9, true)];
    assert_eq!(reasons(&checked, &answered(person())), Vec::<&str>::new(), "checked when it was pressed");
    assert_eq!(reasons(&checked, &answered(no_script)), ["no_script", "head_first"]);
    assert_eq!(reasons(&[opened(0, 9, true)], &answered(unserved)), ["unserved", "head_first"]);
    for after_us in [-14_000_001, -3_999_999] {
        let other_visit = [opened(after_us, 9, true)];
        assert_eq!(reasons(&other_visit, &answered(no_script)), Vec::<&str>::new(), "{after_us}");
    }
    assert_eq!(reasons(&[opened(-5_000_000, 9, false)], &answered(no_script)), Vec::<&str>::new());
}

#[test]
fn a_sweep_is_four_scores_within_ten_seconds_within_half_a_minute() {
    let answer = answered(person());
    let sweep = |begin_us: i64, step_us: i64, scores: i32| -> Vec<_> {
        (0..scores).map(|score| opened(begin_us + i64::from(score) * step_us, score, false)).collect()
    };
    assert_eq!(reasons(&sweep(-1_000_000, 100_000, 4), &answer), ["swept"]);
    assert_eq!(reasons(&sweep(1_000_000, 100_000, 4), &answer), ["swept"], "it may come later");
    assert_eq!(reasons(&sweep(-1_000_000, 100_000, 3), &answer), Vec::<&str>::new());
    assert_eq!(reasons(&sweep(-10_000_000, 3_333_333, 4), &answer), ["swept"]);
    assert_eq!(reasons(&sweep(-10_000_000, 3_333_334, 4), &answer), Vec::<&str>::new());
    assert_eq!(reasons(&sweep(-AROUND_US, 0, 11), &answer), ["swept"]);
    assert_eq!(reasons(&sweep(-AROUND_US - 1, 0, 11), &answer), Vec::<&str>::new());
    let same = [opened(0, 9, false), opened(1, 9, true), opened(2, 9, false), opened(3, 9, true)];
    assert_eq!(reasons(&same, &answer), Vec::<&str>::new(), "a link that is loaded again is one score");
}

#[test]
fn a_short_scale_is_swept_by_all_its_scores_and_one_of_two_never() {
    let on_scale = |max: i32| {
        let mut answer = answered(person());
        answer.answers[0].scale_max = Some(max);
        answer
    };
    let touches: Vec<_> = (0..3).map(|score| opened(i64::from(score), score, false)).collect();
    assert_eq!(reasons(&touches, &on_scale(2)), ["swept"]);
    assert_eq!(reasons(&touches[..2], &on_scale(2)), Vec::<&str>::new());
    assert_eq!(reasons(&touches[..2], &on_scale(1)), Vec::<&str>::new());
}

#[test]
fn an_operator_stands_above_the_rules_for_what_was_received_so_far() {
    let driven = answered(Signals { driven: true, ..person() });
    let ruled = |confirmed: bool, until_us: i64, answer: &Record| {
        Evidence::of([].iter(), Some(Ruling { confirmed, until_us })).judge(answer)
    };
    let now_us = record().received_us;
    assert_eq!(ruled(true, now_us, &driven), confirmed());
    assert_eq!(ruled(false, now_us, &answered(person())), provisional(vec!["operator"]));
    assert_eq!(ruled(true, now_us - 1, &driven).reasons, ["driven"]);
    assert_eq!(ruled(false, now_us - 1, &answered(person())), confirmed());
}

#[test]
fn a_record_that_says_of_itself_that_it_is_provisional_is() {
    let record = Record { confidence: Confidence::Provisional as i32, ..record() };
    assert_eq!(reasons(&[], &record), ["unconfirmed"]);
}

fn touches() -> impl Strategy<Value = Vec<Record>> {
    let one = (-40_000_000..40_000_000_i64, 0..11_i32, any::<bool>());
    prop::collection::vec(one.prop_map(|(after_us, score, head)| opened(after_us, score, head)), 0..30)
}

proptest! {
    #[test]
    fn no_order_and_no_repetition_of_the_evidence_changes_a_verdict(
        (touches, shuffled) in touches().prop_flat_map(|touches| (Just(touches.clone()), Just(touches).prop_shuffle())),
        again in prop::collection::vec(any::<Index>(), 0..10),
        page_ms in prop::option::of(0..5_000_u32),
        press in 0..6_i32,
    ) {
        let answer = answered(Signals { page_ms, press, ..person() });
        let first = Evidence::of(touches.iter(), None).judge(&answer);
        let mut shuffled: Vec<_> = shuffled.iter().collect();
        if !touches.is_empty() {
            shuffled.extend(again.iter().map(|index| index.get(&touches)));
        }
        prop_assert_eq!(Evidence::of(shuffled.into_iter(), None).judge(&answer), first);
    }

    #[test]
    fn more_touches_never_make_an_answer_more_certain(touches in touches(), more in touches()) {
        let answer = answered(Signals { press: Press::NoScript.into(), ..person() });
        let certain = |touches: &[Record]| {
            Evidence::of(touches.iter(), None).judge(&answer).confidence == Confidence::Confirmed
        };
        let all = [touches.clone(), more].concat();
        prop_assert!(certain(&touches) || !certain(&all));
    }
}

#[test]
fn an_answer_in_words_alone_is_judged_by_the_touches_too() {
    let mut answer = answered(person());
    answer.answers = vec![nps("reason", 0)];
    answer.answers[0].scale_min = None;
    let touches: Vec<_> = (0..4).map(|score| opened(0, score, false)).collect();
    assert_eq!(reasons(&touches, &answer), ["swept"]);
}
