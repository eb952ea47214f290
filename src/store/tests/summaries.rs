//! Summaries.

use super::*;
use crate::proto::store::v1::{SummarizeRequest, SummaryRow};

async fn summarize(store: &mut Running, request: SummarizeRequest) -> Vec<SummaryRow> {
    store.client.summarize(request).await.unwrap().into_inner().rows
}

fn by(groups: &[&str]) -> SummarizeRequest {
    SummarizeRequest { by: groups.iter().map(|group| (*group).to_owned()).collect(), ..Default::default() }
}

fn scored(response: u8, score: i32) -> Record {
    Record { answers: vec![nps("recommend", score)], ..record_of(response) }
}

fn counted(rows: &[SummaryRow]) -> Vec<(Vec<&str>, u64)> {
    rows.iter().map(|row| (row.groups.iter().map(String::as_str).collect(), row.n)).collect()
}

#[tokio::test]
async fn answers_are_counted_with_those_that_wait_apart_and_no_trials() {
    let mut store = Running::start().await;
    let provisional = Record { confidence: Confidence::Provisional as i32, ..scored(4, 1) };
    let held = Record { hold: "over_limit".into(), ..scored(5, 1) };
    let trial = Record { test: true, ..scored(6, 1) };
    store.append(vec![scored(1, 10), scored(2, 9), scored(3, 0), provisional, held, trial]).await;
    insta::assert_debug_snapshot!(summarize(&mut store, by(&[])).await);
    let with_trials = SummarizeRequest { include_test: true, ..by(&[]) };
    assert_eq!(summarize(&mut store, with_trials).await[0].n, 4);
}

#[tokio::test]
async fn answers_are_counted_once_however_often_they_were_changed() {
    let mut store = Running::start().await;
    for (later, score) in (0..).zip([9, 3, 10]) {
        store.append(vec![Record { stamp_us: record().stamp_us + later, ..scored(1, score) }]).await;
    }
    let rows = summarize(&mut store, by(&[])).await;
    assert_eq!((rows[0].n, rows[0].counts.clone()), (1, [("10".to_owned(), 1)].into()));
}

#[tokio::test]
async fn each_group_is_told_apart() {
    let mut store = Running::start().await;
    let other = Record {
        brand: "globex".into(),
        channel: Channel::Ivr as i32,
        country: "DE".into(),
        locale: "en".into(),
        subject: None,
        identity: Identity::Keyed as i32,
        attributes: [("plan".to_owned(), "free".to_owned())].into(),
        ..scored(2, 3)
    };
    store.append(vec![scored(1, 9), Record { hold: "suspicious".into(), ..scored(3, 1) }, other]).await;
    for (group, first, second) in [
        ("channel", "email", "ivr"),
        ("brand", "acme", "globex"),
        ("country", "CH", "DE"),
        ("language", "de", "en"),
        ("subject", "", "agent:a-7"),
        ("identity", "keyed", "signed"),
        ("attribute:plan", "free", "pro"),
    ] {
        let rows = summarize(&mut store, by(&[group])).await;
        assert_eq!(counted(&rows), [(vec![first], 1), (vec![second], 1)], "{group}");
        assert_eq!(rows.iter().map(|row| row.held).sum::<u64>(), 1, "{group}: the held one falls in a group");
    }
    let rows = summarize(&mut store, by(&["brand", "attribute:plan", "attribute:none"])).await;
    assert_eq!(counted(&rows), [(vec!["acme", "pro", ""], 1), (vec!["globex", "free", ""], 1)]);
}

#[tokio::test]
async fn a_day_is_the_asker_s_also_when_the_clocks_change() {
    let mut store = Running::start().await;
    let at = |response: u8, time: &str| {
        let stamp_us = Timestamp::parse(time).unwrap().as_micros();
        Record { stamp_us, ..scored(response, 9) }
    };
    // Zurich turns its clocks back on 2026-10-25 at 01:00 UTC.
    store
        .append(vec![
            at(1, "2026-10-24T21:59:59Z"),
            at(2, "2026-10-24T22:00:00Z"),
            at(3, "2026-10-25T22:59:59Z"),
            at(4, "2026-10-25T23:00:00Z"),
        ])
        .await;
    let zurich = SummarizeRequest { time_zone: "Europe/Zurich".into(), ..by(&["day"]) };
    let days = [(vec!["2026-10-24"], 1), (vec!["2026-10-25"], 2), (vec!["2026-10-26"], 1)];
    assert_eq!(counted(&summarize(&mut store, zurich.clone()).await), days);
    let utc = [(vec!["2026-10-24"], 2), (vec!["2026-10-25"], 2)];
    assert_eq!(counted(&summarize(&mut store, by(&["day"])).await), utc);
    let weeks = SummarizeRequest { by: vec!["week".into(), "month".into()], ..zurich };
    let weeks_of = [(vec!["2026-10-19", "2026-10"], 3), (vec!["2026-10-26", "2026-10"], 1)];
    assert_eq!(counted(&summarize(&mut store, weeks).await), weeks_of);
}

#[tokio::test]
async fn since_belongs_to_the_span_and_until_does_not() {
    let mut store = Running::start().await;
    store.append(vec![scored(1, 9)]).await;
    let at = |micros: i64| Some(Timestamp::from_micros(record().stamp_us + micros).to_proto());
    for (since, until, n) in [(0, 1, 1), (1, 2, 0), (-1, 0, 0)] {
        let request = SummarizeRequest { since: at(since), until: at(until), ..by(&[]) };
        let rows = summarize(&mut store, request).await;
        assert_eq!(rows.iter().map(|row| row.n).sum::<u64>(), n, "{since} to {until}");
    }
}

#[tokio::test]
async fn a_group_or_zone_that_is_none_is_refused_with_what_would_be_right() {
    let mut store = Running::start().await;
    for request in [
        by(&["weekday"]),
        by(&["attribute:"]),
        by(&["day"; 17]),
        SummarizeRequest { time_zone: "Europe/Zuerich".into(), ..by(&[]) },
        SummarizeRequest { since: Some(NOW.to_proto()), until: Some(NOW.to_proto()), ..by(&[]) },
    ] {
        let refused = store.client.summarize(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
}
