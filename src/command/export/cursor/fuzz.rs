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
