use std::collections::BTreeMap;

use super::{Account, Secret};
use crate::survey::{Language, Texts};

/// Whose name a survey carries.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Its id, the file's name without `.toml`.
    pub id: String,
    /// What people read, also where a text holds `{brand}`.
    pub name: String,
    /// The languages it speaks, its own first; at least one.
    pub languages: Vec<Language>,
    /// ISO 3166-1 alpha-2; where it works.
    pub countries: Vec<String>,
    /// IANA time zone, for example `Europe/Zurich`.
    pub time_zone: String,
    /// Address of its logo; `https://…` or a path on the public base.
    pub logo: Option<String>,
    /// Colours of its pages.
    pub colours: Colours,
    /// Base of its links and signatures, without a trailing slash; may have a path prefix. The gateway's own when the
    /// brand's file names none.
    pub public_base_url: String,
    /// Its privacy notice.
    pub privacy_url: Option<String>,
    /// Origins that may embed the widget and post to the beacon.
    pub allowed_origins: Vec<Origin>,
    /// Where a form's `next` may lead: prefixes of absolute URLs.
    pub redirects: Vec<String>,
    /// Secrets of links that a mail tool builds; all of them are accepted.
    pub link_secrets: Vec<Secret>,
    /// Telephony accounts.
    pub accounts: Vec<Account>,
    /// Its own words for single texts of surveys.
    pub overrides: Vec<Override>,
}

/// Colours as `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colours {
    /// Buttons and marks.
    pub accent: String,
    /// What is written on the accent.
    pub on_accent: String,
}

/// An origin, `scheme://host[:port]`; the port may be `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `https://shop.example`, `http://localhost:*`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let plain = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
        (matches!(scheme, "http" | "https") && plain).then(|| Self(text.to_ascii_lowercase()))
    }

    /// As it was read, in lower case; also a source of a content security policy.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an `Origin` header names it.
    pub fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        match self.0.strip_suffix(":*") {
            None => origin == self.0,
            Some(host) => origin.strip_prefix(host).is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
            }),
        }
    }
}

/// A brand's own words for one text of one survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Id of the survey.
    pub survey: String,
    /// Id of the question.
    pub question: String,
    /// The words, by language.
    pub text: Texts,
    /// The words at the scale's lowest score.
    pub low: Texts,
    /// The words at the scale's highest score.
    pub high: Texts,
    /// Addresses of recordings for the phone.
    pub audio: Texts,
    /// The words of choices, by the choice's value.
    pub choices: BTreeMap<String, Texts>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_with_any_port_matches_its_host_alone() {
        let any = Origin::parse("http://localhost:*").unwrap();
        for good in ["http://localhost", "http://localhost:8080", "http://LOCALHOST:1"] {
            assert!(any.matches(good), "{good}");
        }
        for bad in [
            "https://localhost",
            "http://localhost.evil.example",
            "http://localhost:80.evil",
            "http://localhost:99999",
            "null",
        ] {
            assert!(!any.matches(bad), "{bad}");
        }
        assert!(Origin::parse("https://shop.example").unwrap().matches("https://shop.example"));
        assert!(!Origin::parse("https://shop.example").unwrap().matches("https://shop.example:444"));
        for bad in ["shop.example", "https://shop.example/", "ftp://shop.example", "https://"] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }
}
