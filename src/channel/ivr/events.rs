//! Events of somebody's own exchange (Asterisk, FreeSWITCH, Amazon Connect): JSON with an API key, one for each answer,
//! the receipt and the next question back.
//!
//! The exchange has already gathered the keys, so `digits` is final: `1` is 1. An event without digits is no answer; it
//! asks what to ask: the question that it names, again, or the survey's first one. Keys cannot give texts, so they are
//! asked of exchanges alone that say that they can write down what is said (`texts`), and answered by `text`. What comes
//! next is told from this event alone: a question that depends on the score of an earlier one than the event's is left
//! out.

mod reader;

use std::sync::Arc;

use serde_json::{Value as Json, json};

use self::reader::Event;
use super::{
    Desk, closed,
    dialogue::next_question,
    keypad::{self, Pressed},
    script::recording,
    spoken,
};
use crate::{
    catalog::{ApiKey, Brand},
    channel::json::{receipt_status, receipt_value},
    intake::{Given, Submission, SubmissionKey},
    outcome::{Problem, Reason, Receipt, Refusal},
    survey::{Kind, Question, Survey, negotiate},
};

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    /// The receipt of its answer; none when it had no digits.
    pub receipt: Option<Receipt>,
    /// What to ask next.
    pub next: Option<Next>,
}

/// A question to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Its id, for the event that answers it.
    pub question: String,
    /// Its words, in the event's language.
    pub text: String,
    /// Where they are recorded in that language, if they are.
    pub audio: Option<String>,
    /// It is answered by a text.
    pub is_text: bool,
}

