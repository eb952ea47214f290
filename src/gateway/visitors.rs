//! Five scanners and five people open the links of a mail: no scanner counts, and every person does.
//!
//! The whole gateway with its store, and a real Chromium. The clock is the test's own, so that ten minutes pass at
//! once. Chromium says of itself that it is driven; that is what the scanners are, unless they hide it. The people use
//! one that says nothing of the kind, as theirs do.

use std::{collections::BTreeMap, path::Path, time::Duration};

use fantoccini::{Locator, key::Key};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Gateway, drain::Drain};
use crate::{
    admin::ConfigSource,
    clock::{Clock, Timestamp},
    config::{self, Loaded, Overrides},
    proto::store::v1::{
        Confidence, ListResponsesRequest, Response, SummarizeRequest, WatchRequest, current_answer::Content,
        watch_response::Change,
    },
    spool::Spool,
    store::{self, Client},
    tls::ClientTls,
};

#[path = "../../tests/support/browser.rs"]
#[allow(dead_code, clippy::print_stdout, reason = "shared with the tests from outside, which use the rest")]
mod browser;
use browser::Browser;

const SECOND: Duration = Duration::from_secs(1);
/// A browser that hides that it is driven.
const LIKE_A_PERSONS: [&str; 2] = [
    "--disable-blink-features=AutomationControlled",
    "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
];
const SAID: &str = "document.querySelector('.said').textContent";

/// A gateway that runs, and the mails that were sent.
struct Street {
    http: String,
    clock: Clock,
    store: Client,
    web: reqwest::Client,
    spool: Spool,
    drain: Drain,
    _data: TempDir,
}

impl Street {
    async fn open() -> Self {
        let (data, dir) =
            (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config"));
        let any = || Some("127.0.0.1:0".to_owned());
        let overrides = Overrides {
            data: Some(data.path().to_owned()),
            http: any(),
            grpc: any(),
            admin: any(),
            store: any(),
            ..Overrides::default()
        };
        let env = BTreeMap::new();
        let Loaded { settings, catalog, .. } = config::load(&dir, &overrides, &env).unwrap();
        let clock = Clock::manual(Timestamp::parse("2026-11-21T20:00:00Z").unwrap());
        let source = ConfigSource { dir, overrides, env };
        let gateway = Gateway::build(settings, catalog, source, clock.clone()).await.unwrap();
        let http = gateway.edge.as_ref().unwrap().http.address;
        let store = gateway.store.as_ref().unwrap().address;
        let spool = gateway.edge.as_ref().unwrap().spool.clone();
        let (drain, _conflicts) = gateway.start();
        let store = store::connect(&format!("http://{store}"), None, &ClientTls::default()).await.unwrap();
        // Another test of this process may have installed it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let web = reqwest::Client::builder().no_proxy().timeout(20 * SECOND).build().unwrap();
        Self { http: format!("http://{http}"), clock, store, web, spool, drain, _data: data }
    }

    /// The link in a mail to somebody.
    async fn link(&self, whose: &str) -> String {
        let asked = json!({"survey": "support-nps", "brand": "acme", "interaction": whose});
        let request =
            self.web.post(format!("{}/v1/links", self.http)).bearer_auth("vg_dev_acme").json(&asked);
        let made: Value = request.send().await.unwrap().json().await.unwrap();
        format!("{}/r/{}", self.http, made["token"].as_str().unwrap())
    }

    /// Time goes by. A commit that was on its way then seems to take all of it, so its end is waited for.
    async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        while self.spool.status().accepting.is_err() {
            tokio::task::yield_now().await;
        }
    }

    async fn ask(&self, method: Method, url: &str) -> String {
        let reply = self.web.request(method, url).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{url}");
        reply.text().await.unwrap()
    }

    async fn sweep(&self, link: &str) {
        for method in [Method::HEAD, Method::GET] {
            for score in 0..=10 {
                self.ask(method.clone(), &format!("{link}/{score}?lang=en")).await;
            }
        }
    }

