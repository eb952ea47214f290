//! How claims lie in a token: positional, and text throughout, because a PASETO payload is UTF-8 and each byte costs a
//! third more in the address.
//!
//! ```text
//! head     one character: 0x40, plus 1 for a trial, plus 2 for a contact's hash in the respondent's place
//! issued   five base64 digits: seconds since 2024-01-01 UTC, modulo 2^30
//! ttl      digits of five bits, lowest first: 0 for never, else count * 4 + unit (0 s, 1 min, 2 h, 3 d)
//! fields   survey, brand, interaction, respondent, subject's kind and reference, locale, then key and value of each attribute;
//!          separated by 0x1f, empty for none
//! locale   `de-CH`: the country is the locale's region; `de-CH/AT`, `/CH`: another one; `de-CH/`: none
//! ```

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{LinkClaims, LinkRespondent};
use crate::{
    catalog::RespondentKey,
    clock::Timestamp,
    intake::{Country, Reference, Subject},
    survey::Language,
};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SEPARATOR: char = '\u{1f}';
const HEAD: u8 = 0x40;
const TEST: u8 = 1;
const CONTACT: u8 = 2;
/// 2024-01-01T00:00:00Z, so that thirty bits last until 2058.
const EPOCH_SECS: i64 = 1_704_067_200;
const UNITS_SECS: [u64; 4] = [1, 60, 3_600, 86_400];

/// Whether a text may stand in a field.
pub(super) fn is_packable(text: &str) -> bool {
    !text.contains(|character: char| character.is_control())
}

/// Packs claims; none when an attribute or id holds a control character.
pub(super) fn pack(claims: &LinkClaims) -> Option<String> {
    let contact = matches!(claims.respondent, Some(LinkRespondent::Contact(_)));
    let head = HEAD | if claims.test { TEST } else { 0 } | if contact { CONTACT } else { 0 };
    let mut packed = String::from(char::from(head));
    push_issued(&mut packed, claims.issued);
    push_ttl(&mut packed, claims.expires.map(|expires| expires.since(claims.issued)));
    let attributes = claims.attributes.iter().flat_map(|(key, value)| [key.clone(), value.clone()]);
    let fields: Vec<String> = [
        claims.survey.clone(),
        claims.brand.clone(),
        claims.interaction.as_ref().map(|reference| reference.as_str().to_owned()).unwrap_or_default(),
        claims.respondent.as_ref().map(respondent_text).unwrap_or_default(),
        claims.subject.as_ref().map(|subject| subject.kind.as_str().to_owned()).unwrap_or_default(),
        claims.subject.as_ref().map(|subject| subject.reference.as_str().to_owned()).unwrap_or_default(),
        place_text(claims.locale.as_ref(), claims.country),
    ]
    .into_iter()
    .chain(attributes)
    .collect();
    if !fields.iter().all(|field| is_packable(field)) {
        return None;
    }
    packed.push_str(&fields.join("\u{1f}"));
    Some(packed)
}

/// Reads packed claims; none when they are not of this layout.
pub(super) fn unpack(packed: &str) -> Option<LinkClaims> {
    let head = *packed.as_bytes().first()?;
    if head & !(TEST | CONTACT) != HEAD {
        return None;
    }
    let mut rest = packed.get(1..)?;
    let issued = take_issued(&mut rest)?;
    let expires = take_ttl(&mut rest)?.map(|ttl| issued.after(ttl));
    let mut fields = rest.split(SEPARATOR);
    let survey = fields.next()?.to_owned();
    let brand = fields.next()?.to_owned();
    let interaction = optional(fields.next()?, Reference::parse)?;
    let contact = head & CONTACT != 0;
    let respondent = optional(fields.next()?, |text| read_respondent(text, contact))?;
    let subject = read_subject(fields.next()?, fields.next()?)?;
    let (locale, country) = read_place(fields.next()?)?;
    let mut attributes = std::collections::BTreeMap::new();
    while let Some(key) = fields.next() {
        attributes.insert(key.to_owned(), fields.next()?.to_owned());
    }
    Some(LinkClaims {
        survey,
        brand,
        interaction,
        respondent,
        subject,
        locale,
        country,
        attributes,
        issued,
        expires,
        test: head & TEST != 0,
    })
}

