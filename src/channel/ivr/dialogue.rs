//! The dialogue of a call, as a pure function: where it stands and what was given, to what is answered and what is
//! asked next. [`Script`](super::script::Script) puts that into words, a dialect prints them.
//!
//! A lone `1` on a scale to 10 is confirmed once. It is an answer at once, and becomes 10 when `0` follows: a caller
//! who hangs up at "you pressed one" is heard of no more, and is kept as 1. Where a survey's edit window is too short
//! for that change, the `1` waits for the caller's confirmation instead; a value that is held as `late` would be worse.
//!
//! Words count when the provider is sure of them. What it is not sure of is no answer until the caller has confirmed
//! it, by a key or in words that the provider is sure of.

use std::time::Duration;

use super::{
    input::{Input, Recording},
    keypad::{self, Pressed},
    speech,
};
use crate::{
    intake::Given,
    survey::{Kind, Language, Question, Survey},
};

/// A question is asked this often again.
pub(crate) const ASKED_AGAIN: u8 = 2;

/// Stands for the question of the language; no question's id.
pub(crate) const MENU: &str = "*";

/// A confirmation takes less than this: the prompt, the wait for a key, and the provider's tries to reach us.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(120);

/// Where a call stands, and an answer that has not found room yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The question that was asked last.
    pub place: Place,
    /// What was given, when storing what it says is tried again.
    pub waiting: Option<Waiting>,
}

/// What found no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The keys that give the answer again; also for one that was spoken.
    pub keys: String,
    /// The recording that gives it again.
    pub recording: Option<Recording>,
    /// How often it was tried before.
    pub tries: u8,
}

/// Where a call stands: the question that was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The language that was chosen by key.
    pub language: Option<Language>,
    /// The question's id, or [`MENU`].
    pub question: String,
    /// How often it was asked again.
    pub tries: u8,
    /// What the caller was asked to confirm.
    pub doubt: Option<Doubt>,
    /// The scores so far that a later question depends on, by question.
    pub scores: Vec<(String, i32)>,
}

impl Place {
    /// The keys that would have meant what was understood.
    pub(crate) fn heard(&self) -> Option<&str> {
        match &self.doubt {
            Some(Doubt::Heard(keys)) => Some(keys),
            _ => None,
        }
    }
}

/// What a caller is asked to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Whether a lone `1` is 10.
    One(LoneOne),
    /// Whether what was understood was said: the keys that would have meant it.
    Heard(String),
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
pub(crate) struct Move<'s> {
    /// The answer that was given, with its question.
    pub answer: Option<(&'s Question, Given)>,
    /// The caller wants to be asked no more.
    pub opts_out: bool,
    /// The keys that would say the same again at the same place; what was spoken has some too.
    pub keys: String,
    /// What is said when the answer is safe.
    pub prompt: Prompt<'s>,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prompt<'s> {
    /// Asks which language to speak.
    Language(Place),
    /// Asks a question, and the place to go on from; `tries` above zero says that it is asked again.
    Ask(&'s Question, Place),
    /// Asks whether a lone `1` is 10.
    ConfirmOne(&'s Question, Place),
    /// Asks whether what was understood was said.
    ConfirmHeard(&'s Question, Place),
    /// Thanks and hangs up.
    Thanks,
    /// Says that the caller is asked no more, and hangs up.
    OptedOut,
}

impl Prompt<'_> {
    /// Where the call stands then; none when it ends.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Language(place)
            | Self::Ask(_, place)
            | Self::ConfirmOne(_, place)
            | Self::ConfirmHeard(_, place) => Some(place),
            Self::Thanks | Self::OptedOut => None,
        }
    }
}

/// What a call is about.
#[derive(Clone, Debug)]
pub(crate) struct Dialogue<'s> {
    /// The survey.
    pub survey: &'s Survey,
    /// The language that is spoken.
    pub language: Language,
    /// The languages that a key chooses from, in this order; with fewer than two there is nothing to choose.
    pub languages: Vec<Language>,
    /// Whether there is a key for "do not ask me again".
    pub may_opt_out: bool,
}

