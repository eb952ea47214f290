//! Link tokens: PASETO v4.local (paseto.io), the key's id in the footer.

use pasetors::{
    Local,
    keys::SymmetricKey,
    token::UntrustedToken,
    version4::{LocalToken, V4},
};

use super::{LinkClaims, packed};
use crate::{
    catalog::LinkKeys,
    clock::Timestamp,
    outcome::{Reason, Refusal},
};

/// Characters of a token at the most; a mail address line holds 998 (RFC 5322), a link in the wild about 2,000.
pub(crate) const TOKEN_CHARS: usize = 1_500;

/// A token that one of our keys made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenedToken {
    /// What it says.
    pub claims: LinkClaims,
    /// Names the link: 16 lower hex digits of a hash of the token.
    pub invitation: String,
}

impl OpenedToken {
    /// Whether its answers are held.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.claims.expires.is_some_and(|expires| expires <= now)
    }
}

/// Seals claims with the current key; none without a key, when an attribute holds a control character, or when the
/// token would be longer than [`TOKEN_CHARS`].
pub(crate) fn seal(keys: &LinkKeys, claims: &LinkClaims) -> Option<String> {
    let current = keys.current()?;
    let key = SymmetricKey::<V4>::from(&current.key).ok()?;
    let message = packed::pack(claims)?;
    // Two bytes, not their text: the footer is base64url in the token, so that the id is three characters there.
    let token = LocalToken::encrypt(&key, message.as_bytes(), Some(&current.id), None).ok()?;
    (token.len() <= TOKEN_CHARS).then_some(token)
}

/// Opens a token of any of the keys; anything else is one refusal, which does not say what was wrong.
pub(crate) fn open(keys: &LinkKeys, token: &str) -> Result<OpenedToken, Refusal> {
    read(keys, token).ok_or_else(|| {
        Refusal::new(Reason::BadToken, "the link is incomplete or was altered; use it as it was sent")
    })
}

fn read(keys: &LinkKeys, token: &str) -> Option<OpenedToken> {
    if token.len() > TOKEN_CHARS {
        return None;
    }
    let untrusted = UntrustedToken::<Local, V4>::try_from(token).ok()?;
    let id = untrusted.untrusted_footer().try_into().ok()?;
    let key = SymmetricKey::<V4>::from(&keys.with_id(id)?.key).ok()?;
    let trusted = LocalToken::decrypt(&key, &untrusted, Some(&id), None).ok()?;
    let claims = packed::unpack(trusted.payload())?;
    Some(OpenedToken { claims, invitation: invitation(untrusted.untrusted_message()) })
}

