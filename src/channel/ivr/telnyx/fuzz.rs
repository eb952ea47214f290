//! Heads and addresses of webhooks that Telnyx never sent.

use http::HeaderMap;

use super::{super::twilio::address::Address, Seal, Signature};
use crate::{catalog::IdentityKey, clock::Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The time in the first line, the signature after it.
#[test]
fn a_head_is_a_signature_of_the_last_five_minutes_or_a_refusal() {
    crate::fuzz::run("telnyx_head", |input| {
        let (time, signature) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
        let mut headers = HeaderMap::new();
        let fields = [("telnyx-timestamp", time), ("telnyx-signature-ed25519", signature)];
        for (name, value) in fields {
            let Ok(value) = value.strip_prefix(b"\n").unwrap_or(value).try_into() else { return };
            headers.insert(name, value);
        }
        if let Ok(signature) = Signature::read(&headers, NOW) {
            let made: i64 = std::str::from_utf8(time).unwrap().parse().unwrap();
            assert!((made - NOW.as_secs()).abs() <= 300);
            assert!(signature.check(b"Digits=9", None).is_err(), "no key, no proof");
        }
    });
}

/// What was not sealed for the call says nothing of where the call stands.
#[test]
fn an_address_that_we_did_not_seal_is_none() {
    let key = IdentityKey::new([7; 32]);
    crate::fuzz::run("telnyx_query", |input| {
        let Ok(query) = std::str::from_utf8(input) else { return };
        let address = Address::new("https://acme.example", "/ivr/telnyx/acme/support-nps", Some(query));
        let sealed = address.sealed(Seal::new(&key, "v3:9X2v"));
        assert_eq!(sealed.is_some(), address.ours().is_none(), "{query}");
    });
}
