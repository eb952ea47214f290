//! Which language a page is in.

use std::str::FromStr;

use super::Visit;
use crate::survey::{Language, negotiate};

/// Languages of one `Accept-Language` that are looked at.
const WISHES: usize = 20;

/// What a visitor wishes, best first: what they chose on the page, what the link says, what the browser says.
pub(crate) fn wishes(visit: &Visit<'_>, chosen: Option<&str>, link: Option<&Language>) -> Vec<Language> {
    let chosen = chosen.and_then(Language::parse).into_iter();
    chosen.chain(link.cloned()).chain(accepted(visit)).collect()
}

/// The best of `available` for the wishes, then for the languages of the brand.
pub(crate) fn choose(
    wishes: &[Language],
    brand: &[Language],
    available: &[&Language],
    default: &Language,
) -> Language {
    negotiate(wishes.iter().chain(brand), available, default).clone()
}

/// Reads `Accept-Language` (RFC 9110, 12.5.4): by weight, those of weight zero left out.
fn accepted(visit: &Visit<'_>) -> Vec<Language> {
    let header = visit.headers.get(http::header::ACCEPT_LANGUAGE);
    let text = header.and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut weighed: Vec<(f32, Language)> = text
        .split(',')
        .take(WISHES)
        .filter_map(|item| {
            let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), f32::from_str).ok()?;
            (weight > 0.0).then_some((weight, Language::parse(tag)?))
        })
        .collect();
    weighed.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    weighed.into_iter().map(|(_, language)| language).collect()
}
