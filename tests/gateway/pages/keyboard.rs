//! People without a mouse, with a screen reader or not: everything is reached, seen and done by keyboard.

use fantoccini::key::Key;
use serde_json::json;
use voxgate::proto::store::v1::Channel;

use super::scenes::Stage;
use crate::support::{plain_link, score_on, text_on};

/// Presses keys on whatever has the focus.
async fn press(stage: &Stage, keys: &str) {
    stage.browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// What has the focus, after a check that people can see where it is.
async fn focused(stage: &Stage) -> String {
    let focus = stage.browser.run(FOCUS).await;
    assert!(focus["outline"].as_f64().unwrap() >= 2.0, "nobody sees the focus: {focus}");
    focus["name"].as_str().unwrap().to_owned()
}

/// A radio is drawn by the box beside it.
const FOCUS: &str = "const on = document.activeElement;
    const style = getComputedStyle(on.type == 'radio' ? on.nextElementSibling : on);
    return { name: on.id || on.className || on.tagName.toLowerCase(),
             outline: style.outlineStyle == 'none' ? 0 : parseFloat(style.outlineWidth) };";

#[tokio::test]
async fn a_person_with_a_keyboard_answers_says_why_and_changes_their_mind() {
    let stage = Stage::set().await;
    let link = plain_link(&stage.open, "keys-1").await;
    stage.browser.open(&format!("http://{}{}/6?lang=en", stage.open.http_addr(), link.path)).await;
    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "summary", "the languages come first");
    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "q0-6", "one stop for the scale: the score of the link");
    press(&stage, &Key::Left).await;
    assert_eq!(focused(&stage).await, "q0-5");
    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "q1", "the reason is asked after a low score");
    press(&stage, "Nobody called back.").await;
    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "button");
    assert!(stage.open.store().all().await.is_empty(), "arrows and Tab send nothing");
    stage.browser.turn(async || press(&stage, &Key::Enter).await).await;
    let stored = stage.open.store().scored("keys-1", "recommend", 5).await;
    assert_eq!(text_on(&stored, "reason"), Some("Nobody called back."));
    assert_eq!(stored.channel(), Channel::Email);

    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "button go", "the call-back for detractors");
    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "button", "the way to change it");
    stage.browser.turn(async || press(&stage, &Key::Enter).await).await;
    press(&stage, &Key::Tab).await;
    press(&stage, &Key::Tab).await;
    assert_eq!(focused(&stage).await, "q0-5", "what was answered is still there");
    for _ in 0..4 {
        press(&stage, &Key::Right).await;
    }
    assert_eq!(focused(&stage).await, "q0-9");
    stage.browser.turn(async || press(&stage, &Key::Enter).await).await;
    let stored = stage.open.store().scored("keys-1", "recommend", 9).await;
    assert_eq!(score_on(&stored, "recommend"), Some(9));
}

#[tokio::test]
async fn the_language_is_switched_by_keyboard_and_the_link_stays_the_same() {
    let stage = Stage::set().await;
    let link = plain_link(&stage.open, "keys-2").await;
    let url = format!("http://{}{}/7", stage.open.http_addr(), link.path);
    stage.browser.open(&format!("{url}?lang=en")).await;
    for key in [Key::Tab, Key::Enter, Key::Tab, Key::Tab] {
        press(&stage, &key).await;
    }
    let on = stage.browser.run("return document.activeElement.hreflang").await;
    assert_eq!(on, json!("de"), "the brand's second language");
    stage.browser.turn(async || press(&stage, &Key::Enter).await).await;
    assert_eq!(stage.browser.current_url().await.unwrap().as_str(), format!("{url}?lang=de"));
    assert_eq!(stage.browser.run("return document.querySelector(':checked').value").await, json!("7"));
}

#[tokio::test]
async fn an_error_is_where_the_focus_is_and_everything_typed_is_kept() {
    let stage = Stage::set().await;
    let form = format!("http://{}/f/acme/technician-visit?lang=en&friendliness=3", stage.open.http_addr());
    stage.browser.open(&form).await;
    stage.choose("expertise", "2").await;
    stage
        .element("textarea")
        .await
        .send_keys("Left a mess, \"sorry\" <b>was</b> not said.\nTwice.")
        .await
        .unwrap();
    // What no scale of ours would send.
    stage.choose("knowledge", "5").await;
    stage.browser.run("document.querySelector('#q0-5').value = '9'").await;
    stage.follow("form button").await;
    stage.browser.wait_until("document.activeElement.getAttribute('role') == 'alert'").await;
    let kept = stage
        .browser
        .run(
            "return [[...document.querySelectorAll(':checked')].map((radio) => radio.name + radio.value),
                     document.querySelector('textarea').value, document.querySelectorAll('.err').length,
                     document.querySelector('fieldset[aria-describedby]').textContent.includes('“9”')]",
        )
        .await;
    let text = "Left a mess, \"sorry\" <b>was</b> not said.\nTwice.";
    assert_eq!(kept, json!([["expertise2", "friendliness3"], text, 1, true]));
    stage.choose("knowledge", "5").await;
    stage.follow("form button").await;
    let stored = stage.open.store().count(1).await.remove(0);
    assert_eq!(
        ["knowledge", "expertise", "friendliness"].map(|id| score_on(&stored, id)),
        [Some(5), Some(2), Some(3)]
    );
    assert_eq!(text_on(&stored, "comment"), Some(text));
}
