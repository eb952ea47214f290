//! The page for a moment when nothing more can be taken: it keeps the answer and sends it again by itself.

use askama::Template;
use http::{HeaderValue, header};

use super::{Fields, Sheet, frame::Frame, reply};
use crate::{channel::Reply, outcome::Refusal};

/// How often a page sends itself again; after that, the button does.
const ATTEMPTS: u32 = 6;
/// Counts them from page to page.
const ATTEMPT_FIELD: &str = "attempt";
/// A page does not wait for longer by itself, in seconds.
const WAIT_SECS: u64 = 600;

#[derive(Template)]
#[template(path = "wait.html")]
struct Page<'a> {
    frame: Frame,
    action: &'a str,
    hidden: Vec<(String, String)>,
    /// Zero: not by itself.
    wait_secs: u64,
}

/// The page that keeps a filled form.
pub(crate) fn page(sheet: &Sheet, fields: &Fields, refusal: &Refusal) -> Reply {
    let attempt = fields.last(ATTEMPT_FIELD).and_then(|text| text.parse().ok()).unwrap_or(0_u32);
    let retry_secs = refusal.retry_after.map_or(5, |span| span.as_secs().max(1));
    let mut hidden: Vec<_> = fields.0.iter().filter(|(name, _)| name != ATTEMPT_FIELD).cloned().collect();
    // What the page would have carried had it been ours: a key, so that trying twice is not answering twice.
    let carried = sheet.hidden.iter().filter(|(name, _)| fields.get(name).is_none());
    hidden.extend(carried.cloned());
    hidden.push((ATTEMPT_FIELD.to_owned(), attempt.saturating_add(1).to_string()));
    let page = Page {
        frame: sheet.frame(sheet.words().wait_title.to_owned()),
        action: &sheet.action,
        hidden,
        wait_secs: if attempt < ATTEMPTS && retry_secs <= WAIT_SECS {
            spread(retry_secs, attempt)
        } else {
            0
        },
    };
    let status = refusal.reason.status();
    let mut reply = reply::page(status, &page, &page.frame, &sheet.framing);
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_secs));
    reply
}

/// Not before the wait is over, and not all at once then.
fn spread(retry_secs: u64, attempt: u32) -> u64 {
    let room = (retry_secs.saturating_mul(1 << attempt.min(4)) / 2).max(2);
    retry_secs.saturating_add(rand::random_range(0..=room))
}
