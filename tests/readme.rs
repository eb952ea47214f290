//! The README's tables say what the code says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail loudly, as tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

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

/// The keys in the first cells of the table that follows a file's name.
fn keys(file: &str) -> BTreeSet<&'static str> {
    let table = README.split(&format!("\n`{file}`; ")).nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let cells =
        table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").next().unwrap());
    let names = cells.flat_map(|cell| cell.trim_start_matches("| ").split(", "));
    let bare = names.map(|name| name.trim_matches(['`', '[', ']']));
    bare.map(|name| name.split('.').next().unwrap()).collect()
}

/// The keys that a file of the samples may have, as the refusal of one that it may not have lists them.
fn known(file: &str) -> BTreeSet<String> {
    let copy = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config");
    for folder in ["", "brands", "surveys"] {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        for path in fs::read_dir(samples.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_file() {
                fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let path = copy.path().join(file);
    let spoiled = format!("zzzzzzzzzzzzzzzzzzzz = 1\n{}", fs::read_to_string(&path).unwrap());
    fs::write(&path, spoiled).unwrap();
    let check = ["check".as_ref(), "--config".as_ref(), copy.path().as_os_str()];
    let checked = Command::new(env!("CARGO_BIN_EXE_voxgate")).args(check).output().unwrap();
    let problems = String::from_utf8(checked.stdout).unwrap();
    let known = problems.split("known here: ").nth(1).unwrap().lines().next().unwrap();
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_of_surveys_and_brands_stands_in_the_readme() {
    for (file, sample) in
        [("surveys/<id>.toml", "surveys/support-nps.toml"), ("brands/<id>.toml", "brands/acme.toml")]
    {
        let mut known = known(sample);
        // Both kinds of file may repeat their name; the table says so once.
        if !keys(file).contains("id") {
            known.remove("id");
        }
        assert_eq!(keys(file), known.iter().map(String::as_str).collect(), "{file}");
    }
}
