//! Whole configurations: copies of the samples, spoiled in one place, and a directory that is wrong everywhere.

mod bounds;
mod layers;
mod looks;
mod phone;
mod problems;
mod samples;
mod secrets;
mod tls;

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{
    catalog::{Action, ApiKeyHash, Quota},
    survey::{Channel, Kind, Language, Rule},
};

/// A copy of the samples that a test may spoil.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for folder in ["", "brands", "surveys"] {
            fs::create_dir_all(copy.0.path().join(folder)).unwrap();
            for file in fs::read_dir(sample_dir().join(folder)).unwrap().map(|file| file.unwrap().path()) {
                if file.is_file() {
                    let name = file.file_name().unwrap();
                    fs::copy(&file, copy.0.path().join(folder).join(name)).unwrap();
                }
            }
        }
        copy
    }

    fn with(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} holds no {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }

    fn load(&self) -> Result<Loaded, Problems> {
        self.load_with(&Overrides::default(), &[])
    }

    fn load_with(&self, overrides: &Overrides, env: &[(&str, &str)]) -> Result<Loaded, Problems> {
        load(self.0.path(), overrides, &variables(env))
    }

    /// The advice of the only problem there is.
    fn problem(&self) -> String {
        only_problem(self.load())
    }
}

fn sample_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config")
}

fn variables(env: &[(&str, &str)]) -> BTreeMap<String, String> {
    env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn only_problem(loaded: Result<Loaded, Problems>) -> String {
    let problems = loaded.unwrap_err().problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].advice.clone()
}

fn sample_with_env(env: &[(&str, &str)]) -> Result<Loaded, Problems> {
    load(&sample_dir(), &Overrides::default(), &variables(env))
}
