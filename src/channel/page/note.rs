//! A page that says one thing: a broken link, a closed survey, a form that could not be read.

use askama::Template;
use http::{HeaderValue, header};

use super::{Context, Fields, Framing, Visit, Words, frame::Frame, language, reply};
use crate::{
    catalog::Brand,
    channel::Reply,
    outcome::{Reason, Refusal},
};

#[derive(Template)]
#[template(path = "note.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    text: &'static str,
}

/// The page for a request that leads to no survey page, in a language that the visitor reads; in the brand's look when
/// the path names one.
pub(crate) fn refused(
    context: &Context<'_>,
    visit: &Visit<'_>,
    brand: Option<&str>,
    refusal: &Refusal,
) -> Reply {
    let brand = brand.and_then(|id| context.catalog.brand(id));
    let chosen = Fields::of_query(visit.query);
    let wishes = language::wishes(visit, chosen.last("lang"), None);
    let spoken = brand.map(|brand| brand.languages.as_slice()).unwrap_or_default();
    let language = wishes.iter().chain(spoken).find(|language| Words::speak(language));
    let brand: Option<&Brand> = brand.map(AsRef::as_ref);
    let frame = Frame::new(language, brand, String::new());
    let mut reply = page(frame, refusal.reason, &Framing::default());
    if let Some(span) = refusal.retry_after {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(span.as_secs().max(1)));
    }
    reply
}

/// The page for a refusal, inside a frame.
pub(crate) fn page(mut frame: Frame, reason: Reason, framing: &Framing) -> Reply {
    let words = frame.words;
    let (title, text) = match reason {
        Reason::BadToken
        | Reason::NotFound
        | Reason::UnknownBrand
        | Reason::UnknownSurvey
        | Reason::Invalid
        | Reason::BadReference => (words.broken_title, words.broken_text),
        Reason::StoreUnavailable => (words.wait_title, words.away_text),
        Reason::SurveyClosed | Reason::ChannelClosed => (words.closed_title, words.closed_text),
        _ => (words.fault_title, words.fault_text),
    };
    frame.title = title.to_owned();
    let page = Page { frame, title, text };
    reply::page(reason.status(), &page, &page.frame, framing)
}
