//! What a response says: a pure function of the set of its records and the operators' decisions (invariant 2).
//!
//! Each answer is confirmed or provisional by the [verdict](crate::verdict) on the touches, signals and rulings there
//! are. For each question, among the records that count:
//! 1. confirmed values beat provisional ones;
//! 2. a confirmed value later than the first one plus its own edit window is late; it is held when it differs from
//!    what wins without it, and ignored when it does not. Provisional values neither close the window nor are late;
//! 3. the newest stamp wins, then the larger hash of the value.
//!
//! Applying a record twice, late or out of order changes nothing, because the order of the entries is never read.

use std::{cmp::Ordering, collections::BTreeMap};

use uuid::Uuid;

use super::RecordHash;
use crate::{
    clock::Timestamp,
    proto::store::v1::{
        Answer, Confidence, CurrentAnswer, HeldState, Record, Response, answer::Value,
        current_answer::Content,
    },
    verdict::{Evidence, Ruling, Verdict},
};

/// A record and what an operator decided about it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Names the record.
    pub(crate) hash: RecordHash,
    /// The record.
    pub(crate) record: Record,
    /// The operator's decision.
    pub(crate) decision: Decision,
}

/// What an operator decided about a held record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing yet.
    None,
    /// It counts, whatever held it.
    Released,
    /// It never counts.
    Discarded,
}

/// What a set of records says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    /// The response, without `updated_at`; none while nothing counts.
    pub(crate) response: Option<Response>,
    /// The records that are or were held, by hash.
    pub(crate) held: BTreeMap<RecordHash, Hold>,
}

/// Why and how a record is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// `late`, or what the gateway said.
    pub(crate) reason: String,
    /// The questions whose values are held.
    pub(crate) questions: Vec<String>,
    /// Where it stands.
    pub(crate) state: HeldState,
}

/// Computes what the entries of one response say. Doubles and the order of the entries do not matter.
pub(crate) fn merge(entries: &[Entry], ruling: Option<Ruling>) -> Merged {
    let evidence = Evidence::of(entries.iter().map(|entry| &entry.record), ruling);
    let set = as_set(entries);
    let mut held: BTreeMap<_, _> =
        set.iter().filter_map(|entry| Some((entry.hash, decided_or_whole(entry)?))).collect();
    let counting = set.into_iter().filter(|entry| entry.counts());
    let counting: Vec<_> = counting.map(|entry| (entry, evidence.judge(&entry.record))).collect();
    let mut answers = Vec::new();
    let mut untimely: BTreeMap<RecordHash, usize> = BTreeMap::new();
    for values in by_question(&counting).values() {
        let standing = Standing::of(values);
        answers.extend(standing.winner.map(Given::current));
        for late in &standing.late {
            *untimely.entry(late.entry.hash).or_default() += 1;
            if standing.winner.is_some_and(|winner| winner.answer.value != late.answer.value) {
                hold_late(&mut held, late);
            }
        }
    }
    let heard = |entry: &&Entry| untimely.get(&entry.hash).copied().unwrap_or(0) < entry.record.answers.len();
    let heard: Vec<_> = counting.iter().map(|(entry, _)| *entry).filter(heard).collect();
    Merged { response: response(&heard, answers), held }
}

/// The answers, by stamp, then by hash; each record once. Events say nothing by themselves.
fn as_set(entries: &[Entry]) -> Vec<&Entry> {
    let mut set: Vec<_> = entries.iter().filter(|entry| entry.record.event.is_none()).collect();
    set.sort_unstable_by_key(|entry| (entry.record.stamp_us, entry.hash));
    set.dedup_by_key(|entry| entry.hash);
    set
}

/// The hold of a record that is held as a whole, or that an operator has decided about.
fn decided_or_whole(entry: &Entry) -> Option<Hold> {
    let state = match entry.decision {
        Decision::Released => HeldState::Released,
        Decision::Discarded => HeldState::Discarded,
        Decision::None if entry.record.hold.is_empty() => return None,
        Decision::None => HeldState::Waiting,
    };
    let reason = if entry.record.hold.is_empty() { LATE } else { &entry.record.hold };
    let questions = entry.record.answers.iter().map(|answer| answer.question.clone()).collect();
    Some(Hold { reason: reason.to_owned(), questions, state })
}

const LATE: &str = "late";

fn hold_late(held: &mut BTreeMap<RecordHash, Hold>, late: &Given<'_>) {
    let hold = held.entry(late.entry.hash).or_insert_with(|| Hold {
        reason: LATE.to_owned(),
        questions: Vec::new(),
        state: HeldState::Waiting,
    });
    hold.questions.push(late.answer.question.clone());
}

impl Entry {
    fn counts(&self) -> bool {
        match self.decision {
            Decision::None => self.record.hold.is_empty(),
            Decision::Released => true,
            Decision::Discarded => false,
        }
    }
}

