//! What all pages have in common on the wire: never stored, never told on, never indexed, nothing run but our own.

use std::fmt;

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::Full;

use super::frame::Frame;
use crate::{catalog::Brand, channel::Reply};

/// Names our own style and script in the content security policy; a new one for each page.
#[derive(Clone, Debug)]
pub(crate) struct Nonce(String);

impl Nonce {
    pub(crate) fn new() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may show a page in a frame, and where its form may lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Origins that may frame it; none: nobody.
    pub(crate) ancestors: Vec<String>,
    /// The origin that a form's answer redirects to, beside our own: browsers hold `form-action` against redirects.
    pub(crate) next: Option<String>,
}

impl Framing {
    /// The hosted page of a site form: the brand's sites may embed it.
    pub(crate) fn of_sites(brand: &Brand, next: Option<String>) -> Self {
        let ancestors = brand.allowed_origins.iter().map(|origin| origin.as_str().to_owned()).collect();
        Self { ancestors, next }
    }

    fn policy(&self, nonce: &Nonce, logo: Option<&str>) -> String {
        let ancestors = if self.ancestors.is_empty() {
            "'none'".to_owned()
        } else {
            format!("'self' {}", self.ancestors.join(" "))
        };
        let next = self.next.as_deref().map(|next| format!(" {next}")).unwrap_or_default();
        let image = logo.and_then(origin_of).map(|origin| format!(" {origin}")).unwrap_or_default();
        format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' data:{image}; \
             connect-src 'self'; form-action 'self'{next}; base-uri 'none'; frame-ancestors {ancestors}"
        )
    }
}

/// `scheme://host[:port]` of an absolute HTTP address.
pub(crate) fn origin_of(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// A page on the wire.
pub(crate) fn page(status: StatusCode, page: &impl Template, frame: &Frame, framing: &Framing) -> Reply {
    let (status, html) = match page.render() {
        Ok(html) => (status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    };
    let mut reply = Reply::new(Full::new(Bytes::from(html)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    if let Ok(policy) = HeaderValue::from_str(&framing.policy(&frame.nonce, frame.logo.as_deref())) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    reply
}
