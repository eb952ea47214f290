//! The widget is a guest: what it leaves on the host's page, and what it bears of it.

use serde_json::json;

use super::{
    Browser, find, open, open_page_without_retries, press,
    rig::{HOSTILE, Mode, OVERRIDDEN, PLAIN, Rig, WALLED},
    status, stored,
};

#[tokio::test]
async fn one_global_is_left_on_the_page_and_one_custom_element() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(HOSTILE, "data-late")).await;
    let names = "Object.getOwnPropertyNames(window)";
    let nodes = "document.querySelectorAll('*').length";
    browser
        .run(&format!("delete window.voxgate; window.nodes = {nodes}; window.before = []; before = {names}"))
        .await;
    browser.run("load()").await;
    browser.wait_until("window.voxgate").await;
    let added = browser
        .run(&format!("return {names}.filter((name) => !before.includes(name) && name != 'ret_nodes')"))
        .await;
    assert_eq!(added, json!(["voxgate"]));
    open(&browser, &json!({})).await;
    // The page's own script element, and the panel.
    assert_eq!(browser.run(&format!("return {nodes} - window.nodes")).await, json!(2));
    let panel = "document.querySelector('voxgate-panel')";
    assert_eq!(browser.run(&format!("return {panel}.matches(':defined')")).await, json!(true));
    let sheets = format!(
        "return [{panel}.shadowRoot.adoptedStyleSheets.length, {panel}.shadowRoot.styleSheets.length]"
    );
    assert_eq!(browser.run(&sheets).await, json!([1, 0]));
    assert_eq!(browser.run("return [violations, errors]").await, json!([[], []]));
}

#[tokio::test]
async fn nothing_of_the_page_moves_while_it_loads_opens_and_closes() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    for kind in [PLAIN, HOSTILE] {
        browser.open(&rig.page(kind, "data-late")).await;
        browser.run(WATCH).await;
        browser.run("load()").await;
        open(&browser, &json!({ "interaction": "chat-7" })).await;
        press(&browser, "button[value='3']").await;
        press(&browser, "header button").await;
        browser.wait_until("seen.at(-1).type == 'voxgate:closed'").await;
        let moved = browser.run("return [shifts, JSON.stringify(places()) == JSON.stringify(before)]").await;
        assert_eq!(moved, json!([[], true]), "{kind}");
        // A shift is seen where there is one.
        browser.run(PUSH).await;
        browser.wait_until("shifts.length").await;
    }
}

/// Pushes the page down.
const PUSH: &str = "const block = document.createElement('div');
    block.style = 'display: block !important; height: 90px !important';
    document.querySelector('h1').before(block);";

/// Keeps where everything stands, and what counts as a layout shift of the page: all but what the panel itself does as
/// it answers a press (Layout Instability, 2.3). What was in a panel that is gone has no node.
const WATCH: &str = "window.places = () => [...document.querySelectorAll('h1, p, #chat')].map((node) => {
        const { x, y, width, height } = node.getBoundingClientRect();
        return [x, y, width, height];
    });
    window.before = places(), window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { hadRecentInput, sources } of list.getEntries())
            for (const { node } of sources)
                if (!hadRecentInput || node && node.nodeName != 'VOXGATE-PANEL')
                    shifts.push([node?.nodeName, hadRecentInput]);
    }).observe({ type: 'layout-shift' });";

#[tokio::test]
async fn a_page_that_overrode_fetch_and_arrays_before_the_widget_loaded_gets_its_answers_out() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(OVERRIDDEN, "data-interaction=old-page")).await;
    open(&browser, &json!({})).await;
    rig.mode(Mode::Drop);
    press(&browser, "button[value='3']").await;
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    assert_eq!(browser.run("return localStorage.length").await, json!(1));
    rig.mode(Mode::Take);
    let [score] = rig.beacons::<1>().await;
    assert_eq!(score.body["answers"], json!({ "recommend": 3 }));
    assert_eq!(score.body["interaction"], "old-page");
    browser.wait_until("localStorage.length == 0").await;
    find(&browser, "textarea").await.send_keys("Old pages.").await.unwrap();
    press(&browser, ".send").await;
    assert_eq!(browser.wait_until("window.outcome.outcome").await, "accepted");
    assert_eq!(browser.run("return errors.length").await, json!(0));
}

