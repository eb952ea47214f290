//! The dialogue of a call, as a pure function: where it stands and what was pressed, to what is answered and what is
//! said next.
//!
//! A lone `1` on a scale to 10 is confirmed once. It is an answer at once, and becomes 10 when `0` follows: a caller
//! who hangs up at "you pressed one" is heard of no more, and is kept as 1. Where a survey's edit window is too short
//! for that change, the `1` waits for the caller's confirmation instead; a value that is held as `late` would be worse.

use std::time::Duration;

use super::keypad::{self, Pressed};
use crate::{
    intake::Given,
    survey::{Question, Survey},
};

/// A question is asked this often again.
pub(crate) const ASKED_AGAIN: u8 = 2;

/// A confirmation takes less than this: the prompt, the wait for a key, and the provider's tries to reach us.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(120);

/// Where a call stands: the question that was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The question's id.
    pub question: String,
    /// How often it was asked again.
    pub tries: u8,
    /// The caller was asked whether a lone `1` is 10.
    pub one: Option<LoneOne>,
    /// The scores so far that a later question depends on, by question.
    pub scores: Vec<(String, i32)>,
}

/// What became of a lone `1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoneOne {
    /// It is stored as 1 and may be revised.
    Kept,
    /// It is stored when the caller has confirmed it.
    Open,
}

/// What a turn comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn<'s> {
    /// The answer that was given, with its question.
    pub answer: Option<(&'s Question, Given)>,
    /// What is said when the answer is safe.
    pub prompt: Prompt<'s>,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prompt<'s> {
    /// Asks a question, and the place to go on from; `tries` above zero says that it is asked again.
    Ask(&'s Question, Place),
    /// Asks whether a lone `1` is 10.
    ConfirmOne(&'s Question, Place),
    /// Thanks and hangs up.
    Thanks,
}

/// The beginning of a call.
pub(crate) fn open(survey: &Survey) -> Turn<'_> {
    Turn { answer: None, prompt: next(survey, 0, Vec::new()) }
}

/// The turn after the question at `place`. A question that a reload has taken away ends the call.
pub(crate) fn reply<'s>(survey: &'s Survey, place: &Place, keys: &str) -> Turn<'s> {
    let Some(index) = survey.questions.iter().position(|question| question.id == place.question) else {
        return Turn { answer: None, prompt: Prompt::Thanks };
    };
    let Some(question) = survey.questions.get(index) else {
        return Turn { answer: None, prompt: Prompt::Thanks };
    };
    let asked = Asked { survey, index, question, place };
    match place.one {
        Some(one) => asked.confirmed(one, keys),
        None => asked.answered(keys),
    }
}

/// The first question that a keypad can answer and that is asked, given the answers so far, from `index` on.
pub(crate) fn next_question<'s>(
    survey: &'s Survey,
    index: usize,
    scores: &[(String, i32)],
) -> Option<&'s Question> {
    let score_of = |id: &str| scores.iter().find(|(question, _)| question == id).map(|(_, score)| *score);
    survey
        .questions
        .iter()
        .skip(index)
        .find(|question| keypad::can_answer(question) && question.is_asked(score_of))
}

fn next(survey: &Survey, index: usize, scores: Vec<(String, i32)>) -> Prompt<'_> {
    match next_question(survey, index, &scores) {
        None => Prompt::Thanks,
        Some(question) => {
            let place = Place { question: question.id.clone(), scores, ..Place::default() };
            Prompt::Ask(question, place)
        }
    }
}

/// A question that was asked.
struct Asked<'s, 'p> {
    survey: &'s Survey,
    index: usize,
    question: &'s Question,
    place: &'p Place,
}

impl<'s> Asked<'s, '_> {
    fn answered(&self, keys: &str) -> Turn<'s> {
        match keypad::read(self.question, keys) {
            Pressed::Score(score) => self.scored(score),
            Pressed::LoneOne => self.lone_one(),
            Pressed::Choice(place) => self.chosen(place),
            Pressed::Unclear => Turn { answer: None, prompt: self.again() },
        }
    }

    fn scored(&self, score: i32) -> Turn<'s> {
        Turn { answer: Some(self.given(score)), prompt: self.next(Some(score)) }
    }

    fn chosen(&self, place: usize) -> Turn<'s> {
        let value = self.question.choices.get(place).map(|choice| Given::Choice(choice.value.clone()));
        Turn { answer: value.map(|value| (self.question, value)), prompt: self.next(None) }
    }

    fn lone_one(&self) -> Turn<'s> {
        let one = match self.survey.edit_window >= CONFIRMED_WITHIN {
            true => LoneOne::Kept,
            false => LoneOne::Open,
        };
        let place = Place { one: Some(one), ..self.place.clone() };
        let answer = (one == LoneOne::Kept).then(|| self.given(1));
        Turn { answer, prompt: Prompt::ConfirmOne(self.question, place) }
    }

    fn confirmed(&self, one: LoneOne, keys: &str) -> Turn<'s> {
        match (keypad::makes_ten(keys), one) {
            (true, _) => self.scored(10),
            (false, LoneOne::Open) => self.scored(1),
            (false, LoneOne::Kept) => Turn { answer: None, prompt: self.next(Some(1)) },
        }
    }

    fn given(&self, score: i32) -> (&'s Question, Given) {
        (self.question, Given::Whole(score.into()))
    }

    fn again(&self) -> Prompt<'s> {
        if self.place.tries >= ASKED_AGAIN {
            return Prompt::Thanks;
        }
        Prompt::Ask(self.question, Place { tries: self.place.tries + 1, ..self.place.clone() })
    }

    fn next(&self, score: Option<i32>) -> Prompt<'s> {
        let mut scores = self.place.scores.clone();
        if let Some(score) = score.filter(|_| self.decides_later()) {
            scores.retain(|(question, _)| *question != self.question.id);
            scores.push((self.question.id.clone(), score));
        }
        next(self.survey, self.index + 1, scores)
    }

    /// Whether a later question is asked only after some scores of this one; only such scores are carried along.
    fn decides_later(&self) -> bool {
        let later = self.survey.questions.iter().skip(self.index + 1);
        later.filter_map(|question| question.ask_when.as_ref()).any(|when| when.question == self.question.id)
    }
}

#[cfg(test)]
mod tests;
