//! What a page sees of who opens it: kept with touches and answers as evidence, never as a name.
//!
//! Of an address, a user agent or a header nothing is kept but what [`Signals`] has a field for.

use http::{HeaderMap, HeaderName, header};

use super::{Context, Fields, Visit, seal::Seal};
use crate::proto::store::v1::{Navigation, Press, Signals};

/// The field in which the page's script tells what was pressed; empty where it did not run.
pub(crate) const PRESSED: &str = "pressed";
/// The word in it that says that the page has sent an answer before.
const AGAIN: &str = "again";

/// Browsers and their proxies say so when they fetch ahead: `prefetch`, `prefetch;prerender` (Chromium), `prefetch`
/// (old Chrome and Firefox), `preview` (old Safari).
const PURPOSES: [&str; 4] = ["sec-purpose", "purpose", "x-moz", "x-purpose"];
/// In the names of browsers that are driven by programs.
const DRIVEN: [&str; 2] = ["HeadlessChrome", "PhantomJS"];

const SEC_CH_UA: HeaderName = HeaderName::from_static("sec-ch-ua");

/// Whether nobody has asked for the page yet.
pub(crate) fn is_prefetch(headers: &HeaderMap) -> bool {
    let ahead = |text: &str| text.starts_with("prefetch") || text.starts_with("preview");
    PURPOSES.iter().any(|name| ahead(&text(headers, name).to_ascii_lowercase()))
}

/// What a request's header fields say of who sent it.
pub(crate) fn seen(headers: &HeaderMap) -> Signals {
    let agent = text(headers, header::USER_AGENT.as_str());
    Signals {
        driven: DRIVEN.iter().any(|name| agent.contains(name)),
        navigation: navigation(headers).into(),
        ..Signals::default()
    }
}

/// What a page saw of who sent its form.
pub(crate) fn sent(context: &Context<'_>, visit: &Visit<'_>, fields: &Fields, link: &str) -> Signals {
    let page = Seal::open(fields, context, link);
    let mut signals = seen(visit.headers);
    signals.page_ms = page.map(|seal| {
        let open = context.now.since(seal.served);
        u32::try_from(open.as_millis()).unwrap_or(u32::MAX)
    });
    let mut press = if page.is_some() { Press::NoScript } else { Press::Unspecified };
    for word in fields.last(PRESSED).unwrap_or("").split(' ') {
        match word {
            "none" => press = Press::None,
            "pointer" => press = Press::Pointer,
            "keyboard" => press = Press::Keyboard,
            "assisted" => press = Press::Assisted,
            "untrusted" => signals.untrusted = true,
            "driven" => signals.driven = true,
            _ => {}
        }
    }
    signals.press = press.into();
    signals
}

/// Whether the page that was sent had sent an answer before.
pub(crate) fn is_again(fields: &Fields) -> bool {
    fields.last(PRESSED).unwrap_or("").split(' ').any(|word| word == AGAIN)
}

/// How the browser came to send it (W3C Fetch Metadata). Only Chromium is known to say always whether a person did
/// something; it is told by its client hints.
fn navigation(headers: &HeaderMap) -> Navigation {
    match text(headers, "sec-fetch-mode") {
        "" => Navigation::Unspecified,
        "navigate" if text(headers, "sec-fetch-user") == "?1" => Navigation::Activated,
        "navigate" if headers.contains_key(SEC_CH_UA) => Navigation::Unactivated,
        "navigate" => Navigation::Unspecified,
        _ => Navigation::Fetched,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).map_or("", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter();
        fields.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_is_fetched_ahead_is_known_in_every_dialect() {
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
        ] {
            assert!(is_prefetch(&headers(&[(name, value)])), "{name}: {value}");
        }
        assert!(!is_prefetch(&headers(&[("purpose", "business")])));
        assert!(!is_prefetch(&HeaderMap::new()));
    }

    #[test]
    fn only_a_browser_that_would_say_so_says_that_nobody_did_anything() {
        let navigation = |fields: &[_]| seen(&headers(fields)).navigation();
        let (mode, hints) = (("sec-fetch-mode", "navigate"), ("sec-ch-ua", "\"Chromium\";v=\"140\""));
        assert_eq!(navigation(&[]), Navigation::Unspecified);
        assert_eq!(navigation(&[mode]), Navigation::Unspecified);
        assert_eq!(navigation(&[mode, hints]), Navigation::Unactivated);
        assert_eq!(navigation(&[mode, hints, ("sec-fetch-user", "?1")]), Navigation::Activated);
        assert_eq!(navigation(&[("sec-fetch-mode", "cors"), hints]), Navigation::Fetched);
    }

    #[test]
    fn a_browser_without_a_window_is_driven() {
        let agent = |text| seen(&headers(&[("user-agent", text)])).driven;
        assert!(agent(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36"
        ));
        assert!(!agent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"));
        assert!(!agent("curl/8.14.1"), "whoever writes such a request knows what it does");
    }
}
