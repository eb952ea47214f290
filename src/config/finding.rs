//! What is wrong with a configuration: collected while it is read, so that all of it is told at once.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

/// One thing that is wrong, or that an operator should know: where it stands, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Where it stands.
    pub place: Place,
    /// The key as a path from the file's top, for example `question[1].text.fr`; empty for a whole file.
    pub key: String,
    /// The value as it was written; none when it is missing or may hold a secret.
    pub value: Option<String>,
    /// What is wrong, and what would be right.
    pub advice: String,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A file, and the line, counted from 1; none for the whole file.
    File(String, Option<usize>),
    /// A flag or an environment variable.
    Named(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(f, "{path}:{line}"),
            Self::File(name, None) | Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.place)?;
        if !self.key.is_empty() {
            write!(f, " {}", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, " {}", self.advice)
    }
}

/// A configuration that must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problems {
    /// Why not; by file and line, at least one.
    pub problems: Vec<Finding>,
    /// What else an operator should know; by file and line.
    pub warnings: Vec<Finding>,
}

/// One problem a line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_end = if index + 1 == self.problems.len() { "" } else { "\n" };
            write!(f, "{problem}{line_end}")?;
        }
        Ok(())
    }
}

/// What all readers of one configuration share: where secrets come from, and what was found so far.
pub(super) struct Reading<'a> {
    /// The configuration's directory; `file:` secrets are relative to it.
    pub(super) dir: &'a Path,
    /// The environment, for `env:` secrets.
    pub(super) env: &'a BTreeMap<String, String>,
    problems: RefCell<BTreeSet<Finding>>,
    warnings: RefCell<BTreeSet<Finding>>,
    sample_secrets: Cell<bool>,
}

/// The environment holds secrets.
impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(dir: &'a Path, env: &'a BTreeMap<String, String>) -> Self {
        Self {
            dir,
            env,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            sample_secrets: Cell::new(false),
        }
    }

    pub(super) fn problem(&self, finding: Finding) {
        self.problems.borrow_mut().insert(finding);
    }

    pub(super) fn warning(&self, finding: Finding) {
        self.warnings.borrow_mut().insert(finding);
    }

    /// A secret of the sample configuration is in use.
    pub(super) fn note_sample_secret(&self) {
        self.sample_secrets.set(true);
    }

    pub(super) fn has_sample_secrets(&self) -> bool {
        self.sample_secrets.get()
    }

    /// The warnings when there is no problem, else everything.
    pub(super) fn finish(self) -> Result<Vec<Finding>, Problems> {
        let problems: Vec<_> = self.problems.into_inner().into_iter().collect();
        let warnings: Vec<_> = self.warnings.into_inner().into_iter().collect();
        if problems.is_empty() { Ok(warnings) } else { Err(Problems { problems, warnings }) }
    }
}

/// The known word that was probably meant, if one is near.
pub(super) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .min()
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
        .map(|(_, known)| known)
}
