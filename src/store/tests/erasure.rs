//! Erasure and its tombstones.

use std::{fs, time::Duration};

use super::{feed, *};
use crate::proto::store::v1::{EraseRequest, EraseResponse, ListHeldRequest};

const PERSON: [u8; 16] = [8; 16];

async fn erase(store: &mut Running, key: [u8; 16]) -> EraseResponse {
    let request = EraseRequest { respondent_key: key.to_vec().into(), received_before: None };
    store.client.erase(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn an_erased_person_is_gone_and_what_was_received_before_stays_out() {
    let mut store = Running::start().await;
    let stranger = Record { respondent_key: vec![9; 16].into(), ..record_of(2) };
    let held = Record { hold: "late".into(), stamp_us: record().stamp_us + 1, ..record_of(1) };
    store.append(vec![record_of(1), held, stranger.clone()]).await;
    assert_eq!(erase(&mut store, PERSON).await, EraseResponse { responses: 1, records: 2 });
    let left: Vec<_> = store.responses().await.into_iter().map(|response| response.id).collect();
    assert_eq!(left, [id_of(2)]);
    assert_eq!(store.client.list_held(ListHeldRequest::default()).await.unwrap().into_inner().held, []);

    // From another gateway's spool: the same records, and one of another response of that person.
    let ack = store.append(vec![record_of(1), record_of(3)]).await;
    assert_eq!(ack.refused, [], "no dead letter comes of it");
    assert_eq!(store.responses().await.len(), 1);
    let mut store = store.restart().await;
    store.append(vec![record_of(1)]).await;
    assert_eq!(store.responses().await.len(), 1, "tombstones outlive a restart");

    let later = Record { received_us: NOW.as_micros(), ..record_of(1) };
    store.append(vec![later]).await;
    assert_eq!(store.responses().await.len(), 2, "who comes back is heard");
}

#[tokio::test]
async fn a_record_from_a_gateway_whose_clock_is_ahead_is_erased_too() {
    let mut store = Running::start().await;
    let ahead = Record { received_us: NOW.after(Duration::from_secs(90)).as_micros(), ..record() };
    store.append(vec![ahead.clone()]).await;
    assert_eq!(erase(&mut store, PERSON).await, EraseResponse { responses: 1, records: 1 });
    store.append(vec![ahead]).await;
    assert_eq!(store.responses().await, []);
}

#[tokio::test]
async fn an_erasure_up_to_a_time_keeps_what_came_after() {
    let mut store = Running::start().await;
    let later = Record { received_us: NOW.as_micros(), answers: vec![nps("recommend", 2)], ..record() };
    store.append(vec![record(), later]).await;
    let request = |received_before: Timestamp| EraseRequest {
        respondent_key: PERSON.to_vec().into(),
        received_before: Some(received_before.to_proto()),
    };
    let erased = store.client.erase(request(NOW)).await.unwrap().into_inner();
    assert_eq!(erased, EraseResponse { responses: 1, records: 1 });
    assert_eq!(store.responses().await.len(), 1);
    let minutes = |minutes: u64| NOW.after(Duration::from_secs(60 * minutes));
    assert!(store.client.erase(request(minutes(5))).await.is_ok());
    let far = request(minutes(5).after(Duration::from_micros(1)));
    assert_eq!(store.client.erase(far).await.unwrap_err().code(), Code::InvalidArgument);
    let short = EraseRequest { respondent_key: vec![1].into(), received_before: None };
    assert_eq!(store.client.erase(short).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_feed_tells_of_an_erasure_and_of_the_return() {
    let mut store = Running::start().await;
    store.append(vec![record()]).await;
    erase(&mut store, PERSON).await;
    let mut feed = feed::watch(&mut store, "", false).await;
    assert_eq!(feed::next(&mut feed).await.unwrap().0, format!("erased {}", id_of(7)));
    store.append(vec![Record { received_us: NOW.as_micros() + 1, ..record() }]).await;
    assert_eq!(feed::next(&mut feed).await.unwrap().0, id_of(7));
    let mut again = feed::watch(&mut store, "", true).await;
    assert_eq!(feed::next(&mut again).await.unwrap().0, id_of(7));
    assert_eq!(feed::next(&mut again).await, None);
}

#[tokio::test]
async fn what_was_erased_stands_in_no_byte_of_the_files() {
    let mut store = Running::start().await;
    let secret = "a comment that must be forgotten";
    let comment = |text: &str| Answer {
        question: "reason".into(),
        kind: Kind::Text as i32,
        value: Some(Value::Text(text.into())),
        ..Default::default()
    };
    let said = Record { answers: vec![comment(secret)], ..record() };
    let changed =
        Record { stamp_us: said.stamp_us + 1, answers: vec![comment("something else")], ..record() };
    let stands = |store: &Running| {
        let files =
            fs::read_dir(store.dir.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
        files.into_iter().any(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
    };
    store.append(vec![said]).await;
    store.append(vec![changed]).await;
    assert!(stands(&store));
    erase(&mut store, PERSON).await;
    assert!(!stands(&store));
}
