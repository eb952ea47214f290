//! Short links: for text messages, and for codes on paper.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Gateway, Plan, Reply, path_of, voxgate, wait_for};

/// The paths of a short link and of its code.
async fn short_link(gateway: &Gateway, interaction: &str) -> (String, String) {
    let order = json!({"survey": "support-nps", "interaction": interaction, "respondent": {"ref": "crm-1"},
        "locale": "de", "short": true});
    let made = gateway.post_json("/v1/links", &order).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made: Value = made.json();
    let [short, code] = ["short_url", "qr_url"].map(|name| made[name].as_str().unwrap().to_owned());
    assert!(code.starts_with("HTTP://127.0.0.1:8080/R/"), "{code}");
    (path_of(&short), path_of(&code))
}

async fn head(gateway: &Gateway, path: &str) -> u16 {
    Reply::of(gateway.request(Method::HEAD, path)).await.status
}

#[tokio::test]
async fn a_short_link_is_opened_in_either_case_and_answered_as_the_long_one() {
    let gateway = Gateway::start().await;
    let (short, code) = short_link(&gateway, "ticket-1").await;
    assert_eq!(short.len(), "/r/".len() + 26);
    assert_eq!(code, short.to_ascii_uppercase());
    for path in [&short, &code, &format!("{code}/"), &format!("{short}.")] {
        assert!(gateway.get(path).await.page(200).contains("<html lang=\"de\""), "{path}");
    }
    assert_eq!(head(&gateway, &code).await, 200);
    let page = gateway.get(&format!("{code}/9")).await;
    let page = page.page(200);
    assert!(page.contains("value=\"9\" checked"), "a score preselects");
    let action = page.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(action.starts_with("../v4.local."), "sending needs nobody to look the handle up: {action}");
    gateway.post_form(&code.replace("/R/", "/r/"), &[("recommend", "9")]).await.page(200);
    let stored = gateway.store().scored("ticket-1", "recommend", 9).await;
    assert_eq!(stored.respondent_ref, "crm-1");
    let long = action.trim_start_matches("../");
    gateway.post_form(&format!("/R/{long}"), &[("recommend", "3")]).await.page(200);
    gateway.store().scored("ticket-1", "recommend", 3).await;
}

#[tokio::test]
async fn a_handle_that_nobody_made_is_a_broken_link() {
    let gateway = Gateway::start().await;
    let (short, _) = short_link(&gateway, "ticket-1").await;
    let other = format!("{}{}", &short[..short.len() - 1], if short.ends_with('0') { '2' } else { '0' });
    gateway.get(&other).await.page(404);
    gateway.post_form(&other, &[("recommend", "9")]).await.page(404);
    assert_eq!(gateway.settled_ledger().await["rejected"], 1);
}

#[tokio::test]
async fn while_the_store_is_away_a_link_that_was_opened_opens_and_another_asks_to_try_again() {
    let mut store = Plan::new().only_store("127.0.0.1:0").start().await;
    store.keep_store_address();
    let edge = Plan::new().set("links.cached_for", "1 ms").only_edge(&store.store_url()).start().await;
    let ((opened, _), (other, _)) =
        (short_link(&edge, "ticket-1").await, short_link(&edge, "ticket-2").await);
    edge.get(&opened).await.page(200);
    store.kill();
    edge.get(&opened).await.page(200);
    edge.post_form(&opened, &[("recommend", "9")]).await.page(200);
    let away = Reply::of(edge.request(Method::GET, &other).header("accept-language", "fr")).await;
    assert!(away.page(503).contains("Veuillez réessayer"), "{}", away.text);
    assert_eq!(away.header("retry-after"), "10");
    let order = json!({"survey": "support-nps", "interaction": "ticket-3", "short": true});
    let refused = edge.post_json("/v1/links", &order).await;
    refused.problem(503, "store_unavailable");
    edge.post_form(&other, &[("recommend", "9")]).await.page(503);
    store.restart().await;
    wait_for("the other link to open again", async || (edge.get(&other).await.status == 200).then_some(()))
        .await;
    store.store().scored("ticket-1", "recommend", 9).await;
}

#[tokio::test]
async fn the_command_line_makes_a_short_link_and_its_code() {
    let gateway = Gateway::start().await;
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("code.png");
    let store = gateway.store_url();
    let order = ["link", "--survey", "support-nps", "--brand", "acme", "--store", &store, "--short"];
    let arguments = [&order[..], &["--interaction", "visit-1", "--qr", picture.to_str().unwrap()]].concat();
    let printed = voxgate(gateway.plan.config.path(), &arguments);
    assert!(printed.stderr.contains("QR code  HTTP://127.0.0.1:8080/R/"), "{}", printed.stderr);
    let link = printed.ok();
    assert_eq!(link.lines().count(), 1, "{link}");
    gateway.post_form(&path_of(link.trim()), &[("recommend", "8")]).await.page(200);
    gateway.store().scored("visit-1", "recommend", 8).await;
    assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));

    let [input, output] = ["in.csv", "out.csv"].map(|name| dir.path().join(name));
    let rows: String = (0..1_203).map(|row| format!("visit-{row}\n")).collect();
    fs::write(&input, format!("interaction\n{rows}not a visit\n")).unwrap();
    let files = ["--csv", input.to_str().unwrap(), "--out", output.to_str().unwrap()];
    voxgate(gateway.plan.config.path(), &[&order[..], &files[..]].concat()).ok();
    let mut rows = csv::Reader::from_path(&output).unwrap();
    let column = rows.headers().unwrap().iter().position(|name| name == "short_url").unwrap();
    let urls: Vec<_> = rows.records().map(|row| row.unwrap()[column].to_owned()).collect();
    assert_eq!((urls.len(), urls[1_203].as_str()), (1_204, ""));
    for url in [&urls[0], &urls[1_202]] {
        gateway.get(&path_of(url)).await.page(200);
    }
}

#[tokio::test]
async fn without_a_store_the_command_says_so_and_makes_no_short_link() {
    let gateway = Gateway::start().await;
    let store = format!("http://127.0.0.1:{}", crate::support::free_port());
    let arguments =
        format!("link --survey support-nps --brand acme --interaction t-1 --short --store {store}");
    let told = voxgate(gateway.plan.config.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert_eq!(told.code, Some(69), "{}", told.all());
    assert!(told.stderr.contains("the store cannot be asked now"), "{}", told.stderr);
    assert_eq!(told.stdout, "");
}

#[tokio::test]
async fn a_short_link_goes_with_its_person() {
    let gateway = Plan::new().set("links.cached_for", "1 ms").start().await;
    let (short, _) = short_link(&gateway, "ticket-1").await;
    gateway.get(&short).await.page(200);
    let erase = ["erase", "--respondent", "ref:crm-1", "--store", &gateway.store_url()];
    voxgate(gateway.plan.config.path(), &erase).ok();
    gateway.get(&short).await.page(404);
}
