//! A caller and Telnyx between them and us: signs time and body with Ed25519, goes where TeXML says.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, header::CONTENT_TYPE};
use ring::signature::Ed25519KeyPair;
use roxmltree::{Document, Node};
use voxgate::clock::Clock;

use super::{Gateway, PUBLIC_BASE, Reply};

/// The seed of the sample configuration's key pair.
const SAMPLE_SEED: &[u8; 32] = b"sample telephony key, not secret";

/// A webhook of a call, as Telnyx sends it.
pub(crate) struct TelnyxWebhook {
    /// The public URL.
    pub(crate) url: String,
    /// The form.
    pub(crate) body: String,
    /// When it is signed, in seconds from now.
    pub(crate) late_s: i64,
    /// Who signs it.
    pub(crate) seed: [u8; 32],
}

impl TelnyxWebhook {
    pub(crate) fn new(url: &str, more: &[(&str, &str)]) -> Self {
        let fields = [
            ("AccountSid", "f5586561-8ff0-4291-a51b-c7dfe4139ff9"),
            ("CallSid", "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"),
            ("From", "+41446681800"),
            ("To", "+41445550100"),
        ];
        let body =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).extend_pairs(more).finish();
        Self { url: url.to_owned(), body, late_s: 0, seed: *SAMPLE_SEED }
    }

    /// The value of `telnyx-timestamp`, and that of `telnyx-signature-ed25519`.
    pub(crate) fn signature(&self) -> (String, String) {
        let timestamp = (Clock::System.now().as_secs() + self.late_s).to_string();
        let signed = format!("{timestamp}|{}", self.body);
        let key = Ed25519KeyPair::from_seed_unchecked(&self.seed).unwrap();
        (timestamp, BASE64_STANDARD.encode(key.sign(signed.as_bytes())))
    }

    pub(crate) async fn send(&self, gateway: &Gateway) -> Reply {
        let (timestamp, signature) = self.signature();
        let request = gateway.request(Method::POST, &super::path_of(&self.url));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header("telnyx-timestamp", timestamp);
        Reply::of(request.header("telnyx-signature-ed25519", signature).body(self.body.clone())).await
    }
}

/// A call in TeXML.
pub(crate) struct TelnyxCall<'a> {
    gateway: &'a Gateway,
    /// Every request, and what was said to it.
    pub(crate) sent: Vec<(TelnyxWebhook, String)>,
}

impl<'a> TelnyxCall<'a> {
    /// Dials; `path` is that of the application's webhook, with its query.
    pub(crate) async fn dial(gateway: &'a Gateway, path: &str) -> Self {
        let mut call = Self { gateway, sent: Vec::new() };
        call.request(&format!("{PUBLIC_BASE}{path}"), &[("CallStatus", "ringing")]).await;
        call
    }

    /// The last document.
    pub(crate) fn said(&self) -> &str {
        &self.sent.last().unwrap().1
    }

    pub(crate) fn asks(&self) -> bool {
        self.said().contains("<Gather")
    }

    /// Keys go to the action of `<Gather>`.
    pub(crate) async fn press(&mut self, digits: &str) {
        let action = read(self.said(), "Gather", |gather| gather.attribute("action").unwrap().to_owned());
        self.request(&action, &[("Digits", digits)]).await;
    }

    /// Silence comes to the redirect behind it.
    pub(crate) async fn say_nothing(&mut self) {
        let redirect = read(self.said(), "Redirect", |redirect| redirect.text().unwrap().to_owned());
        self.request(&redirect, &[]).await;
    }

    async fn request(&mut self, url: &str, more: &[(&str, &str)]) {
        let webhook = TelnyxWebhook::new(url, more);
        let reply = webhook.send(self.gateway).await;
        assert_eq!(reply.status, 200, "telephony always gets a document: {}", reply.text);
        assert!(reply.header("content-type").contains("xml"), "{}", reply.header("content-type"));
        self.sent.push((webhook, reply.text));
    }
}

/// Something of the first element of this name.
fn read<T>(document: &str, name: &str, of: impl FnOnce(Node<'_, '_>) -> T) -> T {
    let document = Document::parse(document).unwrap();
    of(document.descendants().find(|node| node.has_tag_name(name)).unwrap())
}
