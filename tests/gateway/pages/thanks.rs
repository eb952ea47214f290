//! The thank-you follows the segment.

use serde_json::{Value, json};

use super::scenes::{SCENES, Stage};

async fn thanked(stage: &Stage, scene: &str, language: &str) -> Value {
    let scene = SCENES.iter().find(|known| known.name == scene).unwrap();
    stage.play(scene, language).await;
    let seen = "const link = document.querySelector('a.go');
        return [document.querySelector('.further')?.textContent ?? null, link?.href ?? null, link?.textContent ?? null,
                link?.target ?? null, link?.rel ?? null];";
    stage.browser.run(seen).await
}

#[tokio::test]
async fn promoters_are_led_to_a_review_detractors_to_a_call_back_and_others_nowhere() {
    let stage = Stage::set().await;
    let how = ["_top", "noopener noreferrer"];
    assert_eq!(
        thanked(&stage, "thanks-promoter", "en").await,
        json!([
            "We are delighted to hear that.",
            "https://reviews.example/acme",
            "Write a review",
            how[0],
            how[1]
        ])
    );
    let sorry = "Es tut uns leid, dass es nicht besser war. Ihre Antwort hilft uns, das zu ändern.";
    assert_eq!(
        thanked(&stage, "thanks-detractor", "de").await,
        json!([sorry, "https://www.acme.example/call-back", "Ask for a call", how[0], how[1]])
    );
    assert_eq!(thanked(&stage, "thanks-passive", "en").await, json!([null, null, null, null, null]));
    let [changed, known] =
        ["changed", "known"].map(|scene| async { thanked(&stage, scene, "en").await[1].clone() });
    assert_eq!(changed.await, "https://www.acme.example/call-back", "a changed mind is of another segment");
    assert_eq!(known.await, "https://reviews.example/acme", "who comes back is led on all the same");
}
