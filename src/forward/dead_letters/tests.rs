//! Letters are kept, listed and removed, whatever lies in their files.

use std::fs;

use super::{
    file::{DETAIL_BYTES, LETTER_MAGIC},
    *,
};

const AT: Timestamp = Timestamp::from_secs(1_800_000_000);

fn letter(sequence: u64, record: &'static str) -> DeadLetter {
    let (code, detail) = ("unknown_survey".to_owned(), "no such survey".to_owned());
    DeadLetter { sequence, at: AT, code, detail, record: Bytes::from(record) }
}

fn keep(letters: &DeadLetters, sequence: u64, record: &'static str) -> Result<(), KeepError> {
    letters.keep(&[letter(sequence, record)])
}

fn files(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("dead-letters")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn listed(letters: &DeadLetters) -> Vec<u64> {
    letters.list(10).unwrap().letters.iter().map(|letter| letter.sequence).collect()
}

#[test]
fn a_letter_is_listed_with_its_reason_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    keep(&letters, 12, "later").unwrap();
    keep(&letters, 7, "earlier").unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    assert_eq!(letters.list(10).unwrap().letters, [letter(7, "earlier"), letter(12, "later")]);
    assert_eq!(letters.list(1).unwrap().letters, [letter(7, "earlier")]);
}

#[test]
fn letters_that_are_kept_together_share_a_file_and_go_one_by_one() {
    let data = tempfile::tempdir().unwrap();
    let mut letters = DeadLetters::open(data.path(), 10).unwrap();
    let group = [letter(3, "three"), letter(4, "four"), letter(9, "nine")];
    letters.keep(&group).unwrap();
    for (gone, left) in [(1, vec![3, 9]), (0, vec![9])] {
        assert_eq!(files(data.path()).len(), 1);
        assert!(letters.remove(&group[gone]).unwrap());
        assert_eq!(listed(&letters), left);
        letters = DeadLetters::open(data.path(), 10).unwrap();
        assert_eq!((listed(&letters), letters.len()), (left.clone(), left.len()), "after a restart");
    }
    assert!(letters.remove(&group[2]).unwrap());
    assert!(!letters.remove(&group[2]).unwrap());
    assert_eq!((files(data.path()).len(), letters.len()), (0, 0));
}

#[test]
fn a_letter_that_is_kept_again_is_known_and_one_of_another_record_is_not() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    keep(&letters, 7, "one").unwrap();
    letters.keep(&[letter(7, "one"), letter(8, "two")]).unwrap();
    keep(&letters, 7, "another, of a spool begun anew").unwrap();
    assert_eq!(letters.len(), 3);
    assert_eq!(DeadLetters::open(data.path(), 10).unwrap().len(), 3);
}

/// It was delivered again by a replay while another one of its file waits.
#[test]
fn a_removed_letter_that_is_refused_again_is_kept_beside_the_others_of_its_file() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    letters.keep(&[letter(1, "a"), letter(2, "b")]).unwrap();
    letters.remove(&letter(1, "a")).unwrap();
    keep(&letters, 1, "a").unwrap();
    assert_eq!(listed(&letters), [1, 2]);
    assert_eq!(listed(&DeadLetters::open(data.path(), 10).unwrap()), [1, 2]);
}

#[test]
fn the_last_place_is_given_and_one_more_is_refused_but_a_known_letter_is_not() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 3).unwrap();
    keep(&letters, 1, "a").unwrap();
    let group = [letter(2, "b"), letter(3, "c"), letter(4, "d")];
    assert!(matches!(letters.keep(&group), Err(KeepError::Full(3))));
    assert_eq!(listed(&letters), [1, 2, 3], "as many as there is room for");
    letters.keep(&group[..2]).unwrap();
    letters.remove(&letter(1, "a")).unwrap();
    letters.keep(&group).unwrap();
    assert_eq!(listed(&letters), [2, 3, 4]);
}

#[test]
fn a_corrupt_letter_is_reported_and_the_others_are_listed() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    letters.keep(&[letter(1, "a"), letter(2, "b"), letter(3, "c")]).unwrap();
    let [path] = files(data.path()).try_into().unwrap();
    let whole = fs::read(&path).unwrap();
    let place = letters.index().letters[&name(&letter(2, "b"))].bytes.clone();
    for at in place {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        for letters in [&letters, &DeadLetters::open(data.path(), 10).unwrap()] {
            let listing = letters.list(10).unwrap();
            assert_eq!(listing.unreadable, std::slice::from_ref(&path), "a flipped bit in byte {at}");
            assert_eq!((listing.letters.len(), letters.len()), (2, 3));
        }
    }
}

#[test]
fn a_file_that_holds_a_corrupt_letter_outlives_its_others() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    letters.keep(&[letter(1, "a"), letter(2, "b")]).unwrap();
    let [path] = files(data.path()).try_into().unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 8]).unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    assert!(letters.remove(&letter(1, "a")).unwrap());
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    assert_eq!((letters.len(), letters.list(10).unwrap().unreadable), (1, vec![path]));
}

/// One letter to its end, under the sum of its record.
#[test]
fn a_file_of_an_earlier_version_is_read() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    keep(&letters, 7, "one").unwrap();
    let [path] = files(data.path()).try_into().unwrap();
    let place = letters.index().letters[&name(&letter(7, "one"))].bytes.clone();
    let earlier = letters.path(name(&letter(7, "one")));
    fs::write(&earlier, &fs::read(&path).unwrap()[place]).unwrap();
    fs::remove_file(&path).unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    assert_eq!(letters.list(10).unwrap().letters, [letter(7, "one")]);
    assert!(letters.remove(&letter(7, "one")).unwrap());
    assert!(!earlier.exists());
}

#[test]
fn what_a_crash_left_is_no_letter_when_it_is_half_written_and_one_when_it_was_kept_twice() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    letters.keep(&[letter(1, "a"), letter(2, "b")]).unwrap();
    let [path] = files(data.path()).try_into().unwrap();
    let (half, twice) = (letters.path((1, 2)).with_extension("new"), letters.path((1, 2)));
    fs::write(&half, LETTER_MAGIC).unwrap();
    fs::copy(&path, &twice).unwrap();
    assert_eq!(listed(&DeadLetters::open(data.path(), 10).unwrap()), [1, 2]);
    assert!(!half.exists());
    assert_eq!(files(data.path()).len(), 1, "the other file holds nothing that is not in the first");
}

#[test]
fn a_long_explanation_is_cut_between_two_characters() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path(), 10).unwrap();
    let detail = format!("a{}", "é".repeat(DETAIL_BYTES));
    letters.keep(&[DeadLetter { detail: detail.clone(), ..letter(1, "r") }]).unwrap();
    let kept = letters.list(1).unwrap().letters.remove(0).detail;
    assert_eq!(kept.len(), DETAIL_BYTES - 1);
    assert!(detail.starts_with(&kept));
}
