//! Which voices speak which languages. The list is that of `<Say>` where `<Gather>` knows the same tag
//! (<https://www.twilio.com/docs/voice/twiml/say>); SignalWire takes the same tags.

use crate::survey::Language;

/// Tags in groups of one language each; the first of a group speaks for regions that have no voice.
const SPOKEN: [&[&str]; 17] = [
    &["en-US", "en-GB", "en-AU", "en-CA", "en-IN"],
    &["de-DE"],
    &["es-ES", "es-MX", "es-US"],
    &["fr-FR", "fr-CA"],
    &["it-IT"],
    &["pt-PT", "pt-BR"],
    &["nl-NL"],
    &["ca-ES"],
    &["da-DK"],
    &["fi-FI"],
    &["nb-NO"],
    &["pl-PL"],
    &["ru-RU"],
    &["sv-SE"],
    &["ja-JP"],
    &["ko-KR"],
    &["tr-TR"],
];

/// Whether there is a voice for a language.
pub(super) fn speaks(language: &Language) -> bool {
    !voices(language).is_empty()
}

fn voices(language: &Language) -> &'static [&'static str] {
    let group = SPOKEN.iter().find(|group| group.iter().any(|tag| tag.starts_with(language.primary())));
    group.copied().unwrap_or(&[])
}

/// The tag of the voice for a language; the American one where there is none.
pub(super) fn of(language: &Language) -> &'static str {
    let group = voices(language);
    let exact = group.iter().find(|tag| **tag == language.as_str());
    exact.or(group.first()).copied().unwrap_or("en-US")
}

/// The language that most callers from a country speak, where that is one; none for Switzerland or Belgium.
pub(super) fn of_country(country: &str) -> Option<&'static str> {
    Some(match country {
        "DE" | "AT" | "LI" => "de",
        "FR" | "MC" => "fr",
        "IT" | "SM" | "VA" => "it",
        "ES" | "MX" | "AR" | "CL" | "CO" | "PE" | "EC" | "UY" | "VE" => "es",
        "GB" | "IE" | "US" | "AU" | "NZ" => "en",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_without_a_voice_is_spoken_for_by_its_language() {
        let voice = |tag| of(&Language::parse(tag).unwrap());
        for (tag, spoken) in [
            ("de", "de-DE"),
            ("de-CH", "de-DE"),
            ("en", "en-US"),
            ("en-GB", "en-GB"),
            ("es", "es-ES"),
            ("es-MX", "es-MX"),
            ("fr-CH", "fr-FR"),
            ("fr-CA", "fr-CA"),
            ("it-CH", "it-IT"),
            ("rm", "en-US"),
        ] {
            assert_eq!(voice(tag), spoken, "{tag}");
        }
    }
}
