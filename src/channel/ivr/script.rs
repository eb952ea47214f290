//! Puts what the dialogue asks into words: a [`Prompt`] into a [`Turn`].

use super::{
    dialogue::{Place, Prompt, State, Waiting, next_question},
    keypad, speech,
    turn::{Line, Speech, Then, Turn},
    words::{self, words},
};
use crate::{
    catalog::Brand,
    intake::Subject,
    survey::{Kind, Language, Question, Survey, ThanksLink},
};

/// Seconds without a key that end a scale to 10; those who know `#` do not wait.
const TWO_KEYS_TIMEOUT_S: u8 = 4;
/// Seconds without a key that end any other question.
const ONE_KEY_TIMEOUT_S: u8 = 5;
/// Seconds of silence that end a comment.
const COMMENT_SILENCE_S: u8 = 5;

/// What is needed to speak of a survey in one language.
#[derive(Clone, Debug)]
pub(crate) struct Script<'a> {
    /// Whose name is said.
    pub brand: &'a Brand,
    /// What is asked.
    pub survey: &'a Survey,
    /// What it is about.
    pub subject: Option<&'a Subject>,
    /// One that all of the survey's questions are written in.
    pub language: &'a Language,
    /// The caller's, when that is a form of the language; it chooses voices and recordings.
    pub locale: Language,
    /// Whether words are understood.
    pub listens: bool,
    /// Whether there is a key for "do not ask me again".
    pub may_opt_out: bool,
}

impl Script<'_> {
    /// The turn in which a prompt is said. `languages` are those of the dialogue.
    pub(crate) fn turn(&self, prompt: &Prompt<'_>, languages: &[Language]) -> Turn {
        match prompt {
            Prompt::Language(place) => self.menu(place, languages),
            Prompt::Ask(question, place) if question.kind == Kind::Text => self.comment(question, place),
            Prompt::Ask(question, place) => {
                let most = if keypad::takes_two_keys(question) { 2 } else { 1 };
                let speech = self.listens.then(|| self.expected(question));
                keys(most, speech, place, self.question(question, place))
            }
            Prompt::ConfirmOne(_, place) => {
                keys(1, None, place, vec![self.our(words(self.language).confirm_one)])
            }
            Prompt::ConfirmHeard(question, place) => self.confirm_heard(question, place),
            Prompt::Thanks => self.bye(words(self.language).thanks),
            Prompt::OptedOut => self.bye(words(self.language).opted_out),
        }
    }

    /// Asks for a moment before the same is tried again.
    pub(crate) fn moment(&self, place: &Place, waiting: Waiting, pause_s: u64) -> Turn {
        let next = State { place: place.clone(), waiting: Some(waiting) };
        Turn { lines: vec![self.our(words(self.language).moment)], then: Then::Moment { pause_s, next } }
    }

    /// An apology.
    pub(crate) fn sorry(&self) -> Turn {
        self.bye(words(self.language).sorry)
    }

    fn bye(&self, text: &str) -> Turn {
        Turn { lines: vec![self.our(text)], then: Then::HangUp }
    }

    /// Each language offers itself, in itself.
    fn menu(&self, place: &Place, languages: &[Language]) -> Turn {
        let offer = |(language, key): (&Language, usize)| {
            let words = words::own(language)?;
            Some(say(self.survey, language, words.choose.replace("{key}", &key.to_string())))
        };
        let lines = languages.iter().zip(1..=keypad::CHOICES).filter_map(offer).collect();
        keys(1, None, place, lines)
    }

    fn comment(&self, question: &Question, place: &Place) -> Turn {
        let then = Then::Comment {
            longest_s: self.survey.phone.comment_length.as_secs(),
            silence_s: COMMENT_SILENCE_S,
            language: self.locale.clone(),
            next: State { place: place.clone(), waiting: None },
        };
        Turn { lines: self.question(question, place), then }
    }

    fn confirm_heard(&self, question: &Question, place: &Place) -> Turn {
        let (language, default) = (self.language, &self.survey.default_language);
        let heard = place.heard().unwrap_or_default();
        let text = words(language).confirm_heard(question, heard, language, default);
        let speech = self
            .listens
            .then(|| Speech { language: self.locale.clone(), hints: speech::yes_and_no(language) });
        keys(1, speech, place, vec![self.ours_and_theirs(&text)])
    }

    /// A recorded question says which keys it takes; who did not understand it is told so by a voice.
    fn question(&self, question: &Question, place: &Place) -> Vec<Line> {
        let words = words(self.language);
        let how = words.how_to_answer(question, self.language, &self.survey.default_language, self.listens);
        let again = (place.tries > 0).then(|| self.our(words.again));
        let recorded = recording(question, self.brand, &self.locale);
        let opt_out = (recorded.is_none() && again.is_none() && self.offers_opt_out(question))
            .then(|| self.our(words.opt_out));
        let how = (recorded.is_none() || again.is_some()).then(|| self.ours_and_theirs(&how));
        let asked = match recorded {
            Some(address) => Line::Recording(address),
            None => say(self.survey, &self.locale, self.text(question)),
        };
        again.into_iter().chain([asked]).chain(how).chain(opt_out).collect()
    }

    /// Once in a call: with its first question.
    fn offers_opt_out(&self, question: &Question) -> bool {
        let first = next_question(self.survey, 0, &[], self.survey.phone.record_comments);
        self.may_opt_out && first.is_some_and(|first| first.id == question.id)
    }

    /// A question's words as they are spoken.
    fn text(&self, question: &Question) -> String {
        super::spoken(question, self.survey, self.brand, self.subject, self.language)
    }

    fn expected(&self, question: &Question) -> Speech {
        Speech { language: self.locale.clone(), hints: speech::hints(question, self.survey, self.language) }
    }

    /// Our own words around the survey's: the names of choices, and what the ends of a scale mean.
    fn ours_and_theirs(&self, text: &str) -> Line {
        self.our(&super::filled(text, self.brand, self.subject))
    }

    /// Our own words, by the caller's voice where they are in the caller's language.
    fn our(&self, text: &str) -> Line {
        say(self.survey, &our_language(&self.locale), text.to_owned())
    }
}

/// Where a question is recorded in a language, if it is.
pub(crate) fn recording(question: &Question, brand: &Brand, language: &Language) -> Option<String> {
    question.audio.in_language(language).map(|address| ThanksLink::of_brand(address, &brand.id))
}

/// An apology where no survey is known.
pub(crate) fn sorry(language: &Language) -> Turn {
    let text = words(language).sorry.to_owned();
    let line = Line::Words { language: our_language(language), voice: None, text };
    Turn { lines: vec![line], then: Then::HangUp }
}

/// The language that our own words are in for people of another.
fn our_language(language: &Language) -> Language {
    words::own(language).map_or_else(Language::english, |_| language.clone())
}

fn say(survey: &Survey, language: &Language, text: String) -> Line {
    let voice = survey.phone.voices.in_language(language).map(str::to_owned);
    Line::Words { language: language.clone(), voice, text }
}

fn keys(most: u8, speech: Option<Speech>, place: &Place, lines: Vec<Line>) -> Turn {
    let timeout_s = if most > 1 { TWO_KEYS_TIMEOUT_S } else { ONE_KEY_TIMEOUT_S };
    let next = State { place: place.clone(), waiting: None };
    Turn { lines, then: Then::Keys { most, timeout_s, speech, next } }
}
