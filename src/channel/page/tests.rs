//! Every page as it is sent: a snapshot of its markup, its size and its header fields.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;

use super::{samples::Sample, *};
use crate::{
    channel::{Reply, email_link, link, site_form},
    intake::{Reference, Subject, Submission},
    outcome::{Outcome, Problem, Reason, Receipt, Refusal, ResponseId, Scored, Value},
    survey::{Identity, Language},
};

/// A page that was answered with, its nonce written as `NONCE`.
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Of a sample survey's page, with everything inlined.
const PAGE_BYTES: usize = 15_000;

#[allow(clippy::disallowed_methods, reason = "a page of ours, whole in memory")]
pub(crate) async fn see(reply: Reply) -> Seen {
    let (parts, body) = reply.into_parts();
    let html = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Seen { status: parts.status, headers: parts.headers, html }
}

/// A visit with a language that the browser reads.
pub(crate) struct Browser(HeaderMap);

impl Browser {
    pub(crate) fn reading(language: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(language).unwrap());
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        Self(headers)
    }

    pub(crate) fn at<'a>(&'a self, address: &'a str) -> Visit<'a> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        Visit { path, token: None, query, headers: &self.0, source: [203, 0, 113, 9].into() }
    }
}

pub(crate) fn claims(survey: &str) -> link::LinkClaims {
    let issued = Sample::default().now;
    link::LinkClaims {
        survey: survey.to_owned(),
        brand: "acme".to_owned(),
        interaction: Reference::parse("ticket-4711"),
        respondent: Reference::parse("crm-0815").map(link::LinkRespondent::Reference),
        subject: Subject::parse("agent:Sam"),
        locale: None,
        country: None,
        attributes: [("plan".to_owned(), "pro".to_owned())].into(),
        issued,
        expires: Some(issued.after(Duration::from_secs(86_400))),
        test: false,
    }
}

pub(crate) fn receipt(outcome: Outcome, scores: &[(&str, i32)]) -> Receipt {
    let scored = |(question, score): &(&str, i32)| Scored {
        question: (*question).to_owned(),
        value: Value::Score(*score),
        segment: None,
        normalized: None,
    };
    let mut answers: Vec<_> = scores.iter().map(scored).collect();
    answers.push(Scored {
        question: "reason".to_owned(),
        value: Value::Text("a secret comment".to_owned()),
        segment: None,
        normalized: None,
    });
    let id = ResponseId::from_hash([1; 16]);
    Receipt { id, outcome, reason: None, identity: Identity::Signed, answers, quota: None }
}

/// The gateway of a test: opens addresses and sends forms.
#[derive(Default)]
pub(crate) struct Desk(pub(crate) Sample);

impl Desk {
    pub(crate) fn link(&self, claims: &link::LinkClaims) -> String {
        format!("/r/{}", link::seal(&self.0.catalog.link_keys, claims).unwrap())
    }

    pub(crate) async fn open(&self, address: &str, language: &str) -> Seen {
        let (browser, context) = (Browser::reading(language), self.0.context());
        let visit = browser.at(address);
        if address.starts_with("/f/") {
            return see(site_form::get(&context, &visit)).await;
        }
        match email_link::OpenedLink::open(&context, &visit) {
            Ok(opened) => see(email_link::get(&opened, &context, &visit, None)).await,
            Err(refusal) => see(email_link::refused(&context, &visit, &refusal)).await,
        }
    }

    /// Sends a form; `outcome` is what intake says of it. Gives the page and what intake was given.
    pub(crate) async fn send(
        &self,
        address: &str,
        form: &str,
        outcome: Result<Receipt, Refusal>,
    ) -> (Seen, Result<Submission, Refusal>) {
        let (browser, context) = (Browser::reading("en"), self.0.context());
        let visit = browser.at(address);
        let body = Bytes::copy_from_slice(form.as_bytes());
        let mut given = None;
        let submit = async |read: Result<Submission, Refusal>| {
            given = Some(read.clone());
            read.and(outcome)
        };
        let reply = match address.starts_with("/f/") {
            true => site_form::post(&context, &visit, body, submit).await,
            false => email_link::post(&context, &visit, body, submit).await,
        };
        (see(reply).await, given.expect("intake was asked"))
    }
}

