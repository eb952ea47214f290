use std::time::Duration;

use super::Texts;

/// How a survey is asked on the phone, beyond what keys need. Everything is off until it is switched on: speech and
/// recordings cost, and a recording needs the caller's consent in many countries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Asks for the language first, when the call's address names none.
    pub choose_language: bool,
    /// Takes a spoken answer beside a pressed one.
    pub speech: bool,
    /// Asks text questions, and records what is said.
    pub record_comments: bool,
    /// The longest recording.
    pub comment_length: Duration,
    /// Offers a key for "do not ask me again" to callers who are somebody.
    pub opt_out_key: bool,
    /// The provider's names of the voices, by language; its own choice where there is none.
    pub voices: Texts,
}

impl Phone {
    /// A recording ends here when nothing else is said: as long as a voice mail that is listened to.
    pub const COMMENT_LENGTH: Duration = Duration::from_secs(60);

    /// The languages whose spoken answers are understood, whoever carries the call.
    pub const UNDERSTOOD: [&str; 5] = ["de", "en", "es", "fr", "it"];
}

impl Default for Phone {
    fn default() -> Self {
        Self {
            choose_language: false,
            speech: false,
            record_comments: false,
            comment_length: Self::COMMENT_LENGTH,
            opt_out_key: false,
            voices: Texts::default(),
        }
    }
}
