//! The command line: what operators type and read.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::support::{Cli, Gateway, Plan, nps, voxgate, voxgate_alone};

fn on_store(gateway: &Gateway, command: &str) -> Cli {
    let url = gateway.store_url();
    let arguments: Vec<_> = command.split_whitespace().chain(["--store", &url]).collect();
    voxgate(gateway.plan.config.path(), &arguments)
}

async fn with_scores(scores: &[i32]) -> Gateway {
    let gateway = Gateway::start().await;
    for (index, score) in scores.iter().enumerate() {
        let mut body = nps(&format!("t-{index}"), *score);
        body["country"] = json!(if index % 2 == 0 { "CH" } else { "DE" });
        body["attributes"] = json!({"plan": if index == 0 { "pro" } else { "free" }});
        gateway.submit(&body).await.receipt(201, "accepted");
    }
    gateway.settled_ledger().await;
    gateway
}

#[tokio::test]
async fn a_report_scores_with_intervals_in_three_formats() {
    let gateway = with_scores(&[10, 9, 8, 0]).await;
    let printed = on_store(&gateway, "report --survey support-nps --brand acme --format json").ok();
    let report: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    let rows = report.as_array().or_else(|| report["rows"].as_array()).expect("a row for each question");
    let row = rows.iter().find(|row| row["question"] == "recommend").unwrap();
    assert_eq!((&row["survey"], &row["kind"]), (&json!("support-nps"), &json!("nps")), "{row}");
    assert_eq!(row["n"], 4);
    assert_eq!(row["score"].as_f64(), Some(25.0), "2 promoters less 1 detractor of 4: {row}");
    assert_eq!(row["mean"].as_f64(), Some(6.75), "{row}");
    let (low, high) = (row["low"].as_f64().unwrap(), row["high"].as_f64().unwrap());
    assert!((-100.0..25.0).contains(&low) && 25.0 < high && high <= 100.0, "with their intervals: {row}");
    for name in ["counts", "provisional", "held"] {
        assert!(!row[name].is_null(), "contract 1 names {name}: {row}");
    }
    let table = on_store(&gateway, "report --survey support-nps --format table").ok();
    assert!(table.contains("recommend") && table.contains("25"), "{table}");
    let csv = on_store(&gateway, "report --survey support-nps --by country --format csv").ok();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let counted: Vec<_> = rows.iter().filter(|row| row["question"] == "recommend").collect();
    assert_eq!(counted.len(), 2, "a row for each country: {csv}");
    assert!(counted.iter().all(|row| row["n"] == "2"), "{csv}");
}

#[tokio::test]
async fn a_report_groups_by_all_that_the_contract_names() {
    let gateway = with_scores(&[10, 9, 8, 0]).await;
    let by = "channel,brand,country,language,subject,identity,day,week,month,attribute:plan";
    for one in by.split(',') {
        let printed = on_store(&gateway, &format!("report --by {one} --tz Europe/Zurich --format json")).ok();
        assert!(printed.contains("recommend"), "{one}: {printed}");
    }
    let all = on_store(&gateway, &format!("report --by {by} --format csv")).ok();
    assert!(all.lines().count() >= 4, "{all}");
    let none = on_store(&gateway, "report --until 2020-01-01T00:00:00Z --format csv").ok();
    assert!(!none.contains("support-nps"), "{none}");
    let unknown = on_store(&gateway, "report --by nonsense");
    assert_ne!(unknown.code, Some(0));
    assert!(unknown.stderr.contains("nonsense"), "{}", unknown.stderr);
}

