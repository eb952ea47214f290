//! A copy of the sample configuration that a test may change.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A directory laid out like `gateway-config/`.
pub(crate) struct ConfigDir {
    dir: TempDir,
}

impl ConfigDir {
    /// The samples, with the base of links and signatures as the contract gives it.
    pub(crate) fn samples() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config"), dir.path());
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Sets a value by its dotted path, for example `limits.per_address`.
    pub(crate) fn set(&self, file: &str, path: &str, value: impl Into<toml::Value>) {
        self.edit(file, |table| {
            let (tables, key) =
                path.rsplit_once('.').map_or((None, path), |(tables, key)| (Some(tables), key));
            let mut place = table;
            for name in tables.into_iter().flat_map(|tables| tables.split('.')) {
                let entry = place.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
                place = entry.as_table_mut().unwrap();
            }
            place.insert(key.to_owned(), value.into());
        });
    }

    /// Changes a file as a table.
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(&mut toml::Table)) {
        let path = self.file(file);
        let mut table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        change(&mut table);
        fs::write(path, toml::to_string(&table).unwrap()).unwrap();
    }

    /// Writes a file whole.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.file(file), text).unwrap();
    }

    /// Puts other words in place of some that stand in a file.
    pub(crate) fn replace(&self, file: &str, old: &str, new: &str) {
        let path = self.file(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Adds lines to a file's end.
    pub(crate) fn append(&self, file: &str, text: &str) {
        let path = self.file(file);
        let old = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{old}\n{text}\n")).unwrap();
    }

    pub(crate) fn file(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
