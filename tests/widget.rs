//! The chat widget in a real browser, on pages that are hostile to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's helpers fail loudly, as tests do"
)]

#[path = "support/browser.rs"]
#[allow(dead_code, reason = "shared with the tests of the pages, which use the rest")]
mod browser;
#[path = "widget/built.rs"]
mod built;
#[path = "widget/guest.rs"]
mod guest;
#[path = "widget/looks.rs"]
mod looks;
#[path = "widget/moments.rs"]
mod moments;
#[path = "widget/network.rs"]
mod network;
#[path = "widget/rig.rs"]
mod rig;

use fantoccini::{elements::Element, key::Key, wd::Locator};
use serde_json::{Value, json};

use self::{
    browser::Browser,
    rig::{HOSTILE, Mode, PLAIN, Rig},
};

/// Calls `voxgate.open` and keeps what its promise gives in `window.outcome`.
async fn open(browser: &Browser, options: &Value) {
    browser.wait_until("window.voxgate && !voxgate.q").await;
    browser.run(&format!("voxgate.open({options}).then((outcome) => window.outcome = outcome)")).await;
    browser.wait_until("seen.some((event) => event.type == 'voxgate:shown')").await;
    // What still moves is missed by a press.
    browser
        .wait_until("document.querySelector('voxgate-panel').shadowRoot.getAnimations().length == 0")
        .await;
}

/// Opens the plain page with a widget that tries nothing again by itself: only what the test does makes it send.
async fn open_page_without_retries(rig: &Rig, browser: &Browser, attributes: &Value) {
    browser.open(&rig.page(PLAIN, "data-late")).await;
    browser.run("window.kept = setTimeout; window.setTimeout = () => 0").await;
    browser.run(&format!("load({attributes})")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    browser.run("window.setTimeout = kept").await;
}

async fn find(browser: &Browser, selector: &str) -> Element {
    let host = browser.find(Locator::Css("voxgate-panel")).await.unwrap();
    let root = host.shadow_root().await.expect("the panel has a shadow root");
    root.find(Locator::Css(selector)).await.unwrap_or_else(|error| panic!("{selector}: {error}"))
}

async fn press(browser: &Browser, selector: &str) {
    find(browser, selector).await.click().await.unwrap();
}

/// The expression of what the panel says of an answer.
const fn status() -> &'static str {
    "document.querySelector('voxgate-panel').shadowRoot.querySelector('[role=status]').textContent"
}

async fn stored(browser: &Browser) -> Value {
    browser.run("return [Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]").await
}

#[tokio::test]
async fn on_a_hostile_page_a_press_is_an_answer_and_nothing_is_stored_before_it() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(HOSTILE, "data-interaction=chat-1 data-locale=de")).await;
    let before = browser.run("return [document.documentElement.scrollHeight, window.innerHeight]").await;
    open(&browser, &json!({ "respondent": { "ref": "crm-1" }, "attributes": { "plan": "pro" } })).await;
    assert_eq!(stored(&browser).await, json!([[], [], ""]));
    assert_eq!(
        before,
        browser.run("return [document.documentElement.scrollHeight, window.innerHeight]").await
    );
    press(&browser, "button[value='9']").await;
    let outcome = browser.wait_until("window.outcome").await;
    let expected = json!({
        "outcome": "accepted", "id": "00000000-0000-8000-8000-000000000001", "identity": "stated",
        "survey": "support-nps", "interaction": "chat-1", "answers": { "recommend": 9 },
    });
    assert_eq!(outcome, expected);
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.content_type.as_deref(), Some("text/plain;charset=UTF-8"));
    assert!(beacon.body["key"].as_str().unwrap().len() > 20);
    assert!(beacon.body["age_ms"].as_u64().unwrap() < 10_000);
    let mut body = beacon.body.as_object().unwrap().clone();
    body.retain(|name, _| !matches!(name.as_str(), "key" | "age_ms"));
    let expected = json!({
        "survey": "support-nps", "brand": "acme", "locale": "de", "interaction": "chat-1",
        "respondent": { "ref": "crm-1" }, "attributes": { "plan": "pro" }, "answers": { "recommend": 9 },
    });
    assert_eq!(Value::Object(body), expected);
    let status = find(&browser, "[role=status]").await.text().await.unwrap();
    assert!(status.contains("Vielen Dank"), "{status}");
    press(&browser, "header button").await;
    let seen = browser.run("return seen.map((event) => [event.type, event.detail.outcome])").await;
    let expected = [("shown", "closed"), ("answered", "accepted"), ("closed", "accepted")];
    assert_eq!(seen, json!(expected.map(|(name, outcome)| json!([format!("voxgate:{name}"), outcome]))));
    assert_eq!(stored(&browser).await, json!([[], [], ""]));
    assert_eq!(browser.run("return [violations, errors]").await, json!([[], []]));
}

