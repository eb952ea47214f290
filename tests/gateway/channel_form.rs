//! Forms on a site: the hosted page, and plain forms of other sites.

use reqwest::Method;
use serde_json::json;
use voxgate::proto::store::v1::{Channel, Identity, Kind};

use crate::support::{Gateway, Plan, Reply, plain_link, score_on, text_on};

const FORM: &str = "/f/acme/support-nps";

#[tokio::test]
async fn the_hosted_form_ends_in_the_store() {
    let gateway = Gateway::start().await;
    let page = gateway.get("/f/acme/support-nps?lang=es").await;
    assert!(page.page(200).contains("lang=\"es\""));
    let key = page.input("key").expect("contract 3: a nonce in each served form");
    let fields = [("recommend", "6"), ("reason", "muy lento"), ("key", key.as_str()), ("lang", "es")];
    gateway.post_form(FORM, &fields).await.page(200);
    let stored = gateway.store().count(1).await.remove(0);
    assert_eq!(stored.identity(), Identity::None, "a form without reference");
    assert_eq!(stored.channel(), Channel::Form);
    assert_eq!((stored.survey.as_str(), stored.brand.as_str()), ("support-nps", "acme"));
    assert_eq!(stored.locale, "es");
    assert_eq!((stored.interaction.as_str(), stored.respondent_key.as_str()), ("", ""));
    assert_eq!(score_on(&stored, "recommend"), Some(6));
    assert_eq!(text_on(&stored, "reason"), Some("muy lento"));
    let kinds: Vec<_> = stored.answers.iter().map(|answer| answer.kind()).collect();
    assert!(kinds.contains(&Kind::Nps) && kinds.contains(&Kind::Text), "{kinds:?}");
}

#[tokio::test]
async fn a_form_sent_twice_is_one_answer_and_another_served_form_is_another() {
    let gateway = Gateway::start().await;
    let nonce = async || gateway.get(FORM).await.input("key").unwrap();
    let (one, two) = (nonce().await, nonce().await);
    assert_ne!(one, two, "a nonce in each served form");
    for key in [&one, &one, &two] {
        gateway.post_form(FORM, &[("recommend", "8"), ("key", key)]).await.page(200);
    }
    gateway.store().count(2).await;
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["duplicate"]), (&json!(2), &json!(1)), "{ledger}");
}

#[tokio::test]
async fn a_stated_reference_is_stored_as_stated() {
    let gateway = Gateway::start().await;
    gateway.post_form(FORM, &[("recommend", "8"), ("interaction", "ticket-1")]).await.page(200);
    assert_eq!(gateway.store().first("ticket-1").await.identity(), Identity::Stated);
}

#[tokio::test]
async fn a_token_in_a_form_proves_the_identity() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    gateway.post_form(FORM, &[("recommend", "8"), ("token", &link.token)]).await.page(200);
    let stored = gateway.store().first("ticket-1").await;
    assert_eq!((stored.identity(), stored.channel()), (Identity::Signed, Channel::Form));
}

#[tokio::test]
async fn a_token_of_another_brand_or_a_broken_one_is_refused() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    let other =
        gateway.post_form("/f/globex/support-nps", &[("recommend", "8"), ("token", &link.token)]).await;
    assert!((400..500).contains(&other.status), "invariant 8: {} {}", other.status, other.text);
    let broken = gateway.post_form(FORM, &[("recommend", "8"), ("token", "v4.local.nonsense")]).await;
    assert!((400..500).contains(&broken.status), "{} {}", broken.status, broken.text);
    assert_eq!(gateway.settled_ledger().await["rejected"], 2);
    assert!(gateway.store().all().await.is_empty());
}

#[tokio::test]
async fn a_multipart_form_is_read_like_an_urlencoded_one() {
    let gateway = Gateway::start().await;
    let parts =
        [("recommend", "5"), ("reason", "größer & lauter"), ("interaction", "ticket-1"), ("lang", "de")];
    let reply = Reply::of(multipart(&gateway, FORM, &parts)).await;
    reply.page(200);
    let stored = gateway.store().first("ticket-1").await;
    assert_eq!(score_on(&stored, "recommend"), Some(5));
    assert_eq!(text_on(&stored, "reason"), Some("größer & lauter"));
    assert_eq!(stored.locale, "de");
}

