use std::{cell::RefCell, time::Duration};

use http_body_util::BodyExt;

use super::{
    super::fixtures::{brand, catalog},
    signature::Key,
    *,
};
use crate::{
    catalog::{Catalog, IdentityKey, Secret},
    intake::{Given, Proof},
    outcome::{Ledger, ResponseId},
    survey::{Channel, Identity, Survey},
};

mod menus;
mod reports;

const CALL_ID: &str = "CA00000000000000000000000000000001";
const SWISS: &str = "+41446681800";

/// A caller at the far end of a provider, and what intake says to each answer.
struct Line {
    catalog: Catalog,
    key: IdentityKey,
    ledger: Ledger,
    refusals: RefCell<Vec<Refusal>>,
    submitted: RefCell<Vec<Submission>>,
    opted_out: RefCell<Vec<OptingOut>>,
}

/// What the caller's provider got.
struct Heard {
    status: StatusCode,
    twiml: String,
    headers: HeaderMap,
}

impl Heard {
    /// Where the provider is told to call next, as it reads the document.
    fn next(&self) -> String {
        let (_, rest) = self.twiml.split_once("<Redirect method=\"POST\">").expect("a redirect");
        quick_xml::escape::unescape(rest.split_once('<').unwrap().0).unwrap().into_owned()
    }

    fn says(&self, words: &str) -> bool {
        self.twiml.contains(words)
    }
}

impl Line {
    fn new() -> Self {
        Self {
            catalog: catalog(),
            key: IdentityKey::new([7; 32]),
            ledger: Ledger::default(),
            refusals: RefCell::default(),
            submitted: RefCell::default(),
            opted_out: RefCell::default(),
        }
    }

    /// On which both surveys are asked as `change` says.
    fn asking(change: impl Fn(&mut Survey)) -> Self {
        let mut line = Self::new();
        for survey in line.catalog.surveys.get_mut("acme").unwrap().values_mut() {
            change(std::sync::Arc::make_mut(survey));
        }
        line
    }

    fn refusing(refusals: impl IntoIterator<Item = Refusal>) -> Self {
        let mut refusals: Vec<_> = refusals.into_iter().collect();
        refusals.reverse();
        Self { refusals: RefCell::new(refusals), ..Self::new() }
    }

    async fn submit(&self, submission: Submission) -> Result<Receipt, Refusal> {
        self.submitted.borrow_mut().push(submission);
        match self.refusals.borrow_mut().pop() {
            Some(refusal) => Err(refusal),
            None => Ok(Receipt {
                id: ResponseId::from_hash([1; 16]),
                outcome: Outcome::Accepted,
                reason: None,
                identity: Identity::Signed,
                answers: Vec::new(),
                quota: None,
            }),
        }
    }

    async fn opt_out(&self, order: OptingOut) -> Result<(), Refusal> {
        self.opted_out.borrow_mut().push(order);
        self.refusals.borrow_mut().pop().map_or(Ok(()), Err)
    }

    async fn post(&self, url: &str, headers: HeaderMap, body: &[u8]) -> Heard {
        let uri: Uri = url.strip_prefix("https://acme.example/fb").unwrap_or(url).parse().unwrap();
        let path = uri.path().to_owned();
        let mut names = path.trim_start_matches("/ivr/twilio/").split('/');
        let (brand, survey) = (names.next().unwrap(), names.next().unwrap());
        let desk =
            Desk { catalog: &self.catalog, identity_key: &self.key, ledger: &self.ledger, form_fields: 100 };
        let request = Request { brand, survey, uri: &uri, headers: &headers, body };
        let reply =
            turn(desk, request, |submission| self.submit(submission), |order| self.opt_out(order)).await;
        let (head, body) = reply.into_parts();
        #[allow(clippy::disallowed_methods, reason = "a reply of our own, whole in memory")]
        let bytes = body.collect().await.unwrap().to_bytes();
        Heard {
            status: head.status,
            twiml: String::from_utf8(bytes.to_vec()).unwrap(),
            headers: head.headers,
        }
    }

