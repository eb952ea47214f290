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

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn wished(header: &'static str, chosen: Option<&str>, link: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT_LANGUAGE, HeaderValue::from_static(header));
        let visit =
            Visit { path: "/", token: None, query: "", headers: &headers, source: [127, 0, 0, 1].into() };
        let link = link.and_then(Language::parse);
        let wishes = wishes(&visit, chosen, link.as_ref());
        wishes.iter().map(Language::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn browsers_wishes_are_read_by_weight_and_garbage_is_passed_over() {
        assert_eq!(wished("de-CH,de;q=0.9, en;q=0.8", None, None), "de-CH de en");
        assert_eq!(wished("en;q=0.2,fr;q=0.7,it;q=0,es", None, None), "es fr en");
        assert_eq!(wished("*,;q=,de;q=x,,\u{7e}\u{7e},pt-BR;q=0.5", None, None), "pt-BR");
    }

    #[test]
    fn what_was_chosen_goes_before_the_link_and_the_link_before_the_browser() {
        assert_eq!(wished("en", Some("it"), Some("de-CH")), "it de-CH en");
        assert_eq!(wished("en", Some("!"), None), "en");
    }
}
