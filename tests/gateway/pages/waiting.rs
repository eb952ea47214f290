//! A person over a limit: the page keeps the answer and tries again by itself.

use serde_json::json;

use super::scenes::{Stage, exhaust, turn};
use crate::{
    browser::Browser,
    support::{Gateway, Plan, score_on, text_on, wait_for},
};

/// Takes an answer each two seconds from one address.
async fn slow() -> Gateway {
    Plan::new().set("limits.per_address", 30).start().await
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
    let (gateway, browser) = (slow().await, Browser::start().await);
    fill(&browser, &gateway).await;
    exhaust(&gateway).await;
    turn(&browser, async || drop(browser.run("document.forms[0].requestSubmit()").await)).await;
    let stored = gateway.store().scored("kept-1", "recommend", 2).await;
    assert_eq!(text_on(&stored, "reason"), Some("Far too slow, \"again\"."));
    wait_for("the thank-you", async || (browser.title().await.ok()? == "Thank you!").then_some(())).await;
    assert!(gateway.settled_ledger().await["limited"].as_u64().unwrap() >= 1);
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
    let (gateway, browser) = (slow().await, Browser::start().await);
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    fill(&browser, &gateway).await;
    exhaust(&gateway).await;
    for _ in 0..100 {
        let button = browser.find(fantoccini::Locator::Css("form button")).await.unwrap();
        turn(&browser, async || button.click().await.unwrap()).await;
        let title = browser.title().await.unwrap();
        if title == "Thank you!" {
            break;
        }
        assert_eq!(title, "One moment, please");
    }
    let stored = gateway.store().scored("kept-1", "recommend", 2).await;
    assert_eq!(score_on(&stored, "recommend"), Some(2));
    assert_eq!(text_on(&stored, "reason"), Some("Far too slow, \"again\"."));
}
