//! The paths of calls: all of short ones, and many of long ones.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::fixtures,
    exchange::{Exchange, Stored},
    model::Model,
    platform::{Call, Provider},
};
use crate::survey::{Choice, Kind, Question, Survey};

/// Each question is asked three times, and a lone 1 is confirmed once; then there is the first turn.
fn most_turns(survey: &Survey) -> usize {
    1 + 4 * survey.questions.len()
}

pub(super) fn of_kind(id: &str, kind: Kind) -> Question {
    let mut question = fixtures::question(id, kind);
    if kind == Kind::Choice {
        let text = question.text.clone();
        let choice = |value: &&str| Choice { value: (*value).to_owned(), text: text.clone() };
        question.choices = ["mail", "phone", "chat"].iter().map(choice).collect();
    }
    question
}

/// A call, its model, and what was pressed so far.
#[derive(Clone)]
struct Played<'e> {
    call: Call<'e>,
    model: Model<'e>,
    path: Vec<&'static str>,
}

impl<'e> Played<'e> {
    fn begin(exchange: &'e Exchange, provider: Provider) -> Self {
        exchange.back_to(Stored::default());
        let call = Call::dial(exchange, provider, "?lang=en&interaction=t-1");
        Self { call, model: Model::new(exchange.survey()), path: Vec::new() }
    }

    fn press(&mut self, keys: &'static str) {
        self.path.push(keys);
        assert_eq!(self.call.awaits(), self.model.keys(), "{:?}", self.path);
        self.call.press(keys);
        self.model.press(keys.trim_end_matches('#'));
    }

    /// The call stands where the model stands, the record says what the model says, and neither changes when the last
    /// turn is sent again (all of them, once the call is over) or the call's end is told. A caller may hang up here:
    /// nobody would tell us.
    fn agrees(&self, exchange: &Exchange) {
        let Self { call, model, path } = self;
        assert_eq!(call.is_over(), model.is_over(), "{path:?}");
        assert_eq!(exchange.mark().record, model.record, "{path:?}");
        assert!(call.turns() <= most_turns(exchange.survey()), "{path:?}");
        call.sends_again(if call.is_over() { usize::MAX } else { 1 });
        call.tells_of_its_end();
        assert_eq!(exchange.mark().record, model.record, "{path:?}");
    }

    /// Goes all ways that there are from here; gives how many there were.
    fn explore(&self, exchange: &Exchange, keys: Keys) -> usize {
        self.agrees(exchange);
        if self.model.is_over() {
            return 1;
        }
        let here = exchange.mark();
        let ways = keys(&self.model).iter().map(|pressed| {
            exchange.back_to(here.clone());
            let mut next = self.clone();
            next.press(pressed);
            next.explore(exchange, keys)
        });
        ways.sum()
    }
}

