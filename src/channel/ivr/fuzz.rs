//! Keys that callers press, and events of exchanges.

use futures_util::FutureExt as _;

use super::{
    Desk, dialogue, events, fixtures,
    input::{Heard, Input},
};
use crate::{
    catalog::IdentityKey,
    intake::{Given, Submission},
    outcome::{Ledger, Reason, Refusal},
    survey::{Language, Survey},
};

/// Turns that a call can take at the most: each question is asked three times and confirmed once.
const TURNS: usize = 4 * 4;

/// Each line is what was pressed in a turn; silence when there are no more.
#[test]
fn a_call_ends_whatever_is_pressed_and_its_values_are_on_their_scales() {
    let surveys = [fixtures::support(), fixtures::visit()];
    crate::fuzz::run("digits", |input| {
        let keys = String::from_utf8_lossy(input);
        for survey in &surveys {
            let mut pressed = keys.lines();
            let language = fixtures::language("en");
            let dialogue = dialogue::Dialogue { survey, language, languages: Vec::new(), may_opt_out: true };
            let mut turn = dialogue.open();
            for turns in 0.. {
                assert!(turns <= TURNS, "the call does not end");
                if let Some((question, given)) = &turn.answer {
                    match given {
                        Given::Whole(score) => {
                            assert!(question.kind.scale().unwrap().holds(i32::try_from(*score).unwrap()));
                        }
                        Given::Choice(value) => assert!(question.choices.iter().any(|it| it.value == *value)),
                        other => panic!("{other:?}"),
                    }
                }
                let Some(place) = turn.prompt.place() else { break };
                let keys = pressed.next().unwrap_or_default().to_owned();
                turn = dialogue.reply(place, &Input { keys, ..Input::default() });
            }
        }
    });
}

/// Each line is what was heard in a turn: how sure the provider is, a space, the words; silence when there are no more.
#[test]
fn a_call_ends_whatever_is_said_and_only_what_is_sure_or_confirmed_is_an_answer() {
    let speaking = |mut survey: Survey| {
        survey.phone.speech = true;
        survey
    };
    let surveys = [fixtures::support(), fixtures::visit()].map(speaking);
    crate::fuzz::run("speech", |input| {
        let text = String::from_utf8_lossy(input);
        let (tag, lines) = text.split_once('\n').unwrap_or(("en", &text));
        let language = Language::parse(tag).unwrap_or_else(Language::english);
        for survey in &surveys {
            let dialogue = dialogue::Dialogue {
                survey,
                language: language.clone(),
                languages: Vec::new(),
                may_opt_out: true,
            };
            let mut said = lines.lines();
            let mut turn = dialogue.open();
            for turns in 0.. {
                assert!(turns <= 2 * TURNS, "the call does not end");
                let Some(place) = turn.prompt.place() else { break };
                let (sure, words) = said.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
                let input = Input { speech: Heard::read(words, sure), ..Input::default() };
                let is_sure = input.speech.as_ref().is_some_and(Heard::is_sure);
                let next = dialogue.reply(place, &input);
                if let Some((_, given)) = &next.answer {
                    assert!(is_sure, "{words:?} is guessed");
                    let again = dialogue.reply(place, &Input { keys: next.keys.clone(), ..Input::default() });
                    assert_eq!(
                        again.answer.map(|(_, given)| given).as_ref(),
                        Some(given),
                        "the keys say the same"
                    );
                }
                turn = next;
            }
        }
    });
}

#[test]
fn an_event_is_an_answer_on_its_scale_or_a_refusal_that_says_where() {
    let (catalog, key) = (fixtures::catalog(), IdentityKey::new([7; 32]));
    let api_key = fixtures::api_key();
    crate::fuzz::run("ivr_events", |body| {
        let ledger = Ledger::default();
        let desk = Desk { catalog: &catalog, identity_key: &key, ledger: &ledger, form_fields: 100 };
        let full = async |submission: Submission| {
            assert_eq!(submission.answers.len(), 1);
            let refusal = match submission.problems.is_empty() {
                true => Refusal::new(Reason::SpoolFull, "of the test"),
                false => Refusal::invalid(submission.problems),
            };
            Err(refusal)
        };
        let taken = events::take(desk, &api_key, body, full);
        if let Err(refusal) = taken.now_or_never().expect("nothing to wait for") {
            let pointers = refusal.problems.iter().all(|problem| problem.pointer.starts_with('/'));
            assert!(pointers && !refusal.detail.is_empty(), "{refusal:?}");
            assert!(refusal.reason == Reason::SpoolFull || refusal.reason.status().is_client_error());
        }
    });
}
