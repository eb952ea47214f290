//! Step 2: is it an answer to this survey?
//!
//! Each value is held against its question's scale; texts are cleaned and bounded. Whatever is wrong, here or in what
//! the channel could not read, is reported at once.

use std::{collections::BTreeMap, sync::Arc};

use unicode_normalization::UnicodeNormalization;

use super::{Given, Reference, Submission, identify::Identified};
use crate::{
    config::settings,
    outcome::{Problem, Reason, Refusal, Scored, Value},
    survey::{Question, Survey},
};

/// Characters of an attribute's value.
const ATTRIBUTE_CHARS: usize = 256;
/// Characters of a submission key.
const KEY_CHARS: usize = 255;

/// A submission that answers its survey.
#[derive(Debug)]
pub(super) struct Validated {
    pub(super) identified: Identified,
    /// In the survey's order; at least one.
    pub(super) answers: Vec<Scored>,
}

/// Holds a submission against its survey.
///
/// # Errors
/// A survey or channel that is closed; [`Reason::Invalid`] with all problems.
pub(super) fn validate(mut identified: Identified, bounds: &settings::Http) -> Result<Validated, Refusal> {
    open(&identified)?;
    let mut problems = std::mem::take(&mut identified.submission.problems);
    let answers = answers(&identified.survey, &mut identified.submission, bounds, &mut problems);
    check_key(&identified.submission, &mut problems);
    check_attributes(&identified.submission.attributes, bounds.attributes, &mut problems);
    if answers.is_empty() && problems.is_empty() {
        let detail = "must hold a value for at least one question of the survey";
        problems.push(Problem::new("/answers", Reason::NoAnswers, detail));
    }
    if problems.is_empty() { Ok(Validated { identified, answers }) } else { Err(Refusal::invalid(problems)) }
}

fn open(identified: &Identified) -> Result<(), Refusal> {
    if !identified.survey.live {
        return Err(Refusal::new(Reason::SurveyClosed, "the survey takes no answers at present"));
    }
    if !identified.survey.channels.contains(&identified.submission.channel) {
        return Err(Refusal::new(
            Reason::ChannelClosed,
            format!("the survey takes no answers by `{}`", identified.submission.channel.word()),
        ));
    }
    Ok(())
}

fn answers(
    survey: &Arc<Survey>,
    submission: &mut Submission,
    bounds: &settings::Http,
    problems: &mut Vec<Problem>,
) -> Vec<Scored> {
    let mut found = Vec::with_capacity(submission.answers.len());
    for (id, given) in submission.answers.drain(..) {
        let pointer = || format!("/answers/{}", Problem::escape(&id));
        let Some(place) = survey.questions.iter().position(|question| question.id == id) else {
            problems.push(Problem::new(pointer(), Reason::UnknownQuestion, unknown_question(survey)));
            continue;
        };
        let Some(question) = survey.questions.get(place) else { continue };
        match value(question, given, bounds) {
            Ok(Some(value)) => found.push((place, scored(question, value))),
            Ok(None) => {}
            Err((reason, detail)) => problems.push(Problem::new(pointer(), reason, detail)),
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, answer)| answer).collect()
}

fn unknown_question(survey: &Survey) -> String {
    let known: Vec<_> = survey.questions.iter().map(|question| question.id.as_str()).collect();
    format!("the survey has no such question; it asks: {}", known.join(", "))
}

fn scored(question: &Question, value: Value) -> Scored {
    let score = if let Value::Score(score) = value { Some(score) } else { None };
    Scored {
        question: question.id.clone(),
        segment: score.and_then(|score| question.kind.segment(score)),
        normalized: score.and_then(|score| Some(question.kind.scale()?.normalized(score))),
        value,
    }
}

type Wrong = (Reason, String);

