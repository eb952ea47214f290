//! Who answers, as links and forms name a person: `R`, `ref:R`, `email:…`, `phone:…`.

use crate::{
    catalog::IdentityKey,
    intake::Respondent,
    outcome::{Problem, Reason},
};

/// Reads a respondent; a contact is hashed here and kept in no other form.
///
/// # Errors
/// The problem, at `pointer`.
pub fn parse_respondent(
    text: &str,
    pointer: &str,
    identity_key: &IdentityKey,
) -> Result<Respondent, Problem> {
    let (kind, value) = match text.split_once(':') {
        Some((kind @ ("ref" | "email" | "phone"), value)) => (kind, value),
        _ => ("ref", text),
    };
    Respondent::parse(kind, value, identity_key).ok_or_else(|| {
        let (reason, detail) = match kind {
            "email" => (Reason::BadContact, "give an address like email:someone@example.com"),
            "phone" => (Reason::BadContact, "give a number with its country code, like phone:+41446681800"),
            _ => (Reason::BadReference, "give 1 to 64 of A-Z a-z 0-9 . _ : -, or email:… or phone:…"),
        };
        Problem::new(pointer, reason, detail)
    })
}
