//! The row of scores for mails, as a mail program draws it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{
    browser::Browser,
    support::{Gateway, make_link, voxgate},
};

const TOOLS: [&str; 5] = ["zendesk", "hubspot", "salesforce", "braze", "plain"];

fn snippet(gateway: &Gateway, survey: &str, locale: &str, tool: &str, part: &str) -> String {
    let order =
        format!("mail-snippet --survey {survey} --brand acme --locale {locale} --for {tool} --part {part}");
    voxgate(gateway.plan.config.path(), &order.split(' ').collect::<Vec<_>>()).ok()
}

/// A mail around the row, on the ground of a mail program that is light or dark.
fn mail(row: &str, dark: bool) -> String {
    let [ground, ink] = if dark { ["#1f1f1f", "#f2f2f2"] } else { ["#ffffff", "#222222"] };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>A mail</title>\
         <meta name=\"viewport\" content=\"width=device-width\"></head>\
         <body style=\"margin:0;padding:16px;background:{ground};color:{ink}\"><main><h1>Your ticket</h1>{row}</main></body></html>"
    )
}

/// Pixels beyond the window, and what is too small to press.
const FIT: &str = "const small = [...document.querySelectorAll('a')].map((link) => [link.textContent, link.getBoundingClientRect()])
        .filter(([, box]) => box.height < 43.99 || box.width < 43.99).map(([text]) => text);
    return { over: Math.max(0, document.documentElement.scrollWidth - innerWidth), small };";

const AXE: &str = "const done = arguments[0];
    axe.run(document, { resultTypes: ['violations', 'incomplete'] }).then((found) =>
        done([...found.violations, ...found.incomplete].flatMap((rule) => rule.nodes.map((node) =>
            [rule.id, node.html.slice(0, 120), node.any.concat(node.all, node.none).map((c) => c.message).join()]
        ).filter((seen) => !/too short to determine/.test(seen[2])))), (error) => done(String(error)));";

fn axe() -> String {
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(axe).expect("make tools installs axe-core")
}

async fn picture(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("VOXGATE_PICTURES").map(PathBuf::from) else { return };
    browser.screenshot(Path::new(&folder).join(name).as_path()).await;
}

#[tokio::test]
async fn the_row_fits_a_narrow_phone_and_is_for_everyone_in_the_light_and_in_the_dark() {
    let gateway = Gateway::start().await;
    let browser = Browser::start().await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": axe()})).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mail.html");
    let fields = json!({"survey": "support-nps", "respondent": {"ref": "crm-1"}});
    let link = make_link(&gateway, &fields).await.reply;
    let [url, opt_out] = ["url", "opt_out_url"].map(|name| link[name].as_str().unwrap().to_owned());
    let surveys = ["support-nps", "ticket-ces", "technician-visit", "experience", "article-helpful"];
    let mails = surveys.iter().flat_map(|survey| ["en", "de", "ar"].map(|locale| (*survey, locale)));
    for (survey, locale) in mails.filter(|(survey, _)| *survey != "article-helpful") {
        let row = snippet(&gateway, survey, locale, "plain", "html");
        let row = row.replace("{{url}}", &url).replace("{{opt_out_url}}", &opt_out);
        for dark in [false, true] {
            std::fs::write(&file, mail(&row, dark)).unwrap();
            for width in [320, 360, 632] {
                browser.resize(width, 700).await;
                browser.open(&format!("file://{}", file.display())).await;
                let fit = browser.run(FIT).await;
                let what = format!("{survey} in {locale} at {width}, dark: {dark}");
                assert_eq!(fit, json!({"over": 0, "small": []}), "{what}");
                picture(&browser, &format!("mail-{survey}-{locale}-{dark}-{width}.png")).await;
            }
            let found = browser.execute_async(AXE, Vec::new()).await.unwrap();
            assert_eq!(found, json!([]), "{survey} in {locale}, dark: {dark}");
        }
    }
}

