//! Step 1: whose answer is it?
//!
//! The response id is a keyed hash of brand, survey and what the survey's rule names, in the space that the proof
//! allows. It does not depend on the channel, so an answer by mail and one by phone about the same ticket are one
//! response; and nothing that a browser merely states can reach a proven one.

use std::{sync::Arc, time::Duration};

use smallvec::{SmallVec, smallvec};

use super::{Answered, Proof, Submission};
use crate::{
    catalog::{Brand, Catalog, IdentityKey},
    clock::Timestamp,
    outcome::{Problem, Reason, Refusal, ResponseId},
    survey::{Channel, Identity, Rule, Survey},
};

/// The earliest time that a caller may give, 2000-01-01.
const EARLIEST: Timestamp = Timestamp::from_secs(946_684_800);
/// How far ahead of the gateway's clock a caller's may be.
const AHEAD: Duration = Duration::from_secs(300);
/// An answer that waited longer in a browser than this is stamped as if it had waited so long.
const OLDEST_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A submission whose response is known.
#[derive(Debug)]
pub(super) struct Identified {
    pub(super) submission: Submission,
    pub(super) brand: Arc<Brand>,
    pub(super) survey: Arc<Survey>,
    pub(super) id: ResponseId,
    pub(super) identity: Identity,
    /// When it was answered.
    pub(super) stamp: Timestamp,
    /// When it was received.
    pub(super) now: Timestamp,
}

/// Finds survey and response id. What is wrong with stamp or identity is added to the submission's problems, for
/// validation to report with the rest.
///
/// # Errors
/// Unknown brand or survey; an API key of another brand; [`Reason::Invalid`] when neither can be read.
pub(super) fn identify(
    mut submission: Submission,
    catalog: &Catalog,
    key: &IdentityKey,
    now: Timestamp,
) -> Result<Identified, Refusal> {
    if submission.brand.is_empty() || submission.survey.is_empty() {
        return Err(Refusal::invalid(submission.problems));
    }
    let brand = Arc::clone(find_brand(&submission, catalog)?);
    let survey = catalog.survey(&brand.id, &submission.survey).cloned().ok_or_else(|| {
        Refusal::new(Reason::UnknownSurvey, "the brand has no such survey: check `survey` and `brand`")
    })?;
    let stamp = stamp(&mut submission, now);
    let (id, identity) = match proven(key, &survey, &submission, stamp) {
        Some(id) => (id, proven_word(&submission.proof)),
        None => (keyed_id(key, &mut submission), Identity::None),
    };
    Ok(Identified { submission, brand, survey, id, identity, stamp, now })
}

fn find_brand<'a>(submission: &Submission, catalog: &'a Catalog) -> Result<&'a Arc<Brand>, Refusal> {
    let brand = catalog
        .brand(&submission.brand)
        .ok_or_else(|| Refusal::new(Reason::UnknownBrand, "there is no such brand: check `brand`"))?;
    match &submission.proof {
        Proof::Key(api_key) if api_key.brand != brand.id => {
            Err(Refusal::new(Reason::Forbidden, "the API key is for another brand"))
        }
        _ => Ok(brand),
    }
}

fn stamp(submission: &mut Submission, now: Timestamp) -> Timestamp {
    match (submission.answered, &submission.proof) {
        (Answered::Now, _) => now,
        (Answered::Ago(age), _) => now.before(age.min(OLDEST_AGE)),
        (Answered::At(at), Proof::Key(_)) => {
            if !(EARLIEST..=now.after(AHEAD)).contains(&at) {
                let detail = "must lie between 2000-01-01 and five minutes ahead";
                submission.problems.push(Problem::new("/answered_at", Reason::BadTime, detail));
            }
            at
        }
        (Answered::At(_), _) => now,
    }
}

