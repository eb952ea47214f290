//! A phone platform and a call on it: signs, posts, and does what the documents say.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{
    HeaderMap, HeaderValue, Uri,
    header::{CONTENT_TYPE, HeaderName},
};
use sha1::Sha1;

use super::{
    super::telnyx::{SAMPLE_SIGNING_KEY, SigningKey},
    document::{self, Verb},
    exchange::Exchange,
};

const BASE: &str = "https://acme.example/fb";

/// Whose platform it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Twilio,
    SignalWire,
    Telnyx,
}

impl Provider {
    pub(super) const ALL: [Self; 3] = [Self::Twilio, Self::SignalWire, Self::Telnyx];

    const fn ids(self) -> [&'static str; 2] {
        match self {
            Self::Twilio => ["AC00000000000000000000000000000001", "CA00000000000000000000000000000001"],
            Self::SignalWire => {
                ["b08dacad-47e6-4b1c-b3b7-54a5b1d6b0b4", "9c1f2b1e-0c7f-4f5e-9d3e-0d8d3b1c2a3f"]
            }
            Self::Telnyx => [
                "f5586561-8ff0-4291-a51b-c7dfe4139ff9",
                "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ",
            ],
        }
    }
}

/// A request that was sent, and what was said to it.
#[derive(Clone, Debug)]
struct Sent {
    url: String,
    pairs: Vec<(String, String)>,
    status: u16,
    document: String,
}

/// A call on a platform.
#[derive(Clone)]
pub(super) struct Call<'e> {
    exchange: &'e Exchange,
    provider: Provider,
    sent: Vec<Sent>,
    /// What is to be done, from a verb that waits for the caller on; nothing when the call is over.
    verbs: Vec<Verb>,
}

impl<'e> Call<'e> {
    pub(super) fn dial(exchange: &'e Exchange, provider: Provider, query: &str) -> Self {
        let mut call = Self { exchange, provider, sent: Vec::new(), verbs: Vec::new() };
        let path = if provider == Provider::Telnyx { "telnyx" } else { "twilio" };
        call.go(&format!("{BASE}/ivr/{path}/acme/s{query}"), &[("CallStatus", "ringing")]);
        call
    }

    pub(super) fn is_over(&self) -> bool {
        self.verbs.is_empty()
    }

    pub(super) fn turns(&self) -> usize {
        self.sent.len()
    }

    /// How many keys the platform waits for.
    pub(super) fn awaits(&self) -> usize {
        match self.verbs.first() {
            Some(Verb::Gather { most, .. }) => *most,
            other => panic!("no keys are awaited: {other:?}"),
        }
    }

    /// Presses keys one after the other, and then none.
    pub(super) fn press(&mut self, keys: &str) {
        let mut verbs = std::mem::take(&mut self.verbs).into_iter();
        let Some(Verb::Gather { most, finish, on_empty, action }) = verbs.next() else { panic!() };
        let mut digits = String::new();
        for key in keys.chars() {
            if digits.len() == most || (finish.contains(key) && !digits.is_empty()) {
                break;
            }
            // Without a digit before it, the key that finishes is nothing.
            digits.extend(Some(key).filter(|key| !finish.contains(*key)));
        }
        if !digits.is_empty() || on_empty {
            return self.go(&action, &[("Digits", &digits)]);
        }
        self.perform(verbs.collect());
    }

    /// Sends so many requests again, the last ones first, as a platform does that heard nothing; nothing may change.
    /// Also not at a gateway that does not know whether they are on disk.
    pub(super) fn sends_again(&self, most: usize) {
        let before = self.exchange.mark();
        for unsure in [false, true] {
            self.exchange.unsure.set(unsure);
            for sent in self.sent.iter().rev().take(most) {
                let again = self.post(&sent.url, &sent.pairs);
                assert_eq!(again, (sent.status, sent.document.clone()), "{}", sent.url);
                assert_eq!(self.exchange.mark(), before, "stored twice: {}", sent.url);
            }
        }
        self.exchange.unsure.set(false);
    }

    /// Tells of the call's end where only turns are expected: what was asked for last, and the number's own webhook.
    pub(super) fn tells_of_its_end(&self) {
        let before = self.exchange.mark();
        for sent in [self.sent.first(), self.sent.last()].into_iter().flatten() {
            let pairs = self.pairs(&[
                ("CallStatus", "completed"),
                ("CallbackSource", "call-progress-events"),
                ("SequenceNumber", "3"),
                ("CallDuration", "17"),
            ]);
            let (status, document) = self.post(&sent.url, &pairs);
            assert_eq!(status, 200);
            assert!(document.ends_with("<Response/>"), "{document}");
            assert_eq!(self.exchange.mark(), before);
        }
    }

    fn go(&mut self, url: &str, more: &[(&str, &str)]) {
        assert!(self.sent.len() < 100, "the call does not end");
        let pairs = self.pairs(more);
        let (status, document) = self.post(url, &pairs);
        assert!(status == 200 || status == 503, "{status} {document}");
        let verbs = document::read(self.provider, &document);
        self.sent.push(Sent { url: url.to_owned(), pairs, status, document });
        match status {
            200 => self.perform(verbs),
            // A platform does not play what comes with an error: it goes to its fallback.
            _ => self.verbs.clear(),
        }
    }

    fn perform(&mut self, verbs: Vec<Verb>) {
        let waits = verbs.iter().position(|verb| !matches!(verb, Verb::Heard));
        let verbs = verbs.get(waits.unwrap_or(verbs.len())..).unwrap_or_default();
        match verbs.first() {
            Some(Verb::Redirect(url)) => self.go(&url.clone(), &[]),
            Some(Verb::Hangup) | None => self.verbs.clear(),
            _ => self.verbs = verbs.to_vec(),
        }
    }

    fn pairs(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let [account, call] = self.provider.ids();
        let fixed =
            [("AccountSid", account), ("CallSid", call), ("From", "+41446681800"), ("To", "+41445550100")];
        fixed.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn post(&self, url: &str, pairs: &[(String, String)]) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut headers = self.signed(url, pairs, &body);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let uri: Uri = url.strip_prefix(BASE).unwrap().parse().unwrap();
        self.exchange.post(&uri, &headers, body.as_bytes())
    }

    fn signed(&self, url: &str, pairs: &[(String, String)], body: &str) -> HeaderMap {
        let fields = match self.provider {
            Provider::Twilio => vec![(HeaderName::from_static("x-twilio-signature"), mac(url, pairs))],
            Provider::SignalWire => {
                vec![(HeaderName::from_static("x-signalwire-signature"), mac(url, pairs))]
            }
            Provider::Telnyx => {
                let key = SigningKey::new(&SAMPLE_SIGNING_KEY).unwrap();
                key.sign(body.as_bytes(), self.exchange.clock.now()).into()
            }
        };
        fields.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
    }
}

/// As the providers' libraries make it; no field is there twice.
fn mac(url: &str, pairs: &[(String, String)]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(b"token").unwrap();
    mac.update(url.as_bytes());
    pairs.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
