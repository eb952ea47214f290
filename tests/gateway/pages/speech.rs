//! What a screen reader says, in the language of the page, and what the looks of each scale say to the eye.

use serde_json::{Value, json};

use super::scenes::{LANGUAGES, Stage};

/// Surveys of the samples with one scale each on top, and how many scores it has.
const SCALES: [(&str, &str, usize); 6] = [
    ("support-nps", "recommend", 11),
    ("ticket-ces", "effort", 7),
    ("purchase-csat", "satisfaction", 5),
    ("technician-visit", "knowledge", 5),
    ("experience", "mood", 3),
    ("article-helpful", "helpful", 2),
];

/// A text of a sample survey's first question.
fn text(survey: &str, part: &str, language: &str) -> String {
    let path = format!("{}/gateway-config/surveys/{survey}.toml", env!("CARGO_MANIFEST_DIR"));
    let file: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    file["question"][0][part][language].as_str().unwrap().replace("{brand}", "Acme")
}

/// Role and name of all that a screen reader meets, in its order.
async fn heard(stage: &Stage) -> Vec<(String, String)> {
    let tree = stage.browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let word = |node: &Value, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] != true);
    nodes.map(|node| (word(node, "role"), word(node, "name"))).collect()
}

fn names<'h>(heard: &'h [(String, String)], role: &str) -> Vec<&'h str> {
    heard.iter().filter(|(known, _)| known == role).map(|(_, name)| name.as_str()).collect()
}

#[tokio::test]
async fn a_screen_reader_says_question_ends_and_button_in_the_pages_language() {
    let stage = Stage::set().await;
    for (survey, question, scores) in SCALES {
        for (language, send) in LANGUAGES {
            let what = format!("{survey} in {language}");
            let url = format!("http://{}/f/acme/{survey}?lang={language}", stage.open.http_addr());
            stage.browser.open(&url).await;
            let heard = heard(&stage).await;
            let groups = names(&heard, "group");
            assert!(
                groups.iter().any(|group| group.starts_with(&text(survey, "text", language))),
                "{what}: {groups:?}"
            );
            let radios = names(&heard, "radio");
            let radios = &radios[..scores];
            assert!(radios[0].contains(&text(survey, "low", language)), "{what}: {radios:?}");
            assert!(radios[scores - 1].contains(&text(survey, "high", language)), "{what}: {radios:?}");
            assert!(radios.iter().all(|name| !name.is_empty()), "{what}: {radios:?}");
            let apart: std::collections::BTreeSet<_> = radios.iter().collect();
            assert_eq!(apart.len(), scores, "each score has a name of its own, {what}: {radios:?}");
            assert_eq!(names(&heard, "button"), [send], "{what}");
            assert_eq!(named(&stage, question).await, json!(scores), "{what}");
        }
    }
}

async fn named(stage: &Stage, question: &str) -> Value {
    stage.browser.run(&format!("return document.querySelectorAll('[name={question}]').length")).await
}

/// Of each score of the first question: its shape, whether its value is drawn, and from which side it comes.
const DRAWN: &str = "return [...document.querySelectorAll('fieldset:first-of-type .b')].map((box) => {
    const shape = box.querySelector('use')?.getAttribute('href') ?? null;
    const drawn = [...box.childNodes].filter((node) => node.nodeType == 3).map((node) => node.data.trim()).join('');
    return [shape, drawn];
})";

#[tokio::test]
async fn every_scale_looks_like_what_it_is_and_its_ends_are_labelled() {
    let stage = Stage::set().await;
    let numbers = |from: i32, to: i32| (from..=to).map(|n| json!([null, n.to_string()])).collect::<Vec<_>>();
    for (survey, drawn) in [
        ("support-nps", numbers(0, 10)),
        ("ticket-ces", numbers(1, 7)),
        ("purchase-csat", numbers(1, 5)),
        ("technician-visit", vec![json!(["#star", ""]); 5]),
        ("experience", ["#face1 Bad", "#face2 Neutral", "#face3 Good"].map(pair).to_vec()),
        ("article-helpful", ["#thumb0 No", "#thumb1 Yes"].map(pair).to_vec()),
    ] {
        stage.browser.open(&format!("http://{}/f/acme/{survey}?lang=en", stage.open.http_addr())).await;
        assert_eq!(stage.browser.run(DRAWN).await, json!(drawn), "{survey}");
        // Each shape that is used is there.
        let missing = "return [...document.querySelectorAll('use')]
            .filter((use) => !document.querySelector(use.getAttribute('href'))).length";
        assert_eq!(stage.browser.run(missing).await, json!(0), "{survey}");
        let ends =
            stage.browser.run("return document.querySelector('fieldset:first-of-type').innerText").await;
        for part in ["low", "high"] {
            let end = text(survey, part, "en");
            assert!(ends.as_str().unwrap().contains(&end), "{survey}: {end} is not in {ends}");
        }
    }
}

fn pair(written: &str) -> Value {
    let (shape, label) = written.split_once(' ').unwrap();
    json!([shape, label])
}

#[tokio::test]
async fn a_chosen_star_fills_those_before_it_and_no_other() {
    let stage = Stage::set().await;
    stage.browser.open(&format!("http://{}/f/acme/technician-visit?lang=ar", stage.open.http_addr())).await;
    let filled = "return [...document.querySelectorAll('fieldset:first-of-type .b svg')]
        .map((star) => getComputedStyle(star).fill != 'none')";
    stage.choose("knowledge", "3").await;
    stage.browser.wait_until("document.getAnimations().length == 0").await;
    assert_eq!(stage.browser.run(filled).await, json!([true, true, true, false, false]));
    stage.choose("knowledge", "1").await;
    stage.browser.wait_until("document.getAnimations().length == 0").await;
    assert_eq!(stage.browser.run(filled).await, json!([true, false, false, false, false]));
}

#[tokio::test]
async fn from_right_to_left_the_lowest_score_and_its_end_are_at_the_right() {
    let stage = Stage::set().await;
    let at = "const left = (selector) => document.querySelector(selector).getBoundingClientRect().left;
        return [left('#q0-0'), left('#q0-5'), left('.ends span:first-child'), left('.ends span:last-child')]";
    for (language, mirrored) in [("en", false), ("ar", true)] {
        stage.browser.resize(1280, 800).await;
        stage
            .browser
            .open(&format!("http://{}/f/acme/support-nps?lang={language}", stage.open.http_addr()))
            .await;
        let places = stage.browser.run(at).await;
        let [low, middle, low_end, high_end] = [0, 1, 2, 3].map(|place| places[place].as_f64().unwrap());
        assert_eq!((low > middle, low_end > high_end), (mirrored, mirrored), "{language}: {places}");
    }
}