/// Takes an event. The caller of this has checked that the key may submit.
///
/// # Errors
/// 400 for a body that is no JSON object; 403 for a key of another brand or a closed survey; 404 for a brand or survey
/// that is not there; 422 with all problems by pointer; and whatever intake refuses.
pub(crate) async fn take<F, Fut>(
    desk: Desk<'_>,
    key: &Arc<ApiKey>,
    body: &[u8],
    submit: F,
) -> Result<Taken, Refusal>
where
    F: FnOnce(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
{
    let read = Event::read(body, key, desk.identity_key);
    let mut event = read.map_err(|refusal| book(&desk, None, refusal))?;
    let (brand, survey) = find(&desk, key, &mut event.draft)?;
    let question = named(survey, &mut event);
    let answer = question.and_then(|question| Some((question, given(question, &mut event)?)));
    let Some((question, (given, score))) = answer else {
        if !event.draft.problems.is_empty() {
            return Err(book(&desk, Some(brand), Refusal::invalid(event.draft.problems)));
        }
        let asked = question.filter(|question| event.texts || keypad::can_answer(question));
        let next = asked.or_else(|| next_question(survey, 0, &[], event.texts)).filter(|_| !event.completed);
        return Ok(Taken { receipt: None, next: next.map(|next| event.words(next, survey, brand)) });
    };
    let next = match event.completed {
        true => None,
        false => following(survey, question, score, event.texts).map(|next| event.words(next, survey, brand)),
    };
    let submitted = submit(event.submission(question, given)).await;
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
    draft: &mut Submission,
) -> Result<(&'d Brand, &'d Survey), Refusal> {
    let refuse = |brand, refusal| Err(book(desk, brand, refusal));
    if draft.brand.is_empty() || draft.survey.is_empty() {
        return refuse(None, Refusal::invalid(std::mem::take(&mut draft.problems)));
    }
    if key.brand != draft.brand {
        return refuse(None, Refusal::new(Reason::Forbidden, "the API key is not for this brand"));
    }
    let Some(brand) = desk.catalog.brand(&draft.brand) else {
        return refuse(None, Refusal::new(Reason::UnknownBrand, "there is no such brand"));
    };
    let Some(survey) = desk.catalog.survey(&draft.brand, &draft.survey) else {
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
        if event.digits.is_some() || event.text.is_some() {
            event.problem("/question", Reason::Missing, "digits or a text answer a question: name it");
        }
        return None;
    };
    let question = survey.question(id);
    if question.is_none() {
        event.problem("/question", Reason::UnknownQuestion, "the survey has no such question");
    }
    question
}

/// The value that the digits stand for, and the score when it is one; or the text.
fn given(question: &Question, event: &mut Event) -> Option<(Given, Option<i32>)> {
    if let Some(text) = event.text.take() {
        if question.kind == Kind::Text && event.digits.is_none() {
            return Some((Given::Text(text), None));
        }
        let detail = match question.kind {
            Kind::Text => "digits are no part of a text; leave them out",
            _ => "this question takes digits",
        };
        event.problem("/text", Reason::WrongType, detail);
    }
    let digits = event.digits.clone()?;
    match keypad::read(question, &digits) {
        Pressed::Score(score) => Some((Given::Whole(score.into()), Some(score))),
        Pressed::LoneOne => Some((Given::Whole(1), Some(1))),
        Pressed::Choice(place) => {
            let choice = question.choices.get(place)?;
            Some((Given::Choice(choice.value.clone()), None))
        }
        Pressed::Unclear => {
            event.draft.problems.push(misfit(question, &digits));
            None
        }
    }
}

/// Why digits do not answer a question.
fn misfit(question: &Question, digits: &str) -> Problem {
    if !keypad::can_answer(question) {
        let detail = "this question takes a text, which digits cannot give: send it as `text`";
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
fn following<'s>(
    survey: &'s Survey,
    question: &Question,
    score: Option<i32>,
    texts: bool,
) -> Option<&'s Question> {
    let index = survey.questions.iter().position(|each| each.id == question.id)?;
    let scores: Vec<_> = score.map(|score| (question.id.clone(), score)).into_iter().collect();
    next_question(survey, index + 1, &scores, texts)
}

impl Event {
    fn words(&self, question: &Question, survey: &Survey, brand: &Brand) -> Next {
        let wishes = self.draft.locale.iter().chain(&brand.languages);
        let language = negotiate(wishes, &survey.languages(), &survey.default_language);
        let text = spoken(question, survey, brand, self.draft.subject.as_ref(), language);
        let spoken_by = self.draft.locale.as_ref().filter(|locale| locale.primary() == language.primary());
        let audio = recording(question, brand, spoken_by.unwrap_or(language));
        Next { question: question.id.clone(), text, audio, is_text: question.kind == Kind::Text }
    }

    /// The answer, under a key of its own: call and question. Pressed again, it is a change of mind.
    fn submission(self, question: &Question, given: Given) -> Submission {
        let key = self.call_id.map(|call| format!("{}:{}", call.as_str(), question.id));
        Submission {
            key: key.map(|text| SubmissionKey { text, strict: false }),
            answers: vec![(question.id.clone(), given)],
            ..self.draft
        }
    }

    fn problem(&mut self, pointer: &str, reason: Reason, detail: impl Into<String>) {
        self.draft.problems.push(Problem::new(pointer, reason, detail));
    }
}

impl Next {
    fn to_json(&self) -> Json {
        let fields = [
            ("question", Some(self.question.as_str())),
            ("text", Some(self.text.as_str())),
            ("audio", self.audio.as_deref()),
            ("kind", self.is_text.then_some(Kind::Text.word())),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
    }
}

impl Taken {
    /// 201, 200 or 202 as the outcome says; 200 when there was no answer.
    pub(crate) fn status(&self) -> http::StatusCode {
        self.receipt.as_ref().map_or(http::StatusCode::OK, |receipt| receipt_status(receipt.outcome))
    }

    /// The receipt, and `next`.
    pub(crate) fn to_json(&self) -> Json {
        let mut reply = self.receipt.as_ref().map_or_else(|| json!({}), receipt_value);
        if let Some(fields) = reply.as_object_mut() {
            fields.insert("next".to_owned(), json!(self.next.as_ref().map(Next::to_json)));
        }
        reply
    }
}

#[cfg(test)]
mod tests;
