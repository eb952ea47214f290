//! Events of somebody's own exchange (Asterisk, FreeSWITCH, Amazon Connect): JSON with an API key, one for each answer,
//! the receipt and the next question back.
//!
//! The exchange has already gathered the keys, so `digits` is final: `1` is 1. An event without digits is no answer; it
//! asks what to ask: the question that it names, again, or the survey's first one. Texts are never asked, because keys
//! cannot give them. What comes next is told from this event alone: a question that depends on the score of an earlier
//! one than the event's is left out.

mod reader;

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use self::reader::Event;
use super::{
    Desk, closed,
    dialogue::next_question,
    keypad::{self, Pressed},
    spoken,
};
use crate::{
    catalog::{ApiKey, Brand},
    intake::{Answered, Given, Proof, Submission, SubmissionKey},
    outcome::{Outcome, Problem, Reason, Receipt, Refusal, Value},
    survey::{Channel, Question, Survey, negotiate},
};

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The receipt of its answer; none when it had no digits.
    pub receipt: Option<Receipt>,
    /// What to ask next.
    pub next: Option<Next>,
}

/// A question to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its id, for the event that answers it.
    pub question: String,
    /// Its words, in the event's language.
    pub text: String,
}

/// Takes an event. The caller of this has checked that the key may submit.
///
/// # Errors
/// 400 for a body that is no JSON object; 403 for a key of another brand or a closed survey; 404 for a brand or survey
/// that is not there; 422 with all problems by pointer; and whatever intake refuses.
pub async fn take<F, Fut>(desk: Desk<'_>, key: &Arc<ApiKey>, body: &[u8], submit: F) -> Result<Taken, Refusal>
where
    F: FnOnce(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
{
    let mut event = Event::parse(body, desk.identity_key).map_err(|refusal| book(&desk, None, *refusal))?;
    let (brand, survey) = find(&desk, key, &mut event).map_err(|refusal| *refusal)?;
    let question = named(survey, &mut event);
    let answer = question.and_then(|question| Some((question, given(question, &mut event)?)));
    let Some((question, (given, score))) = answer else {
        if !event.problems.is_empty() {
            return Err(book(&desk, Some(brand), Refusal::invalid(event.problems)));
        }
        let asked = question.filter(|question| keypad::can_answer(question));
        let next = asked.or_else(|| next_question(survey, 0, &[])).filter(|_| !event.completed);
        return Ok(Taken { receipt: None, next: next.map(|next| event.words(next, survey, brand)) });
    };
    let next = match event.completed {
        true => None,
        false => following(survey, question, score).map(|next| event.words(next, survey, brand)),
    };
    let submitted = submit(event.submission(question, given, brand, survey, key)).await;
    let receipt = submitted.map_err(in_our_words)?;
    Ok(Taken { receipt: Some(receipt), next })
}

/// What intake calls `answered_at` is `at` in an event.
fn in_our_words(mut refusal: Refusal) -> Refusal {
    for problem in refusal.problems.iter_mut().filter(|problem| problem.pointer == "/answered_at") {
        problem.pointer = "/at".to_owned();
    }
    refusal
}

/// Counts a refusal of what never became a submission.
fn book(desk: &Desk<'_>, brand: Option<&Brand>, refusal: Refusal) -> Refusal {
    desk.reject(brand, refusal.reason);
    refusal
}

/// Whose survey it is.
fn find<'d>(
    desk: &Desk<'d>,
    key: &ApiKey,
    event: &mut Event,
) -> Result<(&'d Brand, &'d Survey), Box<Refusal>> {
    let refuse = |brand, refusal| Err(Box::new(book(desk, brand, refusal)));
    let (Some(brand_id), Some(survey_id)) = (&event.brand, &event.survey) else {
        return refuse(None, Refusal::invalid(std::mem::take(&mut event.problems)));
    };
    if key.brand != *brand_id {
        return refuse(None, Refusal::new(Reason::Forbidden, "the API key is not for this brand"));
    }
    let Some(brand) = desk.catalog.brands.get(brand_id) else {
        return refuse(None, Refusal::new(Reason::UnknownBrand, "there is no such brand"));
    };
    let Some(survey) = desk.catalog.survey(brand_id, survey_id) else {
        return refuse(Some(brand), Refusal::new(Reason::UnknownSurvey, "the brand has no such survey"));
    };
    match closed(survey) {
        None => Ok((brand, survey)),
        Some(reason) => {
            refuse(Some(brand), Refusal::new(reason, "the survey takes no answers by phone at present"))
        }
    }
}

/// The question that the event names.
fn named<'s>(survey: &'s Survey, event: &mut Event) -> Option<&'s Question> {
    let Some(id) = &event.question else {
        if event.digits.is_some() {
            event.problem("/question", Reason::Missing, "digits answer a question: name it");
        }
        return None;
    };
    let question = survey.question(id);
    if question.is_none() {
        event.problem("/question", Reason::UnknownQuestion, "the survey has no such question");
    }
    question
}

