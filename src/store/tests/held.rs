//! Held records and what operators decide about them.

use super::{feed, *};
use crate::proto::store::v1::{DiscardHeldRequest, Held, HeldState, ListHeldRequest, ReleaseHeldRequest};

fn suspicious(response: u8) -> Record {
    Record {
        hold: "suspicious".into(),
        received_us: record().received_us + i64::from(response),
        ..record_of(response)
    }
}

async fn list(store: &mut Running, request: ListHeldRequest) -> (Vec<Held>, String) {
    let page = store.client.list_held(request).await.unwrap().into_inner();
    (page.held, page.next_page_token)
}

async fn release(store: &mut Running, ids: Vec<String>) -> Result<u32, Code> {
    let reply = store.client.release_held(ReleaseHeldRequest { ids }).await;
    reply.map(|reply| reply.into_inner().released).map_err(|status| status.code())
}

async fn discard(store: &mut Running, ids: Vec<String>) -> Result<u32, Code> {
    let reply = store.client.discard_held(DiscardHeldRequest { ids }).await;
    reply.map(|reply| reply.into_inner().discarded).map_err(|status| status.code())
}

#[tokio::test]
async fn a_held_answer_is_listed_counts_once_released_and_never_once_discarded() {
    let mut store = Running::start().await;
    store.append(vec![suspicious(1), suspicious(2)]).await;
    assert_eq!(store.responses().await, []);
    let (held, _) = list(&mut store, ListHeldRequest::default()).await;
    let [first, second] = held.as_slice() else { panic!("{held:?}") };
    assert_eq!((first.response_id.clone(), first.reasons.clone()), (id_of(1), vec!["suspicious".to_owned()]));
    assert_eq!(first.record, Some(suspicious(1)));
    assert_eq!(release(&mut store, vec![first.id.clone()]).await, Ok(1));
    assert_eq!(release(&mut store, vec![first.id.clone()]).await, Ok(0), "it waits no more");
    assert_eq!(discard(&mut store, vec![second.id.clone()]).await, Ok(1));
    assert_eq!(release(&mut store, vec![second.id.clone()]).await, Err(Code::FailedPrecondition));
    let listed: Vec<_> = store.responses().await.into_iter().map(|response| response.id).collect();
    assert_eq!(listed, [id_of(1)]);
    assert_eq!(list(&mut store, ListHeldRequest::default()).await.0, []);
    for (state, response) in [(HeldState::Released, 1), (HeldState::Discarded, 2)] {
        let request = ListHeldRequest { state: state as i32, ..Default::default() };
        assert_eq!(list(&mut store, request).await.0[0].response_id, id_of(response));
    }
}

#[tokio::test]
async fn a_decision_that_names_an_unknown_record_decides_nothing() {
    let mut store = Running::start().await;
    store.append(vec![suspicious(1)]).await;
    let (held, _) = list(&mut store, ListHeldRequest::default()).await;
    let unknown = "00".repeat(16);
    assert_eq!(release(&mut store, vec![held[0].id.clone(), unknown]).await, Err(Code::NotFound));
    assert_eq!(list(&mut store, ListHeldRequest::default()).await.0, held);
    for ids in [vec![], vec!["1".to_owned()], vec!["0".repeat(32); 1_001]] {
        assert_eq!(discard(&mut store, ids).await, Err(Code::InvalidArgument));
    }
}

#[tokio::test]
async fn a_record_that_does_not_wait_cannot_be_decided_about() {
    let mut store = Running::start().await;
    store.append(vec![record()]).await;
    let id = super::super::record::check(record()).unwrap().hash.to_string();
    assert_eq!(discard(&mut store, vec![id]).await, Err(Code::NotFound));
    assert_eq!(store.responses().await.len(), 1);
}

#[tokio::test]
async fn held_records_come_in_pages_oldest_first_and_narrowed() {
    let mut store = Running::start().await;
    store.append((1..=5).rev().map(suspicious).collect()).await;
    store.append(vec![Record { brand: "globex".into(), ..suspicious(9) }]).await;
    let mut request = ListHeldRequest { page_size: 2, brand: "acme".into(), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let (held, token) = list(&mut store, request.clone()).await;
        seen.extend(held.into_iter().map(|held| held.response_id));
        if token.is_empty() {
            break;
        }
        request.page_token = token;
    }
    assert_eq!(seen, (1..=5).map(id_of).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_feed_tells_when_a_record_is_held_and_when_it_counts() {
    let mut store = Running::start().await;
    store.append(vec![suspicious(1)]).await;
    let mut feed = feed::watch(&mut store, "", false).await;
    assert_eq!(feed::next(&mut feed).await.unwrap().0, "held suspicious 1");
    let (held, _) = list(&mut store, ListHeldRequest::default()).await;
    release(&mut store, vec![held[0].id.clone()]).await.unwrap();
    assert_eq!(feed::next(&mut feed).await.unwrap().0, id_of(1));
    assert_eq!(feed::next(&mut feed).await.unwrap().0, "held suspicious 2");
}
