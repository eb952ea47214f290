//! A held answer as a row, a line of JSON, or a page of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use serde::Serialize;

use crate::{
    clock::Timestamp,
    command::cell,
    proto::store::v1::{
        Answer, Confidence, CurrentAnswer, Held, Record, Response, answer::Value, current_answer::Content,
    },
    store::words,
};

/// Characters of a value in the table.
const VALUE_CHARS: usize = 24;

pub(super) fn table(held: &[Held], with_head: bool, out: &mut impl Write) -> io::Result<()> {
    rows(["id", "received", "brand", "survey", "reason", "values"], held.iter().map(row), with_head, out)
}

/// Responses with answers that a machine may have given; of each those alone.
pub(super) fn provisional(responses: &[Response], with_head: bool, out: &mut impl Write) -> io::Result<()> {
    let head = ["id", "answered", "brand", "survey", "reasons", "values"];
    rows(head, responses.iter().map(provisional_row), with_head, out)
}

fn provisional_row(response: &Response) -> [String; 6] {
    let doubtful = response.answers.iter().filter(|answer| answer.confidence() == Confidence::Provisional);
    let reasons: BTreeSet<_> =
        doubtful.clone().flat_map(|answer| &answer.reasons).map(String::as_str).collect();
    let value = |answer: &CurrentAnswer| match &answer.content {
        Some(Content::Value(score)) => score.to_string(),
        Some(Content::Text(text) | Content::Choice(text)) => shortened(text),
        None => String::new(),
    };
    let values: Vec<_> = doubtful.map(|answer| format!("{}={}", answer.question, value(answer))).collect();
    let at = response.first_answered_at.as_ref().map(Timestamp::from_proto);
    [
        response.id.clone(),
        at.map(|at| at.to_string()).unwrap_or_default(),
        cell::for_terminal(&response.brand).into_owned(),
        cell::for_terminal(&response.survey).into_owned(),
        reasons.into_iter().collect::<Vec<_>>().join(","),
        cell::for_terminal(&values.join(" ")).into_owned(),
    ]
}

fn rows(
    head: [&str; 6],
    rows: impl Iterator<Item = [String; 6]>,
    with_head: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let head = head.map(str::to_owned);
    let rows: Vec<_> = with_head.then_some(head).into_iter().chain(rows).collect();
    let width = |place: usize| {
        rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..6).map(width).collect();
    for row in rows {
        let cells: Vec<_> = row.into_iter().zip(&widths).map(|(cell, width)| (cell, *width, false)).collect();
        writeln!(out, "{}", cell::line(&cells))?;
    }
    Ok(())
}

fn row(held: &Held) -> [String; 6] {
    let record = held.record.as_ref();
    let text = |text: Option<&String>| cell::for_terminal(text.map_or("", String::as_str)).into_owned();
    let values = record.into_iter().flat_map(|record| &record.answers);
    let values: Vec<_> = values.map(|answer| format!("{}={}", answer.question, short(answer))).collect();
    [
        held.id.clone(),
        record.map(|record| time(record.received_us)).unwrap_or_default(),
        text(record.map(|record| &record.brand)),
        text(record.map(|record| &record.survey)),
        held.reasons.join(","),
        cell::for_terminal(&values.join(" ")).into_owned(),
    ]
}

fn short(answer: &Answer) -> String {
    let text = match &answer.value {
        None => return String::new(),
        Some(Value::Score(score)) => return score.to_string(),
        Some(Value::Choice(choice)) => choice,
        Some(Value::Text(text)) => text,
    };
    shortened(text)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text.to_owned(),
    }
}

pub(super) fn line(held: &Held, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, &Line::of(held))?;
    Ok(writeln!(out)?)
}

pub(super) fn whole(held: &Held, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Line::of(held))?;
    Ok(writeln!(out)?)
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    response_id: &'a str,
    reasons: &'a [String],
    state: String,
    record: Option<RecordLine<'a>>,
}

/// What an operator decides by; the keyed hashes are left out.
#[derive(Serialize)]
struct RecordLine<'a> {
    survey: &'a str,
    survey_version: u32,
    brand: &'a str,
    identity: String,
    channel: String,
    interaction: &'a str,
    respondent_ref: &'a str,
    subject: Option<String>,
    locale: &'a str,
    country: &'a str,
    invitation: &'a str,
    answered_at: String,
    received_at: String,
    answers: BTreeMap<&'a str, Shown<'a>>,
    attributes: &'a BTreeMap<String, String>,
    test: bool,
    claim: String,
    confidence: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Score(i32),
    Text(&'a str),
}

impl<'a> Line<'a> {
    fn of(held: &'a Held) -> Self {
        Self {
            id: &held.id,
            response_id: &held.response_id,
            reasons: &held.reasons,
            state: words::held_state(held.state),
            record: held.record.as_ref().map(RecordLine::of),
        }
    }
}

impl<'a> RecordLine<'a> {
    fn of(record: &'a Record) -> Self {
        let subject = record.subject.as_ref().map(|subject| format!("{}:{}", subject.kind, subject.r#ref));
        let answers =
            record.answers.iter().filter_map(|answer| Some((answer.question.as_str(), shown(answer)?)));
        Self {
            survey: &record.survey,
            survey_version: record.survey_version,
            brand: &record.brand,
            identity: words::identity(record.identity),
            channel: words::channel(record.channel),
            interaction: &record.interaction,
            respondent_ref: &record.respondent_ref,
            subject,
            locale: &record.locale,
            country: &record.country,
            invitation: &record.invitation,
            answered_at: time(record.stamp_us),
            received_at: time(record.received_us),
            answers: answers.collect(),
            attributes: &record.attributes,
            test: record.test,
            claim: words::claim(record.claim),
            confidence: words::confidence(record.confidence),
        }
    }
}

fn shown(answer: &Answer) -> Option<Shown<'_>> {
    Some(match answer.value.as_ref()? {
        Value::Score(score) => Shown::Score(*score),
        Value::Text(text) | Value::Choice(text) => Shown::Text(text),
    })
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}
