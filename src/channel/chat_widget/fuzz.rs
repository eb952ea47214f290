//! Beacons: anything that a page of anybody's can send.

use std::net::{IpAddr, Ipv4Addr};

use super::beacon::sign;
use crate::{
    catalog::IdentityKey,
    channel::json::{Extras, Fields, decode},
    intake::{Answered, Proof, Reference, Submission},
    outcome::Reason,
    survey::Channel,
};

#[test]
fn a_beacon_proves_nothing_and_a_token_lends_it_no_reference_but_its_own() {
    let mut vouched = Submission::new(
        Channel::Email,
        "acme",
        "support-nps",
        Proof::Link { invitation: "i-1".to_owned(), issued: None },
    );
    vouched.interaction = Reference::parse("ticket-1");
    crate::fuzz::run("beacon", |body| {
        let Ok(fields) = Fields::read(body) else { return };
        let proof = Proof::Nobody { source: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let extras = Extras { idempotency_key: None, target_is_known: true };
        let stated = decode(fields, Channel::Chat, proof, extras, &IdentityKey::new([9; 32]));
        assert!(matches!(stated.answered, Answered::Now | Answered::Ago(_)), "a browser does not say when");
        assert!(stated.key.as_ref().is_none_or(|key| !key.strict));
        match sign(stated, vouched.clone()) {
            Ok(joined) => {
                assert!(matches!(joined.proof, Proof::Link { .. }));
                assert_eq!((joined.brand.as_str(), joined.survey.as_str()), ("acme", "support-nps"));
                assert_eq!(joined.interaction, vouched.interaction);
                assert!(joined.respondent.is_none() && joined.subject.is_none() && joined.country.is_none());
            }
            Err(refusal) => assert_eq!(refusal.reason, Reason::BadToken),
        }
    });
}