    /// Posts a form as Twilio does: signed over the URL it was told.
    async fn form(&self, url: &str, pairs: &[(&str, &str)]) -> Heard {
        let mut all = vec![("CallSid", CALL_ID), ("AccountSid", "AC1"), ("CallStatus", "in-progress")];
        all.extend(pairs);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let signed = Form::parse(body.as_bytes(), 100).unwrap();
        let signature = signature::sign(url, Body::Form(&signed), Key::Sha1(&Secret::new("token"))).unwrap();
        self.post(url, form_headers(Some(&signature)), body.as_bytes()).await
    }

    async fn start(&self, rest: &str) -> Heard {
        self.form(&url(rest), &[("From", SWISS)]).await
    }

    async fn press(&self, heard: &Heard, digits: &str) -> Heard {
        self.form(&heard.next(), &[("From", SWISS), ("Digits", digits)]).await
    }

    fn scores(&self) -> Vec<(String, Given)> {
        self.submitted.borrow().iter().flat_map(|submission| submission.answers.clone()).collect()
    }
}

fn url(rest: &str) -> String {
    format!("https://acme.example/fb/ivr/twilio/acme/{rest}")
}

fn form_headers(signature: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    if let Some(signature) = signature {
        headers.insert("x-twilio-signature", signature.parse().unwrap());
    }
    headers
}

fn whole(question: &str, score: i64) -> (String, Given) {
    (question.to_owned(), Given::Whole(score))
}

fn busy() -> Refusal {
    Refusal::new(Reason::SpoolFull, "no room").retry_after(Duration::from_secs(30))
}

#[tokio::test]
async fn every_state_of_a_call_sounds_as_it_did_in_both_languages() {
    for language in ["en", "de"] {
        let line = Line::refusing([busy()]);
        let asked = line.start(&format!("support-nps?lang={language}&interaction=t-1")).await;
        let waiting = line.press(&asked, "1").await;
        let confirming = line.form(&waiting.next(), &[]).await;
        let mood = line.press(&confirming, "").await;
        let again = line.press(&mood, "7").await;
        let thanked = line.press(&again, "3").await;
        let stars = line.start(&format!("visit?lang={language}")).await;
        let choice = line.press(&stars, "5").await;
        let thumbs = line.press(&choice, "1").await;
        let closed = line.start(&format!("closed?lang={language}")).await;
        let states = [
            ("asked", asked),
            ("waiting", waiting),
            ("confirming", confirming),
            ("mood", mood),
            ("again", again),
            ("thanked", thanked),
            ("stars", stars),
            ("choice", choice),
            ("thumbs", thumbs),
            ("closed", closed),
        ];
        let heard: Vec<_> = states
            .iter()
            .map(|(state, heard)| format!("{state}: {}\n", heard.twiml.replace("><", ">\n  <")))
            .collect();
        insta::assert_snapshot!(format!("every_state_{language}"), heard.join("\n"));
    }
}

#[tokio::test]
async fn a_turn_is_submitted_with_all_that_the_url_and_the_provider_say() {
    let line = Line::new();
    let asked =
        line.start("support-nps?lang=de-CH&interaction=t-1&respondent=crm-1&subject=agent:a-7&x=%41").await;
    assert!(
        asked
            .next()
            .contains("?lang=de-CH&interaction=t-1&respondent=crm-1&subject=agent:a-7&x=%41&vg_step=")
    );
    let thanked = line.press(&asked, "9").await;
    assert!(thanked.says("Vielen Dank") && thanked.says("<Hangup/>"));
    assert_eq!(thanked.headers[CONTENT_TYPE], "text/xml; charset=utf-8");
    let submitted = line.submitted.borrow();
    let [submission] = submitted.as_slice() else { panic!("{submitted:?}") };
    assert_eq!(submission.channel, Channel::Ivr);
    assert!(matches!(&submission.proof, Proof::Call { call_id } if call_id == CALL_ID));
    assert_eq!(submission.interaction.as_ref().unwrap().as_str(), "t-1");
    let respondent = submission.respondent.as_ref().unwrap();
    assert_eq!(respondent.reference.as_ref().unwrap().as_str(), "crm-1");
    assert_eq!(respondent.key, line.key.respondent("ref", "crm-1"));
    assert_eq!(submission.subject.as_ref().unwrap().reference.as_str(), "a-7");
    assert!(submission.key.as_ref().unwrap().text.starts_with(&format!("{CALL_ID}:")));
    assert_eq!(submission.locale.as_ref().unwrap().as_str(), "de-CH");
    assert_eq!(submission.country.unwrap().as_str(), "CH");
    assert_eq!(submission.answers, [whole("recommend", 9)]);
}

