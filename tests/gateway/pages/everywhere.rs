//! What holds for every page in every language and state: axe-core finds nothing, in the light and in the dark; nothing
//! is cut off or too small to press, from a narrow phone to a desktop, with text twice as large; nothing foreign runs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::scenes::{LANGUAGES, SCENES, Scene, Stage};

/// Each language is a test of its own, so that they run beside each other.
macro_rules! everywhere {
    ($($test:ident $language:literal;)*) => { $(
        #[tokio::test]
        async fn $test() {
            look_at_all($language).await;
        }
    )* };
}

everywhere! {
    every_page_is_for_everyone_in_english "en";
    every_page_is_for_everyone_in_german "de";
    every_page_is_for_everyone_in_french "fr";
    every_page_is_for_everyone_in_italian "it";
    every_page_is_for_everyone_in_spanish "es";
    every_page_is_for_everyone_in_arabic "ar";
}

#[test]
fn no_language_of_our_own_words_is_left_out() {
    let here = include_str!("everywhere.rs");
    for (tag, _) in LANGUAGES {
        assert!(here.contains(&format!(" \"{tag}\";")), "{tag}");
    }
}

async fn look_at_all(language: &str) {
    let stage = Stage::set().await;
    let mut found = Vec::new();
    for scene in &SCENES {
        stage.play(scene, language).await;
        let seen = look(&stage, scene, language).await;
        found.extend(seen.iter().map(|what| format!("{} in {language}: {what}", scene.name)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What is wrong with a page.
async fn look(stage: &Stage, scene: &Scene, language: &str) -> Vec<String> {
    let facts = stage.browser.run(FACTS).await;
    let dir = if language == "ar" { "rtl" } else { "ltr" };
    let right =
        json!({"lang": language, "dir": dir, "status": scene.status, "resources": [], "violations": []});
    let mut found = unless(facts == right, || format!("{facts}"));
    scheme(stage, "light").await;
    let light = axe(stage, "").await;
    found.extend(unless(light == json!([]), || format!("axe-core, {light}")));
    found.extend(measure(stage).await);
    picture(stage, scene, language, "light").await;
    scheme(stage, "dark").await;
    let dark = axe(stage, "runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']},").await;
    found.extend(unless(dark == json!([]), || format!("axe-core in the dark, {dark}")));
    let ground = stage.browser.run(BACKGROUND).await;
    found.extend(unless(ground.as_f64().unwrap() < 40.0, || format!("is not dark, {ground}")));
    picture(stage, scene, language, "dark").await;
    found
}

/// Without motion, so that no colour is on its way to another.
async fn scheme(stage: &Stage, scheme: &str) {
    let features = json!([
        {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
    ]);
    stage.browser.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
}

fn unless(holds: bool, what: impl FnOnce() -> String) -> Vec<String> {
    if holds { Vec::new() } else { vec![what()] }
}

const FACTS: &str = "const { lang, dir } = document.documentElement;
    const resources = performance.getEntriesByType('resource').map((entry) => entry.name);
    const status = performance.getEntriesByType('navigation')[0].responseStatus;
    return { lang, dir, status, resources, violations };";

/// The brightest channel of the page's ground.
const BACKGROUND: &str =
    "return Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))";

/// All rules that axe-core has for WCAG 2.2 AA and its best practices. What it cannot tell counts as found, but
/// for single digits, which it takes for no text, and for what the open menu covers.
async fn axe(stage: &Stage, only: &str) -> Value {
    let only = if only.is_empty() {
        "runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'],"
    } else {
        only
    };
    let script = format!(
        "const done = arguments[0];
         axe.run(document, {{ {only} resultTypes: ['violations', 'incomplete'] }}).then((found) =>
             done([...found.violations, ...found.incomplete].flatMap((rule) => rule.nodes.map((node) =>
                 [rule.id, node.html.slice(0, 120), node.any.concat(node.all, node.none).map((c) => c.message).join()]
             ).filter((seen) => !/too short to determine|overlapped by another/.test(seen[2])))),
             (error) => done(String(error)));"
    );
    stage.browser.execute_async(&script, Vec::new()).await.unwrap()
}

/// Width, height, and how much larger the text is.
const SIZES: [(u32, u32, u32); 6] = [
    // WCAG 2.2, 1.4.10: what a window of 1280 pixels shows at 400 %.
    (320, 640, 100),
    (360, 740, 100),
    // The same window at 200 %, then with text of 200 % alone (1.4.4).
    (640, 400, 100),
    (640, 800, 200),
    (1280, 800, 200),
    // A phone with text as large.
    (360, 740, 200),
];

async fn measure(stage: &Stage) -> Vec<String> {
    let mut found = Vec::new();
    for (width, height, percent) in SIZES {
        stage.browser.resize(width, height).await;
        stage.browser.run(&format!("document.documentElement.style.fontSize = '{percent}%'")).await;
        let fit = stage.browser.run(FIT).await;
        let right = json!({"over": 0, "small": [], "cut": []});
        found.extend(unless(fit == right, || format!("at {width} pixels, text at {percent} %: {fit}")));
    }
    stage.browser.run("document.documentElement.removeAttribute('style')").await;
    found
}

/// Pixels beyond the window, targets below 44 pixels (WCAG 2.2, 2.5.5), and texts that leave their box.
const FIT: &str = "const small = [], cut = [];
    const name = (element) => element.outerHTML.slice(0, 120);
    for (const target of document.querySelectorAll('a[href],button,summary,textarea,.row label')) {
        const { width, height } = target.getBoundingClientRect();
        if (target.checkVisibility() && (width < 43.99 || height < 43.99)) small.push([name(target), width, height]);
    }
    for (const box of document.querySelectorAll('.b,button,.button,summary,legend,p,h1,li,.ends span,.brand')) {
        if (box.checkVisibility() && !box.matches('.vh') && box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).display != 'inline')
            cut.push([name(box), box.scrollWidth, box.clientWidth]);
    }
    return { over: Math.max(0, document.documentElement.scrollWidth - innerWidth), small, cut };";

/// Writes pictures to look at, where VOXGATE_PICTURES names a folder.
async fn picture(stage: &Stage, scene: &Scene, language: &str, scheme: &str) {
    let Some(folder) = std::env::var_os("VOXGATE_PICTURES").map(PathBuf::from) else { return };
    for (width, height) in [(320, 640), (390, 844), (1280, 800)] {
        stage.browser.resize(width, height).await;
        let name = format!("{}-{language}-{scheme}-{width}.png", scene.name);
        stage.browser.screenshot(Path::new(&folder).join(name).as_path()).await;
    }
}

#[tokio::test]
async fn who_wants_less_motion_sees_none_and_others_see_a_little() {
    let stage = Stage::set().await;
    for scene in &SCENES {
        stage.play(scene, "en").await;
        stage.browser.prefer("prefers-reduced-motion", "reduce").await;
        assert_eq!(stage.browser.run(MOVING).await, json!(0), "{}", scene.name);
        stage.browser.prefer("prefers-reduced-motion", "no-preference").await;
        if scene.name == "nps" {
            assert!(stage.browser.run(MOVING).await.as_u64().unwrap() >= 11, "the check can fail");
        }
    }
}

/// Elements with a transition, an animation or a smooth scroll.
const MOVING: &str = "return [...document.querySelectorAll('*')].filter((element) => {
    const style = getComputedStyle(element), still = (times) => times.split(',').every((time) => parseFloat(time) == 0);
    return !still(style.transitionDuration) || !still(style.animationDuration) || style.scrollBehavior == 'smooth';
}).length";