#[tokio::test]
async fn an_export_prints_one_response_a_line_in_the_words_of_the_contract() {
    let gateway = with_scores(&[0]).await;
    let printed = on_store(&gateway, "export --format ndjson").ok();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let response: Value = serde_json::from_str(printed.trim()).unwrap();
    let expected = [
        ("survey", json!("support-nps")),
        ("brand", json!("acme")),
        ("identity", json!("keyed")),
        ("channel", json!("api")),
        ("interaction", json!("t-0")),
        ("respondent_ref", json!("")),
        ("country", json!("CH")),
        ("attributes", json!({"plan": "pro"})),
        ("test", json!(false)),
    ];
    for (name, value) in expected {
        assert_eq!(response[name], value, "{name}: {response}");
    }
    for time in ["first_answered_at", "received_at", "updated_at"] {
        let text = response[time].as_str().unwrap();
        assert!(voxgate::clock::Timestamp::parse(text).is_some(), "times RFC 3339: {text}");
    }
    let answer = &response["answers"][0];
    assert_eq!(answer["question"], "recommend");
    assert_eq!(answer["value"], 0, "a score of 0 is 0: {answer}");
    assert_eq!((&answer["kind"], &answer["claim"]), (&json!("nps"), &json!("verified")), "lower-case words");
    assert_eq!((&answer["confidence"], &answer["segment"]), (&json!("confirmed"), &json!("detractor")));
    assert_eq!(answer["normalized"].as_f64(), Some(0.0), "numbers as numbers: {answer}");
}

#[tokio::test]
async fn an_export_with_a_cursor_goes_on_where_the_last_one_ended() {
    let gateway = with_scores(&[1, 2]).await;
    let files = tempfile::tempdir().unwrap();
    let cursor = files.path().join("cursor");
    let command = format!("export --cursor {} --format ndjson", cursor.display());
    assert_eq!(on_store(&gateway, &command).ok().lines().count(), 2);
    assert_eq!(on_store(&gateway, &command).ok().lines().count(), 0, "nothing is new");
    gateway.submit(&nps("t-new", 5)).await.receipt(201, "accepted");
    gateway.submit(&nps("t-0", 9)).await.receipt(200, "revised");
    gateway.settled_ledger().await;
    let more = on_store(&gateway, &command).ok();
    assert_eq!(more.lines().count(), 2, "the new one and the changed one: {more}");
    assert!(more.contains("t-new") && more.contains("t-0"), "{more}");
    let since = voxgate::clock::Clock::System.now();
    gateway.submit(&nps("t-last", 5)).await.receipt(201, "accepted");
    gateway.settled_ledger().await;
    let last = on_store(&gateway, &format!("export --since {since} --format ndjson")).ok();
    assert_eq!(last.lines().count(), 1, "--since on updated_at: {last}");
}

#[tokio::test]
async fn a_csv_export_has_a_row_for_each_answer_and_quotes_formulas() {
    let gateway = Gateway::start().await;
    for (index, text) in ["=HYPERLINK(1)", "+1", "-1", "@x", "a, \"b\"\nc", "plain"].iter().enumerate() {
        let mut body = nps(&format!("t-{index}"), 3);
        body["answers"]["reason"] = json!(text);
        gateway.submit(&body).await.receipt(201, "accepted");
    }
    gateway.settled_ledger().await;
    let printed = on_store(&gateway, "export --format csv").ok();
    let mut reader = csv::Reader::from_reader(printed.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12, "a row for each answer: {printed}");
    let cells: Vec<_> = rows.iter().flat_map(csv::StringRecord::iter).collect();
    for cell in &cells {
        assert!(!cell.starts_with(['=', '+', '@']), "a spreadsheet would run {cell:?}");
    }
    for text in ["HYPERLINK(1)", "a, \"b\"\nc", "plain"] {
        assert!(cells.iter().any(|cell| cell.contains(text)), "{text} is missing: {printed}");
    }
}