/// One value of one record.
#[derive(Clone, Copy, Debug)]
struct Given<'a> {
    entry: &'a Entry,
    answer: &'a Answer,
    verdict: &'a Verdict,
}

fn by_question<'a>(entries: &'a [(&'a Entry, Verdict)]) -> BTreeMap<&'a str, Vec<Given<'a>>> {
    let mut questions: BTreeMap<&str, Vec<Given<'_>>> = BTreeMap::new();
    for (entry, verdict) in entries {
        for answer in &entry.record.answers {
            questions.entry(&answer.question).or_default().push(Given { entry, answer, verdict });
        }
    }
    questions
}

/// What becomes of the values of one question.
struct Standing<'a> {
    winner: Option<Given<'a>>,
    late: Vec<Given<'a>>,
}

impl<'a> Standing<'a> {
    fn of(values: &[Given<'a>]) -> Self {
        let first_confirmed = values.iter().filter(|given| given.is_confirmed()).map(Given::stamp_us).min();
        let Some(first_us) = first_confirmed else {
            return Self { winner: values.iter().copied().max_by(Given::cmp), late: Vec::new() };
        };
        let confirmed = values.iter().copied().filter(Given::is_confirmed);
        let (late, timely): (Vec<_>, Vec<_>) = confirmed.partition(|given| given.is_late(first_us));
        Self { winner: timely.into_iter().max_by(Given::cmp), late }
    }
}

impl Given<'_> {
    fn is_confirmed(&self) -> bool {
        self.verdict.confidence == Confidence::Confirmed
    }

    fn stamp_us(&self) -> i64 {
        self.entry.record.stamp_us
    }

    fn is_late(&self, first_us: i64) -> bool {
        let closes_us = first_us.saturating_add(self.entry.record.edit_window_us);
        self.entry.decision != Decision::Released && self.stamp_us() > closes_us
    }

    /// Which of two values wins. The record's hash only decides between records that say the same at the same time,
    /// so that the channel and language shown with the value do not depend on order.
    fn cmp(&self, other: &Self) -> Ordering {
        self.stamp_us()
            .cmp(&other.stamp_us())
            .then_with(|| value_hash(self.answer).cmp(&value_hash(other.answer)))
            .then_with(|| self.entry.hash.cmp(&other.entry.hash))
    }

    fn current(self) -> CurrentAnswer {
        let (record, answer) = (&self.entry.record, self.answer);
        CurrentAnswer {
            question: answer.question.clone(),
            kind: answer.kind,
            content: answer.value.as_ref().map(|value| match value {
                Value::Score(score) => Content::Value(*score),
                Value::Text(text) => Content::Text(text.clone()),
                Value::Choice(choice) => Content::Choice(choice.clone()),
            }),
            scale_min: answer.scale_min,
            scale_max: answer.scale_max,
            normalized: answer.normalized,
            segment: answer.segment.clone(),
            answered_at: Some(Timestamp::from_micros(record.stamp_us).to_proto()),
            channel: record.channel,
            locale: record.locale.clone(),
            survey_version: record.survey_version,
            claim: record.claim,
            confidence: self.verdict.confidence.into(),
            reasons: self.verdict.reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        }
    }
}

fn value_hash(answer: &Answer) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    match &answer.value {
        None => hasher.update(&[0]),
        Some(Value::Score(score)) => hasher.update(&[1]).update(&score.to_le_bytes()),
        Some(Value::Text(text)) => hasher.update(&[2]).update(text.as_bytes()),
        Some(Value::Choice(choice)) => hasher.update(&[3]).update(choice.as_bytes()),
    };
    *hasher.finalize().as_bytes()
}

/// The fields of the earliest record, the attributes of all, and the answers. `heard` is ordered by stamp and hash.
fn response(heard: &[&Entry], answers: Vec<CurrentAnswer>) -> Option<Response> {
    let earliest = &heard.first()?.record;
    let attributes = heard.iter().flat_map(|entry| entry.record.attributes.clone()).collect();
    Some(Response {
        id: Uuid::from_slice(&earliest.response_id).ok()?.to_string(),
        survey: earliest.survey.clone(),
        brand: earliest.brand.clone(),
        identity: earliest.identity,
        channel: earliest.channel,
        interaction: earliest.interaction.clone(),
        respondent_ref: earliest.respondent_ref.clone(),
        respondent_key: hex::encode(&earliest.respondent_key),
        subject: earliest.subject.clone(),
        locale: earliest.locale.clone(),
        country: earliest.country.clone(),
        invitation: earliest.invitation.clone(),
        first_answered_at: Some(Timestamp::from_micros(earliest.stamp_us).to_proto()),
        received_at: Some(Timestamp::from_micros(earliest.received_us).to_proto()),
        updated_at: None,
        attributes,
        test: earliest.test,
        answers,
    })
}

#[cfg(test)]
mod tests;