fn push_issued(packed: &mut String, issued: Timestamp) {
    let secs = (issued.as_secs() - EPOCH_SECS).rem_euclid(1 << 30);
    for place in (0..5).rev() {
        packed.push(digit(u64::try_from(secs >> (6 * place)).unwrap_or(0)));
    }
}

fn take_issued(rest: &mut &str) -> Option<Timestamp> {
    let mut secs = 0;
    for _ in 0..5 {
        secs = secs << 6 | i64::from(take_digit(rest)?);
    }
    Some(Timestamp::from_secs(EPOCH_SECS + secs))
}

fn push_ttl(packed: &mut String, ttl: Option<Duration>) {
    let mut left = ttl.map_or(0, |ttl| {
        // A link that is past its expiry from the start must not read as one that never expires.
        let secs = ttl.as_secs().clamp(1, u64::from(u32::MAX));
        let whole = UNITS_SECS.iter().enumerate().rfind(|(_, unit)| secs.is_multiple_of(**unit));
        whole.map_or(0, |(place, unit)| secs / unit * 4 + place as u64)
    });
    while left >= 32 {
        packed.push(digit(32 | left & 31));
        left >>= 5;
    }
    packed.push(digit(left));
}

fn take_ttl(rest: &mut &str) -> Option<Option<Duration>> {
    let mut value = 0_u64;
    for place in 0..8 {
        let digit = u64::from(take_digit(rest)?);
        value |= (digit & 31) << (5 * place);
        if digit < 32 {
            let unit = UNITS_SECS.get(usize::try_from(value % 4).ok()?)?;
            return Some((value > 0).then(|| Duration::from_secs(value / 4 * unit)));
        }
    }
    None
}

fn digit(value: u64) -> char {
    DIGITS.get(usize::try_from(value & 63).unwrap_or(0)).map_or('A', |digit| char::from(*digit))
}

fn take_digit(rest: &mut &str) -> Option<u8> {
    let (first, others) = rest.as_bytes().split_first()?;
    let value = DIGITS.iter().position(|digit| digit == first)?;
    *rest = std::str::from_utf8(others).ok()?;
    u8::try_from(value).ok()
}

fn optional<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

fn respondent_text(respondent: &LinkRespondent) -> String {
    match respondent {
        LinkRespondent::Reference(reference) => reference.as_str().to_owned(),
        LinkRespondent::Contact(key) => BASE64_URL_SAFE_NO_PAD.encode(key.0),
    }
}

fn read_respondent(text: &str, contact: bool) -> Option<LinkRespondent> {
    if !contact {
        return Reference::parse(text).map(LinkRespondent::Reference);
    }
    let key = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(LinkRespondent::Contact(RespondentKey(key.try_into().ok()?)))
}

fn read_subject(kind: &str, reference: &str) -> Option<Option<Subject>> {
    if kind.is_empty() && reference.is_empty() {
        return Some(None);
    }
    Some(Some(Subject { kind: Reference::parse(kind)?, reference: Reference::parse(reference)? }))
}

fn place_text(locale: Option<&Language>, country: Option<Country>) -> String {
    let locale_text = locale.map_or("", Language::as_str);
    let region = locale.and_then(Language::region);
    match country {
        None if region.is_none() => locale_text.to_owned(),
        None => format!("{locale_text}/"),
        Some(country) if region == Some(country.as_str()) => locale_text.to_owned(),
        Some(country) => format!("{locale_text}/{}", country.as_str()),
    }
}

fn read_place(text: &str) -> Option<(Option<Language>, Option<Country>)> {
    let (locale, country) = match text.split_once('/') {
        Some((locale, country)) => (locale, Some(country)),
        None => (text, None),
    };
    let locale = optional(locale, Language::parse)?;
    let country = match country {
        Some(country) => optional(country, Country::parse)?,
        None => locale.as_ref().and_then(Language::region).and_then(Country::parse),
    };
    Some((locale, country))
}
