//! A caller and the telephony provider between them and us: signs as Twilio signs, goes where TwiML says.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sha1::Sha1;
use url::Url;

use super::{Gateway, Reply, form};

/// The sample's `public_base_url`; the provider calls and signs it.
pub(crate) const PUBLIC_BASE: &str = "http://127.0.0.1:8080";

/// The sample's auth token.
const TOKEN: &str = "dev-twilio-token";

/// One call.
pub(crate) struct Call<'a> {
    gateway: &'a Gateway,
    call_sid: String,
    from: String,
    /// Where the last request went, and what was said to it.
    at: Url,
    said: String,
}

impl<'a> Call<'a> {
    /// Dials: the provider asks for the first TwiML. `path` is that of the number's webhook, with its query.
    pub(crate) async fn dial(gateway: &'a Gateway, path: &str, call_sid: &str, from: &str) -> Self {
        let at = Url::parse(&format!("{PUBLIC_BASE}{path}")).unwrap();
        let (call_sid, from) = (call_sid.to_owned(), from.to_owned());
        let mut call = Self { gateway, call_sid, from, at, said: String::new() };
        call.request(call.at.clone(), &[("CallStatus", "ringing")]).await;
        call
    }

    /// Keys pressed: what `<Gather>` sends to its action.
    pub(crate) async fn press(&mut self, digits: &str) {
        let action = self.gather("action").unwrap_or_else(|| self.at.to_string());
        let to = self.at.join(&action).unwrap();
        self.request(to, &[("CallStatus", "in-progress"), ("Digits", digits)]).await;
    }

    /// Nothing is pressed: the action when it asks for empty results, else the verb after `<Gather>`.
    pub(crate) async fn say_nothing(&mut self) {
        if self.gather("actionOnEmptyResult").as_deref() == Some("true") {
            let to = self.at.join(&self.gather("action").unwrap()).unwrap();
            return self.request(to, &[("CallStatus", "in-progress"), ("Digits", "")]).await;
        }
        let redirect = self.said.split_once("<Redirect").expect("silence leads somewhere").1;
        let target = redirect.split_once('>').unwrap().1.split_once('<').unwrap().0;
        let to = self.at.join(&unescape(target)).unwrap();
        self.request(to, &[("CallStatus", "in-progress")]).await;
    }

    /// Whether the call still asks for keys.
    pub(crate) fn asks(&self) -> bool {
        self.said.contains("<Gather")
    }

    /// The last TwiML.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// An attribute of the last `<Gather>`.
    pub(crate) fn gather(&self, attribute: &str) -> Option<String> {
        let tag = self.said.split_once("<Gather")?.1.split_once('>')?.0;
        let value = tag.split_once(&format!(" {attribute}=\""))?.1.split_once('"')?.0;
        Some(unescape(value))
    }

    /// Where the next keys go.
    pub(crate) fn next_url(&self) -> Url {
        self.at.join(&self.gather("action").unwrap_or_default()).unwrap()
    }

    async fn request(&mut self, to: Url, more: &[(&str, &str)]) {
        let from = self.from.clone();
        let call_sid = self.call_sid.clone();
        let mut fields = parameters(&call_sid, &from);
        fields.extend_from_slice(more);
        let reply = signed_post(self.gateway, &to, &fields, TOKEN).await;
        assert_eq!(reply.status, 200, "telephony always gets TwiML: {}", reply.text);
        assert!(reply.header("content-type").contains("xml"), "{}", reply.header("content-type"));
        assert!(reply.text.contains("<Response"), "{}", reply.text);
        self.at = to;
        self.said = reply.text;
    }
}

/// What the provider sends with each request.
pub(crate) fn parameters<'b>(call_sid: &'b str, from: &'b str) -> Vec<(&'b str, &'b str)> {
    vec![
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call_sid),
        ("Direction", "inbound"),
        ("From", from),
        ("To", "+41445550100"),
    ]
}

/// A request to a public URL, signed, on the gateway's own port.
pub(crate) async fn signed_post(gateway: &Gateway, to: &Url, fields: &[(&str, &str)], token: &str) -> Reply {
    let path = super::path_of(to.as_str());
    let request = gateway.request(Method::POST, &path);
    let request = request.header("x-twilio-signature", signature(to.as_str(), fields, token));
    Reply::of(form(request, fields)).await
}

/// `base64(HMAC-SHA1(token, url + for each sorted pair: key + value))`.
pub(crate) fn signature(url: &str, fields: &[(&str, &str)], token: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (key, value) in fields.iter().copied().collect::<BTreeSet<_>>() {
        mac.update(key.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