#[tokio::test]
async fn a_low_score_asks_why_and_the_reason_goes_under_the_same_key() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "")).await;
    open(
        &browser,
        &json!({ "interaction": "chat-2", "subject": { "kind": "agent", "ref": "a-7", "name": "Ada" } }),
    )
    .await;
    press(&browser, "button[value='3']").await;
    let reason = find(&browser, "textarea").await;
    assert!(reason.is_displayed().await.unwrap());
    let [score] = rig.beacons::<1>().await;
    assert_eq!(score.body["answers"], json!({ "recommend": 3 }));
    reason.send_keys("Took three days.").await.unwrap();
    press(&browser, ".send").await;
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!(outcome["outcome"], "accepted");
    assert_eq!(outcome["answers"], json!({ "recommend": 3, "reason": "Took three days." }));
    let [_, text] = rig.beacons::<2>().await;
    assert_eq!(text.body["answers"], json!({ "reason": "Took three days." }));
    assert_eq!(text.body["key"], score.body["key"]);
    // A change of mind is sent too, and takes the question back.
    press(&browser, "button[value='10']").await;
    let [.., changed] = rig.beacons::<3>().await;
    assert_eq!(changed.body["answers"], json!({ "recommend": 10 }));
    assert_eq!(changed.body["key"], score.body["key"]);
    assert!(!reason.is_displayed().await.unwrap());
}

#[tokio::test]
async fn an_answer_whose_reply_was_lost_is_sent_again_under_the_same_key() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "")).await;
    open(&browser, &json!({ "interaction": "chat-3" })).await;
    rig.mode(Mode::LoseReply);
    press(&browser, "button[value='9']").await;
    rig.at_least(1).await;
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    assert_eq!(browser.run("return Object.keys(localStorage)").await, json!(["voxgate"]));
    rig.mode(Mode::Take);
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!(outcome["outcome"], "duplicate");
    let beacons = rig.all();
    assert!(beacons.iter().all(|beacon| beacon.body["key"] == beacons[0].body["key"]));
    assert_eq!(stored(&browser).await, json!([[], [], ""]));
}

#[tokio::test]
async fn an_answer_of_a_tab_that_was_closed_offline_arrives_with_the_next_page() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    open_page_without_retries(&rig, &browser, &json!({})).await;
    open(&browser, &json!({ "interaction": "chat-4" })).await;
    rig.mode(Mode::Drop);
    press(&browser, "button[value='4']").await;
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    let tab = browser.new_window(true).await.unwrap();
    browser.close_window().await.unwrap();
    browser.switch_to_window(tab.handle).await.unwrap();
    assert!(rig.all().is_empty());
    // What the tab sent as it closed may still be on its way.
    rig.mode(Mode::DropBeacons);
    browser.open(&rig.page(PLAIN, "")).await;
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["answers"], json!({ "recommend": 4 }));
    assert_eq!(beacon.body["interaction"], "chat-4");
    assert!(beacon.body["age_ms"].as_u64().unwrap() > 0);
    browser.wait_until("localStorage.length == 0").await;
}

#[tokio::test]
async fn without_storage_nothing_is_stored_even_when_the_network_is_dead() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "data-storage=none")).await;
    open(&browser, &json!({})).await;
    rig.mode(Mode::Drop);
    press(&browser, "button[value='9']").await;
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    assert_eq!(stored(&browser).await, json!([[], [], ""]));
    browser.run("voxgate.close()").await;
    assert_eq!(browser.wait_until("window.outcome").await["outcome"], "pending");
    rig.mode(Mode::Take);
    rig.beacons::<1>().await;
}

#[tokio::test]
async fn the_keyboard_alone_is_enough_and_the_focus_goes_back() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "data-interaction=chat-5")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    browser.find(Locator::Id("chat")).await.unwrap().send_keys(&Key::Enter.to_string()).await.unwrap();
    browser.wait_until("seen.length").await;
    let focused = "document.activeElement.shadowRoot.activeElement";
    assert_eq!(browser.run(&format!("return {focused}.getAttribute('role')")).await, "dialog");
    let keys = [Key::Tab, Key::Tab, Key::Tab].map(|key| key.to_string()).concat();
    browser.active_element().await.unwrap().send_keys(&keys).await.unwrap();
    assert_eq!(browser.run(&format!("return {focused}.value")).await, "1");
    browser.active_element().await.unwrap().send_keys(" ").await.unwrap();
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["answers"], json!({ "recommend": 1 }));
    assert_eq!(browser.run(&format!("return {focused}.ariaPressed")).await, "true");
    browser.active_element().await.unwrap().send_keys(&Key::Escape.to_string()).await.unwrap();
    browser.wait_until("seen.at(-1).type == 'voxgate:closed'").await;
    assert_eq!(browser.run("return document.activeElement.id").await, "chat");
    assert!(browser.find(Locator::Css("voxgate-panel")).await.is_err());
}

