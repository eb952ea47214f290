//! Requests, each about an interaction of its own, so that no answer is a double.

use std::{
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::telephony::Turn;

/// The sample configuration's key of `acme`.
pub(crate) const API_KEY: &str = "vg_dev_acme";
/// An origin that the sample configuration allows.
const HOST_PAGE: &str = "http://localhost:3000";

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// Answers of a batch.
pub(crate) const BATCH: u64 = 50;

/// Never the same number twice.
#[derive(Debug, Default)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    /// From here on, so that two loads do not meet.
    pub(crate) const fn starting_at(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The first of so many.
    fn block(&self, length: u64) -> u64 {
        self.0.fetch_add(length, Ordering::Relaxed)
    }
}

/// What one request asks for, on the wire.
#[derive(Debug)]
pub(crate) enum Request {
    /// `POST /v1/responses`, one answer.
    Json(Numbers),
    /// The same, with a comment of so many bytes.
    Commented(Numbers, usize),
    /// `POST /v1/responses/batch`, [`BATCH`] answers.
    Batch(Numbers),
    /// `POST /v1/beacon`.
    Beacon(Numbers),
    /// `POST /r/{token}`: a form, each with a link of its own.
    Email(Links),
    /// `POST /ivr/twilio/…`: a signed turn of a call of its own.
    Keypad(Numbers),
}

/// Tokens of links that were not answered yet.
#[derive(Debug)]
pub(crate) struct Links {
    tokens: Vec<String>,
    used: AtomicU64,
}

impl Links {
    pub(crate) fn new(tokens: Vec<String>) -> Self {
        Self { tokens, used: AtomicU64::new(0) }
    }

    fn next(&self) -> Option<&str> {
        let place = usize::try_from(self.used.fetch_add(1, Ordering::Relaxed)).ok()?;
        self.tokens.get(place).map(String::as_str)
    }

    /// From the first again: the floor does not use them up.
    fn restart(&self) {
        self.used.store(0, Ordering::Relaxed);
    }
}

impl Request {
    /// Answers that one request carries.
    pub(crate) fn items(&self) -> u64 {
        if matches!(self, Self::Batch(_)) { BATCH } else { 1 }
    }

    /// The status of a request whose answers were all taken.
    pub(crate) fn taken_status(&self) -> u16 {
        match self {
            Self::Json(_) | Self::Commented(..) | Self::Beacon(_) => 201,
            Self::Batch(_) | Self::Email(_) | Self::Keypad(_) => 200,
        }
    }

    /// Lets the links that the floor was shown be answered at the gateway.
    pub(crate) fn restart(&self) {
        if let Self::Email(links) = self {
            links.restart();
        }
    }

    /// Writes the next request, head and body; false when there is none left.
    pub(crate) fn write(&self, request: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
        request.clear();
        body.clear();
        match self {
            Self::Json(numbers) => {
                json(body, numbers.next(), "");
                post(request, "/v1/responses", &authorized(), body);
            }
            Self::Commented(numbers, bytes) => {
                json(body, numbers.next(), &format!(r#","reason":"{}""#, "slow ".repeat(bytes / 5)));
                post(request, "/v1/responses", &authorized(), body);
            }
            Self::Batch(numbers) => {
                batch(body, numbers.block(BATCH));
                post(request, "/v1/responses/batch", &authorized(), body);
            }
            Self::Beacon(numbers) => {
                beacon(body, numbers.next());
                let fields = format!("content-type: text/plain;charset=UTF-8\r\norigin: {HOST_PAGE}\r\n");
                post(request, "/v1/beacon", &fields, body);
            }
            Self::Email(links) => {
                let Some(token) = links.next() else { return false };
                body.extend_from_slice(b"recommend=9&reason=");
                post(request, &format!("/r/{token}"), FORM, body);
            }
            Self::Keypad(numbers) => {
                let call = format!("CA{:032x}", numbers.next());
                let Turn { path, signature, body: keys } = Turn::recommend("lang=en", &call, "09");
                body.extend_from_slice(keys.as_bytes());
                post(request, &path, &format!("{FORM}x-twilio-signature: {signature}\r\n"), body);
            }
        }
        true
    }
}

/// An order of so many links, about interactions of their own.
pub(crate) fn links_order(numbers: &Numbers, links: u64) -> Vec<u8> {
    let mut body = vec![b'['];
    for place in 0..links {
        let comma = if place == 0 { "" } else { "," };
        let number = numbers.next();
        _ = write!(
            body,
            r#"{comma}{{"survey":"support-nps","brand":"acme","interaction":"link-{number:010}","subject":{{"kind":"agent","ref":"a-7"}}}}"#
        );
    }
    body.push(b']');
    let mut request = Vec::new();
    post(&mut request, "/v1/links", &authorized(), &body);
    request
}

/// A plain GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// The admin token of the gateways that a bench starts.
pub(crate) const ADMIN_TOKEN: &str = "admin-token-of-the-bench";

/// A request to the admin listener by POST, without a body.
pub(crate) fn order(path: &str) -> Vec<u8> {
    let fields = format!("host: localhost\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-length: 0\r\n");
    format!("POST {path} HTTP/1.1\r\n{fields}\r\n").into_bytes()
}

fn authorized() -> String {
    format!("content-type: application/json\r\nauthorization: Bearer {API_KEY}\r\n")
}

fn post(request: &mut Vec<u8>, path: &str, fields: &str, body: &[u8]) {
    let length = body.len();
    _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: {length}\r\n\r\n"
    );
    request.extend_from_slice(body);
}

/// About 200 bytes, as in the measurements that the goals were set by.
fn json(body: &mut Vec<u8>, number: u64, more: &str) {
    _ = write!(
        body,
        r#"{{"survey":"support-nps","brand":"acme","interaction":"ticket-{number:010}","respondent":{{"ref":"crm-{number:010}"}},"subject":{{"kind":"agent","ref":"a-7"}},"locale":"de-CH","country":"CH","answers":{{"recommend":9{more}}}}}"#
    );
}

fn batch(body: &mut Vec<u8>, first: u64) {
    body.push(b'[');
    for number in first..first + BATCH {
        if number > first {
            body.push(b',');
        }
        json(body, number, "");
    }
    body.push(b']');
}

/// As the widget sends it.
fn beacon(body: &mut Vec<u8>, number: u64) {
    _ = write!(
        body,
        r#"{{"survey":"support-nps","brand":"acme","interaction":"chat-{number:010}","locale":"de-CH","key":"nonce-{number:010}","age_ms":12,"answers":{{"recommend":9}}}}"#
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_json_array_of_answers_with_identities_of_their_own() {
        let (request, mut wire, mut body) = (Request::Batch(Numbers::default()), Vec::new(), Vec::new());
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2 {
            assert!(request.write(&mut wire, &mut body));
            let items: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
            assert_eq!(items.len() as u64, request.items());
            seen.extend(items.iter().map(|item| item["interaction"].as_str().unwrap().to_owned()));
        }
        assert_eq!(seen.len() as u64, 2 * BATCH);
    }

    #[test]
    fn links_are_used_once_and_end() {
        let links = Links::new(vec!["a".to_owned(), "b".to_owned()]);
        let (request, mut wire, mut body) = (Request::Email(links), Vec::new(), Vec::new());
        for token in ["a", "b"] {
            assert!(request.write(&mut wire, &mut body));
            assert!(wire.starts_with(format!("POST /r/{token} ").as_bytes()));
        }
        assert!(!request.write(&mut wire, &mut body));
    }
}
