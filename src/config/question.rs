//! `[[question]]` of a survey.

use super::{
    survey_file::{Part, TextPlace},
    table::Table,
    thanks::is_link,
    value::Value,
};
use crate::{
    intake::claim::tag,
    survey::{AskWhen, Choice, Kind, Question, RESERVED_IDS, Texts},
};

/// More than a person compares.
const CHOICES: usize = 50;
/// Reads a question and notes where its texts stand; `earlier` are those before it.
pub(super) fn read<'a>(table: &Table<'a>, earlier: &[Question], texts: &mut Vec<TextPlace<'a>>) -> Question {
    let id = id(table, earlier);
    let kind = kind(table);
    let mut part = |part, value: Option<Value<'a>>| text_part(&id, part, value, texts);
    let text = part(Part::Text, table.need("text", "{ en = \"Would you recommend {brand}?\" }"));
    let low = part(Part::Low, label(table, "low", kind));
    let high = part(Part::High, label(table, "high", kind));
    let audio = audio(table, &id, texts);
    let mut part = |part, value: Option<Value<'a>>| text_part(&id, part, value, texts);
    let choices = choices(table, kind, &mut part);
    let question = Question {
        kind: kind.unwrap_or(Kind::Text),
        required: table.find("required").and_then(|value| value.yes_or_no()).unwrap_or(false),
        text,
        low,
        high,
        audio,
        ask_when: table.find("ask_when").and_then(|value| ask_when(&value, earlier)),
        choices,
        id,
    };
    table.no_more();
    question
}

fn text_part<'a>(id: &str, part: Part, value: Option<Value<'a>>, texts: &mut Vec<TextPlace<'a>>) -> Texts {
    let Some(value) = value else { return Texts::default() };
    let read = value.texts();
    texts.push(TextPlace { question: id.to_owned(), part, value });
    read
}

fn audio<'a>(table: &Table<'a>, id: &str, texts: &mut Vec<TextPlace<'a>>) -> Texts {
    let Some(value) = table.find("audio") else { return Texts::default() };
    let read = value.by_language(recording);
    texts.push(TextPlace { question: id.to_owned(), part: Part::Audio, value });
    read
}

/// The address of a recording, as it is written: its `{brand}` is filled for each brand.
pub(super) fn recording(value: &Value<'_>) -> Option<String> {
    let advice = "is no address of a recording; write an https URL like \"https://cdn.example/{brand}/nps-de.wav\", \
                  where only {brand} is filled, with the brand's id, and not in the host";
    value.without_password().parsed(advice, |text| is_link(text).then(|| text.to_owned()))
}

fn id(table: &Table<'_>, earlier: &[Question]) -> String {
    let Some(value) = table.need("id", "\"recommend\"") else { return String::new() };
    let Some(id) = value.id() else { return String::new() };
    if RESERVED_IDS.contains(&id.as_str()) {
        value.problem(format!("is a field that forms use themselves, as are {}", RESERVED_IDS.join(", ")));
    }
    if earlier.iter().any(|question| question.id == id) {
        value.problem("is the id of an earlier question; each needs its own");
    } else if let Some(other) = earlier.iter().find(|question| tag(&question.id) == tag(&id)) {
        value.problem(format!(
            "cannot be told from \"{}\" by the claims, by chance; rename one of them",
            other.id
        ));
    }
    id
}

fn kind(table: &Table<'_>) -> Option<Kind> {
    let words = Kind::ALL.map(|kind| (kind.word(), kind));
    table.need("kind", "\"nps\"").and_then(|value| value.word(&words))
}

/// The label of an end of the scale.
fn label<'a>(table: &Table<'a>, key: &'static str, kind: Option<Kind>) -> Option<Value<'a>> {
    let value = table.find(key)?;
    if kind.is_some_and(|kind| kind.scale().is_none()) {
        value
            .clone()
            .hidden()
            .problem("names an end of a scale, and this kind of question has none; leave it out");
    }
    Some(value)
}

fn choices<'a>(
    table: &Table<'a>,
    kind: Option<Kind>,
    part: &mut impl FnMut(Part, Option<Value<'a>>) -> Texts,
) -> Vec<Choice> {
    let is_choice = kind == Some(Kind::Choice);
    let Some(list) = table.find("choices") else {
        if is_choice {
            table
                .problem("choices", "is missing; write two or more [[question.choices]] with value and text");
        }
        return Vec::new();
    };
    let list = list.hidden();
    if kind.is_some() && !is_choice {
        list.problem("stands only in a question of kind = \"choice\"; leave it out");
    }
    let values = list.list().unwrap_or_default();
    if !(2..=CHOICES).contains(&values.len()) {
        list.problem(format!("has {} choices; a question offers 2 to {CHOICES}", values.len()));
    }
    let mut choices: Vec<Choice> = Vec::new();
    for value in values.iter().take(CHOICES) {
        let Some(choice) = value.table().map(|table| choice(&table, &choices, part)) else { continue };
        choices.push(choice);
    }
    choices
}

fn choice<'a>(
    table: &Table<'a>,
    earlier: &[Choice],
    part: &mut impl FnMut(Part, Option<Value<'a>>) -> Texts,
) -> Choice {
    let written = table.need("value", "\"price\"");
    let value = written.as_ref().and_then(Value::id).unwrap_or_default();
    if let Some(written) = written.filter(|_| earlier.iter().any(|choice| choice.value == value)) {
        written.problem("is the value of an earlier choice; each needs its own");
    }
    let text = part(Part::Choice(value.clone()), table.need("text", "{ en = \"The price\" }"));
    table.no_more();
    Choice { value, text }
}

fn ask_when(value: &Value<'_>, earlier: &[Question]) -> Option<AskWhen> {
    let table = value.table()?;
    let named = table.need("question", "\"recommend\"")?;
    let id = named.text()?;
    let scale =
        earlier.iter().filter(|question| question.id == id).find_map(|question| question.kind.scale());
    if scale.is_none() {
        named.problem("is no earlier question with a scale");
    }
    let [below, above] = ["below", "above"].map(|key| {
        let value = table.find(key)?;
        let score = value.score()?;
        if let Some(scale) = scale.filter(|scale| !scale.holds(score)) {
            value.problem(format!("is not on the scale of \"{id}\", {} to {}", scale.min, scale.max));
        }
        Some(score)
    });
    table.no_more();
    let condition = AskWhen { question: id.to_owned(), below, above };
    if below.is_none() && above.is_none() {
        value.problem("says no bound; write below = 9, above = 3, or both");
    } else if scale.is_some_and(|scale| !scale.scores().any(|score| condition.holds(score))) {
        value.problem("holds for no score; nobody would be asked");
    }
    Some(condition)
}
