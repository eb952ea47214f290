use std::fs::OpenOptions;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Clock,
    proto::store::v1::Record,
    store::{
        record::check,
        sqlite::{Erased, Erasure, Ledger},
        tests::{NOW, record_of},
    },
};

const PERSON: [u8; 16] = [8; 16];
const STRANGER: [u8; 16] = [9; 16];

/// A store's directory, and a copy of its database from before the erasures.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// With two responses of one person and one of another.
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let stranger = Record { respondent_key: STRANGER.to_vec().into(), ..record_of(3) };
        append(&mut place.open(), &[record_of(1), record_of(2), stranger]);
        fs::copy(place.database(), place.copy()).unwrap();
        place
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.database(), Clock::manual(NOW), "").unwrap()
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("store.sqlite")
    }

    fn copy(&self) -> PathBuf {
        self.dir.path().join("older.sqlite")
    }

    fn tombstones(&self) -> PathBuf {
        self.dir.path().join("store.tombstones")
    }

    fn restore(&self) {
        fs::copy(self.copy(), self.database()).unwrap();
    }

    fn lines(&self) -> usize {
        fs::read_to_string(self.tombstones()).unwrap().lines().count()
    }
}

fn append(ledger: &mut Ledger, records: &[Record]) {
    let checked = records.iter().map(|record| check(record.clone()).unwrap());
    ledger.append(vec![checked.collect()]).unwrap();
}

fn erase(ledger: &mut Ledger, respondent_key: [u8; 16]) -> Erased {
    ledger.erase(&Erasure { respondent_key, received_before_us: None }).unwrap()
}

fn count(ledger: &Ledger, table: &str) -> i64 {
    ledger.read(|tx| tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)))
}

#[test]
fn a_database_restored_from_an_older_copy_forgets_again_and_refuses_a_replay() {
    let place = Place::new();
    assert_eq!(erase(&mut place.open(), PERSON), Erased { responses: 2, records: 2 });
    place.restore();
    let mut ledger = place.open();
    assert_eq!(count(&ledger, "records"), 1, "the stranger's");
    append(&mut ledger, &[record_of(1), record_of(2), record_of(4)]);
    assert_eq!(
        count(&ledger, "responses"),
        1,
        "nothing of the person comes back, nor what the copy never had"
    );
    append(&mut ledger, &[Record { received_us: NOW.as_micros(), ..record_of(1) }]);
    assert_eq!(count(&ledger, "responses"), 2, "who answers after the erasure is heard");
}

/// The copy is from before the record that told whose response it is: only the response's own tombstone knows.
#[test]
fn a_response_is_forgotten_again_though_the_copy_does_not_know_whose_it_was() {
    let place = Place { dir: tempfile::tempdir().unwrap() };
    let nameless = Record { respondent_key: Vec::new().into(), ..record_of(1) };
    append(&mut place.open(), &[nameless]);
    fs::copy(place.database(), place.copy()).unwrap();
    let mut ledger = place.open();
    append(&mut ledger, &[record_of(1)]);
    assert_eq!(erase(&mut ledger, PERSON), Erased { responses: 1, records: 2 });
    drop(ledger);
    place.restore();
    assert_eq!(count(&place.open(), "records"), 0);
}

#[test]
fn no_file_is_made_before_an_erasure_and_a_lost_one_is_made_again() {
    let place = Place::new();
    assert!(!place.tombstones().exists());
    erase(&mut place.open(), PERSON);
    assert_eq!(place.lines(), 3, "the person, and two responses");
    fs::remove_file(place.tombstones()).unwrap();
    drop(place.open());
    assert_eq!(place.lines(), 3);
}