impl<'s> Dialogue<'s> {
    /// The beginning of a call.
    pub(crate) fn open(&self) -> Move<'s> {
        let first = self.next(0, Place::default());
        let prompt = match &first {
            Prompt::Ask(..) if self.languages.len() > 1 => {
                Prompt::Language(Place { question: MENU.to_owned(), ..Place::default() })
            }
            _ => first,
        };
        Move::without_answer(prompt)
    }

    /// The turn after what was asked at `place`. A question that a reload has taken away ends the call.
    pub(crate) fn reply(&self, place: &Place, input: &Input) -> Move<'s> {
        if place.question == MENU {
            return Move::without_answer(self.chosen(place, &input.keys));
        }
        let found =
            self.survey.questions.iter().enumerate().find(|(_, question)| question.id == place.question);
        let Some((index, question)) = found else { return Move::without_answer(Prompt::Thanks) };
        if self.may_opt_out && keypad::opts_out(&input.keys) {
            let keys = input.keys.clone();
            return Move { answer: None, opts_out: true, keys, prompt: Prompt::OptedOut };
        }
        let asked = Asked { dialogue: self, index, question, place };
        match &place.doubt {
            Some(Doubt::One(one)) => asked.confirmed_one(*one, &input.keys),
            Some(Doubt::Heard(keys)) => asked.confirmed_heard(keys, input),
            None if question.kind == Kind::Text => asked.commented(input),
            None => asked.answered(input),
        }
    }

    /// After the question of the language. Who chooses none is asked in the language that the call would have had.
    fn chosen(&self, place: &Place, keys: &str) -> Prompt<'s> {
        let chosen = keypad::place(keys).and_then(|place| self.languages.get(place));
        if chosen.is_none() && place.tries < ASKED_AGAIN {
            return Prompt::Language(Place { tries: place.tries + 1, ..place.clone() });
        }
        let language = chosen.unwrap_or(&self.language).clone();
        self.next(0, Place { language: Some(language), ..Place::default() })
    }

    /// Asks the first question from `index` on that is asked; `before` is where the call stood.
    fn next(&self, index: usize, before: Place) -> Prompt<'s> {
        let Place { language, scores, .. } = before;
        match next_question(self.survey, index, &scores, self.survey.phone.record_comments) {
            None => Prompt::Thanks,
            Some(question) => {
                let question_id = question.id.clone();
                Prompt::Ask(question, Place { language, question: question_id, scores, ..Place::default() })
            }
        }
    }
}

impl<'s> Move<'s> {
    fn without_answer(prompt: Prompt<'s>) -> Self {
        Self { answer: None, opts_out: false, keys: String::new(), prompt }
    }
}

/// The first question that a caller can answer and that is asked, given the answers so far, from `index` on. `comments`
/// says whether texts can be spoken.
pub(crate) fn next_question<'s>(
    survey: &'s Survey,
    index: usize,
    scores: &[(String, i32)],
    comments: bool,
) -> Option<&'s Question> {
    let score_of = |id: &str| scores.iter().find(|(question, _)| question == id).map(|(_, score)| *score);
    survey
        .questions
        .iter()
        .skip(index)
        .find(|question| (comments || keypad::can_answer(question)) && question.is_asked(score_of))
}

/// A question that was asked.
struct Asked<'s, 'p> {
    dialogue: &'p Dialogue<'s>,
    index: usize,
    question: &'s Question,
    place: &'p Place,
}

