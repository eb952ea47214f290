//! The files of a configuration, read within bounds.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::{Spanned, de::DeTable};

use super::finding::{Finding, Place, Reading};

/// No hand-written file comes near it; a wrong path to a log does.
const FILE_BYTES: u64 = 1024 * 1024;
/// For each of `brands/` and `surveys/`: one gateway serves dozens of brands, and at the most a survey for each of
/// their products.
const FILES: usize = 20_000;

/// A file of the configuration.
pub(super) struct Source {
    /// Its path, as problems show it.
    pub(super) path: String,
    /// Its name without `.toml`: the id of a brand or survey.
    pub(super) stem: String,
    text: String,
    /// Whether it is a file that an operator can open; the compiled-in defaults are none.
    on_disk: bool,
}

/// The text holds secrets.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.path)
    }
}

/// All files of a configuration, each folder's by name.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) gateway: Option<Source>,
    pub(super) brands: Vec<Source>,
    pub(super) surveys: Vec<Source>,
    /// Lower hex of a hash over all names and bytes.
    pub(super) hash: String,
}

impl Sources {
    /// Reads all files; those that cannot be read are problems.
    pub(super) fn read(reading: &Reading<'_>) -> Self {
        let gateway = read_file(reading, &reading.dir.join("gateway.toml"));
        let brands = read_folder(reading, "brands");
        let surveys = read_folder(reading, "surveys");
        let hash = hash([gateway.as_slice(), &brands, &surveys]);
        Self { gateway, brands, surveys, hash }
    }
}

impl Source {
    /// A file that is only a text.
    #[cfg(test)]
    pub(super) fn of_text(path: &str, stem: &str, text: &str) -> Self {
        Self { path: path.to_owned(), stem: stem.to_owned(), text: text.to_owned(), on_disk: true }
    }

    /// The compiled-in defaults. What is wrong with one can only be put right in `gateway.toml`, so that is where it
    /// stands in problems.
    pub(super) fn defaults(dir: &Path, text: &str) -> Self {
        let path = dir.join("gateway.toml").display().to_string();
        Self { path, stem: String::new(), text: text.to_owned(), on_disk: false }
    }

    /// Where a byte stands.
    pub(super) fn place(&self, offset: usize) -> Place {
        Place::File(self.path.clone(), self.on_disk.then(|| self.line(offset)))
    }

    /// The file's top table. All syntax errors are problems; then there is no table, because what could be read of it
    /// would only lead to misleading ones.
    pub(super) fn parse(&self, reading: &Reading<'_>) -> Option<Spanned<DeTable<'_>>> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            self.problem(reading, Some(self.line(offset)), &format!("is no TOML here: {}", error.message()));
        }
        errors.is_empty().then_some(table)
    }

    /// The line of a byte, counted from 1.
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    /// What is written in a span.
    pub(super) fn slice(&self, span: std::ops::Range<usize>) -> &str {
        self.text.get(span).unwrap_or("")
    }

    fn problem(&self, reading: &Reading<'_>, line: Option<usize>, advice: &str) {
        file_problem(reading, &self.path, line, advice);
    }
}

fn file_problem(reading: &Reading<'_>, path: &str, line: Option<usize>, advice: &str) {
    reading.problem(Finding {
        place: Place::File(path.to_owned(), line),
        key: String::new(),
        value: None,
        advice: advice.to_owned(),
    });
}

fn read_folder(reading: &Reading<'_>, name: &str) -> Vec<Source> {
    let folder = reading.dir.join(name);
    let paths = match list(&folder) {
        Ok(paths) => paths,
        Err(error) => {
            file_problem(reading, &folder.display().to_string(), None, &format!("cannot be listed: {error}"));
            return Vec::new();
        }
    };
    if paths.is_empty() || paths.len() > FILES {
        let advice = format!("holds {} .toml files; it must hold 1 to {FILES}", paths.len());
        file_problem(reading, &folder.display().to_string(), None, &advice);
        return Vec::new();
    }
    paths.iter().filter_map(|path| read_file(reading, path)).collect()
}

/// The folder's `.toml` files by name, one more than are allowed at the most. Names that begin with a dot are left out:
/// editors and mounted Kubernetes volumes make such files.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
        if paths.len() > FILES {
            break;
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(reading: &Reading<'_>, path: &Path) -> Option<Source> {
    let shown = path.display().to_string();
    match read_bounded(path, FILE_BYTES) {
        Ok(text) => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            Some(Source { path: shown, stem, text, on_disk: true })
        }
        Err(error) => {
            file_problem(reading, &shown, None, &format!("cannot be read: {error}"));
            None
        }
    }
}

/// Reads a regular UTF-8 file of so many bytes at the most.
pub(super) fn read_bounded(path: &Path, bytes: u64) -> io::Result<String> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut text = String::new();
    file.take(bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {bytes} bytes")));
    }
    Ok(text)
}

fn hash(folders: [&[Source]; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    for folder in folders {
        hasher.update(&(folder.len() as u64).to_le_bytes());
        for source in folder {
            for part in [&source.stem, &source.text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
    }
    hasher.finalize().to_hex().chars().take(32).collect()
}
