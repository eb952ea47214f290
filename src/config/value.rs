//! One value of the configuration, wherever it stands: in a file, an environment variable or a flag. Each getter gives
//! what it was asked for, or records a problem and gives nothing.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use bytesize::ByteSize;
use toml::{
    Spanned,
    de::{DeArray, DeValue},
};

use super::{
    finding::{Finding, Place, Reading, nearest},
    source::Source,
    table::Table,
};

/// Longer values are cut in problems.
const SHOWN_CHARS: usize = 60;
const DAY_SECS: u64 = 24 * 60 * 60;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    pub(super) reading: &'a Reading<'a>,
    /// Its key, as a path from the file's top.
    pub(super) key: String,
    stands: Stands<'a>,
    hidden: bool,
}

#[derive(Clone, Debug)]
enum Stands<'a> {
    InFile(&'a Source, Range<usize>, &'a DeValue<'a>),
    /// In an environment variable or a flag with this name: a text, whatever it stands for.
    Named(&'a str, &'a str),
}

impl<'a> Value<'a> {
    pub(super) fn of_file(
        reading: &'a Reading<'a>,
        source: &'a Source,
        key: String,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Self {
        Self { reading, key, stands: Stands::InFile(source, value.span(), value.get_ref()), hidden: false }
    }

    pub(super) fn named(reading: &'a Reading<'a>, key: &str, name: &'a str, text: &'a str) -> Self {
        Self { reading, key: key.to_owned(), stands: Stands::Named(name, text), hidden: false }
    }

    /// The same value, never to be shown: it is a secret or may hold one.
    pub(super) fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// The same value, to be shown after all: it only names where a secret is.
    pub(super) fn open(mut self) -> Self {
        self.hidden = false;
        self
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        match &self.stands {
            Stands::InFile(source, span, _) => source.place(span.start),
            Stands::Named(name, _) => Place::Named((*name).to_owned()),
        }
    }

    /// Records a problem.
    pub(super) fn problem(&self, advice: impl Into<String>) {
        self.reading.problem(self.finding(advice));
    }

    /// Records a warning.
    pub(super) fn warning(&self, advice: impl Into<String>) {
        self.reading.warning(self.finding(advice));
    }

    fn finding(&self, advice: impl Into<String>) -> Finding {
        Finding { place: self.place(), key: self.key.clone(), value: self.shown(), advice: advice.into() }
    }

    fn shown(&self) -> Option<String> {
        let written = match &self.stands {
            _ if self.hidden => return None,
            Stands::InFile(source, span, _) => source.slice(span.clone()).to_owned(),
            Stands::Named(_, text) => format!("{text:?}"),
        };
        let line = written.lines().next().unwrap_or("");
        let mut shown: String = line.chars().take(SHOWN_CHARS).collect();
        if shown.len() < written.len() {
            shown.push('…');
        }
        Some(shown)
    }

    fn refuse<T>(&self, advice: impl Into<String>) -> Option<T> {
        self.problem(advice);
        None
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.stands {
            Stands::InFile(_, _, DeValue::String(text)) => Some(text.as_ref()),
            Stands::InFile(..) => self.refuse("is no text; write it between quotes"),
            Stands::Named(_, text) => Some(text),
        }
    }

    /// Whether it is the empty text, which stands for nothing in settings that may be left out.
    pub(super) fn is_empty(&self) -> bool {
        match &self.stands {
            Stands::InFile(_, _, DeValue::String(text)) => text.is_empty(),
            Stands::InFile(_, _, DeValue::Array(items)) => items.is_empty(),
            Stands::InFile(..) => false,
            Stands::Named(_, text) => text.is_empty(),
        }
    }

    /// A text of some form; `advice` says what is wrong with any other.
    pub(super) fn parsed<T>(&self, advice: &str, parse: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        parse(self.text()?).or_else(|| self.refuse(advice))
    }

    /// One of a list of words.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*found);
        }
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.refuse(match nearest(text, all.iter().copied()) {
            Some(near) => format!("is not known; did you mean \"{near}\"?"),
            None => format!("is not known; it is one of {}", all.join(", ")),
        })
    }

    /// A whole number.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match &self.stands {
            Stands::InFile(_, _, DeValue::Integer(number)) => {
                u64::from_str_radix(number.as_str(), number.radix()).ok()
            }
            Stands::InFile(..) => None,
            Stands::Named(_, text) => text.trim().parse().ok(),
        };
        number
            .filter(|number| range.contains(number))
            .or_else(|| self.refuse(format!("is no whole number from {} to {}", range.start(), range.end())))
    }

    /// A whole number that may be negative.
    pub(super) fn score(&self) -> Option<i32> {
        match &self.stands {
            Stands::InFile(_, _, DeValue::Integer(number)) => {
                i32::from_str_radix(number.as_str(), number.radix()).ok()
            }
            _ => None,
        }
        .or_else(|| self.refuse("is no whole number"))
    }

    /// A share, above 0 to 1.
    pub(super) fn share(&self) -> Option<f64> {
        let number: Option<f64> = match &self.stands {
            Stands::InFile(_, _, DeValue::Float(number)) => number.as_str().parse().ok(),
            Stands::InFile(_, _, DeValue::Integer(number)) => number.as_str().parse().ok(),
            Stands::InFile(..) => None,
            Stands::Named(_, text) => text.trim().parse().ok(),
        };
        number
            .filter(|share| *share > 0.0 && *share <= 1.0)
            .or_else(|| self.refuse("is no share above 0 and up to 1; write it like 0.5"))
    }

    /// True or false.
    pub(super) fn yes_or_no(&self) -> Option<bool> {
        match &self.stands {
            Stands::InFile(_, _, DeValue::Boolean(yes)) => Some(*yes),
            Stands::Named(_, text) if matches!(text.trim(), "true" | "false") => Some(text.trim() == "true"),
            _ => self.refuse("is neither true nor false"),
        }
    }

    /// A span of time as people write it, for example `14d`, `250 ms`, `1h 30m`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let span = self.parsed("is no duration; write it like \"14d\", \"12h\" or \"250 ms\"", duration)?;
        self.in_range(span, range)
    }

    /// Seconds: a bare number, or a span of time as people write it.
    pub(super) fn seconds(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let bare = match &self.stands {
            Stands::InFile(_, _, DeValue::Integer(number)) => number.as_str().parse().ok(),
            Stands::InFile(..) => None,
            Stands::Named(_, text) => text.trim().parse().ok(),
        };
        match bare {
            Some(secs) => self.in_range(Duration::from_secs(secs), range),
            None => self.duration(range),
        }
    }

    fn in_range(&self, span: Duration, range: RangeInclusive<Duration>) -> Option<Duration> {
        if range.contains(&span) {
            return Some(span);
        }
        let [from, to] = [*range.start(), *range.end()].map(in_words);
        self.refuse(format!("is outside the bounds, {from} to {to}"))
    }

    /// So many bytes as people write them, for example `64 KiB`, `1 MiB`.
    pub(super) fn bytes(&self, range: RangeInclusive<ByteSize>) -> Option<u64> {
        let size: ByteSize = self
            .parsed("is no size; write it like \"64 KiB\" or \"4 GiB\"", |text| text.trim().parse().ok())?;
        if range.contains(&size) {
            return Some(size.as_u64());
        }
        let [from, to] = [range.start(), range.end()].map(|bound| bound.display().iec().to_string());
        self.refuse(format!("is outside the bounds, {from} to {to}"))
    }

    /// A list; in an environment variable or a flag its items are parted by commas.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        match &self.stands {
            Stands::InFile(source, _, DeValue::Array(items)) => Some(self.items(source, items)),
            Stands::InFile(..) => self.clone().hidden().refuse("is no list; write it between [ and ]"),
            Stands::Named(name, text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                let item = |item| Self { stands: Stands::Named(name, item), ..self.clone() };
                Some(items.map(item).collect())
            }
        }
    }

    fn items(&self, source: &'a Source, items: &'a DeArray<'a>) -> Vec<Self> {
        let item = |(index, item): (usize, &'a Spanned<DeValue<'a>>)| Self {
            reading: self.reading,
            key: format!("{}[{index}]", self.key),
            stands: Stands::InFile(source, item.span(), item.get_ref()),
            hidden: self.hidden,
        };
        items.iter().enumerate().map(item).collect()
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        self.as_table().or_else(|| self.clone().hidden().refuse("is no table"))
    }

    /// A table, if it is one.
    pub(super) fn as_table(&self) -> Option<Table<'a>> {
        match &self.stands {
            Stands::InFile(source, span, DeValue::Table(entries)) => {
                Some(Table::new(self.reading, source, entries, self.key.clone(), span.clone()))
            }
            _ => None,
        }
    }
}

/// Whole days are days: the crate would make a year and 18 hours of 366 of them.
fn in_words(span: Duration) -> String {
    match span.as_secs() {
        secs if secs >= DAY_SECS && secs.is_multiple_of(DAY_SECS) => format!("{}d", secs / DAY_SECS),
        _ => humantime::format_duration(span).to_string(),
    }
}

/// A span of time as people write it.
pub(super) fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok()
}