impl<'s> Asked<'s, '_> {
    /// Keys win: they are sure.
    fn answered(&self, input: &Input) -> Move<'s> {
        let heard = input.speech.as_ref().filter(|_| self.survey().phone.speech && input.keys.is_empty());
        let Some(heard) = heard else { return self.pressed(&input.keys) };
        match speech::keys(self.question, self.survey(), &heard.words, &self.dialogue.language) {
            None => Move::without_answer(self.again()),
            Some(keys) if heard.is_sure() => self.pressed(&keys),
            Some(keys) => {
                let place = Place { doubt: Some(Doubt::Heard(keys)), ..self.place.clone() };
                Move::without_answer(Prompt::ConfirmHeard(self.question, place))
            }
        }
    }

    fn pressed(&self, keys: &str) -> Move<'s> {
        let (answer, prompt) = match keypad::read(self.question, keys) {
            Pressed::Score(score) => self.scored(score),
            Pressed::LoneOne => self.lone_one(),
            Pressed::Choice(place) => self.chosen(place),
            Pressed::Unclear => (None, self.again()),
        };
        Move { answer, opts_out: false, keys: keys.to_owned(), prompt }
    }

    fn scored(&self, score: i32) -> (Option<(&'s Question, Given)>, Prompt<'s>) {
        (Some(self.given(score)), self.next(Some(score)))
    }

    fn chosen(&self, place: usize) -> (Option<(&'s Question, Given)>, Prompt<'s>) {
        let value = self.question.choices.get(place).map(|choice| Given::Choice(choice.value.clone()));
        (value.map(|value| (self.question, value)), self.next(None))
    }

    fn lone_one(&self) -> (Option<(&'s Question, Given)>, Prompt<'s>) {
        let one = match self.survey().edit_window >= CONFIRMED_WITHIN {
            true => LoneOne::Kept,
            false => LoneOne::Open,
        };
        let place = Place { doubt: Some(Doubt::One(one)), ..self.place.clone() };
        let answer = (one == LoneOne::Kept).then(|| self.given(1));
        (answer, Prompt::ConfirmOne(self.question, place))
    }

    fn confirmed_one(&self, one: LoneOne, keys: &str) -> Move<'s> {
        let (answer, prompt) = match (keypad::makes_ten(keys), one) {
            (true, _) => self.scored(10),
            (false, LoneOne::Open) => self.scored(1),
            (false, LoneOne::Kept) => (None, self.next(Some(1))),
        };
        Move { answer, opts_out: false, keys: keys.to_owned(), prompt }
    }

    /// Silence is no confirmation.
    fn confirmed_heard(&self, meant: &str, input: &Input) -> Move<'s> {
        let said_yes = || {
            let heard = input.speech.as_ref().filter(|heard| heard.is_sure());
            heard.is_some_and(|heard| speech::agrees(&heard.words, &self.dialogue.language) == Some(true))
        };
        let yes = match input.keys.as_str() {
            "" => said_yes(),
            keys => keypad::agrees(keys),
        };
        match yes {
            true => Move { keys: keypad::AGREES.to_owned(), ..self.pressed(meant) },
            false => Move::without_answer(self.again()),
        }
    }

    /// Who says nothing has nothing to add.
    fn commented(&self, input: &Input) -> Move<'s> {
        let answer = input.recording.as_ref().map(|recording| {
            let given = Given::Text(recording.address.clone());
            (self.question, given)
        });
        Move { answer, ..Move::without_answer(self.next(None)) }
    }

    fn survey(&self) -> &'s Survey {
        self.dialogue.survey
    }

    fn given(&self, score: i32) -> (&'s Question, Given) {
        (self.question, Given::Whole(score.into()))
    }

    fn again(&self) -> Prompt<'s> {
        if self.place.tries >= ASKED_AGAIN {
            return Prompt::Thanks;
        }
        let place = Place { tries: self.place.tries + 1, doubt: None, ..self.place.clone() };
        Prompt::Ask(self.question, place)
    }

    fn next(&self, score: Option<i32>) -> Prompt<'s> {
        let mut before = self.place.clone();
        if let Some(score) = score.filter(|_| self.decides_later()) {
            before.scores.retain(|(question, _)| *question != self.question.id);
            before.scores.push((self.question.id.clone(), score));
        }
        self.dialogue.next(self.index + 1, before)
    }

    /// Whether a later question is asked only after some scores of this one; only such scores are carried along.
    fn decides_later(&self) -> bool {
        let later = self.survey().questions.iter().skip(self.index + 1);
        later.filter_map(|question| question.ask_when.as_ref()).any(|when| when.question == self.question.id)
    }
}

#[cfg(test)]
mod tests;
