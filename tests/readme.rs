//! The README's tables say what the code says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail loudly, as tests do")]

use std::collections::BTreeMap;

use voxgate::outcome::Reason;

const README: &str = include_str!("../README.md");
const DEFAULTS: &str = include_str!("../src/config/defaults.toml");

/// The further cells of a section's table rows, by the name in the first.
fn rows(heading: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let section = README.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")).map(|line| {
        let (name, rest) = line.split_once("` | ").unwrap();
        (name, rest.split(" | ").collect::<Vec<_>>())
    });
    let count = cells.clone().count();
    let rows: BTreeMap<_, _> = cells.collect();
    assert_eq!(rows.len(), count, "a name stands twice under {heading}");
    rows
}

/// As people write a setting's default, by its dotted name.
fn defaults() -> BTreeMap<String, String> {
    let settings: toml::Table = DEFAULTS.parse().unwrap();
    let mut found = BTreeMap::new();
    for (name, value) in settings {
        match value {
            toml::Value::Table(section) => {
                found.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), value.to_string())));
            }
            value => drop(found.insert(name, value.to_string())),
        }
    }
    found
}

#[test]
fn every_setting_stands_in_the_readme_with_its_default() {
    let written: BTreeMap<_, _> = rows("Settings")
        .into_iter()
        .map(|(name, cells)| (name.to_owned(), cells[0].trim_matches('`').to_owned()))
        .collect();
    assert_eq!(written, defaults());
}

#[test]
fn every_code_stands_in_the_readme_with_its_statuses() {
    let written: BTreeMap<_, _> = rows("Refusals")
        .into_iter()
        .map(|(code, cells)| (code, format!("{} {}", cells[0], cells[1].to_ascii_lowercase())))
        .collect();
    let known: BTreeMap<_, _> = Reason::ALL
        .iter()
        .map(|reason| {
            let grpc = format!("{:?}", reason.grpc()).to_ascii_lowercase();
            (reason.code(), format!("{} {grpc}", reason.status().as_u16()))
        })
        .collect();
    assert_eq!(written, known);
}