    /// Sends the form of a page as it was served, with a score.
    async fn send_form(&self, link: &str, page: &str, score: &str) {
        let field = |name: &str| {
            let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().to_owned()
        };
        let form = [("recommend", score.to_owned()), ("seal", field("seal")), ("pressed", field("pressed"))];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            self.web.post(link).header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// What is stored of somebody, once so many touches and at least so many answers of theirs are.
    async fn stored(&self, whose: &str, score: Option<i32>) -> Option<Response> {
        let mut store = self.store.clone();
        let mut feed = store.watch(WatchRequest::default()).await.unwrap().into_inner();
        let request = ListResponsesRequest { interaction: whose.to_owned(), ..Default::default() };
        loop {
            let found = store.list_responses(request.clone()).await.unwrap().into_inner().responses.pop();
            if score.is_none() || found.as_ref().is_some_and(|found| scored(found) == score) {
                return found;
            }
            // The next change, then look again.
            feed.message().await.unwrap().unwrap();
        }
    }

    /// Waits until so many touches are stored, of everybody together.
    async fn touches(&self, many: usize) {
        let mut feed = self.store.clone().watch(WatchRequest::default()).await.unwrap().into_inner();
        let mut seen = 0;
        while seen < many {
            let change = feed.message().await.unwrap().unwrap().change;
            seen += usize::from(matches!(change, Some(Change::Touch(_))));
        }
    }
}

fn scored(response: &Response) -> Option<i32> {
    response.answers.iter().find_map(|answer| match answer.content {
        Some(Content::Value(score)) if answer.question == "recommend" => Some(score),
        _ => None,
    })
}

/// Who came, what is stored of them, and how it is judged.
#[derive(Debug)]
struct Row {
    who: &'static str,
    person: bool,
    stored: Option<Response>,
}

impl Row {
    fn counts(&self) -> bool {
        let answers = self.stored.iter().flat_map(|stored| &stored.answers);
        answers.clone().count() > 0
            && answers.clone().all(|answer| answer.confidence() == Confidence::Confirmed)
    }

