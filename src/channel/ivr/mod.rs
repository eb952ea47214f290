//! The phone: a caller's keypad, spoken for by a telephony provider (Twilio, SignalWire, Telnyx) or by somebody's own
//! exchange (Asterisk, FreeSWITCH, Amazon Connect).
//!
//! - takes: signed webhooks, one a turn of a call ([`twilio::turn`], [`telnyx::turn`]), and reports of recorded
//!   comments ([`twilio::report`], [`telnyx::report`]); JSON events with an API key ([`events::take`]).
//! - gives: one [`Submission`](crate::intake::Submission) for each answer, as soon as it is given, so that hanging up
//!   keeps what was said; its key is call, turn and keys. Then TwiML, or the receipt and the next question.
//! - refuses: a missing or wrong signature; an unknown or closed survey; references that are none.
//! - bounds: a question is asked three times, what is heard poorly is confirmed once each time, an answer that finds no
//!   room is offered four times, a comment is as long as the survey says, a form has as many fields as the
//!   configuration allows; bodies are bounded where they are read.
//!
//! The dialogue ([`dialogue`]) decides what comes next, the script ([`script`]) puts it into words, as a turn
//! ([`turn`]) that each dialect prints.
//!
//! No turn is remembered here. Where a call stands is in the URL that the provider is told to call next, and that URL
//! is signed by the provider, or sealed by us; so any gateway can take any turn, and a retried turn gets the same TwiML
//! byte for byte. That it is a retry is known by the submission key: call, turn and keys.

pub(crate) mod dialogue;
pub(crate) mod events;
pub(crate) mod input;
pub(crate) mod keypad;
pub(crate) mod script;
pub(crate) mod telnyx;
pub(crate) mod turn;
pub(crate) mod twilio;

mod speech;
mod words;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod simulated;

use crate::{
    catalog::{Brand, Catalog, IdentityKey},
    intake::Subject,
    outcome::{Ledger, Outcome, Reason},
    survey::{Channel, Language, Question, Survey},
};

/// What both dialects need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk<'a> {
    /// Brands, surveys, telephony accounts.
    pub catalog: &'a Catalog,
    /// Hashes the callers' numbers.
    pub identity_key: &'a IdentityKey,
    /// Counts what is refused before it is a submission; submissions are counted by whoever takes them.
    pub ledger: &'a Ledger,
    /// Fields of a form.
    pub form_fields: usize,
}

impl Desk<'_> {
    /// Books a request that never became a submission. The brand is a known one, or none.
    fn reject(&self, brand: Option<&Brand>, reason: Reason) {
        let mut in_flight = self.ledger.receive(Channel::Ivr);
        if let Some(brand) = brand {
            in_flight.brand(&brand.id);
        }
        in_flight.end(Outcome::Rejected, Some(reason));
    }
}

/// Why a survey cannot be answered by phone at present.
pub(crate) fn closed(survey: &Survey) -> Option<Reason> {
    if !survey.live {
        return Some(Reason::SurveyClosed);
    }
    (!survey.channels.contains(&Channel::Ivr)).then_some(Reason::ChannelClosed)
}

/// A question's words as they are spoken.
fn spoken(
    question: &Question,
    survey: &Survey,
    brand: &Brand,
    subject: Option<&Subject>,
    language: &Language,
) -> String {
    filled(question.text.get(language, &survey.default_language), brand, subject)
}

/// A survey's words, with what they leave open.
fn filled(text: &str, brand: &Brand, subject: Option<&Subject>) -> String {
    let subject = subject.map_or("", |subject| subject.reference.as_str());
    text.replace("{brand}", &brand.name).replace("{subject}", subject)
}
