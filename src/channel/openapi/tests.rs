//! The description says what the code does.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use super::*;
use crate::{
    channel::chat_widget::BEACON_BYTES,
    outcome::{Outcome, Reason},
    survey::{Identity, Kind},
};

const DEFAULTS: &str = include_str!("../../config/defaults.toml");

/// The description, parsed.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DESCRIPTION).unwrap());
    &DOCUMENT
}

fn at(pointer: &str) -> &'static Value {
    document().pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there"))
}

fn words(pointer: &str) -> Vec<&'static str> {
    at(pointer).as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

fn number(pointer: &str) -> usize {
    at(pointer).as_u64().unwrap().try_into().unwrap()
}

#[test]
fn the_codes_are_those_of_the_reasons_each_with_its_status() {
    let described: BTreeMap<_, _> = at("/components/schemas/Code/x-enumDescriptions")
        .as_object()
        .unwrap()
        .iter()
        .map(|(code, meaning)| {
            (code.as_str(), meaning.as_str().unwrap().split(':').next().unwrap().to_owned())
        })
        .collect();
    let known: BTreeMap<_, _> =
        Reason::ALL.iter().map(|reason| (reason.code(), reason.status().as_u16().to_string())).collect();
    assert_eq!(described, known);
    let codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(words("/components/schemas/Code/enum"), codes);
    let held = Reason::ALL.iter().filter(|reason| reason.outcome() == Outcome::Quarantined);
    let held: Vec<_> = held.map(|reason| reason.code()).collect();
    assert_eq!(words("/components/schemas/Receipt/properties/reason/enum"), held);
}

#[test]
fn the_words_of_kinds_and_identities_are_those_of_the_code() {
    let kinds = Kind::ALL.map(Kind::word);
    assert_eq!(words("/components/schemas/Question/properties/kind/enum"), kinds);
    let mut identities = Identity::ALL.map(Identity::word);
    let mut described = words("/components/schemas/Receipt/properties/identity/enum");
    identities.sort_unstable();
    described.sort_unstable();
    assert_eq!(described, identities);
    let segments = words("/components/schemas/ScoredAnswer/properties/segment/enum");
    for kind in Kind::ALL {
        for score in kind.scale().into_iter().flat_map(|scale| scale.scores()) {
            let word = kind.segment(score).unwrap().word();
            assert!(segments.contains(&word), "{word}");
        }
    }
}

#[test]
fn the_bounds_are_the_defaults_of_the_settings() {
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    let http = &defaults["http"];
    let count = |name: &str| usize::try_from(http[name].as_integer().unwrap()).unwrap();
    assert_eq!(number("/components/schemas/Attributes/maxProperties"), count("attributes"));
    for form in ["Form", "SiteForm", "TelnyxForm", "TwilioForm"] {
        assert_eq!(number(&format!("/components/schemas/{form}/maxProperties")), count("form_fields"));
    }
    let batch = "/paths/~1v1~1responses~1batch/post/requestBody/content/application~1json/schema/maxItems";
    let links = "/paths/~1v1~1links/post/requestBody/content/application~1json/schema/oneOf/1/maxItems";
    for items in [batch, links, "/components/schemas/BatchReply/properties/results/maxItems"] {
        assert_eq!(number(items), count("batch_items"), "{items}");
    }
    let written = |name: &str| http[name].as_str().unwrap().to_owned();
    let beacon = format!("{} KiB", BEACON_BYTES / 1024);
    for (pointer, bound) in [
        ("/info/description", written("head_bytes")),
        ("/info/description", format!("{} fields", count("head_fields"))),
        ("/components/schemas/Value/description", format!("{} characters", count("text_chars"))),
        ("/components/responses/BodyTimeout/description", written("body_timeout")),
        ("/paths/~1v1~1responses/post/description", written("body_bytes")),
        ("/paths/~1v1~1responses~1batch/post/description", written("batch_bytes")),
        ("/paths/~1v1~1beacon/post/description", beacon),
    ] {
        assert!(at(pointer).as_str().unwrap().contains(&bound), "{pointer} does not say {bound}");
    }
}

#[test]
fn it_is_the_description_of_this_version() {
    assert_eq!(at("/info/version"), env!("CARGO_PKG_VERSION"));
    assert!(at("/openapi").as_str().unwrap().starts_with("3.1."));
}

#[test]
fn every_operation_has_a_line_to_paste() {
    for (path, item) in at("/paths").as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let sample = &operation["x-codeSamples"][0];
            assert!(sample["source"].as_str().is_some_and(|line| line.contains("curl ")), "{method} {path}");
            assert!(
                operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()),
                "{method} {path}"
            );
        }
    }
}