#[tokio::test]
async fn a_policy_that_lets_no_answer_out_is_noticed_and_the_answer_is_kept() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(WALLED, "data-interaction=chat-8")).await;
    open(&browser, &json!({})).await;
    press(&browser, "button[value='9']").await;
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!([&outcome["outcome"], &outcome["code"]], ["pending", "csp"]);
    browser.wait_until(&format!("{}.includes('could not be saved')", status())).await;
    // A beacon is blocked as well, and says that it was sent.
    let violations = browser.run("return violations.length").await;
    browser.run("dispatchEvent(new Event('pagehide'))").await;
    browser.wait_until(&format!("violations.length > {violations}")).await;
    assert_eq!(browser.run("return [Object.keys(localStorage), errors]").await, json!([["voxgate"], []]));
    assert!(rig.all().is_empty());
    // The next page of the site lets it out.
    browser.open(&rig.page(PLAIN, "")).await;
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["interaction"], "chat-8");
    browser.wait_until("localStorage.length == 0").await;
}

#[tokio::test]
async fn a_beacon_alone_that_is_blocked_is_noticed_too() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    open_page_without_retries(&rig, &browser, &json!({ "storage": "none" })).await;
    open(&browser, &json!({})).await;
    rig.mode(Mode::Drop);
    press(&browser, "button[value='9']").await;
    // Between two tries the page gets a policy, and says that it goes.
    browser.wait_until(&format!("{}.includes('keep trying')", status())).await;
    browser
        .run(
            "const policy = document.createElement('meta');
             Object.assign(policy, { httpEquiv: 'Content-Security-Policy', content: \"connect-src 'none'\" });
             document.head.append(policy);
             dispatchEvent(new Event('pagehide'))",
        )
        .await;
    let outcome = browser.wait_until("window.outcome").await;
    assert_eq!([&outcome["outcome"], &outcome["code"]], ["pending", "csp"]);
    assert_eq!(stored(&browser).await, json!([[], [], ""]));
}

#[tokio::test]
async fn a_tag_with_the_hash_of_the_present_version_works_under_the_strict_policy() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(HOSTILE, "data-interaction=chat-9 data-integrity")).await;
    let script = "document.querySelector('script[data-brand]')";
    let source = browser.run(&format!("return {script}.src")).await;
    assert!(source.as_str().unwrap().contains("/prefix/widget-"), "{source}");
    open(&browser, &json!({})).await;
    press(&browser, "button[value='10']").await;
    let [beacon] = rig.beacons::<1>().await;
    assert_eq!(beacon.body["interaction"], "chat-9");
    assert_eq!(browser.run("return [violations, errors]").await, json!([[], []]));
}

/// Every call of what the widget gives, as a careless host makes it.
#[tokio::test]
async fn calls_that_make_no_sense_are_outcomes_and_no_errors() {
    let (rig, browser) = (Rig::start().await, Browser::start().await);
    browser.open(&rig.page(PLAIN, "")).await;
    browser.wait_until("window.voxgate && !voxgate.q").await;
    let calls = "window.outcomes = [];
        voxgate.close(); voxgate.close();
        for (const options of [null, 7, 'x', { survey: '../..' }, { survey: 'none' }, { brand: 'strict' }])
            voxgate.open(options).then(({ outcome }) => outcomes.push(outcome));
        voxgate.open({ subject: null, attributes: null }).then(({ outcome }) => outcomes.push(outcome));";
    browser.run(calls).await;
    browser.wait_until("seen.length").await;
    browser.run("voxgate.close()").await;
    let outcomes = browser.wait_until("outcomes.length == 7 && outcomes").await;
    let of = |word: &str| {
        outcomes.as_array().unwrap().iter().filter(|outcome| outcome.as_str() == Some(word)).count()
    };
    assert_eq!(of("closed") + of("failed"), 7, "{outcomes}");
    assert_eq!(browser.run("return errors").await, json!([]));
}
