//! The file that says how far an export came.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// A cursor has fewer; a larger file is something else, and is not overwritten.
const CURSOR_BYTES: u64 = 1_024;

/// A cursor file.
pub(super) struct Cursor<'a> {
    path: &'a Path,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(path: &'a Path) -> Self {
        Self { path }
    }

    /// The cursor in the file; empty when there is no file yet.
    pub(super) fn read(&self) -> anyhow::Result<String> {
        let file = match File::open(self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.path.display())),
        };
        let mut text = String::new();
        let read = file.take(CURSOR_BYTES + 1).read_to_string(&mut text);
        let cursor = text.trim();
        // With its line end it has to fit again when it is written.
        let too_long = text.len() as u64 > CURSOR_BYTES || cursor.len() as u64 >= CURSOR_BYTES;
        if read.is_err() || too_long || cursor.contains(char::is_whitespace) {
            anyhow::bail!(
                "{} is no cursor file: name another, or one that is not there yet",
                self.path.display()
            );
        }
        Ok(cursor.to_owned())
    }

    /// Replaces the file whole: after a crash it holds the old cursor or the new one.
    pub(super) fn write(&self, cursor: &str) -> anyhow::Result<()> {
        self.replace(cursor).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn replace(&self, cursor: &str) -> std::io::Result<()> {
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        let mut file = File::create(&draft)?;
        writeln!(file, "{cursor}")?;
        file.sync_all()?;
        fs::rename(&draft, self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod fuzz;
