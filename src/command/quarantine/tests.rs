//! The held answers of a real store.

use super::*;
use crate::{
    proto::store::v1::{Answer, Kind, Record, Signals, answer::Value},
    store::tests::{Running, id_of, nps, record_of},
};

async fn store() -> Running {
    let mut store = Running::start().await;
    let comment = Answer {
        question: "reason".into(),
        kind: Kind::Text as i32,
        value: Some(Value::Text("\u{1b}[2J a comment that is longer than the table has room for".into())),
        ..Default::default()
    };
    let suspicious =
        Record { hold: "suspicious".into(), answers: vec![nps("recommend", 0), comment], ..record_of(1) };
    let expired = Record { hold: "link_expired".into(), brand: "globex".into(), ..record_of(2) };
    store.append(vec![suspicious, expired]).await;
    store
}

async fn printed(store: &Running, action: Action) -> anyhow::Result<String> {
    let mut out = Vec::new();
    run(&QuarantineArgs { action }, &store.access(), &mut out).await?;
    Ok(String::from_utf8(out)?)
}

fn list(brand: Option<&str>, state: State, format: Format) -> Action {
    let brand = brand.map(str::to_owned);
    Action::List(ListArgs { survey: None, brand, state, format, store: StoreArgs::default() })
}

async fn id(store: &Running, brand: &str) -> IdArgs {
    let line = printed(store, list(Some(brand), State::Waiting, Format::Ndjson)).await.unwrap();
    let held: serde_json::Value = serde_json::from_str(&line).unwrap();
    IdArgs { ids: vec![held["id"].as_str().unwrap().to_owned()], store: StoreArgs::default() }
}

#[tokio::test]
async fn the_list_shows_what_an_operator_decides_by() {
    let store = store().await;
    insta::assert_snapshot!(printed(&store, list(None, State::Waiting, Format::Table)).await.unwrap());
    assert_eq!(
        printed(&store, list(None, State::Released, Format::Table)).await.unwrap(),
        "Nothing is held.\n"
    );
}

#[tokio::test]
async fn one_is_shown_whole_and_without_its_hashes() {
    let store = store().await;
    let whole = printed(&store, Action::Show(id(&store, "acme").await)).await.unwrap();
    insta::assert_snapshot!(whole);
}

#[tokio::test]
async fn one_is_released_and_one_discarded() {
    let mut store = store().await;
    let (acme, globex) = (id(&store, "acme").await, id(&store, "globex").await);
    insta::assert_snapshot!(
        [
            printed(&store, Action::Release(acme.clone())).await.unwrap(),
            printed(&store, Action::Release(acme)).await.unwrap(),
            printed(&store, Action::Discard(globex.clone())).await.unwrap(),
            printed(&store, Action::Release(globex)).await.unwrap_err().to_string(),
        ]
        .join("")
    );
    assert_eq!(store.responses().await.len(), 1);
}

#[tokio::test]
async fn an_unknown_id_is_refused_with_what_to_do() {
    let store = store().await;
    let unknown = IdArgs { ids: vec!["0".repeat(32)], store: StoreArgs::default() };
    for action in [Action::Show(unknown.clone()), Action::Release(unknown.clone()), Action::Discard(unknown)]
    {
        let error = printed(&store, action).await.unwrap_err().to_string();
        assert!(error.contains("list them"), "{error}");
    }
}

#[tokio::test]
async fn provisional_answers_are_listed_confirmed_and_doubted_by_the_ids_of_their_responses() {
    let mut store = store().await;
    let driven = Signals { driven: true, page_ms: Some(9_000), ..Signals::default() };
    store.append(vec![Record { signals: Some(driven), ..record_of(3) }, record_of(4)]).await;
    let ids = |response: u8| IdArgs { ids: vec![id_of(response)], store: StoreArgs::default() };
    let shown = async || printed(&store, list(None, State::Provisional, Format::Table)).await.unwrap();
    let table = shown().await;
    assert!(
        table.contains(&id_of(3)) && table.contains("driven") && table.contains("recommend=9"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 2, "{table}");
    assert_eq!(printed(&store, Action::Confirm(ids(3))).await.unwrap(), "Confirmed 1.\n");
    assert_eq!(printed(&store, Action::Confirm(ids(3))).await.unwrap(), "Confirmed 1; 0 of them anew.\n");
    assert_eq!(shown().await, "Nothing is provisional.\n");
    assert_eq!(printed(&store, Action::Doubt(ids(4))).await.unwrap(), "Doubted 1.\n");
    let line = printed(&store, list(None, State::Provisional, Format::Ndjson)).await.unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (line["id"].as_str(), &line["answers"][0]["reasons"]),
        (Some(id_of(4).as_str()), &["operator"][..].into())
    );
    let unknown = printed(&store, Action::Doubt(ids(99))).await.unwrap_err().to_string();
    assert!(unknown.contains(&id_of(99)), "{unknown}");
}
