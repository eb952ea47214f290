//! Touches: records without answers, of which nothing is born but evidence.

use super::{feed, *};
use crate::proto::store::v1::{
    EraseRequest, EraseResponse, GetResponseRequest, OptedOut, SummarizeRequest, Touch,
    watch_response::Change,
};

async fn told(store: &mut Running) -> Vec<String> {
    let mut feed = feed::watch(store, "", true).await;
    let mut told = Vec::new();
    while let Some((about, _)) = feed::next(&mut feed).await {
        told.push(about);
    }
    told
}

#[tokio::test]
async fn a_touch_makes_no_response_and_counts_nowhere() {
    let mut store = Running::start().await;
    assert_eq!(store.append(vec![touch(1, 9), touch(1, 3)]).await.refused, []);
    assert_eq!(store.responses().await, []);
    let request = GetResponseRequest { id: id_of(1) };
    assert_eq!(store.client.get_response(request).await.unwrap_err().code(), Code::NotFound);
    let summary = store.client.summarize(SummarizeRequest::default()).await.unwrap().into_inner();
    assert_eq!(summary.rows, []);
}

#[tokio::test]
async fn the_feed_tells_of_a_touch_once_whatever_is_sent_again() {
    let mut store = Running::start().await;
    let head = Some(Event::Touched(Touched { question: "recommend".into(), score: 3, head: true }));
    let head = Record { event: head, ..touch(1, 3) };
    store.append(vec![touch(1, 9), head.clone()]).await;
    store.append(vec![head.clone(), touch(1, 9), record_of(1)]).await;
    let expected = [format!("touch {} 9", id_of(1)), format!("touch {} 3", id_of(1)), id_of(1)];
    assert_eq!(told(&mut store).await, expected);
    let mut store = store.restart().await;
    store.append(vec![head.clone()]).await;
    assert_eq!(told(&mut store).await, expected);
    let mut feed = feed::watch(&mut store, "", true).await;
    feed.message().await.unwrap();
    let at = Some(Timestamp::from_micros(head.stamp_us).to_proto());
    let touch = Touch { response_id: id_of(1), at, score: Some(3), head: true };
    assert_eq!(feed.message().await.unwrap().unwrap().change, Some(Change::Touch(touch)));
}

#[tokio::test]
async fn the_feed_tells_who_wants_no_more_invitations() {
    let mut store = Running::start().await;
    let opted_out = Record { event: Some(Event::OptedOut(OptedOut::default())), ..touch(1, 0) };
    store.append(vec![opted_out.clone(), opted_out]).await;
    assert_eq!(told(&mut store).await, [format!("opt-out acme {}", hex::encode([8; 16]))]);
    assert_eq!(store.responses().await, []);
}

#[tokio::test]
async fn a_touch_changes_nothing_of_what_a_response_says() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1)]).await;
    let before = store.responses().await;
    store.append(vec![touch(1, 0)]).await;
    assert_eq!(store.responses().await, before);
}

#[tokio::test]
async fn a_touch_of_an_erased_person_goes_and_never_comes_back() {
    let mut store = Running::start().await;
    store.append(vec![touch(1, 9), touch(2, 9), record_of(2)]).await;
    let request = EraseRequest { respondent_key: vec![8; 16].into(), received_before: None };
    let erased = store.client.erase(request).await.unwrap().into_inner();
    assert_eq!(erased, EraseResponse { responses: 2, records: 3 });
    let gone = [1, 2].map(|response| format!("erased {}", id_of(response)));
    assert_eq!(told(&mut store).await, gone);
    let mut store = store.restart().await;
    store.append(vec![touch(1, 9), touch(2, 3), touch(3, 9)]).await;
    assert_eq!(told(&mut store).await, gone, "from another gateway's spool, for any link of theirs");
}

#[tokio::test]
async fn the_earliest_touches_of_a_response_are_kept_in_whatever_order_they_come() {
    let at = |place: i64| Record { stamp_us: touch(1, 9).stamp_us + place, ..touch(1, 9) };
    let mut kept = Vec::new();
    for order in [(0..600).collect::<Vec<i64>>(), (0..600).rev().collect()] {
        let mut store = Running::start().await;
        for places in order.chunks(100) {
            store.append(places.iter().map(|place| at(*place)).chain([record_of(1)]).collect()).await;
        }
        let mut feed = feed::watch(&mut store, "", true).await;
        let mut stamps = Vec::new();
        while let Some(change) = feed.message().await.unwrap() {
            if let Some(Change::Touch(touch)) = change.change {
                stamps.push(Timestamp::from_proto(&touch.at.unwrap()).as_micros());
            }
        }
        stamps.sort_unstable();
        kept.push(stamps);
    }
    let earliest: Vec<_> = (0..512).map(|place| at(place).stamp_us).collect();
    assert_eq!(kept, [earliest.clone(), earliest]);
}
