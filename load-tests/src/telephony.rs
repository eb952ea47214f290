//! A turn of a call as Twilio sends it, signed with the sample's auth token.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// The sample's `public_base_url`: what a telephone provider calls and signs, wherever the gateway listens.
const PUBLIC_BASE: &str = "http://127.0.0.1:8080";
const AUTH_TOKEN: &str = "dev-twilio-token";
/// Who calls, unless the link says who.
const FROM: &str = "+41446681800";

/// What is posted in a turn.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) path: String,
    pub(crate) signature: String,
    /// Urlencoded.
    pub(crate) body: String,
}

impl Turn {
    /// The caller is asked the first question of `support-nps` and presses keys; `query` is that of the URL.
    pub(crate) fn recommend(query: &str, call: &str, digits: &str) -> Self {
        let path = format!("/ivr/twilio/acme/support-nps?{query}&vg_step=recommend");
        let fields = [
            ("AccountSid", "AC00000000000000000000000000000001"),
            ("CallSid", call),
            ("CallStatus", "in-progress"),
            ("Digits", digits),
            ("From", FROM),
        ];
        let signature = signature(&format!("{PUBLIC_BASE}{path}"), &fields);
        let body: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
        Self { path, signature, body: body.join("&") }
    }
}

/// `base64(HMAC-SHA1(token, url + for each sorted pair: key + value))`.
fn signature(url: &str, fields: &[(&str, &str)]) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    for (name, value) in fields.iter().collect::<BTreeSet<_>>() {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
