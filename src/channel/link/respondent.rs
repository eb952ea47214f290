//! Who answers, as links and forms name a person: `R`, `ref:R`, `email:…`, `phone:…`.

use crate::{
    catalog::IdentityKey,
    intake::{Reference, Respondent},
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
    match text.split_once(':') {
        Some(("email", address)) => contact("email", normal_email(address), pointer, identity_key),
        Some(("phone", number)) => contact("phone", normal_phone(number), pointer, identity_key),
        Some(("ref", reference)) => by_reference(reference, pointer, identity_key),
        _ => by_reference(text, pointer, identity_key),
    }
}

fn by_reference(text: &str, pointer: &str, identity_key: &IdentityKey) -> Result<Respondent, Problem> {
    let reference = Reference::parse(text)
        .ok_or_else(|| Problem::new(pointer, Reason::BadReference, format!("give {}", Reference::FORM)))?;
    let key = identity_key.respondent("ref", reference.as_str());
    Ok(Respondent { reference: Some(reference), key })
}

fn contact(
    kind: &str,
    normal: Option<String>,
    pointer: &str,
    identity_key: &IdentityKey,
) -> Result<Respondent, Problem> {
    let normal = normal.ok_or_else(|| {
        let detail = match kind {
            "email" => "give an address like someone@example.com",
            _ => "give a number with its country code, like +41446681800",
        };
        Problem::new(pointer, Reason::BadContact, detail)
    })?;
    Ok(Respondent { reference: None, key: identity_key.respondent(kind, &normal) })
}

fn normal_email(address: &str) -> Option<String> {
    let address = address.trim();
    let (local, domain) = address.rsplit_once('@')?;
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    (address.len() <= 254 && plain(local) && plain(domain) && !local.contains('@'))
        .then(|| address.to_lowercase())
}

fn normal_phone(number: &str) -> Option<String> {
    let number = number.trim();
    if !number.starts_with('+') || number.len() > 32 {
        return None;
    }
    let parsed = phonenumber::parse(None, number).ok().filter(phonenumber::is_valid)?;
    Some(parsed.format().mode(phonenumber::Mode::E164).to_string())
}
