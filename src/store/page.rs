//! Page sizes, page tokens and cursors: opaque to clients, short, and the same for ever.

use tonic::Status;

use super::RecordHash;

const DEFAULT_SIZE: usize = 100;
const LARGEST_SIZE: usize = 1_000;

/// 0 means 100; more than 1000 means 1000.
pub(super) fn size(asked: u32) -> usize {
    match usize::try_from(asked).unwrap_or(LARGEST_SIZE) {
        0 => DEFAULT_SIZE,
        asked => asked.min(LARGEST_SIZE),
    }
}

/// Names a place in the order of changes.
pub(super) fn cursor(changed: i64) -> String {
    format!("c{changed:x}")
}

/// Reads a cursor or page token; empty stands before the first change.
pub(super) fn parse_cursor(field: &str, text: &str) -> Result<i64, Status> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix('c').filter(|digits| is_hex(digits));
    digits.and_then(|digits| i64::from_str_radix(digits, 16).ok()).ok_or_else(|| invalid(field))
}

/// Names a place in the order of held records.
pub(super) fn held_token(received_us: i64, hash: RecordHash) -> String {
    format!("h{received_us:x}.{hash}")
}

/// Reads a held page token; empty stands before the first.
pub(super) fn parse_held_token(text: &str) -> Result<(i64, RecordHash), Status> {
    if text.is_empty() {
        return Ok((-1, RecordHash([0; 16])));
    }
    let parts = text.strip_prefix('h').and_then(|rest| rest.split_once('.'));
    let place = parts.filter(|(received, _)| is_hex(received)).and_then(|(received, hash)| {
        Some((i64::from_str_radix(received, 16).ok()?, RecordHash::from_hex(hash)?))
    });
    place.ok_or_else(|| invalid("page_token"))
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn invalid(field: &str) -> Status {
    Status::invalid_argument(format!(
        "{field} is none that this store gave: send it back unchanged, or empty"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_100_rows_unless_asked_and_1000_at_the_most() {
        assert_eq!([0, 1, 1_000, 1_001, u32::MAX].map(size), [100, 1, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn a_token_is_read_back_and_a_foreign_one_is_refused() {
        assert_eq!(parse_cursor("cursor", &cursor(1_795_000_000_000_000)).unwrap(), 1_795_000_000_000_000);
        assert_eq!(parse_cursor("cursor", "").unwrap(), 0);
        let place = (17, RecordHash([0xab; 16]));
        assert_eq!(parse_held_token(&held_token(place.0, place.1)).unwrap(), place);
        for bad in [
            "c",
            "c-1",
            "c+1",
            "x1",
            "1",
            "cffffffffffffffffff",
            "h1.00",
            "h1",
            "h+1.00000000000000000000000000000000",
        ] {
            assert!(parse_cursor("cursor", bad).is_err(), "{bad}");
            assert!(parse_held_token(bad).is_err(), "{bad}");
        }
    }
}
