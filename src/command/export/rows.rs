//! A response as a line of JSON, or as a row for each answer.

use std::{collections::BTreeMap, io::Write};

use serde::Serialize;

use super::Format;
use crate::{
    clock::Timestamp,
    command::cell,
    proto::store::v1::{CurrentAnswer, Response, current_answer::Content},
    store::words,
};

/// Writes responses.
pub(super) enum Rows<'a, W: Write> {
    Ndjson(&'a mut W),
    Csv(Box<csv::Writer<&'a mut W>>),
}

impl<'a, W: Write> Rows<'a, W> {
    /// A CSV begins with its header.
    pub(super) fn new(format: Format, out: &'a mut W) -> anyhow::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(RESPONSE_COLUMNS.iter().chain(&ANSWER_COLUMNS))?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    pub(super) fn write(&mut self, response: &Response) -> anyhow::Result<()> {
        let line = Line::of(response);
        match self {
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut **out, &line)?;
                writeln!(out)?;
            }
            Self::Csv(writer) => {
                let shared = line.cells()?;
                for answer in &line.answers {
                    let cells = shared.iter().chain(&answer.cells()).map(String::clone).collect::<Vec<_>>();
                    writer.write_record(&cells)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Ndjson(out) => out.flush()?,
            Self::Csv(writer) => writer.flush()?,
        }
        Ok(())
    }
}

const RESPONSE_COLUMNS: [&str; 18] = [
    "id",
    "survey",
    "brand",
    "identity",
    "response_channel",
    "interaction",
    "respondent_ref",
    "respondent_key",
    "subject_kind",
    "subject_ref",
    "response_locale",
    "country",
    "invitation",
    "first_answered_at",
    "received_at",
    "updated_at",
    "attributes",
    "test",
];

const ANSWER_COLUMNS: [&str; 16] = [
    "question",
    "kind",
    "value",
    "text",
    "choice",
    "scale_min",
    "scale_max",
    "normalized",
    "segment",
    "answered_at",
    "channel",
    "locale",
    "survey_version",
    "claim",
    "confidence",
    "reasons",
];

/// The proto's own names, in the contract's order; defaults are there, what is unset is null.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    survey: &'a str,
    brand: &'a str,
    identity: String,
    channel: String,
    interaction: &'a str,
    respondent_ref: &'a str,
    respondent_key: &'a str,
    subject: Option<Subject<'a>>,
    locale: &'a str,
    country: &'a str,
    invitation: &'a str,
    first_answered_at: Option<String>,
    received_at: Option<String>,
    updated_at: Option<String>,
    attributes: &'a BTreeMap<String, String>,
    test: bool,
    answers: Vec<AnswerLine<'a>>,
}

#[derive(Serialize)]
struct Subject<'a> {
    kind: &'a str,
    r#ref: &'a str,
}

/// Of `value`, `text` and `choice` the one that is set.
#[derive(Serialize)]
struct AnswerLine<'a> {
    question: &'a str,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<&'a str>,
    scale_min: Option<i32>,
    scale_max: Option<i32>,
    normalized: Option<f64>,
    segment: &'a str,
    answered_at: Option<String>,
    channel: String,
    locale: &'a str,
    survey_version: u32,
    claim: String,
    confidence: String,
    reasons: &'a [String],
}

impl<'a> Line<'a> {
    fn of(response: &'a Response) -> Self {
        let subject = response.subject.as_ref();
        Self {
            id: &response.id,
            survey: &response.survey,
            brand: &response.brand,
            identity: words::identity(response.identity),
            channel: words::channel(response.channel),
            interaction: &response.interaction,
            respondent_ref: &response.respondent_ref,
            respondent_key: &response.respondent_key,
            subject: subject.map(|subject| Subject { kind: &subject.kind, r#ref: &subject.r#ref }),
            locale: &response.locale,
            country: &response.country,
            invitation: &response.invitation,
            first_answered_at: time(response.first_answered_at.as_ref()),
            received_at: time(response.received_at.as_ref()),
            updated_at: time(response.updated_at.as_ref()),
            attributes: &response.attributes,
            test: response.test,
            answers: response.answers.iter().map(AnswerLine::of).collect(),
        }
    }

    /// Texts that others chose are quoted where they look like a formula.
    fn cells(&self) -> anyhow::Result<Vec<String>> {
        let text = |text: &str| cell::for_spreadsheet(text).into_owned();
        let time = |time: &Option<String>| time.clone().unwrap_or_default();
        let subject = self.subject.as_ref();
        Ok(vec![
            self.id.to_owned(),
            text(self.survey),
            text(self.brand),
            self.identity.clone(),
            self.channel.clone(),
            text(self.interaction),
            text(self.respondent_ref),
            self.respondent_key.to_owned(),
            text(subject.map_or("", |subject| subject.kind)),
            text(subject.map_or("", |subject| subject.r#ref)),
            text(self.locale),
            text(self.country),
            text(self.invitation),
            time(&self.first_answered_at),
            time(&self.received_at),
            time(&self.updated_at),
            serde_json::to_string(self.attributes)?,
            self.test.to_string(),
        ])
    }
}

impl<'a> AnswerLine<'a> {
    fn of(answer: &'a CurrentAnswer) -> Self {
        let (mut value, mut text, mut choice) = (None, None, None);
        match &answer.content {
            Some(Content::Value(score)) => value = Some(*score),
            Some(Content::Text(written)) => text = Some(written.as_str()),
            Some(Content::Choice(chosen)) => choice = Some(chosen.as_str()),
            None => {}
        }
        Self {
            question: &answer.question,
            kind: words::kind(answer.kind),
            value,
            text,
            choice,
            scale_min: answer.scale_min,
            scale_max: answer.scale_max,
            normalized: answer.normalized,
            segment: &answer.segment,
            answered_at: time(answer.answered_at.as_ref()),
            channel: words::channel(answer.channel),
            locale: &answer.locale,
            survey_version: answer.survey_version,
            claim: words::claim(answer.claim),
            confidence: words::confidence(answer.confidence),
            reasons: &answer.reasons,
        }
    }

    fn cells(&self) -> Vec<String> {
        let text = |text: &str| cell::for_spreadsheet(text).into_owned();
        let whole = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
        vec![
            text(self.question),
            self.kind.clone(),
            whole(self.value),
            text(self.text.unwrap_or_default()),
            text(self.choice.unwrap_or_default()),
            whole(self.scale_min),
            whole(self.scale_max),
            self.normalized.map(|normalized| normalized.to_string()).unwrap_or_default(),
            self.segment.to_owned(),
            self.answered_at.clone().unwrap_or_default(),
            self.channel.clone(),
            text(self.locale),
            self.survey_version.to_string(),
            self.claim.clone(),
            self.confidence.clone(),
            text(&self.reasons.join(" ")),
        ]
    }
}

/// RFC 3339, UTC.
fn time(time: Option<&prost_types::Timestamp>) -> Option<String> {
    time.map(|time| Timestamp::from_proto(time).to_string())
}
