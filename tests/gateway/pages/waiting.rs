//! A person over a limit: the page keeps the answer and tries again by itself.

use serde_json::json;

use super::scenes::{Stage, exhaust};
use crate::{
    browser::Browser,
    support::{Gateway, Plan, score_on, text_on, wait_for},
};

/// Takes so many answers a minute from one address.
async fn slow(per_minute: i64) -> Gateway {
    Plan::new().set("limits.per_address", per_minute).start().await
}

async fn fill(browser: &Browser, gateway: &Gateway) {
    browser
        .open(&format!("http://{}/f/acme/support-nps?lang=en&interaction=kept-1", gateway.http_addr()))
        .await;
    let script = "document.querySelector('[name=recommend][value=\"2\"]').click();
        document.querySelector('textarea').value = 'Far too slow, \"again\".'";
    browser.run(script).await;
}

#[tokio::test]
async fn an_over_limit_person_waits_and_the_page_sends_the_answer_by_itself() {
    let (gateway, browser) = (slow(6).await, Browser::start().await);
    fill(&browser, &gateway).await;
    exhaust(&gateway).await;
    browser.turn(async || drop(browser.run("document.forms[0].requestSubmit()").await)).await;
    assert_eq!(browser.title().await.unwrap(), "One moment, please");
    browser.wait_until("document.title == 'Thank you!'").await;
    let stored = gateway.store().scored("kept-1", "recommend", 2).await;
    assert_eq!(text_on(&stored, "reason"), Some("Far too slow, \"again\"."));
    // The loop's own, and the person's.
    assert!(gateway.settled_ledger().await["limited"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn the_waiting_page_holds_the_answer_and_says_when_it_is_sent_again() {
    let stage = Stage::set().await;
    let waiting = super::scenes::SCENES.iter().find(|scene| scene.name == "wait").unwrap();
    stage.play(waiting, "de").await;
    let page = stage.browser.wait_until("document.querySelector('[role=timer]').textContent").await;
    assert!(page.as_str().unwrap().starts_with("Wird in "), "{page}");
    let kept = "return ['recommend', 'reason', 'lang'].map((name) => document.forms[0].elements[name].value)";
    assert_eq!(stage.browser.run(kept).await, json!(["2", "Far too slow.", "de"]));
    let status =
        stage.browser.run("return performance.getEntriesByType('navigation')[0].responseStatus").await;
    assert_eq!(status, json!(429));
}

#[tokio::test]
async fn without_a_script_the_waiting_page_has_a_button_that_sends_again() {
    let (gateway, browser) = (slow(30).await, Browser::start().await);
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    fill(&browser, &gateway).await;
    exhaust(&gateway).await;
    wait_for("the thank-you, by the button alone", async || {
        let button = browser.find(fantoccini::Locator::Css("form button")).await.unwrap();
        browser.turn(async || button.click().await.unwrap()).await;
        let title = browser.title().await.unwrap();
        assert!(["One moment, please", "Thank you!"].contains(&title.as_str()), "{title}");
        (title == "Thank you!").then_some(())
    })
    .await;
    let stored = gateway.store().scored("kept-1", "recommend", 2).await;
    assert_eq!(score_on(&stored, "recommend"), Some(2));
    assert_eq!(text_on(&stored, "reason"), Some("Far too slow, \"again\"."));
}