/// The hash of what the token decodes to, not of its text, so that no second spelling is a second link.
fn invitation(message: &[u8]) -> String {
    hex::encode(&blake3::derive_key("voxgate invitation v1", message)[..8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        catalog::{LinkKey, RespondentKey},
        channel::link::LinkRespondent,
        intake::{Country, Reference, Subject},
        survey::Language,
    };

    fn keys() -> LinkKeys {
        LinkKeys(vec![LinkKey::new([1; 32])])
    }

    fn sample() -> LinkClaims {
        let issued = Timestamp::parse("2026-11-21T20:00:00Z").unwrap();
        LinkClaims {
            survey: "support-nps".to_owned(),
            brand: "acme".to_owned(),
            interaction: Reference::parse("ticket-4711"),
            respondent: Reference::parse("crm-0815").map(LinkRespondent::Reference),
            subject: Subject::parse("agent:a-7"),
            locale: Language::parse("de-CH"),
            country: Country::parse("CH"),
            attributes: [("plan".to_owned(), "pro".to_owned())].into(),
            issued,
            expires: Some(issued.after(std::time::Duration::from_secs(30 * 86_400))),
            test: false,
        }
    }

    #[test]
    fn a_link_with_all_of_the_samples_ids_is_at_most_200_characters_beside_the_base() {
        let path = format!("/r/{}/10", seal(&keys(), &sample()).unwrap());
        println!("{} characters: {path}", path.len());
        assert!(path.len() <= 200, "{}", path.len());
    }

    #[test]
    fn a_token_of_the_older_key_is_read_and_one_of_a_foreign_key_is_not() {
        let old = seal(&keys(), &sample()).unwrap();
        let rotated = LinkKeys(vec![LinkKey::new([2; 32]), LinkKey::new([1; 32])]);
        assert_eq!(open(&rotated, &old).unwrap().claims, sample());
        let foreign = LinkKeys(vec![LinkKey::new([3; 32])]);
        assert_eq!(open(&foreign, &old).unwrap_err().reason, Reason::BadToken);
    }

    #[test]
    fn a_link_is_open_up_to_its_expiry_and_not_at_it() {
        let token = open(&keys(), &seal(&keys(), &sample()).unwrap()).unwrap();
        let expires = sample().expires.unwrap();
        assert!(!token.is_expired(expires.before(std::time::Duration::from_micros(1))));
        assert!(token.is_expired(expires));
    }

    #[test]
    fn the_invitation_is_sixteen_lower_hex_digits_and_another_for_each_link() {
        let invitation = |token: String| open(&keys(), &token).unwrap().invitation;
        let [first, second] = [(); 2].map(|()| invitation(seal(&keys(), &sample()).unwrap()));
        assert_ne!(first, second);
        assert_eq!(first.len(), 16);
        assert!(first.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    }

    #[test]
    fn without_a_key_or_with_a_control_character_or_past_the_bound_no_token_is_made() {
        assert_eq!(seal(&LinkKeys::default(), &sample()), None);
        for value in ["a\u{1f}b".to_owned(), "x".repeat(TOKEN_CHARS)] {
            let attributes = [("plan".to_owned(), value)].into();
            assert_eq!(seal(&keys(), &LinkClaims { attributes, ..sample() }), None);
        }
    }

    fn reference() -> impl Strategy<Value = Reference> {
        "[A-Za-z0-9._:-]{1,64}".prop_map(|text| Reference::parse(&text).unwrap())
    }

    fn respondent() -> impl Strategy<Value = LinkRespondent> {
        prop_oneof![
            reference().prop_map(LinkRespondent::Reference),
            any::<[u8; 16]>().prop_map(|key| LinkRespondent::Contact(RespondentKey(key))),
        ]
    }

    prop_compose! {
        fn claims()(
            survey in "[a-z][a-z0-9-]{0,30}",
            brand in "[a-z][a-z0-9-]{0,30}",
            interaction in proptest::option::of(reference()),
            respondent in proptest::option::of(respondent()),
            subject in proptest::option::of((reference(), reference())),
            locale in proptest::option::of(prop_oneof!["[a-z]{2}", "[a-z]{2}-[A-Z]{2}", "[a-z]{2}-[A-Z][a-z]{3}-[A-Z]{2}"]),
            country in proptest::option::of("[A-Z]{2}"),
            attributes in proptest::collection::btree_map("[a-z\u{e4}]{1,9}", "\\PC{0,20}", 0..4),
            issued in 1_704_067_200_i64..2_700_000_000,
            ttl in proptest::option::of(1_u64..4_000_000_000),
            test in any::<bool>(),
        ) -> LinkClaims {
            let issued = Timestamp::from_secs(issued);
            LinkClaims {
                survey, brand, interaction, respondent,
                subject: subject.map(|(kind, reference)| Subject { kind, reference }),
                locale: locale.and_then(|tag| Language::parse(&tag)),
                country: country.and_then(|code| Country::parse(&code)),
                attributes, issued,
                expires: ttl.map(|secs| issued.after(std::time::Duration::from_secs(secs))),
                test,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_what_is_opened(claims in claims()) {
            let token = seal(&keys(), &claims).unwrap();
            prop_assert_eq!(open(&keys(), &token).unwrap().claims, claims);
        }

        #[test]
        fn a_token_that_was_cut_or_altered_is_refused(place in 0_usize..194, with in "[A-Za-z0-9_.-]") {
            let token = seal(&keys(), &sample()).unwrap();
            let place = place % token.len();
            prop_assert_eq!(open(&keys(), &token[..place]).unwrap_err().reason, Reason::BadToken);
            let altered = format!("{}{with}{}", &token[..place], &token[place + 1..]);
            if altered != token {
                prop_assert_eq!(open(&keys(), &altered).unwrap_err().reason, Reason::BadToken);
            }
        }

        #[test]
        fn garbage_is_refused(text in "\\PC{0,300}") {
            prop_assert_eq!(open(&keys(), &text).unwrap_err().reason, Reason::BadToken);
            prop_assert_eq!(open(&keys(), &format!("v4.local.{text}.AAA")).unwrap_err().reason, Reason::BadToken);
        }
    }
}
