//! Configuration files, as operators break them.

use std::{collections::BTreeMap, path::Path};

use super::{
    Overrides, Problems, Settings,
    finding::Reading,
    read,
    source::{Source, Sources},
};
use crate::catalog::Catalog;

/// Parts the files of one input: `gateway.toml`, a brand, a survey.
const CUT: &str = "\n# next file\n";

fn load(texts: [&str; 3]) -> Result<(Settings, Catalog), Problems> {
    let (dir, env) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config"), BTreeMap::new());
    let reading = Reading::new(&dir, &env);
    let [gateway, brand, survey] = texts;
    let source = |path: &str, stem: &str, text| Source::of_text(path, stem, text);
    let sources = Sources {
        gateway: Some(source("gateway.toml", "gateway", gateway)),
        brands: vec![source("brands/acme.toml", "acme", brand)],
        surveys: vec![source("surveys/support-nps.toml", "support-nps", survey)],
        hash: String::new(),
    };
    let loaded = read(&reading, &sources, &Overrides::default());
    let warnings = reading.finish()?;
    loaded.ok_or(Problems { problems: Vec::new(), warnings })
}

#[test]
fn a_configuration_is_taken_or_every_problem_says_where_it_stands_and_what_to_do() {
    crate::fuzz::run("config", |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let mut files = text.splitn(3, CUT);
        let texts = [(); 3].map(|()| files.next().unwrap_or_default());
        match load(texts) {
            Ok((settings, catalog)) => {
                assert!(settings.http.body_bytes > 0 && settings.http.connections > 0);
                assert_eq!(catalog.brands.len(), 1);
            }
            Err(problems) => {
                assert!(!problems.problems.is_empty(), "it does not start, and nobody knows why");
                for problem in &problems.problems {
                    assert!(!problem.advice.is_empty(), "{problem:?}");
                }
                assert_eq!(load(texts).unwrap_err(), problems);
            }
        }
    });
}
