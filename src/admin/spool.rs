//! The spool and the dead letters as an operator sees them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    forward::{DeadLetter, DeadLetters},
    intake::claim::Ticket,
    spool::{Spool, Status},
};

/// Dead letters in one list, and in one retry.
pub(super) const LETTERS: usize = 1_000;

/// The spool's books, from the log itself, across restarts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SpoolView {
    /// Records ever appended.
    pub appended: u64,
    /// Records the store has.
    pub delivered: u64,
    /// Records that wait.
    pub spooled: u64,
    /// Records the store refused.
    pub dead_lettered: u64,
    /// Records that could not be read back.
    pub set_aside: u64,
}

impl SpoolView {
    /// The books of a spool.
    pub(crate) const fn of(status: &Status) -> Self {
        Self {
            appended: status.appended,
            delivered: status.delivered,
            spooled: status.spooled,
            dead_lettered: status.dead_lettered,
            set_aside: status.set_aside,
        }
    }

    /// appended = delivered + spooled + dead-lettered + set aside.
    pub(crate) const fn balanced(&self) -> bool {
        self.appended == self.delivered + self.spooled + self.dead_lettered + self.set_aside
    }
}

/// A dead letter without its answers: they are the person's.
pub(crate) fn letter(letter: &DeadLetter) -> Value {
    json!({
        "sequence": letter.sequence,
        "at": letter.at.to_string(),
        "code": letter.code,
        "detail": letter.detail,
        "bytes": letter.record.len(),
    })
}

/// Appends each letter to the spool again, then takes it away; broken off in between, it is sent twice, which storage
/// does not mind.
///
/// # Errors
/// The letters cannot be read.
pub(crate) async fn retry(
    spool: &Spool,
    letters: &DeadLetters,
    ticket: impl Fn() -> Ticket,
) -> std::io::Result<Value> {
    let mut retried = 0_u64;
    for letter in letters.list(LETTERS)?.letters {
        let Ok(room) = spool.reserve(letter.record.len()) else { break };
        let appended = spool.append(room, ticket(), letter.record.clone()).await;
        if appended.is_err() || letters.remove(&letter).is_err() {
            break;
        }
        retried += 1;
    }
    Ok(json!({ "retried": retried, "left": letters.len() }))
}