#[test]
fn the_file_names_nobody_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    erase(&mut place.open(), PERSON);
    let text = fs::read_to_string(place.tombstones()).unwrap();
    let person = format!("p{} {} ", hex::encode(PERSON), NOW.as_micros());
    assert!(text.starts_with(&person), "{text}");
    assert_eq!(fs::metadata(place.tombstones()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_torn_last_line_is_no_erasure_and_the_next_one_stands_whole() {
    let place = Place::new();
    erase(&mut place.open(), PERSON);
    let mut file = OpenOptions::new().append(true).open(place.tombstones()).unwrap();
    file.write_all(b"p0909090909090909").unwrap();
    let mut ledger = place.open();
    assert_eq!(count(&ledger, "tombstones"), 3);
    erase(&mut ledger, STRANGER);
    drop(ledger);
    place.restore();
    assert_eq!(count(&place.open(), "records"), 0);
}

#[test]
fn a_damaged_line_stands_for_nobody_and_is_mended_from_the_database() {
    let place = Place::new();
    erase(&mut place.open(), PERSON);
    let whole = fs::read(place.tombstones()).unwrap();
    let mut damaged = whole.clone();
    // A digit of the time: a person must not be refused for years to come.
    damaged[34] = b'9';
    fs::write(place.tombstones(), &damaged).unwrap();
    let ledger = place.open();
    let latest = "SELECT max(received_before) FROM tombstones";
    let latest_us: i64 = ledger.read(|tx| tx.query_row(latest, [], |row| row.get(0)));
    assert_eq!(latest_us, NOW.as_micros());
    drop(ledger);
    assert_eq!(fs::read(place.tombstones()).unwrap(), whole);
}

#[test]
fn a_line_without_end_is_read_in_pieces_and_the_longest_one_whole() {
    let place = Place::new();
    let longest = Tombstone { name: Name::Person(PERSON), received_before_us: i64::MIN };
    let line = format!("{longest}\n");
    assert_eq!(line.len() as u64, LONGEST);
    fs::write(place.tombstones(), "p".repeat(1 << 20) + "\n" + &line).unwrap();
    let mut lines: Vec<_> = read(&place.tombstones()).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines.pop(), Some(Some(longest)));
    assert_eq!(lines, vec![None; (1 << 20) / 64 + 1], "no piece is a line, and none is longer");
}

#[test]
fn an_erasure_that_cannot_be_written_down_is_not_done_and_can_be_asked_for_again() {
    let place = Place::new();
    let mut ledger = place.open();
    // A directory is where the new file would be.
    let in_the_way = place.dir.path().join("store.tombstones-new");
    fs::create_dir(&in_the_way).unwrap();
    let erasure = Erasure { respondent_key: PERSON, received_before_us: None };
    assert!(matches!(ledger.erase(&erasure), Err(LedgerError::Tombstones(_))));
    assert_eq!((count(&ledger, "records"), count(&ledger, "tombstones")), (3, 0));
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(ledger.erase(&erasure).unwrap(), Erased { responses: 2, records: 2 });
}

#[test]
fn a_file_that_cannot_be_read_is_said_at_the_start() {
    let place = Place::new();
    fs::create_dir(place.tombstones()).unwrap();
    let refused = Ledger::open(&place.database(), Clock::manual(NOW), "").unwrap_err().to_string();
    assert!(refused.contains("store.tombstones") && refused.contains("erase again"), "{refused}");
}

#[test]
fn the_same_person_erased_without_end_does_not_grow_the_file() {
    let place = Place::new();
    let mut ledger = place.open();
    ledger.wait_for_no_disk();
    erase(&mut ledger, PERSON);
    for later in 1..=i64::try_from(FEW).unwrap() - 3 {
        let received_before_us = Some(NOW.as_micros() + later);
        ledger.erase(&Erasure { respondent_key: PERSON, received_before_us }).unwrap();
    }
    assert_eq!(place.lines() as u64, FEW, "at the bound");
    ledger.erase(&Erasure { respondent_key: PERSON, received_before_us: None }).unwrap();
    assert_eq!(place.lines(), 3, "one over it: what the database has");
}

proptest! {
    #[test]
    fn a_line_is_read_as_it_was_written_and_with_a_wrong_byte_not_at_all(
        is_person: bool, id: [u8; 16], received_before_us: i64, place: prop::sample::Index, other in 1..=255_u8,
    ) {
        let name = if is_person { Name::Person(id) } else { Name::Response(id) };
        let tombstone = Tombstone { name, received_before_us };
        let mut line = tombstone.to_string().into_bytes();
        prop_assert_eq!(Tombstone::parse(&line), Some(tombstone));
        let place = place.index(line.len());
        line[place] ^= other;
        prop_assert_eq!(Tombstone::parse(&line), None);
    }
}