    fn told(&self) -> String {
        let score = self.stored.as_ref().and_then(scored).map_or("-".to_owned(), |score| score.to_string());
        let reasons =
            self.stored.iter().flat_map(|stored| &stored.answers).flat_map(|answer| &answer.reasons);
        let reasons = reasons.map(String::as_str).collect::<Vec<_>>().join(", ");
        let verdict = match (&self.stored, self.counts()) {
            (None, _) => "touches alone",
            (Some(_), true) => "confirmed",
            (Some(_), false) => "provisional",
        };
        format!("{:<52} {score:>5}  {verdict:<14} {reasons}", self.who)
    }
}

async fn press(browser: &Browser, selector: &str) {
    browser.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

async fn saved(browser: &Browser) {
    browser.wait_until(&format!("{SAID}.startsWith('Saved')")).await;
}

async fn scanners(street: &Street) -> Vec<Row> {
    let driven = Browser::start().await;
    let hidden = Browser::start_with(&LIKE_A_PERSONS).await;
    let mut rows = Vec::new();
    let mut row = |who, stored| rows.push(Row { who, person: false, stored });

    let link = street.link("s1").await;
    street.sweep(&link).await;
    street.touches(22).await;
    row("HEAD and GET of all eleven links", street.stored("s1", None).await);

    let link = street.link("s2").await;
    for score in [0, 5, 10] {
        driven.open(&format!("{link}/{score}?lang=en")).await;
        driven.wait_until("document.querySelector('[name=pressed]').value == 'none driven'").await;
        street.pass(5 * SECOND).await;
    }
    street.touches(25).await;
    row("runs scripts, never presses", street.stored("s2", None).await);

    let link = street.link("s3").await;
    hidden.open(&format!("{link}/10?lang=en")).await;
    street.pass(SECOND / 3).await;
    press(&hidden, "form button").await;
    row("presses the button at once, and hides what it is", street.stored("s3", Some(10)).await);

    let link = street.link("s4").await;
    street.sweep(&link).await;
    driven.open(&format!("{link}/9?lang=en")).await;
    street.pass(600 * SECOND).await;
    press(&driven, "form button").await;
    row("presses the button after ten minutes", street.stored("s4", Some(9)).await);

    let link = street.link("s5").await;
    let rewritten = format!("{link}/8/?lang=en&utm_source=gate&url=https%3A%2F%2Fgate.example%2F&check=1");
    street.ask(Method::HEAD, &rewritten).await;
    let page = street.ask(Method::GET, &rewritten).await;
    street.pass(2 * SECOND).await;
    street.send_form(&link, &page, "8").await;
    row("rewrites the URL, and sends the form without a script", street.stored("s5", Some(8)).await);
    rows
}

async fn people(street: &Street) -> Vec<Row> {
    let browser = Browser::start_with(&LIKE_A_PERSONS).await;
    let mut rows = Vec::new();
    let mut row = |who, stored| rows.push(Row { who, person: true, stored });

    let link = street.link("p1").await;
    browser.open(&format!("{link}/9?lang=en")).await;
    street.pass(4 * SECOND).await;
    press(&browser, "[value='9']").await;
    saved(&browser).await;
    browser.open("about:blank").await;
    row("one press, and close", street.stored("p1", Some(9)).await);

    let link = street.link("p2").await;
    browser.open(&format!("{link}/3?lang=en")).await;
    street.pass(3 * SECOND).await;
    press(&browser, "[value='3']").await;
    saved(&browser).await;
    street.pass(5 * SECOND).await;
    press(&browser, "[value='8']").await;
    row("a change of mind on the page", street.stored("p2", Some(8)).await);

    let link = street.link("p3").await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    browser.open(&format!("{link}/7?lang=en")).await;
    street.pass(6 * SECOND).await;
    browser.turn(async || press(&browser, "form button").await).await;
    row("no script", street.stored("p3", Some(7)).await);
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": false})).await;

    let link = street.link("p4").await;
    browser.open(&format!("{link}/6?lang=en")).await;
    street.pass(4 * SECOND).await;
    browser.turn(async || press(&browser, "form button").await).await;
    street.stored("p4", Some(6)).await;
    browser.turn(async || browser.back().await.unwrap()).await;
    browser.turn(async || browser.refresh().await.unwrap()).await;
    browser.turn(async || press(&browser, "a.button:not(.go)").await).await;
    street.pass(4 * SECOND).await;
    press(&browser, "[value='10']").await;
    row("back button, reload, another score", street.stored("p4", Some(10)).await);

    let link = street.link("p5").await;
    browser.open(&format!("{link}/5?lang=en")).await;
    street.pass(20 * SECOND).await;
    let keys = async |keys: &str| browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    keys(&Key::Tab).await;
    keys(&Key::Tab).await;
    keys(&Key::Right).await;
    assert_eq!(browser.run(&format!("return {SAID}")).await, "", "arrows send nothing");
    keys(" ").await;
    saved(&browser).await;
    let focus = browser.run("return [document.activeElement.value, document.activeElement.checked]").await;
    assert_eq!(focus, json!(["6", true]), "sending moves no focus");
    row("a screen reader's user, by keyboard", street.stored("p5", Some(6)).await);
    rows
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "who was counted how is what the test is about")]
async fn no_scanner_counts_and_every_person_does() {
    let street = Street::open().await;
    let mut rows = scanners(&street).await;
    rows.extend(people(&street).await);
    println!("{:<52} {:>5}  {:<14} reasons", "who", "score", "verdict");
    rows.iter().for_each(|row| println!("{}", row.told()));
    let wrong: Vec<_> = rows.iter().filter(|row| row.counts() != row.person).map(|row| row.who).collect();
    assert!(wrong.is_empty(), "counted wrongly: {wrong:?}");

    let summarize = async || {
        let summary = street.store.clone().summarize(SummarizeRequest::default()).await.unwrap().into_inner();
        summary.rows.into_iter().map(|row| (row.question, row.n, row.provisional)).collect::<Vec<_>>()
    };
    assert_eq!(summarize().await, [("recommend".to_owned(), 5, 3)]);

    // The person whose link a scanner has used is asked anew, says the very same, and counts.
    let browser = Browser::start_with(&LIKE_A_PERSONS).await;
    let link = street.link("s3").await;
    browser.open(&format!("{link}/10?lang=en")).await;
    street.pass(4 * SECOND).await;
    press(&browser, "[value='10']").await;
    saved(&browser).await;
    let mut feed = street.store.clone().watch(WatchRequest::default()).await.unwrap().into_inner();
    while summarize().await != [("recommend".to_owned(), 6, 2)] {
        feed.message().await.unwrap().unwrap();
    }
    street.drain.run().await;
}
