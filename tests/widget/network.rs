//! Networks that fail, tabs that close, and the queue that survives both.

use fantoccini::wd::WindowHandle;
use serde_json::{Value, json};

use super::{
    Browser, open, open_page_without_retries, press,
    rig::{Mode, PLAIN, Rig},
    status,
};

async fn close_tab(browser: &Browser) {
    let next: WindowHandle = browser.new_window(true).await.unwrap().handle;
    browser.close_window().await.unwrap();
    browser.switch_to_window(next).await.unwrap();
}

async fn offline(browser: &Browser, offline: bool) {
    browser.devtools("Network.enable", json!({})).await;
    let conditions =
        json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    browser.devtools("Network.emulateNetworkConditions", conditions).await;
}

#[tokio::test]
async fn an_answer_given_offline_goes_as_soon_as_the_browser_is_online() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    open_page_without_retries(&rig, &browser, &json!({})).await;
    open(&browser, &json!({ "interaction": "chat-10" })).await;
    offline(&browser, true).await;
    browser.wait_until("!navigator.onLine").await;
    press(&browser, "button[value='10']").await;
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    assert_eq!(browser.run("return Object.keys(localStorage)").await, json!(["voxgate"]));
    assert!(rig.all().is_empty());
    offline(&browser, false).await;
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!(outcome["outcome"], "accepted");
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["answers"], json!({ "recommend": 10 }));
    browser.wait_until("localStorage.length == 0").await;
}

#[tokio::test]
async fn an_answer_in_flight_outlives_its_tab() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "data-storage=none")).await;
    open(&browser, &json!({ "interaction": "chat-11" })).await;
    rig.mode(Mode::Hold);
    press(&browser, "button[value='2']").await;
    rig.tries(1).await;
    close_tab(&browser).await;
    rig.mode(Mode::Take);
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["answers"], json!({ "recommend": 2 }));
    assert_eq!(beacon.fetch_mode, "cors");
}

#[tokio::test]
async fn an_answer_between_two_tries_goes_as_a_beacon_when_its_tab_closes() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    open_page_without_retries(&rig, &browser, &json!({ "storage": "none" })).await;
    open(&browser, &json!({ "interaction": "chat-12" })).await;
    rig.mode(Mode::Drop);
    press(&browser, "button[value='2']").await;
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    rig.mode(Mode::Take);
    close_tab(&browser).await;
    let beacons = rig.at_least(1).await;
    assert_eq!(beacons[0].body["answers"], json!({ "recommend": 2 }));
    assert_eq!(beacons[0].content_type.as_deref(), Some("text/plain;charset=UTF-8"));
    assert_eq!(beacons[0].fetch_mode, "no-cors");
}

#[tokio::test]
async fn a_score_counts_when_the_tab_closes_over_the_question_why() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "data-interaction=chat-13")).await;
    open(&browser, &json!({})).await;
    press(&browser, "button[value='1']").await;
    super::find(&browser, "textarea").await.send_keys("I was about to s").await.unwrap();
    close_tab(&browser).await;
    // What was not sent is nobody's answer, neither now nor with the next page.
    browser.open(&rig.page(PLAIN, "")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    let beacons = rig.at_least(1).await;
    assert!(beacons.iter().all(|beacon| beacon.body["answers"] == json!({ "recommend": 1 })), "{beacons:?}");
    browser.wait_until("localStorage.length == 0").await;
}

#[tokio::test]
async fn a_browser_keeps_32_answers_of_a_week_and_drops_the_oldest() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    rig.mode(Mode::Drop);
    browser.open(&rig.page(PLAIN, "data-late")).await;
    let fill = "const kept = {}, day = 864e5;
        for (let n = 0; n < 40; n++)
            kept['old-' + n] = { id: 'old-' + n, at: Date.now() - (n < 20 ? 1 : 8) * day, body: { brand: 'acme' } };
        localStorage.voxgate = JSON.stringify(kept)";
    browser.run(fill).await;
    browser.run("load()").await;
    open(&browser, &json!({ "interaction": "chat-14" })).await;
    let count = "Object.keys(JSON.parse(localStorage.voxgate)).length";
    press(&browser, "button[value='3']").await;
    browser.wait_until(&format!("{count} == 21")).await;
    for score in [4, 5].into_iter().cycle().take(20) {
        press(&browser, &format!("button[value='{score}']")).await;
    }
    let kept: Value = browser.run("return JSON.parse(localStorage.voxgate)").await;
    let kept = kept.as_object().unwrap();
    assert_eq!(kept.len(), 32);
    assert_eq!(kept.values().filter(|answer| answer["body"]["interaction"] == "chat-14").count(), 21);
}
