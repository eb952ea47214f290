//! What stands in links: tokens, the claims in them, and the orders that they are made of.

use bytes::Bytes;

use super::{Handle, make_links, open, packed};
use crate::{
    catalog::{Action, ApiKey, LinkKey, LinkKeys},
    channel::page::samples::Sample,
    outcome::Reason,
};

fn keys() -> LinkKeys {
    LinkKeys(vec![LinkKey::new([7; 32])])
}

#[test]
fn a_text_that_is_no_token_of_ours_is_one_refusal_whatever_is_wrong_with_it() {
    crate::fuzz::run("token", |token| {
        let Ok(token) = std::str::from_utf8(token) else { return };
        match open(&keys(), token) {
            Ok(opened) => {
                assert_eq!(opened.invitation.len(), 16);
                assert_eq!(open(&keys(), token), Ok(opened));
            }
            Err(refusal) => assert_eq!(refusal, open(&keys(), "").unwrap_err()),
        }
    });
}

#[test]
fn a_text_that_is_a_handle_stays_the_same_handle_in_either_case() {
    crate::fuzz::run("handle", |text| {
        let Ok(text) = std::str::from_utf8(text) else { return };
        let Some(handle) = Handle::parse(text) else { return };
        assert_eq!(text.len(), 26);
        for spelt in [handle.as_str().to_owned(), text.to_ascii_uppercase(), text.to_ascii_lowercase()] {
            assert_eq!(Handle::parse(&spelt), Some(handle), "{spelt}");
        }
    });
}

#[test]
fn claims_that_can_be_unpacked_can_be_packed_and_stay_the_same_from_then_on() {
    crate::fuzz::run("packed", |text| {
        let Ok(text) = std::str::from_utf8(text) else { return };
        let Some(packed) = packed::unpack(text).and_then(|claims| packed::pack(&claims)) else { return };
        let claims = packed::unpack(&packed).expect("what was packed can be unpacked");
        assert_eq!(packed::pack(&claims), Some(packed));
    });
}

#[test]
fn an_order_gives_links_that_open_or_problems_that_say_where() {
    let sample = Sample::default();
    let key = ApiKey {
        name: "test".to_owned(),
        brand: "acme".to_owned(),
        actions: [Action::Links].into(),
        quota: None,
    };
    crate::fuzz::run("links", |body| {
        let body = Bytes::copy_from_slice(body);
        let made = make_links(&sample.catalog, &sample.identity_key, 4, sample.now, &key, &body);
        let refusal = match made {
            Ok(reply) => {
                let reply: serde_json::Value = serde_json::from_slice(&reply.to_json()).unwrap();
                for link in reply.as_array().unwrap_or(&vec![reply.clone()]) {
                    let opened = open(&sample.catalog.link_keys, link["token"].as_str().unwrap()).unwrap();
                    assert_eq!(opened.claims.brand, "acme");
                }
                return;
            }
            Err(refusal) => refusal,
        };
        match refusal.reason {
            Reason::Invalid => assert!(refusal.problems.iter().all(|it| it.pointer.starts_with('/'))),
            reason => assert!(matches!(reason, Reason::Malformed | Reason::TooLarge | Reason::Forbidden)),
        }
    });
}
