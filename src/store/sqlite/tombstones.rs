//! The tombstones a second time, in a file of their own beside the database: a database that was restored from an
//! older copy forgets again whom it had forgotten since.
//!
//! A line each, `p` and a respondent key or `r` and a response id in hex, the time that what is refused was received
//! before (µs since the Unix epoch), and the CRC-32C of all that:
//!
//! ```text
//! p287ab9804de439e778cac38445b9fad4 1795000100000000 5b1c03f2
//! ```
//!
//! - takes: what an erasure buried, before it is committed;
//! - gives: at start, whatever of it the database does not know;
//! - refuses: an erasure that cannot be written down here, and a file that cannot be read;
//! - bounds: twice the lines that the database has tombstones, or [`FEW`]; then it is written anew from them.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    iter,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Transaction};

use super::{LedgerError, open};

/// Lines up to which the file is not worth writing anew.
const FEW: u64 = 1_024;
/// Bytes of the longest line, its end included. What is longer is read in pieces of this, each of them no line.
const LONGEST: u64 = 64;

/// Refuses what was received before a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tombstone {
    /// Of whom, or of what.
    pub(super) name: Name,
    /// Microseconds since the Unix epoch.
    pub(super) received_before_us: i64,
}

/// Whose or what a tombstone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A respondent key: all that this person said.
    Person([u8; 16]),
    /// A response id: all that it said, also where nobody knows who said it.
    Response([u8; 16]),
}

impl Name {
    const fn parts(self) -> (u8, [u8; 16]) {
        match self {
            Self::Person(key) => (b'p', key),
            Self::Response(id) => (b'r', id),
        }
    }

    /// As it stands in the database.
    pub(super) fn bytes(self) -> Vec<u8> {
        let (kind, id) = self.parts();
        [&[kind], id.as_slice()].concat()
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (kind, id) = bytes.split_first()?;
        let id = id.try_into().ok()?;
        match kind {
            b'p' => Some(Self::Person(id)),
            b'r' => Some(Self::Response(id)),
            _ => None,
        }
    }
}

impl Tombstone {
    /// Reads a line; none when it is not as it was written.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut parts = line.split(' ');
        let (kind, id) = parts.next()?.split_at_checked(1)?;
        let name = Name::of(&[kind.as_bytes(), &hex::decode(id).ok()?].concat())?;
        let tombstone = Self { name, received_before_us: parts.next()?.parse().ok()? };
        (tombstone.to_string() == line).then_some(tombstone)
    }
}

/// The line, without its end.
impl fmt::Display for Tombstone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.name.parts();
        let text = format!("{}{} {}", char::from(kind), hex::encode(id), self.received_before_us);
        write!(f, "{text} {:08x}", crc32c::crc32c(text.as_bytes()))
    }
}

/// Where the file of a database lies. Not by the database's name and more, so that whoever moves `store.sqlite*` away
/// to put a copy in its place leaves it where it is.
pub(super) fn path_beside(database: &Path) -> PathBuf {
    database.with_extension("tombstones")
}

/// The lines of a file; of one that is not there, none. What cannot be read of it is none, too.
pub(super) fn read(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Option<Tombstone>>>> {
    let file = match File::open(path) {
        Ok(file) => Some(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(file.into_iter().flat_map(|mut file| iter::from_fn(move || next_line(&mut file))))
}

fn next_line(file: &mut BufReader<File>) -> Option<io::Result<Option<Tombstone>>> {
    let mut line = Vec::new();
    match file.take(LONGEST).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) => Some(Ok(Tombstone::parse(line.strip_suffix(b"\n").unwrap_or(&line)))),
        Err(error) => Some(Err(error)),
    }
}

/// The file, as it is added to.
#[derive(Debug)]
pub(super) struct Tombstones {
    path: PathBuf,
    /// None: it has to be written anew, because nobody knows how the last write ended.
    file: Option<File>,
    lines: u64,
    /// Written anew before it has more.
    lines_at_most: u64,
}

impl Tombstones {
    /// The file of that path, which is not touched before something is to be written.
    pub(super) const fn at(path: PathBuf) -> Self {
        Self { path, file: None, lines: 0, lines_at_most: 0 }
    }

    /// Writes down what is buried, on disk when it returns; the transaction is the one that buried it.
    pub(super) fn keep(&mut self, tx: &Transaction<'_>, buried: &[Tombstone]) -> Result<(), LedgerError> {
        let lines = self.lines.saturating_add(buried.len() as u64);
        let Some(mut file) = self.file.take().filter(|_| lines <= self.lines_at_most) else {
            return self.write_anew(tx);
        };
        let text: String = buried.iter().map(|tombstone| format!("{tombstone}\n")).collect();
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data())?;
        self.lines = lines;
        self.file = Some(file);
        Ok(())
    }

    /// Writes down all that the database has.
    pub(super) fn write_anew(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let new = self.path.with_extension("tombstones-new");
        let mut file = BufWriter::new(open::private().truncate(true).open(&new)?);
        let mut lines = 0_u64;
        let mut query = connection.prepare_cached("SELECT name, received_before FROM tombstones")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let name: Vec<u8> = row.get(0)?;
            let name = Name::of(&name).ok_or(rusqlite::Error::InvalidQuery)?;
            writeln!(file, "{}", Tombstone { name, received_before_us: row.get(1)? })?;
            lines += 1;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        (self.lines, self.lines_at_most) = (lines, lines.saturating_mul(2).max(FEW));
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
