//! `POST /v1/beacon`: what differs from `/v1/responses`, whose body it has, with `key`, `token` and `age_ms` besides.

use http::HeaderValue;

use crate::{
    intake::Submission,
    outcome::{Reason, Refusal},
};

/// Bytes of a beacon's body. Browsers keep 64 KiB alive past the end of a page, for all its requests together.
pub const BEACON_BYTES: usize = 16 * 1024;

/// Whether a body of this type is read, always as JSON. `text/plain` and none are what a browser sends without
/// asking first (no preflight, so it works while a page closes).
pub fn accepts(content_type: Option<&HeaderValue>) -> bool {
    let Some(content_type) = content_type else { return true };
    let essence = content_type.to_str().unwrap_or("/").split(';').next().unwrap_or_default().trim();
    ["text/plain", "application/json"].iter().any(|taken| essence.eq_ignore_ascii_case(taken))
}

/// Joins what a browser states with what a token vouches for: `signed` is the submission that the token alone gives.
///
/// References (interaction, respondent, subject) and the country are the token's or nobody's: one that a browser adds
/// would else be stored as proven. The browser brings the answers, the key, the time, its language, and attributes that
/// the token does not name.
///
/// # Errors
/// `bad_token` when the beacon names another brand or survey than the token.
pub fn sign(stated: Submission, signed: Submission) -> Result<Submission, Refusal> {
    let differs = |said: &str, vouched: &str| !said.is_empty() && said != vouched;
    if differs(&stated.brand, &signed.brand) || differs(&stated.survey, &signed.survey) {
        let detail = "The token is for another survey or brand: leave both out, or name the token's.";
        return Err(Refusal::new(Reason::BadToken, detail));
    }
    let mut attributes = stated.attributes;
    attributes.extend(signed.attributes.clone());
    Ok(Submission {
        channel: stated.channel,
        key: stated.key,
        locale: stated.locale.or_else(|| signed.locale.clone()),
        answered: stated.answered,
        answers: stated.answers,
        attributes,
        test: stated.test || signed.test,
        hold: signed.hold.or(stated.hold),
        problems: stated.problems,
        ..signed
    })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::{
        intake::{Given, Proof, Reference, Subject},
        survey::{Channel, Language},
    };

    fn stated() -> Submission {
        let proof = Proof::Nobody { source: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let mut stated = Submission::new(Channel::Chat, "acme", "support-nps", proof);
        stated.interaction = Reference::parse("stolen");
        stated.subject = Subject::parse("agent:a-7");
        stated.answers = vec![("recommend".to_owned(), Given::Whole(9))];
        stated.attributes =
            [("plan", "free"), ("page", "home")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        stated.locale = Language::parse("fr");
        stated
    }

    fn signed() -> Submission {
        let proof = Proof::Link { invitation: "i-1".to_owned(), issued: None };
        let mut signed = Submission::new(Channel::Email, "acme", "support-nps", proof);
        signed.interaction = Reference::parse("ticket-1");
        signed.attributes = [("plan".to_owned(), "pro".to_owned())].into();
        signed.locale = Language::parse("de");
        signed.hold = Some(Reason::LinkExpired);
        signed
    }

    #[test]
    fn a_token_vouches_for_all_references_or_for_none() {
        let joined = sign(stated(), signed()).unwrap();
        assert!(matches!(&joined.proof, Proof::Link { invitation, .. } if invitation == "i-1"));
        assert_eq!(joined.interaction, Reference::parse("ticket-1"));
        assert_eq!(joined.subject, None);
        assert_eq!(joined.attributes["plan"], "pro");
        assert_eq!(joined.attributes["page"], "home");
        assert_eq!(joined.channel, Channel::Chat);
        assert_eq!(joined.locale, Language::parse("fr"));
        assert_eq!(joined.hold, Some(Reason::LinkExpired));
        assert_eq!(joined.answers, stated().answers);
    }

    #[test]
    fn a_token_of_another_brand_or_survey_is_refused_and_an_unnamed_one_is_the_tokens() {
        let other = |brand: &str, survey: &str| Submission {
            brand: brand.to_owned(),
            survey: survey.to_owned(),
            ..stated()
        };
        for (brand, survey) in [("globex", "support-nps"), ("acme", "ticket-ces")] {
            let refusal = sign(other(brand, survey), signed()).unwrap_err();
            assert_eq!(refusal.reason, Reason::BadToken);
        }
        assert_eq!(sign(other("", ""), signed()).unwrap().survey, "support-nps");
    }

    #[test]
    fn json_is_read_as_text_as_itself_and_without_a_type() {
        let of = HeaderValue::from_static;
        for taken in ["text/plain;charset=UTF-8", "application/json", "Application/JSON; charset=utf-8"] {
            assert!(accepts(Some(&of(taken))), "{taken}");
        }
        assert!(accepts(None));
        for refused in ["text/html", "application/x-www-form-urlencoded", "text/plainly", ""] {
            assert!(!accepts(Some(&of(refused))), "{refused}");
        }
    }
}
