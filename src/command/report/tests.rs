//! Reports of a real store, as they are printed.

use super::*;
use crate::{
    proto::store::v1::{Answer, Channel, Kind, Record, answer::Value},
    store::tests::{NOW, Running, nps, record_of},
    tls::ClientTls,
};

async fn store() -> Running {
    let mut store = Running::start().await;
    let chosen = |choice: &str| Answer {
        question: "why".into(),
        kind: Kind::Choice as i32,
        value: Some(Value::Choice(choice.into())),
        ..Default::default()
    };
    let scores = [10, 9, 9, 8, 7, 0, 3, 5, 6, 10, 10, 1];
    let scored = (1..).zip(scores).map(|(response, score)| Record {
        answers: vec![nps("recommend", score), chosen(if score > 6 { "=price" } else { "the service" })],
        channel: if response % 2 == 0 { Channel::Ivr as i32 } else { Channel::Email as i32 },
        ..record_of(response)
    });
    let held = Record { hold: "suspicious".into(), ..record_of(99) };
    store.append(scored.chain([held]).collect()).await;
    store
}

fn args(by: &[&str], format: Format) -> ReportArgs {
    ReportArgs {
        survey: None,
        brand: None,
        since: None,
        until: None,
        tz: "Europe/Zurich".into(),
        by: by.iter().map(|group| (*group).to_owned()).collect(),
        include_test: false,
        format,
        store: StoreArgs::default(),
    }
}

async fn printed(store: &Running, args: &ReportArgs) -> anyhow::Result<String> {
    let mut out = Vec::new();
    run(args, &store.access(), &Clock::manual(NOW), &mut out).await?;
    Ok(String::from_utf8(out)?)
}

#[tokio::test]
async fn the_table_is_readable_within_100_columns() {
    let store = store().await;
    let table = printed(&store, &args(&["channel", "day"], Format::Table)).await.unwrap();
    insta::assert_snapshot!(table);
    let plain = printed(&store, &args(&[], Format::Table)).await.unwrap();
    insta::assert_snapshot!(plain);
    assert!(table.lines().chain(plain.lines()).all(|line| line.chars().count() <= 100));
    let nothing = ReportArgs { survey: Some("none".into()), ..args(&[], Format::Table) };
    assert_eq!(printed(&store, &nothing).await.unwrap(), "No answers.\n");
}

#[tokio::test]
async fn csv_and_json_are_not_rounded_and_keep_the_columns_in_order() {
    let store = store().await;
    insta::assert_snapshot!(printed(&store, &args(&["attribute:plan"], Format::Csv)).await.unwrap());
    insta::assert_snapshot!(printed(&store, &args(&[], Format::Json)).await.unwrap());
}

#[tokio::test]
async fn the_span_is_read_in_the_zone_and_from_now() {
    let store = store().await;
    for (since, until, found) in [
        ("1d", None, true),
        ("1m", None, false),
        ("2026-11-18", Some("2026-11-19"), true),
        ("2000-01-01", Some("2026-11-18"), false),
    ] {
        let asked = ReportArgs {
            since: Some(since.into()),
            until: until.map(str::to_owned),
            ..args(&[], Format::Table)
        };
        let table = printed(&store, &asked).await.unwrap();
        assert_eq!(table != "No answers.\n", found, "{since} {until:?}\n{table}");
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_told_from_a_wrong_question() {
    let store = store().await;
    let wrong = printed(&store, &args(&["weekday"], Format::Table)).await.unwrap_err();
    assert!(!wrong.downcast_ref::<StoreFailure>().unwrap().is_unavailable(), "{wrong}");
    let nowhere = StoreAccess { url: "http://127.0.0.1:1".into(), key: None, tls: ClientTls::default() };
    let error =
        run(&args(&[], Format::Table), &nowhere, &Clock::manual(NOW), &mut Vec::new()).await.unwrap_err();
    assert!(error.downcast_ref::<StoreFailure>().unwrap().is_unavailable(), "{error}");
    let no_url = StoreAccess { url: "ftp://127.0.0.1".into(), key: None, tls: ClientTls::default() };
    let error =
        run(&args(&[], Format::Table), &no_url, &Clock::manual(NOW), &mut Vec::new()).await.unwrap_err();
    assert!(!error.downcast_ref::<StoreFailure>().unwrap().is_unavailable(), "{error}");
}

#[test]
fn the_command_line_is_read() {
    use clap::{CommandFactory as _, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        report: ReportArgs,
    }
    Line::command().debug_assert();
    let line =
        ["report", "--by", "channel,attribute:plan", "--format", "csv", "--store", "http://127.0.0.1:1"];
    let report = Line::parse_from(line).report;
    assert_eq!(report.by, ["channel", "attribute:plan"]);
    assert_eq!((report.format, report.tz.as_str()), (Format::Csv, "UTC"));
    let other = StoreAccess { url: "http://other".into(), key: None, tls: ClientTls::default() };
    assert_eq!(report.store.access(other.clone()).url, "http://127.0.0.1:1");
    assert_eq!(Line::parse_from(["report"]).report.store.access(other).url, "http://other");
}
