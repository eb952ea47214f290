//! The page after an answer: thanks, what was given, and a way to change it. A comment is never shown again.

use askama::Template;
use http::StatusCode;

use super::{
    Known, Sheet,
    ask::{Drawn, Look, mark},
    frame::Frame,
    reply,
};
use crate::{
    channel::Reply,
    outcome::{Outcome, Receipt, Value},
    survey::Question,
};

#[derive(Template)]
#[template(path = "done.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    text: &'static str,
    further: Option<Further>,
    scores: Vec<Shown>,
    drawn: Drawn,
    change: String,
}

/// What the survey adds for people of a segment.
struct Further {
    text: String,
    /// Address and label.
    link: Option<(String, String)>,
}

struct Shown {
    question: String,
    kind: &'static str,
    label: String,
    mark: &'static str,
    stars: Vec<bool>,
}

/// Thanks for an answer, whatever became of it. `again`: the page has sent one before, so that this one is no news.
pub(crate) fn thank(sheet: &Sheet, receipt: &Receipt, again: bool) -> Reply {
    let words = sheet.words();
    let (title, text) = match receipt.outcome {
        Outcome::Duplicate | Outcome::Revised if again => (words.thanks_title, words.thanks_text),
        Outcome::Duplicate => (words.again_title, words.again_text),
        Outcome::Revised => (words.thanks_title, words.changed_text),
        Outcome::Quarantined => (words.thanks_title, words.held_text),
        _ => (words.thanks_title, words.thanks_text),
    };
    let value = |question: &Question| {
        let scored = receipt.answers.iter().find(|scored| scored.question == question.id)?;
        Some(scored.value.clone())
    };
    page(sheet, title, text, &[], value)
}

/// For somebody who has answered before. `selected` is what they pressed in the mail just now, and what the form shows
/// if they change their answer.
pub(crate) fn known(sheet: &Sheet, known: &Known, selected: &[(String, String)]) -> Reply {
    let words = sheet.words();
    let value = |question: &Question| {
        let (_, score) = known.scores.iter().find(|(id, _)| *id == question.id)?;
        Some(Value::Score(*score))
    };
    page(sheet, words.again_title, words.again_text, selected, value)
}

fn page(
    sheet: &Sheet,
    title: &'static str,
    text: &'static str,
    selected: &[(String, String)],
    value: impl Fn(&Question) -> Option<Value>,
) -> Reply {
    let given: Vec<_> = sheet
        .invitation
        .survey
        .questions
        .iter()
        .filter_map(|question| Some((question, value(question)?)))
        .collect();
    let scores = given.iter().filter_map(|(question, value)| shown(sheet, question, value)).collect();
    let scored = given.iter().filter_map(|(question, value)| match value {
        Value::Score(score) => Some((question.id.clone(), score.to_string())),
        Value::Text(_) | Value::Choice(_) => None,
    });
    // The last of several counts.
    let change = sheet.address_to_change(scored.chain(selected.iter().cloned()));
    let page = Page {
        frame: sheet.frame(title.to_owned()),
        title,
        text,
        further: further(sheet, &given),
        scores,
        drawn: Drawn::of(given.iter().map(|(question, _)| question.kind)),
        change,
    };
    reply::page(StatusCode::OK, &page, &page.frame, &sheet.framing)
}

/// The segment is that of the score that a link preselects; whoever did not give it is of none.
fn further(sheet: &Sheet, given: &[(&Question, Value)]) -> Option<Further> {
    let survey = &sheet.invitation.survey;
    let first = survey.first_scored()?;
    let segment = given.iter().find_map(|(question, value)| match value {
        Value::Score(score) if question.id == first.id => question.kind.segment(*score),
        _ => None,
    })?;
    let thanks = survey.thanks.get(&segment)?;
    let link =
        thanks.link.as_ref().map(|link| (link.address(&sheet.invitation.brand.id), sheet.text(&link.label)));
    Some(Further { text: sheet.text(&thanks.text), link })
}

fn shown(sheet: &Sheet, question: &Question, value: &Value) -> Option<Shown> {
    let kind = question.kind;
    let (label, mark, stars) = match value {
        Value::Text(_) => return None,
        Value::Choice(chosen) => {
            let choice = question.choices.iter().find(|choice| choice.value == *chosen)?;
            (sheet.text(&choice.text), "", Vec::new())
        }
        Value::Score(score) => {
            let scale = kind.scale()?;
            let (low, high) = (sheet.text(&question.low), sheet.text(&question.high));
            let look = Look { sheet, kind, scale, low: &low, high: &high };
            (look.spoken(*score), mark(kind, *score), scale.scores().map(|star| star <= *score).collect())
        }
    };
    Some(Shown { question: sheet.text(&question.text), kind: kind.word(), label, mark, stars })
}
