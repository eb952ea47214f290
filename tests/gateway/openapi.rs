//! The API's description: served, and true.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use reqwest::Method;
use serde_json::Value;

use crate::support::{Gateway, Plan, Reply, description};

#[tokio::test]
async fn the_description_is_served_and_not_sent_twice() {
    let gateway = Gateway::start().await;
    let reply = gateway.get("/openapi.json").await;
    assert_eq!(&reply.json(), description::document());
    assert_eq!(reply.header("access-control-allow-origin"), "*", "viewers run in browsers");
    let tag = reply.header("etag").to_owned();
    let known = gateway.request(Method::GET, "/openapi.json").header("if-none-match", tag);
    assert_eq!(Reply::of(known).await.status, 304);
    let wrong = gateway.request(Method::POST, "/openapi.json");
    Reply::of(wrong).await.problem(405, "method_not_allowed");
}

/// All lines to paste, with what they are answered.
fn samples() -> Vec<(String, String)> {
    let items = description::document()["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let samples = operations.filter_map(|operation| operation["x-codeSamples"].as_array()).flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    samples.map(|sample| (text(&sample["source"]), text(&sample["label"]))).collect()
}

#[tokio::test]
async fn each_line_to_paste_is_answered_as_its_label_says() {
    let gateway = Gateway::start().await;
    let settings = tempfile::tempdir().unwrap();
    std::fs::write(settings.path().join(".curlrc"), "silent\nwrite-out = \"\\n%{http_code}\"\n").unwrap();
    let samples = samples();
    assert!(samples.len() >= 20, "{}", samples.len());
    for (line, label) in samples {
        let here = line.replacen("127.0.0.1:8080", gateway.http_addr(), 1);
        let output =
            Command::new("sh").args(["-c", &here]).env("CURL_HOME", settings.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let status = said.lines().last().unwrap_or_default();
        assert_eq!(label, format!("curl, answered {status}"), "{line}\n{said}");
    }
}

fn tests_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi")
}

/// Runs Schemathesis on a gateway by the gateway's own description. Its report is its standard output.
fn schemathesis(gateway: &Gateway, arguments: &[&str]) -> Output {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/schemathesis/bin/st");
    assert!(tool.exists(), "{} is installed by `make test` (scripts/install-tools)", tool.display());
    // It keeps what it found in its directory.
    let nowhere = tempfile::tempdir().unwrap();
    Command::new(tool)
        .arg("--config-file")
        .arg(tests_dir().join("schemathesis.toml"))
        .args(["run", &format!("http://{}/openapi.json", gateway.http_addr())])
        .args(arguments)
        .env("PYTHONPATH", tests_dir())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(nowhere.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

async fn asked(gateway: &Gateway, arguments: &'static [&'static str]) {
    let output = tokio::task::block_in_place(|| schemathesis(gateway, arguments));
    let report = String::from_utf8_lossy(&output.stdout);
    // Bodies of thousands of items stand in it, whole.
    let lines: Vec<String> = report.lines().map(|line| line.chars().take(400).collect()).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{errors}", lines.join("\n"));
    assert!(report.contains("Tested: 29"), "every operation is tried:\n{}", lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_requests_made_from_the_description_get_no_5xx_and_what_it_says() {
    // Limits would hide what lies behind them.
    let plan = ["per_address", "per_link", "per_call"]
        .iter()
        .fold(Plan::new(), |plan, name| plan.set(&format!("limits.{name}"), 1_000_000_000));
    let gateway = plan.set("limits.per_api_key", "1000000000 / 1m").start().await;
    asked(&gateway, &["--seed", "1", "--max-examples", "12"]).await;
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["limited"], 0, "neither 429 nor 503: {ledger}");
    for outcome in ["accepted", "revised", "duplicate", "rejected"] {
        assert!(ledger[outcome].as_u64() > Some(0), "the requests got as far as {outcome}: {ledger}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_over_a_limit_are_as_the_description_says() {
    let plan = Plan::new().set("limits.per_address", 1).set("limits.per_link", 1);
    let plan = plan.set("limits.held_per_hour", 0).set("limits.per_api_key", "1 / 1h");
    let gateway = plan.start().await;
    asked(&gateway, &["--seed", "1", "--phases", "examples,coverage"]).await;
    let ledger = gateway.settled_ledger().await;
    assert!(ledger["limited"].as_u64() > Some(50), "{ledger}");
}
