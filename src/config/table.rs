//! A table of a file: gives its values, and tells which of its keys nobody knows.

use std::{cell::RefCell, collections::BTreeSet, ops::Range};

use toml::{Spanned, de::DeTable};

use super::{
    finding::{Finding, Place, Reading, nearest},
    source::Source,
    value::Value,
};

/// A table that is being read.
pub(super) struct Table<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) source: &'a Source,
    entries: &'a DeTable<'a>,
    path: String,
    span: Range<usize>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// Its values may be secrets.
impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({:?})", self.source)
    }
}

impl<'a> Table<'a> {
    /// A file's top table.
    pub(super) fn root(
        reading: &'a Reading<'a>,
        source: &'a Source,
        table: &'a Spanned<DeTable<'a>>,
    ) -> Self {
        Self::new(reading, source, table.get_ref(), String::new(), 0..0)
    }

    pub(super) fn new(
        reading: &'a Reading<'a>,
        source: &'a Source,
        entries: &'a DeTable<'a>,
        path: String,
        span: Range<usize>,
    ) -> Self {
        Self { reading, source, entries, path, span, asked: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(super) fn find(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().insert(key);
        self.entries.get(key).map(|value| self.value(key, value))
    }

    /// The value of a key; a problem when it is not there, with an example of what to write.
    pub(super) fn need(&self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let found = self.find(key);
        if found.is_none() {
            self.problem(key, &format!("is missing; write for example {key} = {example}"));
        }
        found
    }

    /// All values with their keys, for tables whose keys are free.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries.iter().map(|(key, value)| {
            let key: &'a str = key.get_ref();
            (key, self.value(key, value))
        })
    }

    /// Every key that nobody asked for is a problem.
    pub(super) fn no_more(&self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys().filter(|key| !asked.contains(key.get_ref().as_ref())) {
            let advice = match nearest(key.get_ref(), asked.iter().copied()) {
                Some(near) => format!("is no known key; did you mean {near}?"),
                None => format!(
                    "is no known key; known here: {}",
                    Vec::from_iter(asked.iter().copied()).join(", ")
                ),
            };
            self.reading.problem(Finding {
                place: self.place(key.span()),
                key: self.path_of(key.get_ref()),
                value: None,
                advice,
            });
        }
    }

    /// A problem of a key as a whole, or of the table when the key is empty.
    pub(super) fn problem(&self, key: &str, advice: &str) {
        let span = self.entries.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span());
        self.reading.problem(Finding {
            place: self.place(span),
            key: self.path_of(key),
            value: None,
            advice: advice.to_owned(),
        });
    }

    fn value(&self, key: &str, value: &'a Spanned<toml::de::DeValue<'a>>) -> Value<'a> {
        Value::of_file(self.reading, self.source, self.path_of(key), value)
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        // The top table begins nowhere: what is missing in it is missing in the whole file.
        if span == (0..0) && self.path.is_empty() {
            return Place::File(self.source.path.clone(), None);
        }
        self.source.place(span.start)
    }
}