/// The keys that are tried where a call stands.
type Keys = fn(&Model<'_>) -> &'static [&'static str];

const ONE_KEY: &[&str] = &["", "#", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*"];
const TWO_KEYS: &[&str] = &[
    "", "#", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "1#", "9#", "00", "01", "05", "09", "10",
    "10#", "11", "19", "20", "55", "99", "1*", "*1",
];

/// Of those that say the same when a question is asked again, a few.
const TWO_KEYS_AGAIN: &[&str] = &["", "0", "1", "9", "00", "01", "10", "11"];
const ONE_KEY_AGAIN: &[&str] = &["", "0", "1", "3", "8", "*"];

const THE_LAST_TIME: &[&str] = &["", "1", "9", "*"];

fn all_keys(model: &Model<'_>) -> &'static [&'static str] {
    match (model.asked_again(), model.keys()) {
        (0, 2) => TWO_KEYS,
        (0, _) => ONE_KEY,
        _ => some_keys(model),
    }
}

fn some_keys(model: &Model<'_>) -> &'static [&'static str] {
    match (model.asked_again(), model.keys()) {
        (2, _) => THE_LAST_TIME,
        (_, 2) => TWO_KEYS_AGAIN,
        _ => ONE_KEY_AGAIN,
    }
}

/// One that answers, one that does not, silence; and what a lone 1 may be followed by.
fn few_keys(model: &Model<'_>) -> &'static [&'static str] {
    match (model.kind(), model.asked_again()) {
        _ if model.is_confirming() => &["", "0", "7"],
        (Kind::Nps, 0) => &["", "11", "1", "6", "10"],
        (Kind::Nps, _) => &["", "1", "6"],
        (Kind::Thumbs, 0) => &["", "0", "7"],
        (Kind::Thumbs, _) => &["", "0"],
        (Kind::Choice, 0) => &["", "0", "2"],
        (Kind::Choice, _) => &["", "2"],
        (_, 0) => &["", "0", "3"],
        (_, _) => &["", "3"],
    }
}

#[test]
fn every_path_of_a_call_with_one_question_ends_in_the_record_of_the_contract() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Text) {
        let exchange = Exchange::new(fixtures::survey("s", vec![of_kind("q", kind)]));
        for provider in Provider::ALL {
            // SignalWire and Telnyx call the same dialogue as Twilio: there its states are reached, not every key.
            let keys: Keys = if provider == Provider::Twilio { all_keys } else { some_keys };
            let ways = Played::begin(&exchange, provider).explore(&exchange, keys);
            assert!(ways > 20, "{kind:?} {provider:?}: {ways}");
        }
    }
}

#[test]
fn every_path_of_a_call_that_asks_on_ends_in_the_record_of_the_contract() {
    let mut short = fixtures::support();
    short.edit_window = Duration::from_secs(60);
    for survey in [fixtures::support(), fixtures::visit(), short] {
        let exchange = Exchange::new(survey);
        for provider in [Provider::Twilio, Provider::Telnyx] {
            let ways = Played::begin(&exchange, provider).explore(&exchange, few_keys);
            assert!(ways > 50, "{provider:?}: {ways}");
        }
    }
}

#[test]
fn a_survey_that_no_keypad_can_answer_is_thanked_for_at_once() {
    let exchange = Exchange::new(fixtures::survey("s", vec![of_kind("q", Kind::Text)]));
    for provider in Provider::ALL {
        let played = Played::begin(&exchange, provider);
        played.agrees(&exchange);
        assert!(played.call.is_over());
    }
}

/// A keyed call is kept while there is no room, three times; then it is given up and nothing stored of that turn.
#[test]
fn an_answer_that_finds_no_room_is_stored_once_there_is_some_and_never_twice() {
    for provider in Provider::ALL {
        for (full, stored) in [(0, true), (1, true), (3, true), (4, false)] {
            let exchange = Exchange::new(fixtures::survey("s", vec![of_kind("q", Kind::Stars)]));
            let mut call = Call::dial(&exchange, provider, "?interaction=t-1");
            exchange.full.set(full);
            call.press("5");
            assert!(call.is_over());
            let Stored { record, writes, .. } = exchange.mark();
            assert_eq!(
                (record.contains_key("q"), writes),
                (stored, usize::from(stored)),
                "{provider:?} {full}"
            );
        }
    }
}

/// One thing that happens in a call.
#[derive(Clone, Debug)]
enum Event {
    Press(String),
    SendAllAgain,
    TellOfTheEnd,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => "[0-9]{1,2}#?|[0-9#*]{0,3}".prop_map(Event::Press),
        4 => "[1-3]".prop_map(Event::Press),
        1 => Just(Event::SendAllAgain),
        1 => Just(Event::TellOfTheEnd),
    ]
}

fn any_survey() -> impl Strategy<Value = Survey> {
    let question = (0..Kind::ALL.len(), proptest::option::weighted(0.3, 2..10));
    proptest::collection::vec(question, 1..7).prop_map(|drawn| {
        let questions = drawn.into_iter().enumerate().map(|(index, (kind, below))| {
            let question = of_kind(&format!("q{index}"), Kind::ALL[kind]);
            match below.filter(|_| index > 0) {
                Some(below) => fixtures::asked_below(question, &format!("q{}", index - 1), below),
                None => question,
            }
        });
        fixtures::survey("s", questions.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_call_about_any_survey_ends_in_the_record_of_the_contract(
        survey in any_survey(),
        provider in prop_oneof![Just(Provider::Twilio), Just(Provider::SignalWire), Just(Provider::Telnyx)],
        events in proptest::collection::vec(event(), 0..40),
    ) {
        let exchange = Exchange::new(survey);
        let mut played = Played::begin(&exchange, provider);
        for event in events {
            match event {
                Event::SendAllAgain => played.call.sends_again(usize::MAX),
                Event::TellOfTheEnd => played.call.tells_of_its_end(),
                Event::Press(_) if played.call.is_over() => break,
                Event::Press(keys) => {
                    played.model.press(&gathered(&keys, played.model.keys()));
                    played.call.press(&keys);
                }
            }
        }
        played.agrees(&exchange);
    }
}

/// What a person has pressed when the platform stops listening.
fn gathered(keys: &str, most: usize) -> String {
    let pressed = keys.trim_start_matches('#');
    pressed.split('#').next().unwrap_or_default().chars().take(most).collect()
}
