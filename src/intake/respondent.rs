//! Who answers. A contact is hashed as soon as it is read, and kept in no other form.

use super::Reference;
use crate::catalog::{Contact, IdentityKey, RespondentKey};

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respondent {
    /// The reference, when it is one.
    pub reference: Option<Reference>,
    /// The keyed hash of the reference or contact.
    pub key: RespondentKey,
}

impl Respondent {
    /// What a name in one text may be, for refusals.
    pub const FORM: &str =
        "a reference (1 to 64 of A-Z a-z 0-9 . _ : -), `email:someone@example.com` or `phone:+41446681800`";

    /// Reads a reference (`ref`), a mail address (`email`) or a telephone number (`phone`).
    pub fn parse(kind: &str, text: &str, identity_key: &IdentityKey) -> Option<Self> {
        match kind {
            "ref" => {
                let reference = Reference::parse(text)?;
                let key = identity_key.respondent("ref", reference.as_str());
                Some(Self { reference: Some(reference), key })
            }
            "email" => Contact::email(text).ok().map(|contact| Self::reached_by(&contact, identity_key)),
            "phone" => Contact::phone(text).ok().map(|contact| Self::reached_by(&contact, identity_key)),
            _ => None,
        }
    }

    /// Reads the form of links, queries and forms: `R`, `ref:R`, `email:…`, `phone:…`. A reference may hold colons, so
    /// any other prefix belongs to it.
    pub fn named(text: &str, identity_key: &IdentityKey) -> Option<Self> {
        match text.split_once(':') {
            Some((kind @ ("ref" | "email" | "phone"), rest)) => Self::parse(kind, rest, identity_key),
            _ => Self::parse("ref", text, identity_key),
        }
    }

    /// Somebody known by a contact alone.
    pub fn reached_by(contact: &Contact, identity_key: &IdentityKey) -> Self {
        Self { reference: None, key: contact.key(identity_key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_the_same_however_the_name_is_written() {
        let key = IdentityKey::new([7; 32]);
        let named = |text| Respondent::named(text, &key).map(|respondent| respondent.key);
        assert_eq!(named("crm-0815"), named("ref:crm-0815"));
        assert_eq!(named("email:Ann@example.com"), named("email:ann@example.com"));
        assert_eq!(named("crm:0815"), Respondent::parse("ref", "crm:0815", &key).map(|it| it.key));
        assert_ne!(named("email:ann@example.com"), named("crm-0815"));
        for bad in ["", "email:", "phone:0446681800", "ref:a b", "a b"] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }
}
