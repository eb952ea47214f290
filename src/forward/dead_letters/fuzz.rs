//! Files of dead letters, the checksum of their first one put right.

use super::file::{Contents, HEAD_BYTES, LETTER_MAGIC, encode, parse};

#[test]
fn a_letter_is_read_as_it_was_written() {
    crate::fuzz::run("dead_letter", |bytes| {
        let mut bytes = bytes.to_vec();
        if let Some((head, body)) = bytes.split_at_mut_checked(HEAD_BYTES) {
            head[LETTER_MAGIC.len()..].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        }
        let mut file = Vec::new();
        for (letter, place) in Contents::of(&bytes).letters {
            assert_eq!(parse(&bytes[place]).map(|parsed| parsed.letter), Some(letter.clone()));
            let place = encode(&mut file, &letter).unwrap();
            let again = parse(&file[place]).unwrap().letter;
            assert!(letter.detail.starts_with(&again.detail));
            assert_eq!(super::DeadLetter { detail: letter.detail.clone(), ..again }, letter);
        }
    });
}
