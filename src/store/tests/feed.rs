//! The change feed.

use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::*;
use crate::proto::store::v1::{WatchRequest, WatchResponse, watch_response::Change};

pub(super) async fn watch(store: &mut Running, cursor: &str, stop_at_end: bool) -> Streaming<WatchResponse> {
    let request = WatchRequest { cursor: cursor.to_owned(), stop_at_end };
    store.client.watch(request).await.unwrap().into_inner()
}

/// What a change is about, and its cursor.
pub(super) async fn next(feed: &mut Streaming<WatchResponse>) -> Option<(String, String)> {
    let change = feed.message().await.unwrap()?;
    let about = match change.change.unwrap() {
        Change::Response(response) => response.id,
        Change::Held(held) => format!("held {} {}", held.reasons.join(","), held.state),
        Change::Erased(erased) => format!("erased {}", erased.response_id),
        Change::Touch(touch) => format!("touch {} {}", touch.response_id, touch.score.unwrap()),
        Change::OptOut(opt_out) => format!("opt-out {} {}", opt_out.brand, opt_out.respondent_key),
    };
    Some((about, change.cursor))
}

#[tokio::test]
async fn a_feed_tells_what_was_and_then_what_comes() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1), record_of(2)]).await;
    let mut feed = watch(&mut store, "", false).await;
    assert_eq!(next(&mut feed).await.unwrap().0, id_of(1));
    assert_eq!(next(&mut feed).await.unwrap().0, id_of(2));
    store.append(vec![record_of(3)]).await;
    assert_eq!(next(&mut feed).await.unwrap().0, id_of(3));
}

#[tokio::test]
async fn a_feed_goes_on_after_its_cursor_and_ends_when_asked_to() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1), record_of(2)]).await;
    let mut feed = watch(&mut store, "", true).await;
    let (_, cursor) = next(&mut feed).await.unwrap();
    let mut feed = watch(&mut store, &cursor, true).await;
    assert_eq!(next(&mut feed).await.unwrap().0, id_of(2));
    assert_eq!(next(&mut feed).await, None);
    let mut store = store.restart().await;
    let mut feed = watch(&mut store, &cursor, true).await;
    assert_eq!(next(&mut feed).await.unwrap().0, id_of(2), "cursors outlive a restart");
}

#[tokio::test]
async fn a_cursor_of_another_store_or_none_at_all_is_refused() {
    let mut store = Running::start().await;
    store.append(vec![record()]).await;
    for (cursor, code) in [("cffffffffffffff", Code::OutOfRange), ("yesterday", Code::InvalidArgument)] {
        let request = WatchRequest { cursor: cursor.into(), stop_at_end: true };
        assert_eq!(store.client.watch(request).await.unwrap_err().code(), code, "{cursor}");
    }
}

#[tokio::test]
async fn a_feed_longer_than_its_page_misses_nothing() {
    let mut store = Running::start().await;
    let many = |high: u8| {
        (0..=255).map(move |low| Record { response_id: [[high; 8], [low; 8]].concat().into(), ..record() })
    };
    store.append((0..3).flat_map(many).collect()).await;
    let mut feed = watch(&mut store, "", true).await;
    let mut count = 0;
    while next(&mut feed).await.is_some() {
        count += 1;
    }
    assert_eq!(count, 768);
}

#[tokio::test]
async fn feeds_past_the_limit_are_refused_and_a_closed_one_makes_room() {
    let mut store = Running::start().await;
    let mut feeds = Vec::new();
    for _ in 0..64 {
        feeds.push(watch(&mut store, "", false).await);
    }
    let request = WatchRequest::default();
    let refused = store.client.watch(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(feeds);
    // The server learns of the closed streams in its own time; nothing else tells when.
    while let Err(refused) = store.client.watch(request.clone()).await {
        assert_eq!(refused.code(), Code::ResourceExhausted);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_store_that_closes_ends_its_feeds_and_acks_what_has_come() {
    let mut store = Running::start().await;
    let mut feed = watch(&mut store, "", false).await;
    let (send, batches) = tokio::sync::mpsc::channel(1);
    let mut acks = store.client.append(ReceiverStream::new(batches)).await.unwrap().into_inner();
    send.send(AppendRequest { sequence: 5, records: vec![record_of(1)] }).await.unwrap();
    assert_eq!(acks.message().await.unwrap().unwrap().sequence, 5);
    assert_eq!(next(&mut feed).await.unwrap().0, id_of(1));
    store.store.close();
    assert_eq!(next(&mut feed).await, None);
    assert_eq!(acks.message().await.unwrap(), None);
}
