//! People with a browser: they open the link, fill the form, close the chat.

use fantoccini::{elements::Element, wd::Locator};
use serde_json::json;
use voxgate::proto::store::v1::{Channel, Identity};

use crate::browser::Browser;
use crate::support::{Gateway, HostPage, Plan, free_port, plain_link, score_on, text_on};

/// A gateway whose public address is where it listens, as browsers need it.
async fn public_gateway() -> Gateway {
    let addr = format!("127.0.0.1:{}", free_port());
    Plan::new().set("public_base_url", format!("http://{addr}")).arg("--http").arg(addr).start().await
}

async fn choose(browser: &Browser, question: &str, value: &str) {
    // The radio itself may be drawn over; people press its label.
    let label = format!("label:has(input[name='{question}'][value='{value}'])");
    browser.find(Locator::Css(&label)).await.unwrap().click().await.unwrap();
}

async fn send(browser: &Browser) {
    let button = browser.find(Locator::Css("form button:not([type=button])")).await.unwrap();
    browser.turn(async || button.click().await.unwrap()).await;
}

#[tokio::test]
async fn a_person_opens_the_link_of_a_mail_with_javascript_off_and_says_why() {
    let gateway = public_gateway().await;
    let link = plain_link(&gateway, "ticket-1").await;
    let browser = Browser::start().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    browser.open(&format!("http://{}{}/9", gateway.http_addr(), link.path)).await;
    assert!(gateway.store().all().await.is_empty(), "opening a link is not answering");
    choose(&browser, "recommend", "3").await;
    let reason = browser.find(Locator::Css("textarea[name=reason]")).await.unwrap();
    assert!(reason.is_displayed().await.unwrap(), "the reason is asked on the same page");
    reason.send_keys("Nobody called back.").await.unwrap();
    send(&browser).await;
    let stored = gateway.store().scored("ticket-1", "recommend", 3).await;
    assert_eq!(text_on(&stored, "reason"), Some("Nobody called back."));
    assert_eq!((stored.identity(), stored.channel()), (Identity::Signed, Channel::Email));
}

#[tokio::test]
async fn a_person_fills_the_form_of_a_site() {
    let gateway = public_gateway().await;
    let browser = Browser::start().await;
    browser.open(&format!("http://{}/f/acme/technician-visit?lang=de", gateway.http_addr())).await;
    let stars = [("knowledge", "5"), ("expertise", "4"), ("punctuality", "1"), ("friendliness", "5")];
    for (question, value) in stars {
        choose(&browser, question, value).await;
    }
    let comment = browser.find(Locator::Css("textarea[name=comment]")).await.unwrap();
    comment.send_keys("Sehr nett, aber zu spät.").await.unwrap();
    send(&browser).await;
    let stored = gateway.store().count(1).await.remove(0);
    assert_eq!(stars.map(|(question, _)| score_on(&stored, question)), [Some(5), Some(4), Some(1), Some(5)]);
    assert_eq!(text_on(&stored, "comment"), Some("Sehr nett, aber zu spät."));
    assert_eq!((stored.channel(), stored.locale.as_str()), (Channel::Form, "de"));
}

async fn in_panel(browser: &Browser, selector: &str) -> Element {
    let host = browser.find(Locator::Css("voxgate-panel")).await.unwrap();
    let root = host.shadow_root().await.expect("contract 6: a shadow root");
    root.find(Locator::Css(selector)).await.unwrap_or_else(|error| panic!("{selector}: {error}"))
}

#[tokio::test]
async fn a_person_who_closes_the_chat_answers_in_the_widget() {
    let gateway = public_gateway().await;
    let link = plain_link(&gateway, "chat-1").await;
    let host = HostPage::of(format!(
        "<!doctype html><title>A shop</title>\
         <script async src='http://{}/widget.js' data-brand=acme data-survey=support-nps data-locale=fr></script>",
        gateway.http_addr()
    ))
    .await;
    let browser = Browser::start().await;
    browser.open(&host.url).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    let options = json!({"token": link.token});
    browser.run(&format!("voxgate.open({options}).then((outcome) => window.outcome = outcome)")).await;
    browser
        .wait_until(
            "document.querySelector('voxgate-panel').shadowRoot.querySelector('button[value=\"3\"]')
                && document.querySelector('voxgate-panel').shadowRoot.getAnimations().length == 0",
        )
        .await;
    in_panel(&browser, "button[value='3']").await.click().await.unwrap();
    let store = gateway.store();
    let stored = store.scored("chat-1", "recommend", 3).await;
    assert_eq!((stored.identity(), stored.channel()), (Identity::Signed, Channel::Chat));
    assert_eq!(stored.locale, "fr");
    in_panel(&browser, "textarea").await.send_keys("Trop lent.").await.unwrap();
    in_panel(&browser, ".send").await.click().await.unwrap();
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!(outcome["identity"], "signed", "a promise of the outcome: {outcome}");
    let stored = store.one("chat-1", |stored| stored.answers.len() == 2).await;
    assert_eq!(text_on(&stored, "reason"), Some("Trop lent."));
    browser.run("voxgate.close()").await;
    assert_eq!(browser.run("return document.cookie").await, json!(""), "contract 6: no cookies");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["revised"]), (&json!(1), &json!(1)), "{ledger}");
}
