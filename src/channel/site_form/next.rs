//! Where a form's `next` may lead: below one of the brand's redirects, and nowhere else.

use url::Url;

/// The address, when it lies below one of the allowed prefixes. A prefix's port may be `*`.
///
/// Both are compared as parsed, because what a browser opens is not what a text looks like: `\` is a slash to it, and
/// `https://shop.example@evil.example` is evil.
pub(super) fn allowed(next: &str, prefixes: &[String]) -> Option<Url> {
    let url = parse(next)?;
    prefixes.iter().any(|prefix| lies_below(&url, prefix)).then_some(url)
}

fn parse(text: &str) -> Option<Url> {
    let odd = |character: char| character == '\\' || character.is_whitespace() || character.is_control();
    let url = Url::parse(text).ok().filter(|_| !text.contains(odd))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && text
            .get(url.scheme().len()..)
            .is_some_and(|rest| rest.starts_with("://") && !rest.starts_with(":///"));
    // Some servers take an encoded slash or backslash for one, and what was below the prefix is not any more.
    let path = url.path().to_ascii_lowercase();
    (plain && !path.contains("%2f") && !path.contains("%5c") && !path.contains("//")).then_some(url)
}

fn lies_below(url: &Url, prefix: &str) -> bool {
    let any_port = prefix.contains(":*");
    let Ok(prefix) = Url::parse(&prefix.replacen(":*", "", 1)) else { return false };
    let same_port = any_port || url.port_or_known_default() == prefix.port_or_known_default();
    let same_origin = url.scheme() == prefix.scheme() && url.host() == prefix.host() && same_port;
    same_origin && is_path_below(url.path(), prefix.path())
}

/// Whole segments count: `/thanks` does not allow `/thanksgiving`.
fn is_path_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_below_an_allowed_prefix_are_followed() {
        let prefixes = ["https://shop.example/thanks", "http://localhost:*"].map(str::to_owned);
        for good in [
            "https://shop.example/thanks",
            "https://SHOP.example/thanks?a=1#b",
            "https://shop.example:443/thanks/you",
            "http://localhost:3000/anything",
        ] {
            assert!(allowed(good, &prefixes).is_some(), "{good}");
        }
        for bad in [
            "https://shop.example/",
            "https://shop.example/thanksgiving",
            "https://shop.example/thanks/../admin",
            "https://shop.example/thanks/%2e%2e/admin",
            "https://shop.example/thanks/..%2fadmin",
            "https://shop.example/Thanks",
            "https://shop.example//thanks",
            "https://shop.example:444/thanks",
            "http://shop.example/thanks",
            "https://shop.example.evil.example/thanks",
            "https://shop.example@evil.example/thanks",
            "https://user:secret@shop.example/thanks",
            "https:shop.example/thanks",
            "https:///shop.example/thanks",
            "https:\\\\shop.example\\thanks",
            "https://evil.example\\@shop.example/thanks",
            " https://shop.example/thanks",
            "https://shop.example/tha\nnks",
            "//shop.example/thanks",
            "/thanks",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(allowed(bad, &prefixes), None, "{bad}");
        }
    }
}
