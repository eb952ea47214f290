//! A file that an operator names as the cursor.

use super::{CURSOR_BYTES, Cursor};

#[test]
fn a_cursor_file_is_one_short_word_or_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor");
    crate::fuzz::run("cursor", |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(cursor) = Cursor::new(&path).read() else { return };
        assert!(cursor.len() as u64 <= CURSOR_BYTES && !cursor.contains(char::is_whitespace));
        Cursor::new(&path).write(&cursor).unwrap();
        assert_eq!(Cursor::new(&path).read().unwrap(), cursor);
    });
}

#[test]
fn a_cursor_that_its_line_end_would_make_too_long_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor");
    let longest = usize::try_from(CURSOR_BYTES).unwrap() - 1;
    for (length, is_one) in [(longest, true), (longest + 1, false)] {
        std::fs::write(&path, "c".repeat(length)).unwrap();
        assert_eq!(Cursor::new(&path).read().is_ok(), is_one, "{length}");
    }
    let cursor = "c".repeat(longest);
    Cursor::new(&path).write(&cursor).unwrap();
    assert_eq!(Cursor::new(&path).read().unwrap(), cursor);
}
