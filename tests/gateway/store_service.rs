//! Storage as its other readers see it: one response, pages, changes, counts.

use tokio_stream::StreamExt as _;
use tonic::Code;
use voxgate::proto::store::v1::{
    EraseRequest, GetResponseRequest, ListResponsesRequest, SummarizeRequest, WatchRequest,
    watch_response::Change,
};

use crate::support::{Gateway, StoreReader, nps, score_on};

async fn with_answers(count: usize) -> Gateway {
    let gateway = Gateway::start().await;
    for index in 0..count {
        gateway.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
    gateway.settled_ledger().await;
    gateway
}

/// All changes after a cursor, and the last cursor.
async fn changes(store: &StoreReader, cursor: &str) -> (Vec<Change>, String) {
    let request = WatchRequest { cursor: cursor.to_owned(), stop_at_end: true };
    let mut stream = store.client().watch(request).await.unwrap().into_inner();
    let (mut changes, mut last) = (Vec::new(), cursor.to_owned());
    while let Some(change) = stream.next().await {
        let change = change.unwrap();
        last = change.cursor;
        changes.extend(change.change);
    }
    (changes, last)
}

#[tokio::test]
async fn a_response_is_found_by_its_id_and_an_unknown_id_is_not_found() {
    let gateway = with_answers(1).await;
    let store = gateway.store();
    let listed = store.first("t-0").await;
    let request = GetResponseRequest { id: listed.id.clone() };
    let got = store.client().get_response(request).await.unwrap().into_inner();
    assert_eq!(got.response, Some(listed));
    for (id, code) in
        [("00000000-0000-8000-8000-000000000000", Code::NotFound), ("nonsense", Code::InvalidArgument)]
    {
        let status = store.client().get_response(GetResponseRequest { id: id.to_owned() }).await.unwrap_err();
        assert_eq!(status.code(), code, "{id}: {status:?}");
    }
}

#[tokio::test]
async fn pages_hold_what_was_asked_for_oldest_change_first() {
    let gateway = with_answers(5).await;
    gateway.submit(&nps("t-0", 1)).await.receipt(200, "revised");
    gateway.settled_ledger().await;
    let store = gateway.store();
    store.scored("t-0", "recommend", 1).await;
    let request = ListResponsesRequest { page_size: 2, ..Default::default() };
    let page = store.client().list_responses(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.responses.len(), 2);
    assert!(!page.next_page_token.is_empty());
    let listed = store.list(request).await;
    let changes: Vec<_> = listed.iter().map(|one| one.updated_at.map(|at| (at.seconds, at.nanos))).collect();
    assert!(changes.is_sorted_by(|one, next| one < next), "oldest change first: {changes:?}");
    let mut order: Vec<_> = listed.into_iter().map(|response| response.interaction).collect();
    assert_eq!(order.last().map(String::as_str), Some("t-0"), "changed last");
    // Those of one commit have the store's own order.
    order.sort();
    assert_eq!(order, ["t-0", "t-1", "t-2", "t-3", "t-4"]);
    let changed = store.first("t-0").await.updated_at;
    let since = store.list(ListResponsesRequest { updated_since: changed, ..Default::default() }).await;
    assert_eq!(since.iter().map(|response| response.interaction.as_str()).collect::<Vec<_>>(), ["t-0"]);
    let other = ListResponsesRequest { brand: "globex".to_owned(), ..Default::default() };
    assert!(store.list(other).await.is_empty());
}

#[tokio::test]
async fn changes_go_on_from_a_cursor() {
    let gateway = with_answers(3).await;
    let store = gateway.store();
    let (first, cursor) = changes(&store, "").await;
    assert_eq!(first.len(), 3, "{first:#?}");
    assert!(changes(&store, &cursor).await.0.is_empty(), "nothing is new");
    gateway.submit(&nps("t-1", 2)).await.receipt(200, "revised");
    gateway.settled_ledger().await;
    store.scored("t-1", "recommend", 2).await;
    let (more, cursor) = changes(&store, &cursor).await;
    let [Change::Response(response)] = more.as_slice() else { panic!("one change: {more:#?}") };
    assert_eq!(score_on(response, "recommend"), Some(2));

    let mut live =
        store.client().watch(WatchRequest { cursor, stop_at_end: false }).await.unwrap().into_inner();
    gateway.submit(&nps("t-live", 7)).await.receipt(201, "accepted");
    let change = tokio::time::timeout(crate::support::DEADLINE, live.next()).await.unwrap();
    let Some(Change::Response(response)) = change.unwrap().unwrap().change else { panic!("a response") };
    assert_eq!(response.interaction, "t-live");
}

#[tokio::test]
async fn summaries_count_answers_and_wrong_requests_are_invalid_arguments() {
    let gateway = with_answers(3).await;
    let store = gateway.store();
    let asked = SummarizeRequest {
        survey: "support-nps".to_owned(),
        by: vec!["channel".to_owned(), "identity".to_owned()],
        ..Default::default()
    };
    let rows = store.client().summarize(asked).await.unwrap().into_inner().rows;
    let row = rows.iter().find(|row| row.question == "recommend").unwrap();
    assert_eq!((row.groups.join(",").as_str(), row.n, row.score), ("api,keyed", 3, Some(100.0)), "{row:?}");
    let zone = SummarizeRequest { time_zone: "Europe/Atlantis".to_owned(), ..Default::default() };
    assert_eq!(store.client().summarize(zone).await.unwrap_err().code(), Code::InvalidArgument);
    let page = ListResponsesRequest { page_token: "nonsense".to_owned(), ..Default::default() };
    assert_eq!(store.client().list_responses(page).await.unwrap_err().code(), Code::InvalidArgument);
    let cursor = WatchRequest { cursor: "nonsense".to_owned(), stop_at_end: true };
    let refused = match store.client().watch(cursor).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().next().await.unwrap().unwrap_err(),
    };
    assert_eq!(refused.code(), Code::InvalidArgument);
    let nobody = EraseRequest { respondent_key: vec![1, 2].into(), received_before: None };
    assert_eq!(store.client().erase(nobody).await.unwrap_err().code(), Code::InvalidArgument);
}
