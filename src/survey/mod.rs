//! The domain: what is asked, on which scale, in which language. Imports nothing but itself.

mod choice;
#[cfg(test)]
mod fuzz;
mod kind;
mod language;
mod question;
mod thanks;
mod words;

pub use self::{
    choice::Choice,
    kind::{Kind, Scale, Segment},
    language::{Language, Texts, negotiate},
    question::{AskWhen, Question, RESERVED_IDS},
    thanks::{Thanks, ThanksLink},
    words::{Channel, Confidence, Identity},
};

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A versioned definition: questions, languages, channels, identity rule, edit window.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Its id, the file's name without `.toml`.
    pub id: String,
    /// Counted up by whoever edits the definition; stands in each record.
    pub version: u32,
    /// Which brands carry it; `None` means all (`["*"]`).
    pub brands: Option<BTreeSet<String>>,
    /// Where it may be answered.
    pub channels: BTreeSet<Channel>,
    /// Whether it takes answers at present.
    pub live: bool,
    /// Whose answers are one response.
    pub one_response_per: Rule,
    /// How long a given answer may change.
    pub edit_window: Duration,
    /// The language to fall back to.
    pub default_language: Language,
    /// In the order they are asked; at least one.
    pub questions: Vec<Question>,
    /// What sends an answer on the page of a link in a mail.
    pub email_confirm: EmailConfirm,
    /// What the thank-you adds, by the segment of the score on [`Survey::first_scored`].
    pub thanks: BTreeMap<Segment, Thanks>,
}

/// What sends an answer on the page of a link in a mail. Opening the link never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailConfirm {
    /// A press of a score, where the page's script runs, and the button.
    #[default]
    Gesture,
    /// The button alone.
    Button,
}

/// Whose answers are one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One for each interaction.
    Interaction,
    /// One for each respondent about each subject.
    RespondentAndSubject,
    /// One for each respondent in each window of this length, counted from the Unix epoch, UTC.
    Respondent {
        /// The window's length.
        period: Duration,
    },
}

impl Survey {
    /// The question with this id.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }

    /// The question that a score in a link preselects: the first required one with a scale.
    pub fn first_scored(&self) -> Option<&Question> {
        self.questions.iter().find(|question| question.required && question.kind.scale().is_some())
    }

    /// Whether a brand carries it.
    pub fn is_for(&self, brand: &str) -> bool {
        self.brands.as_ref().is_none_or(|brands| brands.contains(brand))
    }

    /// The languages in which every question has a text.
    pub fn languages(&self) -> Vec<&Language> {
        let Some(first) = self.questions.first() else { return Vec::new() };
        let complete =
            |language: &&Language| self.questions.iter().all(|question| question.text.has(language));
        first.text.languages().filter(complete).collect()
    }
}
