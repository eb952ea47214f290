//! Pictures of the panel, to be looked at, and what can be said of them without looking.

use std::path::Path;

use serde_json::json;

use super::{
    Browser, open, press,
    rig::{PLAIN, Rig},
};

/// Survey, what is pressed before the picture, language, colour scheme.
const PICTURES: [(&str, &str, &str, &str); 14] = [
    ("support-nps", "", "en", "light"),
    ("support-nps", "button[value='6']", "de", "light"),
    ("support-nps", "button[value='9']", "en", "light"),
    ("support-nps", "button[value='6']", "en", "dark"),
    ("support-nps", "button[value='6']", "ar", "light"),
    ("support-nps", "button[value='10']", "ar", "dark"),
    ("technician-visit", ".stars button[value='4']", "en", "light"),
    ("technician-visit", ".stars button[value='4']", "de", "dark"),
    ("support-nps", "button[value='6']", "fr", "light"),
    ("support-nps", "button[value='6']", "it", "dark"),
    ("support-nps", "button[value='6']", "es", "light"),
    ("experience", "", "en", "light"),
    ("experience", ".smiley button[value='3']", "de", "dark"),
    ("article", "button[value='1']", "en", "light"),
];

#[tokio::test]
async fn the_panel_fits_a_phone_and_a_desktop_and_its_targets_are_44_pixels() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "")).await;
    for (width, height) in [(320, 640), (390, 844), (1280, 800)] {
        browser.resize(width, height).await;
        for picture in &PICTURES {
            take(&browser, picture, width).await;
            let fit = browser.run(FIT).await;
            assert_eq!(
                fit,
                json!({ "inside": true, "small": [], "over": false, "lit": true }),
                "{picture:?} at {width}"
            );
            browser.run("voxgate.close(); seen.length = 0").await;
        }
    }
}

async fn take(browser: &Browser, (survey, pressed, locale, scheme): &(&str, &str, &str, &str), width: u32) {
    browser.prefer("prefers-color-scheme", scheme).await;
    open(browser, &json!({ "survey": survey, "locale": locale })).await;
    if !pressed.is_empty() {
        press(browser, pressed).await;
        browser.wait_until("seen.at(-1).type == 'voxgate:answered'").await;
    }
    browser
        .wait_until("document.querySelector('voxgate-panel').shadowRoot.getAnimations().length == 0")
        .await;
    let state = if pressed.is_empty() { "open" } else { "pressed" };
    let score: String = pressed.chars().filter(char::is_ascii_digit).collect();
    let name = format!("widget-{survey}-{state}{score}-{locale}-{scheme}-{width}.png");
    browser.screenshot(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).await;
}

/// Whether the panel lies inside the window, which of its targets are too small (WCAG 2.2, 2.5.5), and whether any stands
/// beyond its row. What was chosen has the accent's colour, also below the pointer, which stays there on a phone.
const FIT: &str = "const root = document.querySelector('voxgate-panel').shadowRoot;
    const box = root.querySelector('section').getBoundingClientRect(), small = [];
    for (const target of root.querySelectorAll('button:not([hidden])')) {
        const { width, height } = target.getBoundingClientRect();
        if (target.checkVisibility() && (width < 44 || height < 44)) small.push(target.textContent);
    }
    const inside = box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
    const row = root.querySelector('.row').getBoundingClientRect();
    const over = [...root.querySelectorAll('.row button')].some((button) => {
        const { left, right } = button.getBoundingClientRect();
        return left < row.left - 1 || right > row.right + 1;
    });
    const ground = (button) => getComputedStyle(button).backgroundColor, chosen = root.querySelector('.row .on');
    const accent = chosen?.cloneNode();
    if (accent) { accent.style.background = 'var(--a)'; chosen.after(accent); }
    const lit = !chosen || ground(chosen) == ground(accent);
    accent?.remove();
    return { inside, small, over, lit };";
