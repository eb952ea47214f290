//! What a caller gave in one turn: keys, words, or a recording.

/// What came in a turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Input {
    /// The keys that were pressed; empty when none were.
    pub keys: String,
    /// What was said, as the provider understood it.
    pub speech: Option<Heard>,
    /// What was recorded.
    pub recording: Option<Recording>,
}

/// Words, as the provider understood them.
#[derive(Clone, PartialEq)]
pub(crate) struct Heard {
    /// The words.
    pub words: String,
    /// How sure the provider is, 0 to 1; none when it does not say.
    pub confidence: Option<f32>,
}

/// A recording at the provider.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Recording {
    /// The provider's id of it.
    pub id: String,
    /// Where it is; its id when the provider names no address.
    pub address: String,
}

/// People say anything.
impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heard({:?})", self.confidence)
    }
}

/// Whoever has the address of a recording may be able to hear it.
impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recording([redacted])")
    }
}

impl Heard {
    /// Below this a caller is asked whether that was meant. Recognizers are mostly above 0.8 for a single number on a
    /// clear line; a score that was not meant is worse than a question more.
    const SURE: f32 = 0.6;

    /// Reads what the provider says of the caller's words; none when it heard none.
    pub(crate) fn read(words: &str, confidence: &str) -> Option<Self> {
        let confidence = confidence.parse().ok().filter(|sure: &f32| (0.0..=1.0).contains(sure));
        let words = words.trim();
        (!words.is_empty()).then(|| Self { words: words.to_owned(), confidence })
    }

    /// Whether the provider is sure of it. One that does not say how sure it is, is not.
    pub(crate) fn is_sure(&self) -> bool {
        self.confidence.is_some_and(|confidence| confidence >= Self::SURE)
    }
}

impl Recording {
    /// Longer addresses are no provider's; this also fits an attribute of a record.
    const ADDRESS_BYTES: usize = 256;
    /// Longer ids are no provider's; this also fits a submission key beside call and question.
    const ID_BYTES: usize = 100;

    /// Reads what the provider says of a recording; none when there is none, or nothing is in it.
    pub(crate) fn read(id: &str, address: &str, seconds: &str) -> Option<Self> {
        let fits = |text: &str, bytes| {
            (1..=bytes).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let is_address = |text: &&str| text.starts_with("https://") || text.starts_with("http://");
        let address = Some(address).filter(is_address).filter(|text| fits(text, Self::ADDRESS_BYTES));
        let id = Some(id).filter(|text| fits(text, Self::ID_BYTES));
        let end =
            |address: &str| address.get(address.len().saturating_sub(Self::ID_BYTES)..).map(str::to_owned);
        if seconds == "0" {
            return None;
        }
        let id = id.map(str::to_owned);
        Some(Self { id: id.clone().or_else(|| end(address?))?, address: address.map(str::to_owned).or(id)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_provider_that_says_so_is_sure() {
        for (confidence, sure) in [
            ("0.6", true),
            ("1", true),
            ("0.59", false),
            ("0.0", false),
            ("", false),
            ("NaN", false),
            ("7", false),
        ] {
            assert_eq!(Heard::read("ten", confidence).unwrap().is_sure(), sure, "{confidence}");
        }
        assert_eq!(Heard::read("  ", "0.9"), None);
    }

    #[test]
    fn a_recording_has_an_address_or_an_id_and_something_in_it() {
        let read = |id: &str, address: &str, seconds: &str| {
            Recording::read(id, address, seconds).map(|recording| (recording.id, recording.address))
        };
        let both = ("RE1".to_owned(), "https://api.example/RE1".to_owned());
        assert_eq!(read("RE1", "https://api.example/RE1", "7"), Some(both));
        assert_eq!(read("RE1", "", ""), Some(("RE1".to_owned(), "RE1".to_owned())));
        assert_eq!(read("", "http://a.example", "7").unwrap().0, "http://a.example");
        for (id, address, seconds) in [
            ("", "", "7"),
            ("RE1", "https://api.example/RE1", "0"),
            ("", "javascript:alert(1)", "7"),
            ("", "https://a.example/a b", "7"),
            ("RE\u{e9}", "", "7"),
        ] {
            assert_eq!(read(id, address, seconds), None, "{id} {address} {seconds}");
        }
        assert!(read(&"R".repeat(100), "", "").is_some());
        assert_eq!(read(&"R".repeat(101), "", ""), None);
        let longest = format!("https://a.example/{}", "r".repeat(256 - 18));
        assert_eq!(read("", &longest, "").map(|(id, address)| (id.len(), address.len())), Some((100, 256)));
        assert_eq!(read("", &format!("{longest}r"), ""), None);
    }
}
