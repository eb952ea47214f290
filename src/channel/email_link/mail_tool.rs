//! Links that a mail tool builds from its own templates, and how they are signed.
//!
//! `sig` is the lower hex HMAC-SHA256, keyed by a link secret of the brand, of `{brand}/{survey}?` and the raw query
//! before `&sig=`. Trackers that mail tools put behind it change nothing. A link without `sig` proves nothing, and
//! neither does one that does not name whose answer it is: the form's own key is the identity then.

use std::{collections::BTreeMap, net::IpAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    catalog::{Brand, Secret},
    channel::{
        link::{self, LinkClaims},
        page::{Context, Fields, Invitation, References},
    },
    clock::Timestamp,
    intake::Proof,
    outcome::{Problem, Reason, Refusal},
    survey::{Channel, Language},
};

/// `/m/{brand}/{survey}?{query}`
pub(super) struct MailToolLink<'a> {
    pub(super) brand: &'a str,
    pub(super) survey: &'a str,
    /// Raw, as it came.
    pub(super) query: &'a str,
    pub(super) source: IpAddr,
}

impl MailToolLink<'_> {
    /// Checks the signature, where there is one, and reads what it covers.
    pub(super) fn open(&self, context: &Context<'_>) -> Result<Invitation, Refusal> {
        let (said, signature) = split(self.query);
        let proof = match signature {
            None => Proof::Nobody { source: self.source },
            Some(signature) => self.proof(context, said, signature)?,
        };
        let mut invitation =
            Invitation::new(context.catalog, Channel::Email, self.brand, self.survey, proof)?;
        let fields = Fields::of_query(said);
        let references = References::read(&fields, context);
        let expires = fields.get("exp").map(expiry).transpose();
        match (references, expires) {
            (Ok(references), Ok(expires)) => {
                invitation.references = references;
                invitation.expire(expires, context.now);
            }
            (references, expires) => {
                let problems = references.err().into_iter().flatten().chain(expires.err());
                return Err(Refusal::invalid(problems.collect()));
            }
        }
        if !invitation.is_identified() {
            // One link for a whole mailing: its signature is everybody's, and none of them may see or change another's.
            invitation.proof = Proof::Nobody { source: self.source };
        }
        invitation.locale = fields.get("lang").and_then(Language::parse);
        Ok(invitation)
    }

    fn proof(&self, context: &Context<'_>, said: &str, signature: &str) -> Result<Proof, Refusal> {
        let signed = format!("{}/{}?{said}", self.brand, self.survey);
        let brand = context.catalog.brand(self.brand);
        if !brand.is_some_and(|brand| is_signed(brand, &signed, signature)) {
            let detail =
                "the link's signature does not fit: sign what stands before &sig= with a link secret";
            return Err(Refusal::new(Reason::BadToken, detail));
        }
        let hash = blake3::derive_key("voxgate mail tool link v1", signed.as_bytes());
        Ok(Proof::Link { invitation: hex::encode(&hash[..8]), issued: None })
    }
}

/// A token by which the person opts out whom a signed link names. An unsigned one names whom anybody wrote there, and
/// nobody may opt out another; so its page offers none.
pub(super) fn opt_out_token(context: &Context<'_>, invitation: &Invitation) -> Option<String> {
    if !matches!(invitation.proof, Proof::Link { .. }) {
        return None;
    }
    let respondent = invitation.references.respondent.clone()?;
    let claims = LinkClaims {
        survey: invitation.survey.id.clone(),
        brand: invitation.brand.id.clone(),
        interaction: None,
        respondent: Some(respondent.into()),
        subject: None,
        locale: invitation.locale.clone(),
        country: None,
        attributes: BTreeMap::new(),
        issued: context.now,
        expires: None,
        test: false,
    };
    link::seal(&context.catalog.link_keys, &claims)
}

/// What the signature covers, and the signature. It may be the first parameter; then it covers nothing but the path.
fn split(query: &str) -> (&str, Option<&str>) {
    let (said, rest) = match (query.strip_prefix("sig="), query.split_once("&sig=")) {
        (Some(rest), _) => ("", rest),
        (None, Some((said, rest))) => (said, rest),
        (None, None) => return (query, None),
    };
    (said, Some(rest.split('&').next().unwrap_or(rest)))
}

/// Compares in constant time, with every secret of the brand. What ends early is told by the signature's own form
/// alone.
fn is_signed(brand: &Brand, signed: &str, signature: &str) -> bool {
    // One spelling only: what is signed once must not be many links.
    if signature.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let Ok(signature) = hex::decode(signature) else { return false };
    Secret::any_fits(&brand.link_secrets, |secret| {
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .is_ok_and(|mac| mac.chain_update(signed).verify_slice(&signature).is_ok())
    })
}

/// Reads seconds since the Unix epoch, RFC 3339, or a date (through its end, UTC).
fn expiry(text: &str) -> Result<Timestamp, Problem> {
    let by_seconds = || text.parse::<u32>().ok().map(|secs| Timestamp::from_secs(secs.into()));
    // A plus that nobody encoded came as a space.
    let by_time = || Timestamp::parse(&text.replace(' ', "+"));
    let by_date = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        let end = date.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_micros(end.timestamp().as_microsecond()))
    };
    by_seconds().or_else(by_time).or_else(by_date).ok_or_else(|| {
        let detail = "give seconds since 1970, a time like 2027-01-31T12:00:00Z or a date like 2027-01-31";
        Problem::new("/exp", Reason::BadTime, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_signature_is_not_covered() {
        assert_eq!(split("interaction=t-1&sig=ab&utm=x&sig=cd"), ("interaction=t-1", Some("ab")));
        assert_eq!(split("sig=ab&interaction=t-1"), ("", Some("ab")));
        assert_eq!(split("interaction=t-1&design=x"), ("interaction=t-1&design=x", None));
    }

    #[test]
    fn an_expiry_is_seconds_a_time_or_a_date_through_its_end() {
        let secs = |text| expiry(text).map(Timestamp::as_secs).map_err(|problem| problem.reason);
        assert_eq!(secs("1800000000"), Ok(1_800_000_000));
        assert_eq!(secs("2027-01-15T08:00:00Z"), Ok(1_800_000_000));
        assert_eq!(secs("2027-01-15T09:00:00 01:00"), Ok(1_800_000_000));
        assert_eq!(secs("2027-01-15"), Ok(1_800_000_000 - 8 * 3_600 + 86_400));
        assert_eq!(secs("soon"), Err(Reason::BadTime));
        assert_eq!(secs("-1"), Err(Reason::BadTime));
    }
}
