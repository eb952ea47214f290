//! Which pages may embed a brand's widget: CORS (Fetch standard, 3.2) by the brand's origins.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Reply;
use crate::{
    catalog::Brand,
    outcome::{Reason, Refusal},
};

/// The fields that let a page of the brand read a reply. Goes on every reply to it, refusals too: a page that cannot
/// read a 429 cannot obey it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsHeaders {
    origin: HeaderValue,
}

impl CorsHeaders {
    /// Adds the fields to a reply's.
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        let exposed = HeaderValue::from_static("Retry-After, RateLimit, RateLimit-Policy");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// Lets a beacon in that comes from a page of the brand.
///
/// # Errors
/// `origin_not_allowed` for any other page, and for a request without an `Origin`: browsers put one on every POST, so
/// it came from a program, which has an API key and `/v1/responses`.
pub fn cors(brand: &Brand, origin: Option<&HeaderValue>) -> Result<CorsHeaders, Refusal> {
    let origin = origin.ok_or_else(|| {
        let detail = "A beacon has an Origin. A program sends its answers to /v1/responses, with an API key.";
        Refusal::new(Reason::OriginNotAllowed, detail)
    })?;
    if is_allowed(brand, origin) {
        return Ok(CorsHeaders { origin: origin.clone() });
    }
    let detail = format!("This page's origin is none of {}'s: add it to allowed_origins.", brand.id);
    Err(Refusal::new(Reason::OriginNotAllowed, detail))
}

/// Lets a page of any brand read a refusal that came before the brand was known, for example of a token that cannot be
/// read: a widget that cannot read it would try again.
pub fn cors_of_any<'a>(
    brands: impl IntoIterator<Item = &'a Brand>,
    origin: Option<&HeaderValue>,
) -> Option<CorsHeaders> {
    let origin = origin?;
    let known = brands.into_iter().any(|brand| is_allowed(brand, origin));
    known.then(|| CorsHeaders { origin: origin.clone() })
}

/// The reply to `OPTIONS /v1/beacon`. The brand stands in a body that has not come yet, so a page of any brand may
/// go on; [`cors`] then asks whether it is this brand's.
///
/// # Errors
/// `origin_not_allowed` for a page of no brand.
pub fn preflight<'a>(
    brands: impl IntoIterator<Item = &'a Brand>,
    origin: Option<&HeaderValue>,
) -> Result<Reply, Refusal> {
    let cors = cors_of_any(brands, origin).ok_or_else(|| {
        let detail = "This page's origin is in no brand's allowed_origins.";
        Refusal::new(Reason::OriginNotAllowed, detail)
    })?;
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    cors.apply(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    Ok(reply)
}

fn is_allowed(brand: &Brand, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| brand.allowed_origins.iter().any(|allowed| allowed.matches(origin)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::chat_widget::definition::tests::brand;

    fn origin(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn a_page_of_the_brand_may_read_the_reply() {
        let page = origin("https://shop.example");
        let mut headers = HeaderMap::new();
        headers.insert("vary", HeaderValue::from_static("Accept-Language"));
        cors(&brand(), Some(&page)).unwrap().apply(&mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://shop.example");
        let vary: Vec<_> = headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["Accept-Language", "Origin"]);
        assert_eq!(headers.get("access-control-allow-credentials"), None);
    }

    #[test]
    fn a_page_of_somebody_else_an_opaque_origin_and_none_are_refused() {
        for foreign in
            ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"]
        {
            let refusal = cors(&brand(), Some(&origin(foreign))).unwrap_err();
            assert_eq!(refusal.reason, Reason::OriginNotAllowed, "{foreign}");
        }
        assert_eq!(cors(&brand(), None).unwrap_err().reason, Reason::OriginNotAllowed);
    }

    #[test]
    fn a_preflight_is_answered_for_a_page_of_any_brand() {
        let other = Brand { allowed_origins: Vec::new(), ..brand() };
        let reply = preflight([&other, &brand()], Some(&origin("https://shop.example"))).unwrap();
        assert_eq!(reply.status(), 204);
        assert_eq!(reply.headers()["access-control-max-age"], "7200");
        assert_eq!(reply.headers()["access-control-allow-methods"], "POST");
        assert_eq!(reply.headers()["access-control-allow-headers"], "content-type");
        assert!(preflight([&other], Some(&origin("https://shop.example"))).is_err());
        assert!(preflight([&brand()], None).is_err());
    }
}
