//! When the panel opens by itself: as the page has loaded, as a chat in it ends, as somebody leaves.

use serde_json::{Value, json};

use super::{
    Browser,
    rig::{HOSTILE, PLAIN, Rig},
};

/// What stands in for a chat's own script, and how its chat ends. Only what the vendor documents is played.
struct Chat {
    name: &'static str,
    /// Run in the page before the widget loads.
    before: &'static str,
    /// Run after it has loaded.
    after: &'static str,
    /// True when the widget listens.
    listens: &'static str,
    /// What is no end of a chat.
    goes_on: &'static str,
    ends: &'static str,
    interaction: Option<&'static str>,
}

/// Intercom: https://developers.intercom.com/installing-intercom/web/methods (`onHide`), loaded late, over its queue.
/// Zendesk: https://developer.zendesk.com/api-reference/widget-messaging/web/events/ (`close`), and `chat:end` of its
/// classic widget. Chatwoot: the events that its SDK dispatches on the window.
const CHATS: [Chat; 4] = [
    Chat {
        name: "Intercom",
        before: "",
        after: "window.told = {}; window.Intercom = (name, then) => told[name] = then",
        listens: "told.onHide",
        goes_on: "told.onShow?.()",
        ends: "told.onHide()",
        interaction: None,
    },
    Chat {
        name: "Zendesk's messenger",
        before: "window.told = {}; window.zE = (kind, name, then) => told[kind + name] = then",
        after: "zE.widget = 'messenger'",
        listens: "told['messenger:onclose']",
        goes_on: "told['messenger:onopen']?.()",
        ends: "told['messenger:onclose']({ type: 'messagingClosed' })",
        interaction: None,
    },
    Chat {
        name: "Zendesk's classic widget",
        before: "window.told = {}; window.zE = (kind, name, then) => told[kind + name] = then; zE.widget = 'classic'",
        after: "",
        listens: "told['webWidget:onchat:end']",
        goes_on: "told['webWidget:onclose']?.()",
        ends: "told['webWidget:onchat:end']()",
        interaction: None,
    },
    Chat {
        name: "Chatwoot",
        before: "",
        after: "",
        listens: "!voxgate.q",
        goes_on: "dispatchEvent(new CustomEvent('chatwoot:closed'));
            dispatchEvent(new CustomEvent('chatwoot:opened'));
            dispatchEvent(new CustomEvent('chatwoot:on-message', { detail: { conversation_id: 42, content: 'Hi' } }))",
        ends: "dispatchEvent(new CustomEvent('chatwoot:closed'))",
        interaction: Some("42"),
    },
];

async fn load(rig: &Rig, browser: &Browser, kind: &str, moments: &str, before: &str) {
    browser.open(&rig.page(kind, "data-late")).await;
    browser.run(before).await;
    browser.run(&format!("load({{ open: '{moments}' }})")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
}

#[tokio::test]
async fn the_end_of_a_chat_opens_the_panel_once_a_page() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    for chat in &CHATS {
        load(&rig, &browser, HOSTILE, "chat", chat.before).await;
        browser.run(chat.after).await;
        browser.wait_until(chat.listens).await;
        browser.run(chat.goes_on).await;
        assert_eq!(browser.run("return seen.length").await, json!(0), "{}", chat.name);
        browser.run(chat.ends).await;
        browser.wait_until("seen.length == 1").await;
        let interaction = browser.run("return seen[0].detail.interaction").await;
        assert_eq!(interaction, chat.interaction.map_or(Value::Null, Value::from), "{}", chat.name);
        browser.run("voxgate.close()").await;
        browser.run(chat.ends).await;
        let shown = "return seen.map((event) => event.type)";
        assert_eq!(browser.run(shown).await, json!(["voxgate:shown", "voxgate:closed"]), "{}", chat.name);
        assert_eq!(browser.run("return [violations, errors]").await, json!([[], []]), "{}", chat.name);
    }
}

#[tokio::test]
async fn a_chat_that_throws_at_who_listens_does_not_harm_the_page() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    let throws =
        "window.zE = () => { window.asked = 1; throw new Error('no such command') }; zE.widget = 'messenger'";
    load(&rig, &browser, PLAIN, "chat", throws).await;
    browser.wait_until("window.asked").await;
    browser.run("voxgate.open()").await;
    browser.wait_until("seen.length").await;
    assert_eq!(browser.run("return errors").await, json!([]));
}

async fn point_at(browser: &Browser, x: i32, y: i32) {
    let event = json!({ "type": "mouseMoved", "x": x, "y": y });
    browser.devtools("Input.dispatchMouseEvent", event).await;
}

#[tokio::test]
async fn a_pointer_that_leaves_by_the_top_of_the_window_opens_the_panel_once() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    load(&rig, &browser, HOSTILE, "exit", "").await;
    let count = "window.left = 0; document.documentElement.addEventListener('mouseleave', () => left++)";
    browser.run(count).await;
    point_at(&browser, 200, 200).await;
    point_at(&browser, -20, 200).await;
    browser.wait_until("window.left == 1").await;
    assert_eq!(browser.run("return seen.length").await, json!(0), "a side is no exit");
    point_at(&browser, 200, 200).await;
    point_at(&browser, 200, -20).await;
    browser.wait_until("seen.length == 1").await;
    browser.run("voxgate.close()").await;
    point_at(&browser, 200, 200).await;
    point_at(&browser, 200, -20).await;
    browser.wait_until("window.left == 3").await;
    assert_eq!(browser.run("return seen.length").await, json!(2), "shown and closed");
    assert_eq!(browser.run("return [violations, errors]").await, json!([[], []]));
}

#[tokio::test]
async fn on_a_phone_the_panel_is_there_when_the_page_is_seen_again() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
    browser
        .devtools(
            "Emulation.setEmitTouchEventsForMouse",
            json!({ "enabled": true, "configuration": "mobile" }),
        )
        .await;
    load(&rig, &browser, PLAIN, "exit", "").await;
    browser.wait_until("matchMedia('(hover: none)').matches").await;
    let hide = "Object.defineProperty(document, 'hidden', { value: true, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))";
    browser.run(hide).await;
    browser.wait_until("seen.length == 1").await;
}

#[tokio::test]
async fn without_a_moment_only_the_page_opens_the_panel_and_load_opens_it_at_once() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    let quiet = "dispatchEvent(new CustomEvent('chatwoot:on-message', { detail: { conversation_id: 1 } }));
        dispatchEvent(new CustomEvent('chatwoot:closed'))";
    browser.open(&rig.page(PLAIN, "")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    browser.run(quiet).await;
    point_at(&browser, 200, 200).await;
    point_at(&browser, 200, -20).await;
    browser.run("voxgate.open()").await;
    browser.wait_until("seen.length").await;
    assert_eq!(browser.run("return seen.length").await, json!(1));
    for attribute in ["data-open", "data-open=load", "data-open=\"load exit\""] {
        browser.open(&rig.page(PLAIN, attribute)).await;
        browser.wait_until("seen.length == 1").await;
    }
}
