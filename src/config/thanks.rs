//! `[thanks.<segment>]` of a survey: what its thank-you page adds for people of one segment.

use std::collections::BTreeMap;

use url::Url;

use super::{
    survey_file::{Part, TextPlace},
    table::Table,
    value::Value,
};
use crate::survey::{Question, Segment, Texts, Thanks, ThanksLink};

/// Reads the table of each segment, and notes where its texts stand; `scored` is the question whose segments they are.
pub(super) fn read<'a>(
    survey: &Table<'a>,
    scored: Option<&Question>,
    texts: &mut Vec<TextPlace<'a>>,
) -> BTreeMap<Segment, Thanks> {
    let Some(value) = survey.find("thanks").map(Value::hidden) else { return BTreeMap::new() };
    let Some(scored) = scored else {
        value.problem("needs a required question with a scale: its score says which segment somebody is of");
        return BTreeMap::new();
    };
    let segments = scored.kind.segments();
    let mut thanks = BTreeMap::new();
    for (word, value) in value.table().iter().flat_map(Table::entries) {
        match segments.iter().find(|segment| segment.word() == word) {
            Some(segment) => thanks.extend(one(&value, *segment, texts).map(|read| (*segment, read))),
            None => value.hidden().problem(format!(
                "is no segment of \"{}\"; its segments are {}",
                scored.id,
                Vec::from_iter(segments.iter().map(|segment| segment.word())).join(", ")
            )),
        }
    }
    thanks
}

fn one<'a>(value: &Value<'a>, segment: Segment, texts: &mut Vec<TextPlace<'a>>) -> Option<Thanks> {
    let table = value.table()?;
    let mut note = |part, value: Value<'a>| -> Texts {
        let read = value.texts();
        texts.push(TextPlace { question: String::new(), part, value });
        read
    };
    let text = table.need("text", "{ en = \"We are glad to hear that.\" }");
    let text = text.map(|value| note(Part::Thanks(segment), value));
    let link = match table.find("link") {
        Some(written) => {
            let label = table.need("label", "{ en = \"Write a review\" }");
            let address = link(&written);
            address
                .zip(label)
                .map(|(address, label)| ThanksLink::new(address, note(Part::Label(segment), label)))
        }
        None => {
            if let Some(label) = table.find("label") {
                label
                    .hidden()
                    .problem("stands on no link; write link = \"https://…\" beside it, or leave it out");
            }
            None
        }
    };
    table.no_more();
    Some(Thanks { text: text?, link })
}

/// The address as it is written: its `{brand}` is filled for each brand.
fn link(value: &Value<'_>) -> Option<String> {
    let value = value.without_password();
    let advice = "is no address to lead people to; write an https URL like \"https://reviews.example/{brand}\", \
                  where only {brand} is filled, with the brand's id, and not in the host";
    value.parsed(advice, |text| is_link(text).then(|| text.to_owned()))
}

/// Whether a text is an https address whose `{brand}`, if any, stands behind the host.
pub(super) fn is_link(text: &str) -> bool {
    let filled = |brand| Url::parse(&text.replace(ThanksLink::BRAND, brand)).ok();
    let (Some(one), Some(other)) = (filled("a"), filled("b")) else { return false };
    let plain = |character: char| !character.is_whitespace() && !matches!(character, '{' | '}' | '\\');
    one.scheme() == "https"
        && one.origin() == other.origin()
        && !super::address::has_user(&one)
        && text.starts_with("https://")
        && text.replace(ThanksLink::BRAND, "").chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_https_address_with_the_brand_behind_the_host_alone() {
        for good in [
            "https://reviews.example",
            "https://reviews.example:8443/{brand}?from=survey#form",
            "https://reviews.example/{brand}/{brand}",
        ] {
            assert!(is_link(good), "{good}");
        }
        for bad in [
            "",
            "/reviews",
            "reviews.example",
            "http://reviews.example/",
            "https:reviews.example",
            "https://{brand}.example/",
            "https://{brand}@reviews.example/",
            "https://user:secret@reviews.example/",
            "https://reviews.example/{survey}",
            "https://reviews.example/{brand",
            "https://reviews.example/a b",
            "javascript:alert(1)//https://",
            "data:text/html,https://",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
