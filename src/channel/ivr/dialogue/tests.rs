use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::fixtures::{asked_below, language, question, support, survey, visit},
    *,
};
use crate::survey::Kind;

fn about(survey: &Survey) -> Dialogue<'_> {
    Dialogue { survey, language: language("en"), languages: Vec::new() }
}

fn pressed(keys: &str) -> Input {
    Input { keys: keys.to_owned(), ..Input::default() }
}

/// A call in which these keys are pressed, one entry a turn: the answers as they are given, and how it stands then.
fn call<'s>(survey: &'s Survey, turns: &[&str]) -> (Vec<(String, Given)>, Prompt<'s>) {
    let mut answers = Vec::new();
    let dialogue = about(survey);
    let mut turn = dialogue.open();
    for keys in turns {
        let Some(place) = turn.prompt.place() else { break };
        turn = dialogue.reply(place, &pressed(keys));
        answers.extend(turn.answer.iter().map(|(question, given)| (question.id.clone(), given.clone())));
    }
    (answers, turn.prompt)
}

fn scores(given: &[(&str, i64)]) -> Vec<(String, Given)> {
    given.iter().map(|(id, score)| ((*id).to_owned(), Given::Whole(*score))).collect()
}

fn asks(prompt: &Prompt<'_>) -> Option<(String, u8)> {
    match prompt {
        Prompt::Ask(question, place) => Some((question.id.clone(), place.tries)),
        _ => None,
    }
}

#[test]
fn a_promoter_is_thanked_after_one_question() {
    let survey = support();
    for (keys, score) in [("9", 9), ("10", 10), ("09", 9)] {
        assert_eq!(call(&survey, &[keys]), (scores(&[("recommend", score)]), Prompt::Thanks));
    }
}

#[test]
fn texts_are_skipped_and_ask_when_is_obeyed() {
    let survey = support();
    let (answers, prompt) = call(&survey, &["7"]);
    assert_eq!((answers, prompt), (scores(&[("recommend", 7)]), Prompt::Thanks));
    let (_, prompt) = call(&survey, &["6"]);
    assert_eq!(asks(&prompt), Some(("mood".to_owned(), 0)));
    let (answers, prompt) = call(&survey, &["6", "3"]);
    assert_eq!((answers, prompt), (scores(&[("recommend", 6), ("mood", 3)]), Prompt::Thanks));
}

#[test]
fn a_lone_one_is_kept_at_once_and_stands_when_no_zero_follows() {
    let survey = support();
    let (answers, prompt) = call(&survey, &["1"]);
    assert_eq!(answers, scores(&[("recommend", 1)]));
    assert!(matches!(prompt, Prompt::ConfirmOne(..)));
    for stands in ["", "#", "1", "7", "*"] {
        let (answers, prompt) = call(&survey, &["1", stands]);
        assert_eq!(answers, scores(&[("recommend", 1)]), "{stands:?}");
        assert_eq!(asks(&prompt), Some(("mood".to_owned(), 0)), "{stands:?}");
    }
}

#[test]
fn a_lone_one_becomes_ten_when_zero_follows() {
    let survey = support();
    let (answers, prompt) = call(&survey, &["1", "0"]);
    assert_eq!((answers, prompt), (scores(&[("recommend", 1), ("recommend", 10)]), Prompt::Thanks));
}

#[test]
fn one_with_a_leading_zero_needs_no_confirmation() {
    let survey = support();
    let (answers, prompt) = call(&survey, &["01"]);
    assert_eq!(answers, scores(&[("recommend", 1)]));
    assert_eq!(asks(&prompt), Some(("mood".to_owned(), 0)));
}

#[test]
fn a_lone_one_waits_for_its_confirmation_where_it_could_not_be_revised() {
    let nearly = Survey { edit_window: Duration::from_secs(119), ..support() };
    assert_eq!(call(&nearly, &["1"]).0, []);
    assert_eq!(call(&nearly, &["1", ""]).0, scores(&[("recommend", 1)]));
    assert_eq!(call(&nearly, &["1", "0"]).0, scores(&[("recommend", 10)]));
    let enough = Survey { edit_window: Duration::from_secs(120), ..support() };
    assert_eq!(call(&enough, &["1"]).0, scores(&[("recommend", 1)]));
}

#[test]
fn silence_and_junk_are_asked_again_twice_and_then_thanked() {
    let survey = support();
    for junk in ["", "00", "11", "99", "*", "x", "123"] {
        assert_eq!(asks(&call(&survey, &[junk]).1), Some(("recommend".to_owned(), 1)), "{junk}");
        assert_eq!(asks(&call(&survey, &[junk, junk]).1), Some(("recommend".to_owned(), 2)), "{junk}");
        assert_eq!(call(&survey, &[junk, junk, junk]), (vec![], Prompt::Thanks), "{junk}");
        assert_eq!(call(&survey, &[junk, junk, "8"]), (scores(&[("recommend", 8)]), Prompt::Thanks));
    }
}

#[test]
fn each_question_has_tries_of_its_own() {
    let survey = visit();
    let (answers, prompt) = call(&survey, &["0", "6", "5", "", "2"]);
    assert_eq!(
        answers,
        [scores(&[("knowledge", 5)]), vec![("topic".to_owned(), Given::Choice("advice".to_owned()))]]
            .concat()
    );
    assert_eq!(asks(&prompt), Some(("helpful".to_owned(), 0)));
}

#[test]
fn only_scores_that_decide_something_later_are_carried_along() {
    let questions = vec![
        question("first", Kind::Stars),
        question("second", Kind::Stars),
        asked_below(question("third", Kind::Stars), "first", 3),
    ];
    let survey = survey("s", questions);
    let (_, prompt) = call(&survey, &["2", "5"]);
    let Prompt::Ask(third, place) = prompt else { panic!("{prompt:?}") };
    assert_eq!((third.id.as_str(), place.scores), ("third", vec![("first".to_owned(), 2)]));
    assert_eq!(call(&survey, &["3", "5"]).1, Prompt::Thanks);
}

#[test]
fn a_question_that_a_reload_took_away_ends_the_call() {
    let place = Place { question: "gone".to_owned(), ..Place::default() };
    assert_eq!(about(&support()).reply(&place, &pressed("9")), Move::without_answer(Prompt::Thanks));
}

#[test]
fn a_survey_of_texts_alone_is_thanked_for_at_once() {
    let survey = survey("s", vec![question("why", Kind::Text)]);
    assert_eq!(about(&survey).open(), Move::without_answer(Prompt::Thanks));
}

proptest! {
    #[test]
    fn every_call_ends_and_a_retried_turn_is_the_same_turn(
        presses in proptest::collection::vec("[0-9#*]{0,2}", 16),
    ) {
        for survey in [support(), visit()] {
            let dialogue = about(&survey);
            let mut turn = dialogue.open();
            let mut turns = 0;
            while let Some(place) = turn.prompt.place() {
                let keys = pressed(presses.get(turns).map_or("", String::as_str));
                let next = dialogue.reply(place, &keys);
                prop_assert_eq!(&next, &dialogue.reply(place, &keys));
                turn = next;
                turns += 1;
            }
            // Three times each question that takes keys, and one confirmation.
            prop_assert!(turns <= 3 * 3 + 1, "{turns}");
        }
    }
}