#[tokio::test]
async fn calls_made_before_the_script_has_loaded_are_kept_and_an_overridden_page_is_survived() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "data-late")).await;
    browser.run("voxgate.open({ interaction: 'early' }).then((outcome) => window.outcome = outcome)").await;
    browser.run("load()").await;
    browser.wait_until("seen.length").await;
    browser.run(PRESS_IN_AN_OVERRIDDEN_PAGE).await;
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["interaction"], "early");
    assert_eq!(browser.wait_until("window.outcome").await["outcome"], "accepted");
    assert_eq!(browser.run("return errors").await, json!([]));
}

/// Overrides what the language offers while the button is pressed, and puts it back: the driver's own scripts run in
/// the page too.
const PRESS_IN_AN_OVERRIDDEN_PAGE: &str = "const kept = [];
    const button = document.querySelector('voxgate-panel').shadowRoot.querySelector('button[value=\"9\"]');
    const override = (object, name) => {
        kept[kept.length] = [object, name, object[name]];
        object[name] = () => { throw new Error('overridden'); };
    };
    for (const name of ['fetch', 'setTimeout', 'JSON', 'Date', 'Object']) override(window, name);
    for (const name of ['map', 'filter', 'forEach', 'includes', 'find', 'join', 'slice', 'reduce'])
        override(Array.prototype, name);
    Array.prototype.extra = 1;
    button.click();
    delete Array.prototype.extra;
    for (const [object, name, value] of kept) object[name] = value;";

#[tokio::test]
async fn every_kind_of_question_is_asked_and_sent_as_its_own_value() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(HOSTILE, "")).await;
    let kinds = [
        ("ces", json!(7)),
        ("csat", json!(5)),
        ("stars", json!(4)),
        ("smiley", json!(3)),
        ("thumbs", json!(0)),
        ("choice", json!("price")),
    ];
    open(&browser, &json!({ "survey": "all-kinds", "interaction": "chat-6" })).await;
    for (kind, value) in &kinds {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        press(&browser, &format!(".{kind} button[value='{value}']")).await;
    }
    find(&browser, "textarea").await.send_keys("all of it").await.unwrap();
    press(&browser, ".send").await;
    let outcome = browser.wait_until("window.outcome").await;
    let mut expected: serde_json::Map<_, _> =
        kinds.map(|(kind, value)| (kind.to_owned(), value)).into_iter().collect();
    expected.insert("text".to_owned(), json!("all of it"));
    assert_eq!(outcome["answers"], Value::Object(expected));
    // They go side by side and arrive in any order.
    let mut single = serde_json::Map::new();
    for beacon in rig.beacons::<7>().await {
        let answers = beacon.body["answers"].as_object().unwrap();
        assert_eq!(answers.len(), 1, "each by itself: {answers:?}");
        single.extend(answers.clone());
    }
    assert_eq!(Value::Object(single), outcome["answers"]);
}

#[tokio::test]
async fn what_cannot_be_shown_or_taken_is_an_outcome_and_never_an_error_of_the_page() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(HOSTILE, "")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    browser
        .run("voxgate.open({ survey: 'mail-only' }).then((outcome) => window.closed_survey = outcome)")
        .await;
    let outcome = browser.wait_until("window.closed_survey").await;
    assert_eq!(outcome, json!({ "outcome": "failed", "code": "channel_closed" }));
    browser.run("voxgate.open({ brand: 'strict' }).then((outcome) => window.foreign_page = outcome)").await;
    let outcome = browser.wait_until("window.foreign_page").await;
    assert_eq!(outcome, json!({ "outcome": "failed", "code": "network" }));
    open(&browser, &json!({})).await;
    rig.mode(Mode::Refuse);
    press(&browser, "button[value='9']").await;
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!([&outcome["outcome"], &outcome["code"]], ["rejected", "survey_closed"]);
    assert_eq!(stored(&browser).await, json!([[], [], ""]));
    assert_eq!(browser.run("return errors").await, json!([]));
}
