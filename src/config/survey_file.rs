//! `surveys/<id>.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    phone::{self, PhoneKeys},
    table::Table,
    thanks,
    value::Value,
};
use crate::survey::{Channel, EmailConfirm, Language, Phone, Question, Rule, Segment, Survey, Texts};

/// More questions than a person answers.
const QUESTIONS: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A survey, and where its texts stand.
#[derive(Debug)]
pub(super) struct SurveyFile<'a> {
    pub(super) survey: Survey,
    pub(super) texts: Vec<TextPlace<'a>>,
    /// How it is asked on the phone, where it says so.
    pub(super) phone: PhoneKeys<'a>,
}

/// One text of a survey, in all its languages.
#[derive(Debug)]
pub(super) struct TextPlace<'a> {
    /// Id of the question it belongs to; empty for what belongs to none.
    pub(super) question: String,
    /// Which of the question's texts it is.
    pub(super) part: Part,
    pub(super) value: Value<'a>,
}

/// A text of a question, or of the thank-you.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    Low,
    High,
    /// Its recordings for the phone.
    Audio,
    /// Of the choice with this value.
    Choice(String),
    /// What the thank-you adds for a segment.
    Thanks(Segment),
    /// What stands on its link.
    Label(Segment),
}

/// Reads a survey; `brands` are those that there are.
pub(super) fn read<'a>(table: &Table<'a>, brands: &BTreeSet<String>) -> SurveyFile<'a> {
    let mut texts = Vec::new();
    let phone = phone::read(table);
    let mut survey = Survey {
        id: table.file_id(),
        version: table
            .find("version")
            .and_then(|value| value.whole(1..=u64::from(u32::MAX)))
            .and_then(|version| u32::try_from(version).ok())
            .unwrap_or(1),
        brands: carried_by(table, brands),
        channels: channels(table),
        live: table.find("live").and_then(|value| value.yes_or_no()).unwrap_or(true),
        one_response_per: rule(table),
        edit_window: table
            .need("edit_window", "\"14d\"")
            .and_then(|value| value.duration(Duration::from_secs(1)..=YEAR))
            .unwrap_or_default(),
        default_language: default_language(table),
        questions: questions(table, &mut texts),
        email_confirm: email_confirm(table),
        thanks: BTreeMap::new(),
        phone: phone.over(&Phone::default()),
    };
    survey.thanks = thanks::read(table, survey.first_scored(), &mut texts);
    table.no_more();
    let default = &survey.default_language;
    // What is not recorded is read out.
    let texts_to_read = texts.iter().filter(|place| place.part != Part::Audio);
    for place in texts_to_read.filter(|place| !place.of(&survey).is_some_and(|texts| texts.has(default))) {
        place.value.clone().hidden().problem(format!("has no text in the default language, \"{default}\""));
    }
    SurveyFile { survey, texts, phone }
}

impl TextPlace<'_> {
    /// The text itself, in a survey as the file or as a brand has it.
    pub(super) fn of<'s>(&self, survey: &'s Survey) -> Option<&'s Texts> {
        let question = survey.question(&self.question);
        match &self.part {
            Part::Text => question.map(|question| &question.text),
            Part::Low => question.map(|question| &question.low),
            Part::High => question.map(|question| &question.high),
            Part::Audio => question.map(|question| &question.audio),
            Part::Choice(value) => {
                question?.choices.iter().find(|choice| choice.value == *value).map(|choice| &choice.text)
            }
            Part::Thanks(segment) => survey.thanks.get(segment).map(|thanks| &thanks.text),
            Part::Label(segment) => Some(&survey.thanks.get(segment)?.link.as_ref()?.label),
        }
    }
}

/// None for all brands.
fn carried_by(table: &Table<'_>, brands: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let value = table.need("brands", "[\"*\"]")?;
    let known = |value: &Value<'_>| {
        let name = value.text()?;
        if name != "*" && !brands.contains(name) {
            let known = Vec::from_iter(brands.iter().map(String::as_str)).join(", ");
            value.problem(format!("is no brand; there are {known}, and \"*\" for all"));
        }
        Some(name.to_owned())
    };
    let named: BTreeSet<_> = value.list_of(known).into_iter().collect();
    if value.is_empty() {
        value.problem("names no brand; write [\"*\"] for all");
    }
    if !named.contains("*") {
        return Some(named);
    }
    if named.len() > 1 {
        value.problem("names all brands and single ones; write one or the other");
    }
    None
}

fn channels(table: &Table<'_>) -> BTreeSet<Channel> {
    let Some(value) = table.need("channels", "[\"email\", \"ivr\", \"chat\", \"form\", \"api\"]") else {
        return BTreeSet::new();
    };
    if value.is_empty() {
        value.problem("names no channel; to close a survey write live = false");
    }
    value.set_of(&Channel::ALL.map(|channel| (channel.word(), channel)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Per {
    Interaction,
    RespondentAndSubject,
    Respondent,
}

fn rule(table: &Table<'_>) -> Rule {
    let words = [
        ("interaction", Per::Interaction),
        ("respondent_and_subject", Per::RespondentAndSubject),
        ("respondent", Per::Respondent),
    ];
    let per = table.need("one_response_per", "\"interaction\"").and_then(|value| value.word(&words));
    let period = table.find("period");
    match (per, period) {
        (Some(Per::Respondent), None) => {
            table.problem(
                "period",
                "is missing; one_response_per = \"respondent\" needs it, for example period = \"90d\"",
            );
            Rule::Interaction
        }
        (Some(Per::Respondent), Some(period)) => Rule::Respondent {
            period: period.duration(Duration::from_secs(60 * 60)..=10 * YEAR).unwrap_or(DAY),
        },
        (Some(_), Some(period)) => {
            period.problem("stands only beside one_response_per = \"respondent\"; leave it out");
            Rule::Interaction
        }
        (Some(Per::RespondentAndSubject), None) => Rule::RespondentAndSubject,
        (Some(Per::Interaction) | None, _) => Rule::Interaction,
    }
}

fn email_confirm(table: &Table<'_>) -> EmailConfirm {
    let words = [("gesture", EmailConfirm::Gesture), ("button", EmailConfirm::Button)];
    table.find("email_confirm").and_then(|value| value.word(&words)).unwrap_or_default()
}

fn default_language(table: &Table<'_>) -> Language {
    let language = table.need("default_language", "\"en\"").and_then(|value| value.language());
    language.unwrap_or_else(Language::english)
}

fn questions<'a>(table: &Table<'a>, texts: &mut Vec<TextPlace<'a>>) -> Vec<Question> {
    let values = table.find("question").map(|value| value.hidden().list().unwrap_or_default());
    let values = values.unwrap_or_default();
    if values.is_empty() {
        table.problem("question", "is missing; write one or more [[question]] tables");
    }
    if values.len() > QUESTIONS {
        table.problem(
            "question",
            &format!("is there {} times; a survey has {QUESTIONS} at the most", values.len()),
        );
    }
    let mut questions: Vec<Question> = Vec::new();
    for value in values.iter().take(QUESTIONS) {
        let Some(table) = value.table() else { continue };
        questions.push(super::question::read(&table, &questions, texts));
    }
    questions
}
