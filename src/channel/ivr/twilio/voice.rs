//! What tells the XML dialects apart: which languages are spoken and understood, and how verbs name things.
//!
//! The languages that `<Say>` speaks and those that `<Gather>` understands are different lists (Chinese is `cmn-CN`
//! here and `cmn-Hans-CN` there), and each dialect has its own. Sources: the types of Twilio's client library 6.2.0
//! (`VoiceResponse.d.ts`); <https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs> and the languages
//! of Telnyx's speak command. SignalWire takes what Twilio takes.

use crate::survey::Language;

/// An XML dialect.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// The voice that speaks where nobody chose one; none where `<Say>` chooses by its language.
    pub voice: Option<&'static str>,
    languages: &'static [Spoken],
    /// `<Gather>` says how it goes on; where it does not, the application's method is taken.
    pub gather_method: bool,
    /// Makes silence a turn too; a dialect without it comes to the redirect that follows.
    pub action_on_empty_result: bool,
    /// Ends what is being said when the caller speaks.
    pub barge_in: bool,
    /// Silence that ends speech.
    pub speech_timeout: &'static str,
    /// Which recordings are reported.
    pub recording_events: Option<&'static str>,
    /// How `<Record>` asks for a transcription.
    pub transcribe: &'static str,
    /// How it names where the transcription goes.
    pub transcribe_callback: &'static str,
}

/// A language, by the primary subtags that name it.
#[derive(Debug)]
struct Spoken {
    primary: &'static [&'static str],
    /// Tags of `<Say>`; the first speaks for regions that have no voice.
    says: &'static [&'static str],
    /// Tags of `<Gather>`, likewise; none where speech is not understood.
    hears: &'static [&'static str],
}

const fn spoken(
    primary: &'static [&'static str],
    says: &'static [&'static str],
    hears: &'static [&'static str],
) -> Spoken {
    Spoken { primary, says, hears }
}

/// Twilio and SignalWire.
pub(crate) static TWILIO: Dialect = Dialect {
    voice: None,
    languages: &[
        spoken(
            &["en"],
            &["en-US", "en-GB", "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-ZA"],
            &["en-US", "en-GB", "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-ZA", "en-PH", "en-SG"],
        ),
        spoken(&["de"], &["de-DE"], &["de-DE"]),
        spoken(
            &["es"],
            &["es-ES", "es-MX", "es-US"],
            &["es-ES", "es-MX", "es-US", "es-AR", "es-CL", "es-CO", "es-EC", "es-PE", "es-UY", "es-VE"],
        ),
        spoken(&["fr"], &["fr-FR", "fr-CA"], &["fr-FR", "fr-CA"]),
        spoken(&["it"], &["it-IT"], &["it-IT"]),
        spoken(&["pt"], &["pt-PT", "pt-BR"], &["pt-PT", "pt-BR"]),
        spoken(&["nl"], &["nl-NL"], &["nl-NL", "nl-BE"]),
        spoken(&["ar"], &["arb"], &["ar-SA", "ar-AE", "ar-EG", "ar-MA"]),
        spoken(&["ca"], &["ca-ES"], &["ca-ES"]),
        spoken(&["cs"], &["cs-CZ"], &["cs-CZ"]),
        spoken(&["da"], &["da-DK"], &["da-DK"]),
        spoken(&["el"], &["el-GR"], &["el-GR"]),
        spoken(&["fi"], &["fi-FI"], &["fi-FI"]),
        spoken(&["he"], &["he-IL"], &["he-IL"]),
        spoken(&["hi"], &["hi-IN"], &["hi-IN"]),
        spoken(&["hu"], &["hu-HU"], &["hu-HU"]),
        spoken(&["id"], &["id-ID"], &["id-ID"]),
        spoken(&["ja"], &["ja-JP"], &["ja-JP"]),
        spoken(&["ko"], &["ko-KR"], &["ko-KR"]),
        spoken(&["nb", "no"], &["nb-NO"], &["nb-NO"]),
        spoken(&["pl"], &["pl-PL"], &["pl-PL"]),
        spoken(&["ro"], &["ro-RO"], &["ro-RO"]),
        spoken(&["ru"], &["ru-RU"], &["ru-RU"]),
        spoken(&["sk"], &["sk-SK"], &["sk-SK"]),
        spoken(&["sv"], &["sv-SE"], &["sv-SE"]),
        spoken(&["th"], &["th-TH"], &["th-TH"]),
        spoken(&["tr"], &["tr-TR"], &["tr-TR"]),
        spoken(&["uk"], &["uk-UA"], &["uk-UA"]),
        spoken(&["vi"], &["vi-VN"], &["vi-VN"]),
        spoken(&["yue"], &["yue-HK"], &["yue-Hant-HK"]),
        spoken(&["zh", "cmn"], &["cmn-CN", "cmn-TW"], &["cmn-Hans-CN", "cmn-Hant-TW"]),
    ],
    gather_method: true,
    action_on_empty_result: true,
    barge_in: true,
    speech_timeout: "auto",
    recording_events: Some("completed absent"),
    transcribe: "transcribe",
    transcribe_callback: "transcribeCallback",
};