#[tokio::test]
async fn without_references_the_call_is_the_interaction_and_the_callers_number_the_respondent() {
    let line = Line::new();
    let asked = line.start("support-nps").await;
    line.press(&asked, "9").await;
    let submitted = line.submitted.borrow();
    assert_eq!(submitted[0].interaction.as_ref().unwrap().as_str(), CALL_ID);
    let respondent = submitted[0].respondent.as_ref().unwrap();
    assert_eq!((respondent.reference.clone(), respondent.key), (None, line.key.respondent("phone", SWISS)));
}

#[tokio::test]
async fn a_called_persons_number_is_the_respondent_and_not_ours() {
    let line = Line::new();
    let outbound =
        [("Direction", "outbound-api"), ("From", SWISS), ("To", "+4930123456"), ("ToCountry", "DE")];
    let asked = line.form(&url("support-nps"), &outbound).await;
    assert!(asked.says("Wie ist recommend"), "a German number is asked in German: {}", asked.twiml);
    line.form(&asked.next(), &[&outbound[..], &[("Digits", "9")]].concat()).await;
    let submitted = line.submitted.borrow();
    assert_eq!(submitted[0].respondent.as_ref().unwrap().key, line.key.respondent("phone", "+4930123456"));
    assert_eq!(submitted[0].country.unwrap().as_str(), "DE");
}

#[tokio::test]
async fn an_anonymous_caller_is_nobody() {
    let line = Line::new();
    let asked = line.form(&url("support-nps"), &[("From", "+266696687")]).await;
    line.form(&asked.next(), &[("From", "anonymous"), ("Digits", "9")]).await;
    assert_eq!(line.submitted.borrow()[0].respondent, None);
    assert_eq!(line.submitted.borrow()[0].country, None);
}

#[tokio::test]
async fn a_slow_ten_is_one_and_then_ten_each_under_the_key_of_its_turn() {
    let line = Line::new();
    let asked = line.start("support-nps").await;
    let confirming = line.press(&asked, "1").await;
    assert!(confirming.says("For ten, press zero now"));
    assert_eq!(line.scores(), [whole("recommend", 1)]);
    let thanked = line.press(&confirming, "0").await;
    assert!(thanked.says("<Hangup/>"));
    assert_eq!(line.scores(), [whole("recommend", 1), whole("recommend", 10)]);
    let submitted = line.submitted.borrow();
    let keys = [0, 1].map(|index: usize| submitted[index].key.clone().unwrap());
    assert_ne!(keys[0], keys[1], "the first turn, tried again, is not the newest");
    assert!(keys.iter().all(|key| !key.strict && key.text.starts_with(&format!("{CALL_ID}:"))));
}

#[tokio::test]
async fn a_retried_turn_gets_the_same_bytes() {
    let line = Line::new();
    let asked = line.start("support-nps?lang=de").await;
    for digits in ["9", "1", "", "11", "3"] {
        let first = line.press(&asked, digits).await;
        assert_eq!(line.press(&asked, digits).await.twiml, first.twiml, "{digits:?}");
    }
}

