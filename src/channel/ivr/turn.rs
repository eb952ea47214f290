//! A turn of a call as data: what a caller hears, and what is awaited then. The dialogue decides it; each dialect
//! prints it.

use super::dialogue::State;
use crate::survey::Language;

/// What a caller hears, and what is awaited then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// What is heard, in this order.
    pub lines: Vec<Line>,
    /// What is awaited.
    pub then: Then,
}

/// Something that is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Words for a voice.
    Words {
        /// Their language, in the form that the caller speaks.
        language: Language,
        /// The provider's name of the voice; its own choice when none.
        voice: Option<String>,
        /// The words.
        text: String,
    },
    /// A recording at this address.
    Recording(String),
}

/// What is awaited of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Keys, or none. `#` ends them, and a key stops what is being said.
    Keys {
        /// As many keys end them.
        most: u8,
        /// So do as many seconds without a key.
        timeout_s: u8,
        /// Words do as well.
        speech: Option<Speech>,
        /// Where it goes on.
        next: State,
    },
    /// A comment, spoken after a tone. `#` ends it.
    Comment {
        /// So do as many seconds.
        longest_s: u64,
        /// So do as many seconds of silence.
        silence_s: u8,
        /// The language that is spoken.
        language: Language,
        /// Where it goes on, with a recording or without.
        next: State,
    },
    /// Nothing: the caller waits, and the same turn is tried again.
    Moment {
        /// Seconds.
        pause_s: u64,
        /// What is tried again.
        next: State,
    },
    /// Nothing: the call ends.
    HangUp,
}

/// Words that a caller is likely to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speech {
    /// Their language.
    pub language: Language,
    /// The words.
    pub hints: Vec<String>,
}