/// The value as the question's kind asks; none when nothing was given.
fn value(question: &Question, given: Given, bounds: &settings::Http) -> Result<Option<Value>, Wrong> {
    if matches!(&given, Given::Text(text) | Given::Typed(text) if text.trim().is_empty()) {
        return Ok(None);
    }
    match question.kind.scale() {
        Some(scale) => {
            let score = whole(given).map_err(|(reason, what)| {
                (reason, format!("must be a whole number from {} to {}, not {what}", scale.min, scale.max))
            })?;
            i32::try_from(score)
                .ok()
                .filter(|score| scale.holds(*score))
                .map(|score| Some(Value::Score(score)))
                .ok_or_else(|| {
                    (Reason::OffScale, format!("must be a whole number from {} to {}", scale.min, scale.max))
                })
        }
        None if question.choices.is_empty() => text(given, bounds.text_chars),
        None => choice(question, given).map(Some),
    }
}

fn whole(given: Given) -> Result<i64, (Reason, &'static str)> {
    match given {
        Given::Whole(number) => Ok(number),
        Given::Fraction(_) => Err((Reason::NotWhole, "a fraction")),
        Given::Typed(text) => typed(text.trim()),
        Given::Text(_) | Given::Choice(_) => Err((Reason::NotANumber, "a text")),
        Given::Other(what) => Err((Reason::NotANumber, what)),
    }
}

/// Digits as a person or a form writes them.
fn typed(text: &str) -> Result<i64, (Reason, &'static str)> {
    let is_number = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b','));
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) if is_number => Err((Reason::NotWhole, "a fraction")),
        Err(_) => Err((Reason::NotANumber, "a text")),
    }
}

fn text(given: Given, chars: usize) -> Result<Option<Value>, Wrong> {
    let (Given::Text(text) | Given::Typed(text)) = given else {
        return Err((Reason::WrongType, "must be a text".to_owned()));
    };
    let clean = clean(&text);
    if clean.is_empty() {
        return Ok(None);
    }
    let length = clean.chars().count();
    if length > chars {
        return Err((
            Reason::TextTooLong,
            format!("must be at most {chars} characters long; it has {length}"),
        ));
    }
    Ok(Some(Value::Text(clean)))
}

/// NFC, line feeds alone between lines, no other control characters, nothing blank at the ends.
fn clean(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let composed: String =
        lines.nfc().filter(|char| matches!(char, '\n' | '\t') || !char.is_control()).collect();
    composed.trim().to_owned()
}

fn choice(question: &Question, given: Given) -> Result<Value, Wrong> {
    let (Given::Text(value) | Given::Typed(value) | Given::Choice(value)) = given else {
        return Err((Reason::WrongType, "must be the value of a choice, a text".to_owned()));
    };
    match question.choices.iter().find(|choice| choice.value == value) {
        Some(choice) => Ok(Value::Choice(choice.value.clone())),
        None => {
            let offered: Vec<_> = question.choices.iter().map(|choice| choice.value.as_str()).collect();
            Err((Reason::UnknownChoice, format!("must be one of: {}", offered.join(", "))))
        }
    }
}

fn check_key(submission: &Submission, problems: &mut Vec<Problem>) {
    let Some(key) = &submission.key else { return };
    let fits = (1..=KEY_CHARS).contains(&key.text.chars().count()) && !key.text.chars().any(char::is_control);
    if !fits {
        let detail = format!("must have 1 to {KEY_CHARS} characters, none of them a control character");
        problems.push(Problem::new("/key", Reason::BadKey, detail));
    }
}

fn check_attributes(attributes: &BTreeMap<String, String>, bound: usize, problems: &mut Vec<Problem>) {
    if attributes.len() > bound {
        let detail = format!("must hold at most {bound} attributes; it has {}", attributes.len());
        problems.push(Problem::new("/attributes", Reason::BadAttribute, detail));
    }
    for (name, value) in attributes.iter().take(bound) {
        let fits = Reference::parse(name).is_some()
            && value.chars().count() <= ATTRIBUTE_CHARS
            && !value.chars().any(char::is_control);
        if !fits {
            let detail = format!(
                "the name must be {}, the value at most {ATTRIBUTE_CHARS} characters without control characters",
                Reference::FORM
            );
            problems.push(Problem::new(
                format!("/attributes/{}", Problem::escape(name)),
                Reason::BadAttribute,
                detail,
            ));
        }
    }
}