/// The page without what is new in each, for snapshots; the style has one of its own.
fn steady(seen: &Seen) -> String {
    let nonce = seen.header("content-security-policy").split("'nonce-").nth(1).unwrap();
    let (nonce, _) = nonce.split_once('\'').unwrap();
    let html = seen.html.replace(nonce, "NONCE");
    let (head, rest) = html.split_once("<style nonce=\"NONCE\">").unwrap();
    let (style, body) = rest.split_once("</style>").unwrap();
    let rules = style.split("@supports").skip(1).map(|rule| format!("@supports{rule}")).collect::<String>();
    let token = body.split("v4.local.").nth(1).and_then(|rest| rest.split(['"', '?', '/', '&']).next());
    let body = token.map_or(body.to_owned(), |token| body.replace(token, "TOKEN"));
    let key = body.split("name=\"key\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let body = key.map_or(body.clone(), |key| body.replace(key, "KEY"));
    format!("{}\n{head}<style>…{rules}</style>{body}", seen.status)
}

async fn all_pages() -> Vec<(&'static str, Seen)> {
    let desk = Desk::default();
    let nps = desk.link(&claims("support-nps"));
    let long_ago = desk.0.now.before(Duration::from_secs(90 * 86_400));
    let expires = Some(desk.0.now);
    let expired = desk.link(&link::LinkClaims { issued: long_ago, expires, ..claims("support-nps") });
    let visit = desk.link(&claims("technician-visit"));
    let german = Language::parse("de-CH");
    let german = desk.link(&link::LinkClaims { locale: german, ..claims("technician-visit") });
    let stars = [("knowledge", 4), ("expertise", 5), ("punctuality", 2), ("friendliness", 5)];
    let nine = [("recommend", 9)];
    let problem = |id: &str, reason| Problem::new(format!("/answers/{id}"), reason, "for developers");
    let wrong = Refusal::invalid(vec![
        problem("recommend", Reason::OffScale),
        problem("reason", Reason::TextTooLong),
    ]);
    let busy = Refusal::new(Reason::Busy, "busy").retry_after(Duration::from_secs(7));
    let held = Receipt { reason: Some(Reason::LinkExpired), ..receipt(Outcome::Quarantined, &nine) };
    let known = Known { scores: vec![("recommend".to_owned(), 9)] };
    vec![
        ("nps-en", desk.open(&format!("{nps}/10"), "en").await),
        ("nps-de-low", desk.open(&format!("{nps}/3?lang=de"), "en").await),
        ("nps-ar", desk.open(&nps, "ar").await),
        ("stars-de", desk.open(&format!("{german}/4"), "en").await),
        ("ces-en", desk.open(&desk.link(&claims("ticket-ces")), "en").await),
        ("smiley-en", desk.open(&desk.link(&claims("experience")), "en").await),
        ("thumbs-de", desk.open("/f/acme/article-helpful?interaction=article-7&lang=de", "en").await),
        ("expired-en", desk.open(&expired, "en").await),
        ("broken-de", desk.open(&nps[..90], "de-CH,de;q=0.9,en;q=0.8").await),
        ("closed-en", desk.open("/m/acme/closed", "en").await),
        ("thanks-en", desk.send(&nps, "recommend=9", Ok(receipt(Outcome::Accepted, &nine))).await.0),
        (
            "thanks-stars-de",
            desk.send(&visit, "knowledge=4&lang=de", Ok(receipt(Outcome::Accepted, &stars))).await.0,
        ),
        (
            "thanks-smiley-en",
            desk.send(
                &desk.link(&claims("experience")),
                "mood=3",
                Ok(receipt(Outcome::Revised, &[("mood", 3)])),
            )
            .await
            .0,
        ),
        ("again-en", desk.send(&nps, "recommend=9", Ok(receipt(Outcome::Duplicate, &nine))).await.0),
        ("known-de", known_page(&desk, &format!("{nps}/3?lang=de"), &known).await),
        ("held-en", desk.send(&expired, "recommend=9", Ok(held)).await.0),
        ("wrong-de", desk.send(&nps, "recommend=11&reason=Zu+%3Cviel%3E&lang=de", Err(wrong)).await.0),
        ("busy-en", desk.send(&nps, "recommend=9&reason=late", Err(busy)).await.0),
    ]
}

async fn known_page(desk: &Desk, address: &str, known: &Known) -> Seen {
    let (browser, context) = (Browser::reading("en"), desk.0.context());
    let visit = browser.at(address);
    let opened = email_link::OpenedLink::open(&context, &visit).unwrap();
    see(email_link::get(&opened, &context, &visit, Some(known))).await
}

#[tokio::test]
async fn every_page_is_small_private_and_runs_nothing_foreign() {
    for (name, seen) in all_pages().await {
        println!("{name}: {} bytes", seen.html.len());
        assert!(seen.html.len() < PAGE_BYTES, "{name}: {} bytes", seen.html.len());
        assert_eq!(seen.header("content-type"), "text/html; charset=utf-8", "{name}");
        assert_eq!(seen.header("cache-control"), "no-store", "{name}");
        assert_eq!(seen.header("referrer-policy"), "no-referrer", "{name}");
        assert_eq!(seen.header("x-content-type-options"), "nosniff", "{name}");
        assert!(seen.header("x-robots-tag").contains("noindex"), "{name}");
        let policy = seen.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"), "{name}: {policy}");
        assert!(policy.contains("form-action 'self'") && !policy.contains("unsafe"), "{name}: {policy}");
        let frames = if name == "thumbs-de" { "'self' http://localhost:*" } else { "'none'" };
        assert!(policy.ends_with(&format!("frame-ancestors {frames}")), "{name}: {policy}");
        assert!(!seen.html.contains("style=\"") && !seen.html.contains("onclick"), "{name}");
        assert!(!seen.html.contains("a secret comment"), "{name}");
        if let Ok(folder) = std::env::var("VOXGATE_PAGES") {
            std::fs::write(format!("{folder}/{name}.html"), &seen.html).unwrap();
        }
    }
}

#[tokio::test]
async fn every_page_reads_as_it_was_reviewed() {
    for (name, seen) in all_pages().await {
        // How long a page waits is spread at random.
        if name != "busy-en" {
            insta::assert_snapshot!(name, steady(&seen));
        }
    }
}