#[tokio::test]
async fn check_lists_every_problem_at_once() {
    let plan = Plan::new();
    let good = voxgate(plan.config.path(), &["check"]);
    assert_eq!(good.code, Some(0), "the samples are right: {}", good.all());
    assert!(good.all().to_lowercase().contains("sample"), "`check` warns of sample secrets: {}", good.all());

    plan.config.set("gateway.toml", "http.listen", "nowhere");
    plan.config.set("gateway.toml", "limit.per_address", 5);
    plan.config.set("surveys/support-nps.toml", "one_response_per", "household");
    plan.config.edit("surveys/technician-visit.toml", |survey| {
        let question = survey["question"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        question.insert("kind".to_owned(), "galaxies".into());
    });
    plan.config.edit("surveys/experience.toml", |survey| {
        let question = survey["question"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        question["text"].as_table_mut().unwrap().remove("it");
    });
    plan.config.write("brands/broken.toml", "name = \"Broken\nlanguages = [");
    let bad = voxgate(plan.config.path(), &["check"]);
    assert_eq!(bad.code, Some(64), "contract 1: exit 0 or 64: {}", bad.all());
    for part in [
        "gateway.toml",
        "nowhere",
        "limit",
        "support-nps.toml",
        "household",
        "technician-visit.toml",
        "galaxies",
        "broken.toml",
        "experience",
    ] {
        assert!(bad.all().contains(part), "file, line and value, {part} is missing: {}", bad.all());
    }
}

#[tokio::test]
async fn init_makes_a_configuration_with_secrets_of_its_own_that_runs() {
    let files = tempfile::tempdir().unwrap();
    let config = files.path().join("fresh");
    let made = voxgate(&config, &["init", "--brand", "shop"]);
    assert_eq!(made.code, Some(0), "{}", made.all());
    assert!(config.join("brands/shop.toml").is_file(), "{}", made.all());
    let checked = voxgate(&config, &["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.all());
    let gateway_file = fs::read_to_string(config.join("gateway.toml")).unwrap();
    assert!(!gateway_file.contains("73616d706c65"), "fresh secrets");
    let again = voxgate(&config, &["init", "--brand", "shop"]);
    assert_ne!(again.code, Some(0), "nothing is overwritten: {}", again.all());
}

#[tokio::test]
async fn a_new_key_works_once_its_lines_are_pasted_and_only_for_its_actions() {
    let plan = Plan::new();
    let printed = voxgate_alone(&["key", "new", "--brand", "acme", "--actions", "submit"]).all();
    let secret = printed
        .split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)))
        .find(|word| word.starts_with("vg_"))
        .unwrap_or_else(|| panic!("prints a secret once: {printed}"))
        .to_owned();
    let lines = printed.lines().skip_while(|line| !line.starts_with("[["));
    let lines: Vec<_> = lines.take_while(|line| line.starts_with("[[") || line.contains(" = ")).collect();
    assert!(lines.len() > 1, "and the TOML to paste: {printed}");
    assert!(!lines.join("\n").contains(&secret), "stored as SHA-256");
    plan.config.append("brands/acme.toml", &lines.join("\n"));
    let gateway = plan.start().await;
    let post = async |path: &str, body: &Value| {
        let request = gateway.request(reqwest::Method::POST, path).bearer_auth(&secret).json(body);
        crate::support::Reply::of(request).await
    };
    post("/v1/responses", &nps("t-1", 9)).await.receipt(201, "accepted");
    let link = json!({"survey": "support-nps", "brand": "acme", "interaction": "t-1"});
    post("/v1/links", &link).await.problem(403, "forbidden");
}

#[tokio::test]
async fn wrong_arguments_exit_64_and_say_what_is_right() {
    let plan = Plan::new();
    for arguments in [
        &["link", "--survey", "no-such", "--brand", "acme", "--interaction", "t"][..],
        &["link", "--survey", "support-nps", "--brand", "acme", "--interaction", "no reference"],
        &["link", "--survey", "support-nps", "--brand", "acme", "--interaction", "t", "--subject", "agent"],
        &["frobnicate"],
    ] {
        let done = voxgate(plan.config.path(), arguments);
        assert_ne!(done.code, Some(0), "{arguments:?}");
        assert!(
            !done.stderr.is_empty() && !done.stderr.contains("panicked"),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}
