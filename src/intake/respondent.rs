//! Who answers. A contact is hashed as soon as it is read, and kept in no other form.

use super::Reference;
use crate::{
    catalog::{Contact, IdentityKey, RespondentKey},
    outcome::Reason,
};

/// Who answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Respondent {
    /// The reference, when it is one.
    pub reference: Option<Reference>,
    /// The keyed hash of the reference or contact.
    pub key: RespondentKey,
}

/// It is somebody.
impl std::fmt::Debug for Respondent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Respondent([redacted])")
    }
}

impl Respondent {
    /// The ways in which a person can be named.
    pub const KINDS: [&str; 3] = ["ref", "email", "phone"];

    /// Reads a reference (`ref`), a mail address (`email`) or a telephone number (`phone`).
    ///
    /// # Errors
    /// What the problem is called, and what the text must be. It does not repeat the text, which may be somebody's.
    pub fn parse(kind: &str, text: &str, identity_key: &IdentityKey) -> Result<Self, (Reason, &'static str)> {
        let (contact, form) = match kind {
            "email" => (Contact::email(text), Contact::EMAIL_FORM),
            "phone" => (Contact::phone(text), Contact::PHONE_FORM),
            _ => {
                let reference = Reference::parse(text).ok_or((Reason::BadReference, Reference::FORM))?;
                return Ok(Self::known_as(reference, identity_key));
            }
        };
        let contact = contact.ok_or((Reason::BadContact, form))?;
        Ok(Self::reached_by(&contact, identity_key))
    }

    /// Reads the form of links, queries and forms: `R`, `ref:R`, `email:…`, `phone:…`. A reference may hold colons, so
    /// any other prefix belongs to it.
    ///
    /// # Errors
    /// As [`Respondent::parse`].
    pub fn named(text: &str, identity_key: &IdentityKey) -> Result<Self, (Reason, &'static str)> {
        match text.split_once(':') {
            Some((kind, rest)) if Self::KINDS.contains(&kind) => Self::parse(kind, rest, identity_key),
            _ => Self::parse("ref", text, identity_key),
        }
    }

    /// Somebody known by a reference.
    pub fn known_as(reference: Reference, identity_key: &IdentityKey) -> Self {
        let key = identity_key.respondent("ref", reference.as_str());
        Self { reference: Some(reference), key }
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
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
