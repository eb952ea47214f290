//! Languages and the texts in them. A missing translation never hides a survey.

use std::{collections::BTreeMap, fmt};

/// A BCP 47 language tag (RFC 5646) in its usual case: language, script, region, variants; `de`, `de-CH`, `zh-Hant-TW`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(String);

impl Language {
    /// What a tag may be, for refusals.
    pub const FORM: &str = "a language tag such as `de-CH`";

    /// Reads a tag in any case; underscores stand for hyphens.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.trim();
        if tag.len() > 35 {
            return None;
        }
        let mut subtags = tag.split(['-', '_']);
        let primary = subtags.next().filter(|primary| is_alphabetic(primary, 2..=8))?;
        let mut text = String::with_capacity(tag.len());
        text.extend(primary.chars().map(|letter| letter.to_ascii_lowercase()));
        for subtag in subtags {
            if subtag.is_empty()
                || subtag.len() > 8
                || !subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                return None;
            }
            text.push('-');
            text.push_str(&usual_case(subtag));
        }
        Some(Self(text))
    }

    /// English.
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The primary language, `de` of `de-CH`.
    pub fn primary(&self) -> &str {
        // Two or three letters, asked for by whoever looks for a language: a search for the hyphen takes longer.
        let end = self.0.bytes().position(|byte| byte == b'-').unwrap_or(self.0.len());
        self.0.get(..end).unwrap_or(&self.0)
    }

    /// The region, `CH` of `de-CH`.
    pub fn region(&self) -> Option<&str> {
        self.0.split('-').skip(1).find(|subtag| is_alphabetic(subtag, 2..=2))
    }

    /// Whether it is written from right to left.
    pub fn is_right_to_left(&self) -> bool {
        matches!(self.primary(), "ar" | "dv" | "fa" | "he" | "ps" | "ur" | "yi")
    }

    /// The tag, then the tag without its last subtag, and so on (RFC 4647, 3.4 Lookup).
    fn fallbacks(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter))
    }
}

fn is_alphabetic(subtag: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn usual_case(subtag: &str) -> String {
    match subtag.len() {
        2 => subtag.to_ascii_uppercase(),
        4 if is_alphabetic(subtag, 4..=4) => {
            let (first, rest) = subtag.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        }
        _ => subtag.to_ascii_lowercase(),
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The best of the available languages for a list of wished ones, best first; the default when none fits.
pub fn negotiate<'a, 'w>(
    wished: impl IntoIterator<Item = &'w Language>,
    available: &[&'a Language],
    default: &'a Language,
) -> &'a Language {
    for wish in wished {
        for tag in wish.fallbacks() {
            if let Some(found) = available.iter().find(|language| language.as_str() == tag) {
                return found;
            }
        }
        let primary = wish.primary();
        if let Some(found) = available.iter().find(|language| language.primary() == primary) {
            return found;
        }
    }
    default
}

/// A text in several languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<Language, String>);

impl Texts {
    /// The languages it is written in.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.0.keys()
    }

    /// Whether it is written in exactly this language.
    pub fn has(&self, language: &Language) -> bool {
        self.0.contains_key(language)
    }

    /// Whether it is written in no language.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text in a language, else in a shorter form of its tag, else in the default, else in any; empty when there
    /// is none at all.
    pub fn get(&self, language: &Language, default: &Language) -> &str {
        language
            .fallbacks()
            .chain(default.fallbacks())
            .find_map(|tag| self.0.iter().find(|(language, _)| language.as_str() == tag))
            .or_else(|| self.0.iter().next())
            .map_or("", |(_, text)| text)
    }

    /// The text in a language, else in a shorter form of its tag; none in any other language.
    pub fn in_language(&self, language: &Language) -> Option<&str> {
        let found = language.fallbacks().find_map(|tag| self.0.iter().find(|(own, _)| own.as_str() == tag));
        found.map(|(_, text)| text.as_str())
    }

    /// Writes the texts of `other` over these.
    pub fn overlay(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(language, text)| (language.clone(), text.clone())));
    }
}

impl FromIterator<(Language, String)> for Texts {
    fn from_iter<I: IntoIterator<Item = (Language, String)>>(texts: I) -> Self {
        Self(texts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(tag: &str) -> Language {
        Language::parse(tag).unwrap()
    }

    fn best(wished: &[&str], available: &[&str]) -> String {
        let wished: Vec<_> = wished.iter().map(|tag| language(tag)).collect();
        let available: Vec<_> = available.iter().map(|tag| language(tag)).collect();
        let available: Vec<_> = available.iter().collect();
        negotiate(&wished, &available, &language("en")).to_string()
    }

    #[test]
    fn a_tag_is_read_in_any_case_and_with_underscores() {
        assert_eq!(language("DE_ch").as_str(), "de-CH");
        assert_eq!(language("zh-hant-tw").as_str(), "zh-Hant-TW");
        for bad in ["", "d", "1a", "de-", "de--CH", "de-\u{e4}", "toolonglang", "de-toolongsubtag"] {
            assert_eq!(Language::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_region_falls_back_to_its_language_then_to_a_sister_then_to_the_default() {
        assert_eq!(best(&["de-CH"], &["en", "de", "de-CH"]), "de-CH");
        assert_eq!(best(&["de-AT"], &["en", "de", "de-CH"]), "de");
        assert_eq!(best(&["pt-PT"], &["en", "pt-BR"]), "pt-BR");
        assert_eq!(best(&["ja", "fr"], &["en", "fr"]), "fr");
        assert_eq!(best(&["ja"], &["en", "fr"]), "en");
        assert_eq!(best(&[], &["en", "fr"]), "en");
    }

    #[test]
    fn a_missing_text_is_shown_in_the_default_language() {
        let texts: Texts = [(language("en"), "Hello".to_owned()), (language("de"), "Hallo".to_owned())]
            .into_iter()
            .collect();
        assert_eq!(texts.get(&language("de-CH"), &language("en")), "Hallo");
        assert_eq!(texts.get(&language("fr"), &language("en")), "Hello");
        assert_eq!(texts.get(&language("fr"), &language("es")), "Hallo");
    }
}