/// The value that the digits stand for, and the score when it is one.
fn given(question: &Question, event: &mut Event) -> Option<(Given, Option<i32>)> {
    let digits = event.digits.clone()?;
    match keypad::read(question, &digits) {
        Pressed::Score(score) => Some((Given::Whole(score.into()), Some(score))),
        Pressed::LoneOne => Some((Given::Whole(1), Some(1))),
        Pressed::Choice(place) => {
            let choice = question.choices.get(place)?;
            Some((Given::Choice(choice.value.clone()), None))
        }
        Pressed::Unclear => {
            event.problems.push(misfit(question, &digits));
            None
        }
    }
}

/// Why digits do not answer a question.
fn misfit(question: &Question, digits: &str) -> Problem {
    if !keypad::can_answer(question) {
        let detail = "this question takes a text, which digits cannot give";
        return Problem::new("/question", Reason::WrongType, detail);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Problem::new("/digits", Reason::NotANumber, "must be the digits of a whole number");
    }
    match question.kind.scale() {
        Some(scale) => {
            let detail = format!("must be a whole number from {} to {}", scale.min, scale.max);
            Problem::new("/digits", Reason::OffScale, detail)
        }
        None => {
            let choices = question.choices.len().min(keypad::CHOICES);
            let detail = format!("must be the place of a choice, 1 to {choices}");
            Problem::new("/digits", Reason::UnknownChoice, detail)
        }
    }
}

/// The question after one that was answered.
fn following<'s>(survey: &'s Survey, question: &Question, score: Option<i32>) -> Option<&'s Question> {
    let index = survey.questions.iter().position(|each| each.id == question.id)?;
    let scores: Vec<_> = score.map(|score| (question.id.clone(), score)).into_iter().collect();
    next_question(survey, index + 1, &scores)
}

impl Event {
    fn words(&self, question: &Question, survey: &Survey, brand: &Brand) -> Next {
        let wishes = self.locale.iter().chain(&brand.languages);
        let language = negotiate(wishes, &survey.languages(), &survey.default_language);
        let text = spoken(question, survey, brand, self.subject.as_ref(), language);
        Next { question: question.id.clone(), text }
    }

    fn submission(
        self,
        question: &Question,
        given: Given,
        brand: &Brand,
        survey: &Survey,
        key: &Arc<ApiKey>,
    ) -> Submission {
        let step = |call: &crate::intake::Reference| format!("{}:{}", call.as_str(), question.id);
        let submission_key =
            self.call_id.as_ref().map(|call| SubmissionKey { text: step(call), strict: false });
        Submission {
            interaction: self.interaction.or(self.call_id),
            respondent: self.respondent.or(self.from),
            subject: self.subject,
            key: submission_key,
            locale: self.locale,
            country: self.country,
            answered: self.at.map_or(Answered::Now, Answered::At),
            answers: vec![(question.id.clone(), given)],
            attributes: self.attributes,
            problems: self.problems,
            ..Submission::new(Channel::Ivr, &brand.id, &survey.id, Proof::Key(Arc::clone(key)))
        }
    }

    fn problem(&mut self, pointer: &str, reason: Reason, detail: impl Into<String>) {
        self.problems.push(Problem::new(pointer, reason, detail));
    }
}

impl Taken {
    /// 201, 200 or 202 as the outcome says; 200 when there was no answer.
    pub fn status(&self) -> http::StatusCode {
        match self.receipt.as_ref().map(|receipt| receipt.outcome) {
            Some(Outcome::Accepted) => http::StatusCode::CREATED,
            Some(Outcome::Quarantined) => http::StatusCode::ACCEPTED,
            _ => http::StatusCode::OK,
        }
    }

    /// The receipt, and `next`.
    pub fn to_json(&self) -> Json {
        let mut reply = self.receipt.as_ref().map(receipt_fields).unwrap_or_default();
        let next = self.next.as_ref().map(|next| json!({"question": next.question, "text": next.text}));
        reply.insert("next".to_owned(), json!(next));
        Json::Object(reply)
    }
}

fn receipt_fields(receipt: &Receipt) -> Map<String, Json> {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(receipt.id.to_string()));
    fields.insert("outcome".to_owned(), json!(receipt.outcome.word()));
    if let Some(reason) = receipt.reason {
        fields.insert("reason".to_owned(), json!(reason.code()));
    }
    fields.insert("identity".to_owned(), json!(receipt.identity.word()));
    let answers = receipt.answers.iter().map(|scored| {
        let mut answer = Map::new();
        let value = match &scored.value {
            Value::Score(score) => json!(score),
            Value::Text(text) | Value::Choice(text) => json!(text),
        };
        answer.insert("value".to_owned(), value);
        if let (Some(segment), Some(normalized)) = (scored.segment, scored.normalized) {
            answer.insert("segment".to_owned(), json!(segment.word()));
            answer.insert("normalized".to_owned(), json!(normalized));
        }
        (scored.question.clone(), Json::Object(answer))
    });
    fields.insert("answers".to_owned(), Json::Object(answers.collect()));
    fields
}

#[cfg(test)]
mod tests;
