//! What reaches the store: records of any gateway, and places that clients were given earlier.

use prost::Message as _;

use super::{page, record::check};
use crate::proto::store::v1::Record;

#[test]
fn a_record_that_may_be_stored_is_the_same_when_it_comes_again() {
    crate::fuzz::run("record", |bytes| {
        let Ok(record) = Record::decode(bytes) else { return };
        match check(record) {
            Ok(checked) => {
                let again = check(Record::decode(checked.body.as_slice()).unwrap()).unwrap();
                assert_eq!((again.hash, &again.body), (checked.hash, &checked.body));
            }
            Err(unfit) => {
                assert!(["malformed", "unknown_enum", "too_large"].contains(&unfit.code));
                assert!(unfit.detail.len() < 1_024, "a detail names a place, not all that stands there");
            }
        }
    });
}

#[test]
fn a_place_that_is_read_is_a_place_that_was_given() {
    crate::fuzz::run("page_token", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(changed) = page::parse_cursor("cursor", text) {
            assert_eq!(page::parse_cursor("cursor", &page::cursor(changed)).unwrap(), changed);
        }
        if let Ok((received_us, hash)) = page::parse_held_token(text)
            && !text.is_empty()
        {
            let token = page::held_token(received_us, hash);
            assert_eq!(page::parse_held_token(&token).unwrap(), (received_us, hash));
        }
    });
}
