//! Addresses in configurations: bases of links, redirects, servers. Problems never show a password within them.

use url::Url;

use super::value::Value;

const BASE_ADVICE: &str = "is no base of links; write an absolute http or https URL without query, like \
    \"https://feedback.example.com\"";

impl<'a> Value<'a> {
    /// An absolute http(s) URL without user, query and fragment, and without a trailing slash.
    pub(super) fn base_url(&self) -> Option<String> {
        let plain = |url: &Url| url.query().is_none() && url.fragment().is_none();
        let url = self.http_url(BASE_ADVICE, plain)?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    /// An absolute http(s) URL without a user that also holds to `allowed`.
    pub(super) fn http_url(&self, advice: &str, allowed: impl FnOnce(&Url) -> bool) -> Option<Url> {
        let value = self.without_password();
        let url: Url = value.parsed(advice, |text| Url::parse(text).ok())?;
        let good =
            matches!(url.scheme(), "http" | "https") && !has_user(&url) && url.has_host() && allowed(&url);
        if !good {
            value.problem(advice);
        }
        good.then_some(url)
    }

    /// The same value, hidden when it may hold a password.
    pub(super) fn without_password(&self) -> Self {
        let value = self.clone();
        if self.text().is_some_and(|text| text.contains('@')) { value.hidden() } else { value }
    }
}

/// Whether a URL names a user or a password.
pub(super) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
