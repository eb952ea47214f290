//! Texts in several languages, ids and languages, as brands and surveys write them.

use std::collections::BTreeSet;

use super::{table::Table, value::Value};
use crate::{
    intake::Reference,
    survey::{Language, Texts},
};

/// More is no question that a person reads to its end.
const TEXT_CHARS: usize = 1_000;
const PLACEHOLDERS: [&str; 2] = ["{brand}", "{subject}"];

impl<'a> Value<'a> {
    /// A table of texts by language, for example `{ en = "Hello", de = "Hallo" }`; not empty.
    pub(super) fn texts(&self) -> Texts {
        self.by_language(Value::words)
    }

    /// The same of what is no text that people read, each value read by `read`.
    pub(super) fn by_language(&self, read: impl Fn(&Self) -> Option<String>) -> Texts {
        let Some(table) = self.table() else { return Texts::default() };
        if table.entries().next().is_none() {
            self.problem("has no text in any language; write it like { en = \"…\", de = \"…\" }");
        }
        let mut texts: Vec<(Language, String)> = Vec::new();
        for (tag, value) in table.entries() {
            let (Some(language), Some(words)) = (language_key(&value, tag), read(&value)) else { continue };
            if texts.iter().any(|(other, _)| *other == language) {
                value.problem(format!("is a second text in \"{language}\""));
            }
            texts.push((language, words));
        }
        texts.into_iter().collect()
    }

    /// What people read: not empty, not endless, no placeholder that nobody fills.
    pub(super) fn words(&self) -> Option<String> {
        let text = self.text()?;
        let chars = text.chars().count();
        if text.trim().is_empty() || chars > TEXT_CHARS {
            self.problem(format!("has {chars} characters; a text has 1 to {TEXT_CHARS}"));
        } else if text.chars().any(char::is_control) {
            self.problem("holds control characters; a text is one line");
        } else if let Some(unknown) = unknown_placeholder(text) {
            self.problem(format!(
                "holds {unknown}, which nobody fills; there are {}",
                PLACEHOLDERS.join(" and ")
            ));
        }
        Some(text.to_owned())
    }

    /// A language tag.
    pub(super) fn language(&self) -> Option<Language> {
        self.parsed("is no language tag; write it like \"de\" or \"de-CH\" (BCP 47)", Language::parse)
    }

    /// A list without doubles, each item read by `read`.
    pub(super) fn list_of<T: PartialEq>(&self, read: impl Fn(&Self) -> Option<T>) -> Vec<T> {
        let mut items = Vec::new();
        for value in self.list().unwrap_or_default() {
            let Some(item) = read(&value) else { continue };
            if items.contains(&item) {
                value.problem("is there twice");
            } else {
                items.push(item);
            }
        }
        items
    }

    /// A list of words of a closed list.
    pub(super) fn set_of<T: Copy + Ord>(&self, words: &[(&'static str, T)]) -> BTreeSet<T> {
        self.list_of(|value| value.word(words)).into_iter().collect()
    }

    /// An id of a survey, question or brand. It stands in paths and form fields, whose ends may be a dot that a mail
    /// program took for the end of a sentence.
    pub(super) fn id(&self) -> Option<String> {
        let advice = "is no id; write 1 to 64 of A-Z a-z 0-9 . _ : -, with a letter or digit at both ends";
        self.parsed(advice, |text| is_id(text).then(|| text.to_owned()))
    }
}

impl<'a> Table<'a> {
    /// The id of a file, which is its name: `id` may repeat it, and must not differ.
    pub(super) fn file_id(&self) -> String {
        let stem = &self.source.stem;
        match self.find("id") {
            Some(value) if value.text().is_some_and(|id| id != stem) => {
                value.problem(format!("is not the file's name; write id = \"{stem}\", or rename the file"));
            }
            _ if !is_id(stem) => self.problem(
                "",
                &format!("is a file whose name is no id: \"{stem}\"; rename it to letters, digits, - and _"),
            ),
            _ => {}
        }
        stem.clone()
    }
}

/// Whether a text may be an id of a survey, question or brand.
pub(crate) fn is_id(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    Reference::parse(text).is_some() && ends.iter().flatten().all(char::is_ascii_alphanumeric)
}

fn language_key(value: &Value<'_>, tag: &str) -> Option<Language> {
    let language = Language::parse(tag);
    if language.is_none() {
        value.problem(format!(
            "stands under \"{tag}\", which is no language tag; write it like de or \"de-CH\""
        ));
    }
    language
}

/// A brace that is not closed counts: it is a placeholder with a slip of the finger.
fn unknown_placeholder(text: &str) -> Option<&str> {
    text.split_inclusive('}')
        .filter_map(|piece| piece.rfind('{').and_then(|start| piece.get(start..)))
        .find(|placeholder| !PLACEHOLDERS.contains(placeholder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_and_ends_with_a_letter_or_digit() {
        for good in ["a", "A1", "support-nps", "a.b_c:d", &"a".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", ".", "..", "a.", "-a", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn the_first_placeholder_that_nobody_fills_is_found() {
        for good in ["", "}", "{brand}{subject}", "{{brand}"] {
            assert_eq!(unknown_placeholder(good), None, "{good}");
        }
        assert_eq!(unknown_placeholder("Dear {brand}, {name} and {Brand}"), Some("{name}"));
        assert_eq!(unknown_placeholder("{}"), Some("{}"));
        assert_eq!(unknown_placeholder("{brand} and {subject"), Some("{subject"));
    }
}
