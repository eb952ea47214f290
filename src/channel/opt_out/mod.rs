//! Opt-out: the page behind a link's `/u/{token}`, and one-click of mail programs (RFC 8058).
//!
//! Takes: a visit to the page, the form that it sends, and a mail program's `List-Unsubscribe=One-Click`. Gives: pages,
//! and what a person said to a brand. Refuses: tokens that are not ours; to guess who somebody is whose link does not
//! say. An expired link, and one to a survey that is closed or gone, still opts out.
//! Bounds: a body and its fields as configured, one person's wishes as answers through one link. Opening the page
//! changes nothing, whoever opens it.

mod known;
mod page;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::known::{OptOuts, find};
use self::page::State;
use crate::{
    catalog::{Brand, RespondentKey},
    channel::{
        Reply, link,
        page::{self as pages, Context, Fields, Visit},
    },
    intake::{OptingOut, Proof},
    outcome::{Reason, Refusal},
    survey::{Channel, Language},
};

/// The field that our form sends, and what stands in it.
const FIELD: &str = "surveys";
const STOP: &str = "stop";
const AGAIN: &str = "again";

/// What mail programs send (RFC 8058, 3.1).
const ONE_CLICK: (&str, &str) = ("List-Unsubscribe", "One-Click");

/// A link that was opened for its opt-out.
#[derive(Clone, Debug)]
pub(crate) struct OpenedOptOut {
    brand: Arc<Brand>,
    survey: String,
    /// None: the link does not say whom it was sent to.
    person: Option<RespondentKey>,
    proof: Proof,
    locale: Option<Language>,
}

impl OpenedOptOut {
    /// Opens the link of a visit.
    ///
    /// # Errors
    /// `bad_token` for a token that is not ours, `unknown_brand` for one of a brand that is gone, `not_found` for
    /// another path.
    pub(crate) fn open(context: &Context<'_>, visit: &Visit<'_>) -> Result<Self, Refusal> {
        let segments = pages::segments(visit.path);
        let segment = match segments.as_slice() {
            [_, segment] => segment,
            _ => return Err(Refusal::new(Reason::NotFound, "there is no such page")),
        };
        let opened = link::open(&context.catalog.link_keys, visit.token.unwrap_or(segment))?;
        let claims = opened.claims;
        let Some(brand) = context.catalog.brand(&claims.brand) else {
            return Err(Refusal::new(Reason::UnknownBrand, "there is no such brand"));
        };
        let respondent = claims.respondent.map(|respondent| respondent.to_respondent(context.identity_key));
        Ok(Self {
            brand: Arc::clone(brand),
            survey: claims.survey,
            person: respondent.map(|respondent| respondent.key),
            proof: Proof::Link { invitation: opened.invitation, issued: Some(claims.issued) },
            locale: claims.locale,
        })
    }

    /// Whose it is, and of which brand.
    pub(crate) fn person(&self) -> Option<(&str, RespondentKey)> {
        Some((self.brand.id.as_str(), self.person?))
    }

    fn opting_out(&self, withdrawn: bool) -> Option<OptingOut> {
        Some(OptingOut {
            channel: Channel::Email,
            brand: self.brand.id.clone(),
            survey: self.survey.clone(),
            person: self.person?,
            proof: self.proof.clone(),
            withdrawn,
        })
    }
}

/// `GET` and `HEAD`: the page with its button; for somebody known to be out, the way back. Changes nothing.
pub(crate) fn get(opened: &OpenedOptOut, context: &Context<'_>, visit: &Visit<'_>, is_out: bool) -> Reply {
    let chosen = Fields::of_query(visit.query);
    let state = match opened.person {
        None => State::Nobody,
        Some(_) if is_out => State::Out,
        Some(_) => State::Asks,
    };
    page::page(opened, context, visit, chosen.last("lang"), state)
}

/// `POST`: hands what the person wants to `record`, and says what became of it.
pub(crate) async fn post(
    opened: &OpenedOptOut,
    context: &Context<'_>,
    visit: &Visit<'_>,
    body: Bytes,
    record: impl AsyncFnOnce(OptingOut) -> Result<(), Refusal>,
) -> Reply {
    let fields = match Fields::read(visit.headers, body, context.form_fields).await {
        Ok(fields) => fields,
        Err(refusal) => return pages::refused(context, visit, Some(&opened.brand.id), &refusal),
    };
    let lang = fields.last("lang");
    let Some(withdrawn) = wants(&fields) else {
        return page::page(opened, context, visit, lang, State::Unsaid);
    };
    let Some(order) = opened.opting_out(withdrawn) else {
        return page::page(opened, context, visit, lang, State::NobodyToRecord);
    };
    match record(order).await {
        Ok(()) if withdrawn => page::page(opened, context, visit, lang, State::Again),
        Ok(()) => page::page(opened, context, visit, lang, State::Done),
        Err(refusal) => pages::refused(context, visit, Some(&opened.brand.id), &refusal),
    }
}

/// Whether a form takes an opt-out back; none when it says neither.
fn wants(fields: &Fields) -> Option<bool> {
    let (name, value) = ONE_CLICK;
    match fields.last(FIELD) {
        Some(STOP) => Some(false),
        Some(AGAIN) => Some(true),
        _ => (fields.last(name)? == value).then_some(false),
    }
}
