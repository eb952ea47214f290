//! Files of dead letters, their checksum put right.

use super::{Fields, HEAD_BYTES, MAGIC, parse};

#[test]
fn a_letter_is_read_as_it_was_written() {
    crate::fuzz::run("dead_letter", |bytes| {
        let mut bytes = bytes.to_vec();
        if let Some((head, body)) = bytes.split_at_mut_checked(HEAD_BYTES) {
            head[MAGIC.len()..].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        }
        let Some(letter) = parse(&bytes) else { return };
        let (code, detail, record) = (letter.code.as_str(), letter.detail.as_str(), letter.record.as_ref());
        let fields = Fields { sequence: letter.sequence, at_us: letter.at.as_micros(), code, detail, record };
        let body = postcard::to_stdvec(&fields).unwrap();
        let whole = [MAGIC.as_slice(), &crc32c::crc32c(&body).to_le_bytes(), &body].concat();
        assert_eq!(parse(&whole), Some(letter));
    });
}
