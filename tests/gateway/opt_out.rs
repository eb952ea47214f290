//! Opting out: by the page, by a mail program's one click, and what follows from it.

use reqwest::Method;
use serde_json::{Value, json};
use voxgate::proto::store::v1::{OptOut, WatchRequest, watch_response::Change};

use crate::support::{Gateway, Plan, Reply, make_link, path_of, voxgate, wait_for};

const ORDER: &str = "support-nps";

async fn link(gateway: &Gateway, interaction: &str, respondent: &str) -> (String, String) {
    let fields = json!({"survey": ORDER, "interaction": interaction, "respondent": {"ref": respondent}});
    let made = make_link(gateway, &fields).await;
    (made.path, path_of(made.reply["opt_out_url"].as_str().unwrap()))
}

/// Whether a new link's reply says that the person is out.
async fn is_out(gateway: &Gateway, respondent: &str) -> Value {
    let fields = json!({"survey": ORDER, "interaction": "asked", "respondent": {"ref": respondent}});
    make_link(gateway, &fields).await.reply["opted_out"].clone()
}

async fn until_out(gateway: &Gateway, respondent: &str, wanted: bool) {
    wait_for(&format!("opted_out of {respondent} to be {wanted}"), async || {
        (is_out(gateway, respondent).await == wanted).then_some(())
    })
    .await;
}

async fn feed(gateway: &Gateway) -> Vec<OptOut> {
    let request = WatchRequest { cursor: String::new(), stop_at_end: true };
    let mut feed = gateway.store().client().watch(request).await.unwrap().into_inner();
    let mut told = Vec::new();
    while let Some(change) = feed.message().await.unwrap() {
        if let Some(Change::OptOut(opt_out)) = change.change {
            told.push(opt_out);
        }
    }
    told
}

#[tokio::test]
async fn opening_the_page_opts_nobody_out_and_its_button_does_and_its_way_back_undoes_it() {
    let gateway = Gateway::start().await;
    let (survey, opt_out) = link(&gateway, "ticket-1", "crm-1").await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        assert_eq!(Reply::of(gateway.request(method, &opt_out)).await.status, 200);
    }
    assert_eq!(is_out(&gateway, "crm-1").await, false);
    assert!(gateway.get(&survey).await.page(200).contains("No more surveys from Acme"));

    gateway.post_form(&opt_out, &[("surveys", "stop")]).await.page(200);
    until_out(&gateway, "crm-1", true).await;
    assert_eq!(is_out(&gateway, "crm-2").await, false, "nobody else");
    assert!(gateway.get(&opt_out).await.page(200).contains("value=\"again\""));
    let page = gateway.get(&survey).await;
    assert!(page.page(200).contains("You get no more surveys from Acme"), "said, and still asks");
    // Thanks wait for no store, so they do not say whether somebody is out: the line leads to the page that does.
    let thanks = gateway.post_form(&survey, &[("recommend", "9")]).await;
    assert!(thanks.page(200).contains(">No more surveys from Acme</a>"), "{}", thanks.text);
    let way_out = format!("href=\"..{opt_out}\"");
    assert!(thanks.text.contains(&way_out) && !thanks.text.contains("You get no more"), "{}", thanks.text);
    gateway.store().scored("ticket-1", "recommend", 9).await;

    gateway.post_form(&opt_out, &[("surveys", "again")]).await.page(200);
    until_out(&gateway, "crm-1", false).await;
    let told = feed(&gateway).await;
    assert_eq!((told.len(), told[0].brand.as_str(), told[0].withdrawn), (1, "acme", true));
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["appended"]), (&json!(1), &json!(3)), "{ledger}");
}