/// Telnyx TeXML. Its `<Gather>` names no list of languages; those of the recognizer behind it are taken.
///
/// Its `<Say>` heeds `language` with the voice `alice` alone; its default voice reads everything as English
/// (<https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs/say>).
pub(crate) static TELNYX: Dialect = Dialect {
    voice: Some("alice"),
    languages: &[
        spoken(
            &["en"],
            &["en-US", "en-GB", "en-AU", "en-IN"],
            &["en-US", "en-GB", "en-AU", "en-IN", "en-CA", "en-IE", "en-NZ", "en-ZA"],
        ),
        spoken(&["de"], &["de-DE"], &["de-DE"]),
        spoken(&["es"], &["es-ES", "es-MX", "es-US"], &["es-ES", "es-MX", "es-US"]),
        spoken(&["fr"], &["fr-FR", "fr-CA"], &["fr-FR", "fr-CA"]),
        spoken(&["it"], &["it-IT"], &["it-IT"]),
        spoken(&["pt"], &["pt-PT", "pt-BR"], &["pt-PT", "pt-BR"]),
        spoken(&["nl"], &["nl-NL"], &["nl-NL"]),
        spoken(&["ar"], &["arb"], &["ar-SA"]),
        spoken(&["da"], &["da-DK"], &["da-DK"]),
        spoken(&["hi"], &["hi-IN"], &["hi-IN"]),
        spoken(&["ja"], &["ja-JP"], &["ja-JP"]),
        spoken(&["ko"], &["ko-KR"], &["ko-KR"]),
        spoken(&["nb", "no"], &["nb-NO"], &["nb-NO"]),
        spoken(&["pl"], &["pl-PL"], &["pl-PL"]),
        spoken(&["ro"], &["ro-RO"], &["ro-RO"]),
        spoken(&["ru"], &["ru-RU"], &["ru-RU"]),
        spoken(&["sv"], &["sv-SE"], &["sv-SE"]),
        spoken(&["tr"], &["tr-TR"], &["tr-TR"]),
        spoken(&["zh", "cmn"], &["cmn-CN"], &["cmn-Hans-CN"]),
    ],
    gather_method: false,
    action_on_empty_result: false,
    barge_in: false,
    speech_timeout: "2",
    recording_events: None,
    transcribe: "transcription",
    transcribe_callback: "transcriptionCallback",
};

impl Dialect {
    /// Whether there is a voice for a language.
    pub(crate) fn speaks(&self, language: &Language) -> bool {
        self.find(language).is_some()
    }

    /// Whether spoken words of a language are understood.
    pub(crate) fn understands(&self, language: &Language) -> bool {
        self.hears(language).is_some()
    }

    /// The tag of the voice for a language; the American one where there is none.
    pub(crate) fn says(&self, language: &Language) -> &'static str {
        self.find(language).and_then(|spoken| nearest(spoken.says, language)).unwrap_or("en-US")
    }

    /// The tag of the recognizer for a language.
    pub(crate) fn hears(&self, language: &Language) -> Option<&'static str> {
        nearest(self.find(language)?.hears, language)
    }

    /// Whether a comment in a language is transcribed. `<Record>` cannot name a language, and a German comment that is
    /// read as English is worse than a recording.
    pub(crate) fn transcribes(&self, language: &Language) -> bool {
        language.primary() == "en"
    }

    fn find(&self, language: &Language) -> Option<&'static Spoken> {
        let primary = language.primary();
        self.languages.iter().find(|spoken| spoken.primary.contains(&primary))
    }
}

/// The tag with the language's region, else the first.
fn nearest(tags: &[&'static str], language: &Language) -> Option<&'static str> {
    let ends_with = |region: &str| tags.iter().find(|tag| tag.rsplit('-').next() == Some(region));
    language.region().and_then(ends_with).or(tags.first()).copied()
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

    fn language(tag: &str) -> Language {
        Language::parse(tag).unwrap()
    }

    #[test]
    fn a_region_without_a_voice_is_spoken_for_by_its_language() {
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
            for dialect in [&TWILIO, &TELNYX] {
                assert_eq!(dialect.says(&language(tag)), spoken, "{tag}");
            }
        }
        assert!(!TWILIO.speaks(&language("rm")) && TWILIO.speaks(&language("it-CH")));
    }

    #[test]
    fn what_is_spoken_and_what_is_understood_are_different_tags() {
        for (tag, says, hears) in [
            ("zh", "cmn-CN", Some("cmn-Hans-CN")),
            ("zh-Hant-TW", "cmn-TW", Some("cmn-Hant-TW")),
            ("yue", "yue-HK", Some("yue-Hant-HK")),
            ("ar-EG", "arb", Some("ar-EG")),
            ("es-AR", "es-ES", Some("es-AR")),
            ("de-CH", "de-DE", Some("de-DE")),
            ("rm", "en-US", None),
        ] {
            assert_eq!((TWILIO.says(&language(tag)), TWILIO.hears(&language(tag))), (says, hears), "{tag}");
        }
        assert_eq!(TELNYX.says(&language("zh-TW")), "cmn-CN");
        assert!(TWILIO.speaks(&language("uk")) && !TELNYX.speaks(&language("uk")));
    }

    #[test]
    fn the_five_languages_of_our_words_are_spoken_and_understood_by_every_dialect() {
        for dialect in [&TWILIO, &TELNYX] {
            for tag in ["en", "de", "es", "fr", "it"] {
                assert!(dialect.says(&language(tag)).starts_with(tag), "{tag}");
                assert!(dialect.hears(&language(tag)).is_some_and(|heard| heard.starts_with(tag)), "{tag}");
            }
        }
    }

    #[test]
    fn no_language_stands_twice_in_a_dialect_and_each_has_a_voice() {
        for dialect in [&TWILIO, &TELNYX] {
            let mut names: Vec<_> = dialect.languages.iter().flat_map(|spoken| spoken.primary).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count);
            assert!(dialect.languages.iter().all(|spoken| !spoken.says.is_empty()));
        }
    }
}