#[tokio::test]
async fn a_score_of_the_row_opens_its_page_with_that_score() {
    let gateway = Gateway::start().await;
    let link = make_link(&gateway, &json!({"survey": "support-nps", "respondent": {"ref": "crm-1"}})).await;
    let row = snippet(&gateway, "support-nps", "de", "plain", "html").replace("{{url}}", &link.path);
    let urls: Vec<_> = row.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(urls.len(), 12, "eleven scores and the opt-out");
    assert!(gateway.get(urls[7]).await.page(200).contains("value=\"7\" checked"));
    assert!(row.contains("aria-label=\"10 von 10, Äußerst wahrscheinlich\""), "{row}");
    let text = snippet(&gateway, "support-nps", "de", "plain", "text");
    assert!(text.contains("Acme") && text.contains("{{url}}") && text.contains("{{opt_out_url}}"), "{text}");
}

/// Fills Braze's placeholders as Liquid does.
fn braze(row: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let capture = |name: &str| {
        let rest = row.split(&format!("{{% capture {name} %}}")).nth(1).unwrap();
        rest.split("{% endcapture %}").next().unwrap().to_owned()
    };
    let query = capture("query");
    let query = query.replace("{{event_properties.${ticket_id}}}", "4711").replace("{{${user_id}}}", "crm-1");
    let signed = capture("signed").replace("{{query}}", &query);
    let mac = Hmac::<sha2::Sha256>::new_from_slice(crate::support::LINK_SECRET.as_bytes()).unwrap();
    let signature = hex::encode(mac.chain_update(signed).finalize().into_bytes());
    let href = row.split("href=\"").nth(10).unwrap().split('"').next().unwrap();
    href.replace("{{query}}", &query).replace("{{signed | hmac_sha256_hex: 'LINK-SECRET'}}", &signature)
}

#[tokio::test]
async fn each_tool_gets_its_own_placeholders_and_brazes_signature_is_right() {
    let gateway = Gateway::start().await;
    let all = TOOLS.map(|tool| snippet(&gateway, "support-nps", "en", tool, "html"));
    for (row, place) in all.iter().zip([
        "href=\"{{ticket.ticket_field_360012345678}}/10\"",
        "href=\"{{ contact.feedback_url }}/10\"",
        "href=\"%%=RedirectTo(Concat(@survey,'/10'))=%%\"",
        "/m/acme/support-nps/10?{{query}}&sig=",
        "href=\"{{url}}/10\"",
    ]) {
        assert!(row.contains(place), "{place}: {row}");
    }
    let link = braze(&all[3]).replace("http://127.0.0.1:8080", "");
    let page = gateway.get(&link).await;
    assert!(page.page(200).contains("value=\"9\" checked"), "{link}");
    gateway.post_form(&link, &[("recommend", "9")]).await.page(200);
    let stored = gateway.store().scored("ticket-4711", "recommend", 9).await;
    assert_eq!(stored.identity(), voxgate::proto::store::v1::Identity::Signed);
    let headers = snippet(&gateway, "support-nps", "en", "plain", "headers");
    assert_eq!(
        headers,
        "List-Unsubscribe: <{{opt_out_url}}>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    );
}

#[tokio::test]
async fn a_survey_without_a_row_of_scores_or_not_by_mail_is_told_so() {
    let gateway = Gateway::start().await;
    let told = |survey: &str, brand: &str| {
        let order = format!("mail-snippet --survey {survey} --brand {brand} --for plain");
        let told = voxgate(gateway.plan.config.path(), &order.split(' ').collect::<Vec<_>>());
        assert_eq!(told.code, Some(64), "{}", told.all());
        told.stderr
    };
    assert!(told("article-helpful", "acme").contains("it is not asked by mail"));
    assert!(told("nothing", "acme").contains("acme has no such survey"));
    assert!(told("support-nps", "nobody").contains("there is no such brand"));
}

#[test]
fn the_tools_are_those_of_the_help() {
    let help = crate::support::voxgate_alone(&["mail-snippet", "--help"]).ok();
    assert!(TOOLS.iter().all(|tool| help.contains(&format!("- {tool}:"))), "{help}");
}
