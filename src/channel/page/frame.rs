//! What stands around every page: head, brand, switch of languages, privacy.

use super::{Words, reply::Nonce, words::own_name};
use crate::{
    catalog::{Brand, Colours, channels, contrast},
    survey::Language,
};

/// Contrast of what tells a state (WCAG 2.2, 1.4.11).
const LINE_CONTRAST: f64 = 3.0;

/// What the base template shows.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) lang: String,
    pub(crate) dir: &'static str,
    pub(crate) title: String,
    pub(crate) nonce: Nonce,
    pub(crate) accent: String,
    pub(crate) on_accent: String,
    pub(crate) pick: &'static str,
    pub(crate) brand: String,
    pub(crate) logo: Option<String>,
    pub(crate) privacy: Option<String>,
    pub(crate) own_name: String,
    pub(crate) words: &'static Words,
    pub(crate) switch: Vec<Other>,
    /// Where the person opts out or back in, and what stands there.
    pub(crate) opt_out: Option<(String, String)>,
}

/// Another language of the page.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) href: String,
    pub(crate) tag: String,
    pub(crate) name: String,
    pub(crate) current: bool,
}

impl Frame {
    /// A frame in a language, in English when none is known.
    pub(crate) fn new(language: Option<&Language>, brand: Option<&Brand>, title: String) -> Self {
        let (accent, on_accent) =
            brand.and_then(|brand| colours(&brand.colours)).unwrap_or(("#24313f", "#ffffff"));
        Self {
            lang: language.map_or("en", Language::as_str).to_owned(),
            dir: if language.is_some_and(Language::is_right_to_left) { "rtl" } else { "ltr" },
            title,
            nonce: Nonce::new(),
            accent: accent.to_owned(),
            on_accent: on_accent.to_owned(),
            pick: pick(accent),
            brand: brand.map(|brand| brand.name.clone()).unwrap_or_default(),
            logo: brand.and_then(|brand| brand.logo.clone()),
            privacy: brand.and_then(|brand| brand.privacy_url.clone()),
            own_name: language.map_or("English", own_name).to_owned(),
            words: language.map_or_else(Words::default, Words::of),
            switch: Vec::new(),
            opt_out: None,
        }
    }

    /// Offers the page in other languages; `query` is the raw query that leads back to it.
    pub(crate) fn offer(&mut self, languages: &[Language], query: &str) {
        let query = without_choice(query);
        let join = if query.is_empty() { "" } else { "&" };
        self.switch = languages
            .iter()
            .map(|language| Other {
                href: format!("?{query}{join}lang={language}"),
                tag: language.as_str().to_owned(),
                name: own_name(language).to_owned(),
                current: language.as_str() == self.lang,
            })
            .collect();
    }
}

/// The query without the choices of a language at its end; one inside may be under a signature.
fn without_choice(mut query: &str) -> &str {
    loop {
        let (before, last) = query.rsplit_once('&').unwrap_or(("", query));
        if !last.starts_with("lang=") {
            return query;
        }
        query = before;
    }
}

/// A style sheet is no place for anything but colours, whatever the configuration let through.
fn colours(colours: &Colours) -> Option<(&str, &str)> {
    let is_colour = |text: &str| channels(text).is_some();
    (is_colour(&colours.accent) && is_colour(&colours.on_accent))
        .then_some((colours.accent.as_str(), colours.on_accent.as_str()))
}

/// The line around what is chosen, on a white card: the accent where it can be told from white, else the text's colour.
fn pick(accent: &str) -> &'static str {
    if contrast(accent, "#ffffff") >= LINE_CONTRAST { "var(--accent)" } else { "var(--ink)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_outlined_in_the_accent_where_people_can_tell_it_from_the_card() {
        assert_eq!(["#1d5fbf", "#949494"].map(pick), ["var(--accent)"; 2]);
        assert_eq!(["#959595", "#ffcc00"].map(pick), ["var(--ink)"; 2]);
    }
}
