//! Somebody's own exchange (Asterisk, FreeSWITCH, Amazon Connect): asks what it is told to ask, sends what was pressed
//! or said, on every path, against what the contract says of events.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{super::fixtures, exchange::Exchange, paths::of_kind};
use crate::survey::{Kind, Question, Survey};

/// What a caller may do at a question; nothing at all is silence.
const PRESSED: &[&str] =
    &["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "00", "01", "09", "11", "99", "*"];
const SAID: &[&str] = &["", "It took too long."];

/// A call on an exchange of one's own, and what the response should say.
#[derive(Clone)]
struct Call<'e> {
    exchange: &'e Exchange,
    /// It can write down what is said.
    texts: bool,
    /// The question that is asked; none when the call is over.
    at: Option<usize>,
    record: BTreeMap<String, String>,
    path: Vec<String>,
}

impl<'e> Call<'e> {
    fn begin(exchange: &'e Exchange, texts: bool) -> Self {
        exchange.back_to(Default::default());
        let mut call = Self { exchange, texts, at: None, record: BTreeMap::new(), path: Vec::new() };
        call.at = call.following(0, None);
        call.is_told(&call.send(json!({})).unwrap());
        call
    }

    fn survey(&self) -> &'e Survey {
        self.exchange.survey()
    }

    /// "what comes next is told from this event alone": what depends on another question than the event's is left out.
    fn following(&self, from: usize, given: Option<(&str, i32)>) -> Option<usize> {
        let is_asked = |question: &Question| {
            (self.texts || question.kind != Kind::Text)
                && question.ask_when.as_ref().is_none_or(|when| {
                    given.filter(|(id, _)| *id == when.question).is_some_and(|(_, score)| {
                        when.below.is_none_or(|below| score < below)
                            && when.above.is_none_or(|above| score > above)
                    })
                })
        };
        let questions = &self.survey().questions;
        (from..questions.len()).find(|index| is_asked(&questions[*index]))
    }

    fn send(&self, more: Json) -> Result<Json, crate::outcome::Refusal> {
        let mut event = json!({"brand": "acme", "survey": "s", "call_id": "pbx-1", "texts": self.texts});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.exchange.event(&event)
    }

    /// The reply asks what is to be asked.
    fn is_told(&self, reply: &Json) {
        let next = &reply["next"];
        let Some(question) = self.at.map(|at| &self.survey().questions[at]) else {
            return assert_eq!(next, &Json::Null, "{:?}", self.path);
        };
        assert_eq!(next["question"], question.id, "{:?}", self.path);
        assert!(next["text"].as_str().is_some_and(|text| text.contains(&question.id)), "{next}");
        assert_eq!(next.get("kind").is_some(), question.kind == Kind::Text, "{next}");
    }

    /// "`digits` is final", "off its scale: asked again".
    fn meaning(question: &Question, given: &str) -> Option<String> {
        if question.kind == Kind::Text {
            return Some(given.to_owned()).filter(|text| !text.is_empty());
        }
        if question.kind != Kind::Nps && given.len() > 1 {
            return None;
        }
        let pressed: i32 = given.parse().ok().filter(|_| given != "00")?;
        let (low, high) = match question.kind {
            Kind::Nps => (0, 10),
            Kind::Ces => (1, 7),
            Kind::Csat | Kind::Stars => (1, 5),
            Kind::Smiley => (1, 3),
            Kind::Thumbs => (0, 1),
            _ => {
                let place = usize::try_from(pressed).ok()?.checked_sub(1)?;
                return Some(question.choices.get(place)?.value.clone());
            }
        };
        (low..=high).contains(&pressed).then(|| pressed.to_string())
    }

    fn answer(&mut self, given: &str) {
        self.path.push(given.to_owned());
        let at = self.at.unwrap();
        let question = &self.survey().questions[at];
        let field = if question.kind == Kind::Text { "text" } else { "digits" };
        let event = json!({"question": question.id, field: given});
        let meaning = Self::meaning(question, given);
        let before = self.exchange.mark();
        let reply = self.send(event.clone());
        match (&meaning, &reply) {
            (Some(value), Ok(_)) => {
                self.record.insert(question.id.clone(), value.clone());
                let score = value.parse().ok().filter(|_| question.kind.scale().is_some());
                self.at = self.following(at + 1, score.map(|score| (question.id.as_str(), score)));
            }
            (None, Ok(_)) if given.is_empty() => {}
            (None, Err(_)) => assert_eq!(self.exchange.mark(), before, "{:?}", self.path),
            _ => panic!("{:?}: {reply:?}", self.path),
        }
        let Ok(reply) = reply else { return };
        self.is_told(&reply);
        assert_eq!(self.exchange.mark().record, self.record, "{:?}", self.path);
        // Sent again, it is a double, and told the same.
        let stored = self.exchange.mark();
        let again = self.send(event.clone()).unwrap();
        assert_eq!(again["next"], reply["next"], "{:?}", self.path);
        assert_eq!(self.exchange.mark(), stored, "stored twice: {:?}", self.path);
        let mut last = event;
        last["completed"] = json!(true);
        assert_eq!(self.send(last).unwrap()["next"], Json::Null, "{:?}", self.path);
        assert_eq!(self.exchange.mark(), stored);
    }

    /// Goes all ways that there are from here; gives how many there were.
    fn explore(&self) -> usize {
        let Some(at) = self.at.filter(|_| self.path.len() < 8) else { return 1 };
        let kind = self.survey().questions[at].kind;
        let here = self.exchange.mark();
        let ways = if kind == Kind::Text { SAID } else { PRESSED };
        let ways = ways.iter().map(|given| {
            self.exchange.back_to(here.clone());
            let mut next = self.clone();
            next.answer(given);
            next.hurry(self)
        });
        ways.sum()
    }

    /// Goes on, but where the same question is asked again answers it at once.
    fn hurry(mut self, before: &Self) -> usize {
        if self.at == before.at {
            let kind = self.survey().questions[before.at.unwrap()].kind;
            self.answer(if kind == Kind::Text { SAID[1] } else { "1" });
        }
        self.explore()
    }
}

#[test]
fn every_path_of_a_call_on_an_exchange_of_ones_own_ends_in_the_record_of_the_contract() {
    for texts in [false, true] {
        for kind in Kind::ALL {
            let exchange = Exchange::new(fixtures::survey("s", vec![of_kind("q", kind)]));
            let ways = Call::begin(&exchange, texts).explore();
            assert!(ways >= if kind == Kind::Text { 1 } else { PRESSED.len() }, "{kind:?}: {ways}");
        }
        for survey in [fixtures::support(), fixtures::visit()] {
            let exchange = Exchange::new(survey);
            let ways = Call::begin(&exchange, texts).explore();
            assert!(ways > 30, "{ways}");
        }
    }
}