fn multipart(gateway: &Gateway, path: &str, parts: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let mut body = String::new();
    for (name, value) in parts {
        body.push_str(&format!(
            "--boundary-of-a-test\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--boundary-of-a-test--\r\n");
    let request = gateway.request(Method::POST, path);
    request.header("content-type", "multipart/form-data; boundary=boundary-of-a-test").body(body)
}

#[tokio::test]
async fn a_filled_honeypot_is_thanked_and_held_as_suspicious() {
    let gateway = Gateway::start().await;
    let page = gateway.get(FORM).await;
    let bait = bait_of(page.page(200));
    let key = page.input("key").unwrap();
    let fields = [("recommend", "10"), ("key", key.as_str()), (bait.as_str(), "http://spam.example")];
    let reply = gateway.post_form(FORM, &fields).await;
    assert!(reply.status == 200 || reply.status == 202, "a machine learns nothing: {}", reply.text);
    let held = gateway.store().held_one().await;
    assert_eq!(held.reasons, ["suspicious"]);
    assert!(gateway.store().all().await.is_empty());
    assert_eq!(gateway.settled_ledger().await["quarantined"], 1);
}

/// The one text input that is no question and no field of the contract.
fn bait_of(page: &str) -> String {
    let known = ["recommend", "reason", "interaction", "token", "lang", "next", "key"];
    let inputs = page.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    let names: Vec<_> = inputs
        .filter(|input| !["hidden", "radio", "checkbox", "submit"].iter().any(|kind| input.contains(kind)))
        .filter_map(|input| input.split_once("name=\"")?.1.split('"').next())
        .filter(|name| !known.contains(name))
        .collect();
    assert_eq!(names.len(), 1, "issue 2, point 4: a honeypot: {names:?}");
    names[0].to_owned()
}

#[tokio::test]
async fn next_leads_to_allowed_redirects_only() {
    let redirects = vec![toml::Value::from("https://acme.example/thanks")];
    let gateway =
        Plan::new().config(|config| config.set("brands/acme.toml", "redirects", redirects)).start().await;
    let send = async |interaction: &str, next: &str| {
        gateway.post_form(FORM, &[("recommend", "9"), ("interaction", interaction), ("next", next)]).await
    };
    let allowed = send("t-1", "https://acme.example/thanks?from=survey").await;
    assert_eq!(allowed.status, 303, "a form's POST leads on by 303: {}", allowed.text);
    assert_eq!(allowed.header("location"), "https://acme.example/thanks?from=survey");
    let evil = [
        "https://evil.example/",
        "https://acme.example.evil.example/thanks",
        "//evil.example",
        "javascript:alert(1)",
        "https://acme.example@evil.example/thanks",
        "http://acme.example/thanks",
    ];
    for (index, next) in evil.iter().enumerate() {
        let interaction = format!("e-{index}");
        let reply = send(&interaction, next).await;
        assert_eq!(reply.header("location"), "", "{next} is no allowed redirect");
        reply.page(200);
        gateway.store().first(&interaction).await;
    }
}

#[tokio::test]
async fn a_wrong_value_brings_the_form_again_with_what_was_typed() {
    let gateway = Gateway::start().await;
    let fields = [("recommend", "42"), ("reason", "kept words"), ("interaction", "t-1")];
    let again = gateway.post_form(FORM, &fields).await;
    assert!(again.page(422).contains("kept words"));
    let empty = gateway.post_form(FORM, &[("interaction", "t-1")]).await;
    empty.page(422);
    assert!(gateway.store().all().await.is_empty());
    assert_eq!(gateway.get("/f/acme/no-such").await.status, 404);
    assert_eq!(gateway.get("/f/nobody/support-nps").await.status, 404);
}

#[tokio::test]
async fn what_was_typed_or_named_is_shown_as_text_and_never_as_markup() {
    let gateway = Gateway::start().await;
    let script = "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let fields = [("recommend", "42"), ("reason", script), ("interaction", "t-1"), ("lang", script)];
    let again = gateway.post_form(FORM, &fields).await;
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("interaction", script).finish();
    let pages = [again.page(422), &gateway.get(&format!("{FORM}?{query}")).await.text];
    for page in pages {
        assert!(
            !page.contains("<script>alert") && !page.contains("<img src=x"),
            "markup of a stranger: {page}"
        );
    }
}

#[tokio::test]
async fn a_page_may_run_nothing_that_is_not_its_own_and_tells_nobody_its_address() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "t-1").await;
    for path in [FORM, link.path.as_str()] {
        let page = gateway.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "a token in a referrer is given away");
        assert!(page.header("cache-control").contains("no-store"), "{}", page.header("cache-control"));
        assert_eq!(page.header("set-cookie"), "");
    }
}