/// The response that the survey's rule names, when all of it is there.
fn proven(
    key: &IdentityKey,
    survey: &Survey,
    submission: &Submission,
    stamp: Timestamp,
) -> Option<ResponseId> {
    let respondent = || submission.respondent.as_ref().map(|respondent| respondent.key.0);
    Some(match survey.one_response_per {
        Rule::Interaction => {
            let interaction = submission.interaction.as_ref()?;
            proven_id(key, submission, &[b"interaction", interaction.as_str().as_bytes()])
        }
        Rule::RespondentAndSubject => {
            let subject = submission.subject.as_ref()?;
            let [kind, reference] = [&subject.kind, &subject.reference].map(|part| part.as_str().as_bytes());
            proven_id(key, submission, &[b"subject", &respondent()?, kind, reference])
        }
        Rule::Respondent { period } => {
            let window = window(submission, stamp, period).to_le_bytes();
            proven_id(key, submission, &[b"respondent", &respondent()?, &window])
        }
    })
}

/// Which window of that length, counted from the Unix epoch, by the link's issue time or else the stamp.
fn window(submission: &Submission, stamp: Timestamp, period: Duration) -> i64 {
    let at = match &submission.proof {
        Proof::Link { issued: Some(issued), .. } => *issued,
        _ => stamp,
    };
    let length_us = i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1);
    at.as_micros().div_euclid(length_us)
}

fn proven_id(key: &IdentityKey, submission: &Submission, parts: &[&[u8]]) -> ResponseId {
    let space: &[u8] = match submission.proof {
        Proof::Nobody { .. } => b"stated",
        Proof::Link { .. } | Proof::Call { .. } | Proof::Key(_) => b"proven",
    };
    let mut all: SmallVec<[&[u8]; 8]> =
        smallvec![space, submission.brand.as_bytes(), submission.survey.as_bytes()];
    all.extend_from_slice(parts);
    ResponseId::from_hash(key.hash(&all))
}

const fn proven_word(proof: &Proof) -> Identity {
    match proof {
        Proof::Link { .. } | Proof::Call { .. } => Identity::Signed,
        Proof::Key(_) => Identity::Keyed,
        Proof::Nobody { .. } => Identity::Stated,
    }
}

/// The submission key is the identity: the link, the call, what the client chose. A browser that sends none gets a
/// response of its own; a program that sends none could not be told from its own retry, and is refused.
fn keyed_id(key: &IdentityKey, submission: &mut Submission) -> ResponseId {
    let given = submission.key.as_ref().map(|key| key.text.clone());
    let (space, text): (&[u8], _) = match (&submission.proof, given) {
        (Proof::Link { invitation, .. }, _) => (b"none:link", invitation.clone()),
        (Proof::Call { call_id }, _) => (b"none:call", call_id.clone()),
        (Proof::Key(_), given) => (b"none:key", program_key(submission, given)),
        (Proof::Nobody { .. }, Some(given)) => (b"none:browser", given),
        (Proof::Nobody { .. }, None) => (b"none:browser", uuid::Uuid::new_v4().to_string()),
    };
    let parts = [space, submission.brand.as_bytes(), submission.survey.as_bytes(), text.as_bytes()];
    ResponseId::from_hash(key.hash(&parts))
}

/// Events of one call belong together whatever their question; other programs choose a key.
fn program_key(submission: &mut Submission, given: Option<String>) -> String {
    let call = submission.interaction.as_ref().filter(|_| submission.channel == Channel::Ivr);
    if let Some(call) = call {
        return call.as_str().to_owned();
    }
    given.unwrap_or_else(|| {
        let is_reference = |problem: &Problem| {
            ["/interaction", "/respondent", "/subject"].iter().any(|part| problem.pointer.starts_with(part))
        };
        if submission.problems.iter().any(is_reference) {
            return String::new();
        }
        let detail = "send what the survey's one_response_per names, or an idempotency key (`key`): without either, \
                      a retry could not be told from a new answer";
        submission.problems.push(Problem::new("", Reason::NoIdentity, detail));
        String::new()
    })
}
