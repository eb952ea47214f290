use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::fixtures::{asked_below, language, question, support, survey, visit},
    *,
};
use crate::{
    channel::ivr::input::Heard,
    survey::{Kind, Phone},
};

fn about(survey: &Survey) -> Dialogue<'_> {
    Dialogue { survey, language: language("en"), languages: Vec::new(), may_opt_out: false }
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

fn said(words: &str, confidence: &str) -> Input {
    Input { speech: Heard::read(words, confidence), ..Input::default() }
}

fn asking(change: impl FnOnce(&mut Phone), survey: Survey) -> Survey {
    let mut phone = survey.phone.clone();
    change(&mut phone);
    Survey { phone, ..survey }
}

#[test]
fn a_language_is_chosen_before_the_first_question_where_there_is_something_to_choose_and_to_ask() {
    let (survey, silent) = (support(), survey("s", vec![question("why", Kind::Text)]));
    let languages = [language("en"), language("de-CH")];
    let open = |survey, languages: &[Language]| {
        let dialogue = Dialogue { languages: languages.to_vec(), ..about(survey) };
        dialogue.open().prompt.place().map(|place| place.question.clone())
    };
    assert_eq!(open(&survey, &languages).as_deref(), Some(MENU));
    assert_eq!(open(&survey, &languages[..1]).as_deref(), Some("recommend"));
    assert_eq!(open(&silent, &languages), None);
    let dialogue = Dialogue { languages: languages.to_vec(), ..about(&survey) };
    let menu = dialogue.open().prompt.place().unwrap().clone();
    for (keys, chosen) in [("1", "en"), ("2", "de-CH"), ("2#", "de-CH")] {
        let Prompt::Ask(question, place) = dialogue.reply(&menu, &pressed(keys)).prompt else {
            panic!("{keys}")
        };
        let expected = (question.id.as_str(), place.language.unwrap());
        assert_eq!(expected, ("recommend", language(chosen)));
    }
    for unclear in ["", "0", "3", "12", "*"] {
        let Prompt::Language(place) = dialogue.reply(&menu, &pressed(unclear)).prompt else {
            panic!("{unclear}")
        };
        assert_eq!(place.tries, 1);
    }
}

#[test]
fn a_doubted_answer_is_asked_about_between_the_three_times_that_a_question_is_asked() {
    let survey = asking(|phone| phone.speech = true, support());
    let dialogue = about(&survey);
    let mut turn = dialogue.open();
    for tries in 0..=ASKED_AGAIN {
        assert_eq!(asks(&turn.prompt), Some(("recommend".to_owned(), tries)));
        turn = dialogue.reply(turn.prompt.place().unwrap(), &said("seven", ""));
        assert!(matches!(&turn.prompt, Prompt::ConfirmHeard(_, place) if place.heard() == Some("7")));
        turn = dialogue.reply(turn.prompt.place().unwrap(), &said("no", "0.9"));
        assert_eq!(turn.answer, None);
    }
    assert_eq!(turn.prompt, Prompt::Thanks);
}

#[test]
fn keys_win_over_words_and_what_is_said_becomes_keys() {
    let survey = asking(|phone| phone.speech = true, support());
    let dialogue = about(&survey);
    let place = dialogue.open().prompt.place().unwrap().clone();
    let both = Input { keys: "3".to_owned(), ..said("seven", "0.9") };
    for (input, score, keys) in
        [(both, 3, "3"), (said("seven", "0.9"), 7, "7"), (said("one", "0.9"), 1, "01")]
    {
        let turn = dialogue.reply(&place, &input);
        assert_eq!((turn.answer.unwrap().1, turn.keys.as_str()), (Given::Whole(score), keys));
        let again = dialogue.reply(&place, &pressed(keys));
        assert_eq!(again.answer.unwrap().1, Given::Whole(score), "{keys} gives it again");
    }
}

#[test]
fn a_text_is_asked_only_where_comments_are_recorded_and_silence_passes_it_by() {
    let survey = asking(|phone| phone.record_comments = true, support());
    let dialogue = about(&survey);
    let place = dialogue.open().prompt.place().unwrap().clone();
    let comment = dialogue.reply(&place, &pressed("6")).prompt;
    assert_eq!(asks(&comment), Some(("reason".to_owned(), 0)));
    let place = comment.place().unwrap();
    for nothing in ["", "1", "#"] {
        let turn = dialogue.reply(place, &pressed(nothing));
        assert_eq!((turn.answer, asks(&turn.prompt)), (None, Some(("mood".to_owned(), 0))), "{nothing:?}");
    }
    let recording = Recording::read("RE1", "https://a.example/RE1", "7");
    let turn = dialogue.reply(place, &Input { recording, ..Input::default() });
    assert_eq!(turn.answer.unwrap().1, Given::Text("https://a.example/RE1".to_owned()));
    assert_eq!(asks(&turn.prompt), Some(("mood".to_owned(), 0)));
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