#[tokio::test]
async fn a_missing_or_wrong_signature_is_403_with_an_empty_response_and_rejected() {
    let line = Line::new();
    let body = format!("CallSid={CALL_ID}&AccountSid=AC1&Digits=9");
    let step = url("support-nps?vg_step=recommend");
    for signature in [None, Some(""), Some("RSOYDt4T1cUTdK1PDd93/VVr8B8=")] {
        let heard = line.post(&step, form_headers(signature), body.as_bytes()).await;
        assert_eq!(heard.status, StatusCode::FORBIDDEN);
        assert_eq!(heard.twiml, r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#);
    }
    assert_eq!(line.scores(), []);
    let books = line.ledger.view();
    assert_eq!((books.total.received, books.total.rejected), (3, 3));
    assert!(books.total.balanced());
}

#[tokio::test]
async fn a_signature_of_another_query_is_wrong() {
    let line = Line::new();
    let asked = line.start("support-nps?interaction=t-1").await;
    let body = format!("CallSid={CALL_ID}&AccountSid=AC1&Digits=9");
    let form = Form::parse(body.as_bytes(), 9).unwrap();
    let signature =
        signature::sign(&asked.next(), Body::Form(&form), Key::Sha1(&Secret::new("token"))).unwrap();
    let forged = asked.next().replace("t-1", "t-2");
    let heard = line.post(&forged, form_headers(Some(&signature)), body.as_bytes()).await;
    assert_eq!(heard.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_long_a_form_says_nothing() {
    let line = Line::new();
    let mut headers = form_headers(Some("x"));
    let heard = line.post(&url("support-nps"), headers.clone(), "a=1&".repeat(101).as_bytes()).await;
    assert_eq!(heard.status, StatusCode::PAYLOAD_TOO_LARGE);
    let body = br#"{"CallSid":"CA1"}"#;
    let hashed =
        url(&format!("support-nps?bodySHA256={}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body))));
    let signature = signature::sign(&hashed, Body::Raw(body), Key::Sha1(&Secret::new("token"))).unwrap();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-twilio-signature", signature.parse().unwrap());
    let heard = line.post(&hashed, headers, body).await;
    assert_eq!(heard.status, StatusCode::OK);
    assert!(heard.says("not available") && heard.says("<Hangup/>"));
    assert_eq!(line.ledger.view().total.rejected, 2);
}

#[tokio::test]
async fn what_cannot_be_asked_is_apologized_for_and_rejected() {
    for rest in [
        "nothing",
        "closed",
        "mail-only",
        "support-nps?interaction=t+1",
        "support-nps?subject=agent",
        "support-nps?respondent=a%40b.example",
    ] {
        let line = Line::new();
        let heard = line.start(rest).await;
        assert_eq!(heard.status, StatusCode::OK, "{rest}");
        assert!(heard.says("not available") && heard.says("<Hangup/>"), "{rest}: {}", heard.twiml);
        assert_eq!(line.ledger.view().total.rejected, 1, "{rest}");
    }
    let line = Line::new();
    let heard = line.post("/ivr/twilio/nobody/support-nps?lang=fr", HeaderMap::new(), b"").await;
    assert!(heard.says("pas disponible"));
    assert_eq!(line.ledger.view().total.rejected, 1);
}

#[tokio::test]
async fn an_answer_without_room_keeps_its_keys_and_is_tried_again_until_there_is_room() {
    let line = Line::refusing([busy(), busy(), busy()]);
    let asked = line.start("support-nps").await;
    let mut heard = line.press(&asked, "9").await;
    for _ in 0..3 {
        assert_eq!(heard.status, StatusCode::OK);
        assert!(heard.says("One moment") && heard.says("<Pause length=\"8\"/>") && !heard.says("Thank you"));
        heard = line.form(&heard.next(), &[]).await;
    }
    assert!(heard.says("Thank you"));
    assert_eq!(line.scores(), vec![whole("recommend", 9); 4]);
}

#[tokio::test]
async fn an_answer_that_never_finds_room_ends_with_the_refusals_own_status() {
    let line = Line::refusing([busy(), busy(), busy(), busy()]);
    let asked = line.start("support-nps").await;
    let mut heard = line.press(&asked, "9").await;
    for _ in 0..3 {
        heard = line.form(&heard.next(), &[]).await;
    }
    assert_eq!(heard.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(heard.headers[RETRY_AFTER], "30");
    assert!(heard.says("not available") && !heard.says("Redirect") && !heard.says("Thank you"));
}

#[tokio::test]
async fn a_refused_answer_is_apologized_for_and_not_thanked() {
    let line = Line::refusing([Refusal::new(Reason::SurveyClosed, "closed meanwhile")]);
    let asked = line.start("support-nps").await;
    let heard = line.press(&asked, "9").await;
    assert_eq!(heard.status, StatusCode::OK);
    assert!(heard.says("not available") && heard.says("<Hangup/>") && !heard.says("Thank you"));
}

#[tokio::test]
async fn a_call_that_is_over_is_told_nothing_but_its_last_keys_count() {
    let line = Line::new();
    let asked = line.start("support-nps").await;
    for (address, digits, told) in [
        (url("support-nps"), "", "<Response/>"),
        (asked.next(), "", "<Response/>"),
        (asked.next(), "9", "<Hangup/>"),
    ] {
        let pairs =
            [("CallSid", CALL_ID), ("AccountSid", "AC1"), ("CallStatus", "completed"), ("Digits", digits)];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let form = Form::parse(body.as_bytes(), 9).unwrap();
        let signature =
            signature::sign(&address, Body::Form(&form), Key::Sha1(&Secret::new("token"))).unwrap();
        let heard = line.post(&address, form_headers(Some(&signature)), body.as_bytes()).await;
        assert!(heard.says(told), "{}", heard.twiml);
    }
    assert_eq!(line.scores(), [whole("recommend", 9)]);
}

#[tokio::test]
async fn a_brand_is_found_by_its_own_tokens_only() {
    let mut line = Line::new();
    let other = Brand { id: "globex".to_owned(), accounts: Vec::new(), ..brand() };
    line.catalog.brands.insert("globex".to_owned(), std::sync::Arc::new(other));
    let heard = line.form("https://acme.example/fb/ivr/twilio/globex/support-nps", &[]).await;
    assert_eq!(heard.status, StatusCode::FORBIDDEN);
}

#[test]
fn a_turn_can_be_served_by_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (catalog, key, ledger) = (catalog(), IdentityKey::new([7; 32]), Ledger::default());
    let desk = Desk { catalog: &catalog, identity_key: &key, ledger: &ledger, form_fields: 100 };
    let (uri, headers) = (Uri::from_static("/ivr/twilio/acme/support-nps"), HeaderMap::new());
    let request = Request { brand: "acme", survey: "support-nps", uri: &uri, headers: &headers, body: b"" };
    is_send(&turn(desk, request, |_| std::future::ready(Err(busy())), |_| std::future::ready(Ok(()))));
}

#[tokio::test]
async fn the_log_names_the_url_that_was_checked_and_no_person() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let asked = "support-nps?lang=de&interaction=t-1&respondent=crm-0815";
    let body = format!("CallSid={CALL_ID}&AccountSid=AC1&From=%2B41446681800");
    Line::new().post(&url(asked), form_headers(Some("forged")), body.as_bytes()).await;
    let logged = log.text();
    assert!(
        logged.contains(
            "https://acme.example/fb/ivr/twilio/acme/support-nps?lang=de&interaction=t-1&respondent="
        )
    );
    assert!(logged.contains("\"WARN\""), "{logged}");
    for secret in ["crm-0815", "41446681800", "token\"", "forged"] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_webhook_shows_neither_its_caller_nor_its_signature() {
    let body = format!("From={SWISS}&CallerName=planted-name");
    let form = Form::parse(body.as_bytes(), 9).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-twilio-signature", HeaderValue::from_static("planted-signature"));
    let uri = Uri::from_static("/ivr/twilio/acme/support-nps?respondent=planted-person");
    let request =
        Request { brand: "acme", survey: "support-nps", uri: &uri, headers: &headers, body: body.as_bytes() };
    let address = Address::new("https://acme.example", uri.path(), uri.query());
    let bodies = [Body::Form(&form), Body::Raw(body.as_bytes())];
    let shown = format!("{form:?} {request:?} {address:?} {bodies:?}");
    for text in ["planted", "41446681800", "112, 108, 97"] {
        assert!(!shown.contains(text), "{text}: {shown}");
    }
}
