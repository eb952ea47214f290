//! Links as a mail tool builds them, and what a link looks like from outside.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use serde_json::{Value, json};

use super::{Gateway, LINK_SECRET};

/// An `/m/` link.
pub(crate) struct MailLink<'a> {
    pub(crate) brand: &'a str,
    pub(crate) survey: &'a str,
    pub(crate) query: &'a str,
}

impl MailLink<'_> {
    /// Without a signature: its references are only stated.
    pub(crate) fn stated(&self) -> String {
        format!("/m/{}/{}?{}", self.brand, self.survey, self.query)
    }

    /// Signed with the sample's link secret.
    pub(crate) fn signed(&self) -> String {
        self.signed_with(LINK_SECRET)
    }

    /// Signed with another secret.
    pub(crate) fn signed_with(&self, secret: &str) -> String {
        format!("{}&sig={}", self.stated(), self.signature(secret))
    }

    /// Signed, with a score in the path; the signature does not cover it.
    pub(crate) fn signed_with_score(&self, score: &str) -> String {
        let Self { brand, survey, query } = self;
        format!("/m/{brand}/{survey}/{score}?{query}&sig={}", self.signature(LINK_SECRET))
    }

    fn signature(&self, secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{}/{}?{}", self.brand, self.survey, self.query).as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// A link that `POST /v1/links` made.
pub(crate) struct Made {
    pub(crate) token: String,
    /// The page, as a path on any gateway.
    pub(crate) path: String,
    pub(crate) reply: Value,
}

/// Makes a link; `fields` as the contract's flags.
pub(crate) async fn make_link(gateway: &Gateway, fields: &Value) -> Made {
    let reply = gateway.post_json("/v1/links", fields).await;
    assert_eq!(reply.status, 201, "contract 4, /v1/links: {}", reply.text);
    let reply = reply.json();
    Made {
        token: reply["token"].as_str().unwrap().to_owned(),
        path: path_of(reply["url"].as_str().unwrap()),
        reply,
    }
}

/// A link to `support-nps` of `acme` about an interaction.
pub(crate) async fn plain_link(gateway: &Gateway, interaction: &str) -> Made {
    let fields = json!({"survey": "support-nps", "brand": "acme", "interaction": interaction});
    make_link(gateway, &fields).await
}

/// Path and query of a link, to ask for on a gateway's own port.
pub(crate) fn path_of(link: &str) -> String {
    let url = url::Url::parse(link).unwrap();
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