#[tokio::test]
async fn a_mail_program_opts_out_with_one_click_in_both_encodings_and_is_not_redirected() {
    let gateway = Gateway::start().await;
    let (_, first) = link(&gateway, "ticket-1", "crm-1").await;
    let (_, second) = link(&gateway, "ticket-2", "crm-2").await;
    let urlencoded = gateway
        .request(Method::POST, &first)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    assert_eq!(Reply::of(urlencoded).await.status, 200);
    let body =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let multipart = gateway
        .request(Method::POST, &second)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    assert_eq!(Reply::of(multipart).await.status, 200);
    until_out(&gateway, "crm-1", true).await;
    until_out(&gateway, "crm-2", true).await;
    let (_, third) = link(&gateway, "ticket-3", "crm-3").await;
    let json = gateway.request(Method::POST, &third).json(&json!({"List-Unsubscribe": "One-Click"}));
    assert_eq!(Reply::of(json).await.status, 415);
    assert_eq!(is_out(&gateway, "crm-3").await, false);
    gateway.post_form("/u/v4.local.broken", &[("surveys", "stop")]).await.page(404);
}

#[tokio::test]
async fn an_opt_out_outlives_a_store_that_is_away_a_kill_and_an_erasure() {
    let mut store = Plan::new().only_store("127.0.0.1:0").start().await;
    store.keep_store_address();
    let mut edge = Plan::new().only_edge(&store.store_url()).start().await;
    let (_, opt_out) = link(&edge, "ticket-1", "crm-1").await;
    store.kill();
    edge.post_form(&opt_out, &[("surveys", "stop")]).await.page(200);
    assert_eq!(is_out(&edge, "crm-1").await, Value::Null, "nobody can tell now");
    edge.kill();
    edge.restart().await;
    store.restart().await;
    until_out(&edge, "crm-1", true).await;
    let erase = ["erase", "--respondent", "ref:crm-1", "--store", &store.store_url()];
    voxgate(store.plan.config.path(), &erase).ok();
    store.restart().await;
    until_out(&edge, "crm-1", true).await;
}

#[tokio::test]
async fn the_command_line_says_who_is_out() {
    let gateway = Gateway::start().await;
    let (_, opt_out) = link(&gateway, "ticket-1", "crm-1").await;
    gateway.post_form(&opt_out, &[("surveys", "stop")]).await.page(200);
    until_out(&gateway, "crm-1", true).await;
    let store = gateway.store_url();
    let one = |respondent: &str, store: &str| {
        let order = format!("link --survey {ORDER} --brand acme --respondent {respondent} --store {store}");
        voxgate(gateway.plan.config.path(), &order.split(' ').collect::<Vec<_>>()).stderr
    };
    assert!(one("crm-1", &store).contains("opted out  yes"));
    assert!(one("crm-2", &store).contains("opted out  no"));
    let nowhere = format!("http://127.0.0.1:{}", crate::support::free_port());
    assert!(one("crm-1", &nowhere).contains("opted out  not known"));

    let dir = tempfile::tempdir().unwrap();
    let [input, output] = ["in.csv", "out.csv"].map(|name| dir.path().join(name));
    std::fs::write(&input, "respondent\ncrm-1\ncrm-2\n\"\"\n").unwrap();
    let column = |store: &str| {
        let files = format!("--csv {} --out {}", input.display(), output.display());
        let order = format!("link --survey {ORDER} --brand acme --store {store} {files}");
        voxgate(gateway.plan.config.path(), &order.split(' ').collect::<Vec<_>>()).ok();
        let mut rows = csv::Reader::from_path(&output).unwrap();
        let column = rows.headers().unwrap().iter().position(|name| name == "opted_out").unwrap();
        rows.records().map(|row| row.unwrap()[column].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(column(&store), ["true", "false", "false"]);
    assert_eq!(column(&nowhere), ["", "", "false"]);
}

#[tokio::test]
async fn a_short_link_leads_to_its_opt_out_too() {
    let gateway = Gateway::start().await;
    let order = json!({"survey": ORDER, "respondent": {"ref": "crm-1"}, "short": true});
    let made = make_link(&gateway, &order).await.reply;
    let handle = made["short_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    gateway.post_form(&format!("/u/{handle}"), &[("surveys", "stop")]).await.page(200);
    until_out(&gateway, "crm-1", true).await;
}
