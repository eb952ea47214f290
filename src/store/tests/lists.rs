//! One response, and pages of them.

use std::time::Duration;

use super::*;
use crate::proto::store::v1::GetResponseRequest;

async fn page(store: &mut Running, request: &ListResponsesRequest) -> (Vec<String>, String) {
    let page = store.client.list_responses(request.clone()).await.unwrap().into_inner();
    (page.responses.into_iter().map(|response| response.id).collect(), page.next_page_token)
}

#[tokio::test]
async fn a_response_that_changes_between_two_pages_comes_again_and_none_is_missed() {
    let mut store = Running::start().await;
    store.append((1..=5).map(record_of).collect()).await;
    let mut request = ListResponsesRequest { page_size: 2, ..Default::default() };
    let (first, token) = page(&mut store, &request).await;
    assert_eq!(first, [id_of(1), id_of(2)]);
    let change =
        Record { stamp_us: record().stamp_us + 1, answers: vec![nps("recommend", 2)], ..record_of(1) };
    store.append(vec![change]).await;
    request.page_token = token;
    let (second, token) = page(&mut store, &request).await;
    request.page_token = token;
    let (third, token) = page(&mut store, &request).await;
    assert_eq!((second, third), (vec![id_of(3), id_of(4)], vec![id_of(5), id_of(1)]));
    assert_eq!(token, "", "the last page says so");
}

#[tokio::test]
async fn a_list_is_narrowed_by_each_of_its_filters() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1), Record { brand: "globex".into(), ..record_of(2) }]).await;
    store.clock.advance(Duration::from_secs(60));
    let other = Record { interaction: "ticket-1".into(), ..record_of(3) };
    store.append(vec![other, Record { survey: "ticket-ces".into(), ..record_of(4) }]).await;
    let all = ListResponsesRequest::default();
    for (request, ids) in [
        (ListResponsesRequest { brand: "globex".into(), ..all.clone() }, vec![id_of(2)]),
        (ListResponsesRequest { survey: "ticket-ces".into(), ..all.clone() }, vec![id_of(4)]),
        (ListResponsesRequest { interaction: "ticket-1".into(), ..all.clone() }, vec![id_of(3)]),
        (
            ListResponsesRequest { interaction: "ticket-4711".into(), brand: "acme".into(), ..all.clone() },
            vec![id_of(1), id_of(4)],
        ),
        (
            ListResponsesRequest { updated_since: Some(store.clock.now().to_proto()), ..all.clone() },
            vec![id_of(3), id_of(4)],
        ),
        (ListResponsesRequest { brand: "none".into(), ..all }, vec![]),
    ] {
        assert_eq!(page(&mut store, &request).await.0, ids, "{request:?}");
    }
}

#[tokio::test]
async fn a_page_token_that_is_none_is_refused() {
    let mut store = Running::start().await;
    let request = ListResponsesRequest { page_token: "2".into(), ..Default::default() };
    assert_eq!(store.client.list_responses(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn one_response_is_found_by_its_id() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1)]).await;
    let mut get = async |id: String| {
        let found = store.client.get_response(GetResponseRequest { id }).await;
        found.map(|found| found.into_inner().response.unwrap().id).map_err(|status| status.code())
    };
    assert_eq!(get(id_of(1)).await, Ok(id_of(1)));
    assert_eq!(get(id_of(2)).await, Err(Code::NotFound));
    assert_eq!(get("7".into()).await, Err(Code::InvalidArgument));
}

#[tokio::test]
async fn a_page_ends_before_a_client_s_usual_message_limit() {
    let mut store = Running::start().await;
    let long = |response: u8| {
        let mut record = record_of(response);
        record.answers[0].value = Some(Value::Text("x".repeat(200_000)));
        record
    };
    store.append((1..=20).map(long).collect()).await;
    let mut request = ListResponsesRequest { page_size: 20, ..Default::default() };
    let mut count = 0;
    loop {
        let page = store.client.list_responses(request.clone()).await.unwrap().into_inner();
        assert!(prost::Message::encoded_len(&page) < 4 << 20);
        count += page.responses.len();
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(count, 20);
}
