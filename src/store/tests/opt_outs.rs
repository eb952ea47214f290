//! Opt-outs: the newest word of a person to a brand, in whatever order it comes, and past an erasure.

use super::{feed, *};
use crate::proto::store::v1::{
    EraseRequest, FindOptOutsRequest, OptOut, OptedOut, record::Event, watch_response::Change,
};

const PERSON: [u8; 16] = [8; 16];

fn said(offset_us: i64, withdrawn: bool) -> Record {
    let event = Some(Event::OptedOut(OptedOut { withdrawn }));
    Record { stamp_us: NOW.as_micros() + offset_us, event, ..touch(9, 0) }
}

async fn is_out(store: &mut Running, brand: &str) -> bool {
    let respondent_keys = vec![PERSON.to_vec().into(), vec![1; 16].into()];
    let request = FindOptOutsRequest { brand: brand.to_owned(), respondent_keys };
    let found = store.client.find_opt_outs(request).await.unwrap().into_inner().respondent_keys;
    assert!(found.iter().all(|key| key.as_ref() == PERSON), "nobody else: {found:?}");
    !found.is_empty()
}

async fn feed_of(store: &mut Running) -> Vec<OptOut> {
    let mut feed = feed::watch(store, "", true).await;
    let mut told = Vec::new();
    while let Some(change) = feed.message().await.unwrap() {
        if let Some(Change::OptOut(opt_out)) = change.change {
            told.push(opt_out);
        }
    }
    told
}

#[tokio::test]
async fn the_newest_word_holds_in_whatever_order_they_come_and_for_its_brand_alone() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut store = Running::start().await;
        let words = [said(0, false), said(5, true), said(9, false)];
        for place in order {
            store.append(vec![words[place].clone(), words[place].clone()]).await;
        }
        assert!(is_out(&mut store, "acme").await, "{order:?}");
        assert!(!is_out(&mut store, "globex").await);
        let [told] = <[_; 1]>::try_from(feed_of(&mut store).await).unwrap();
        assert_eq!((told.respondent_key.as_str(), told.withdrawn), (hex::encode(PERSON).as_str(), false));
        assert_eq!(told.at, Some(Timestamp::from_micros(NOW.as_micros() + 9).to_proto()));
        assert_eq!(store.responses().await, []);
    }
}

#[tokio::test]
async fn who_pressed_by_mistake_is_asked_again_and_of_two_words_at_once_the_no_holds() {
    let mut store = Running::start().await;
    store.append(vec![said(0, false)]).await;
    store.append(vec![said(1, true)]).await;
    assert!(!is_out(&mut store, "acme").await);
    assert!(feed_of(&mut store).await[0].withdrawn);
    let mut store = store.restart().await;
    store.append(vec![said(0, false)]).await;
    assert!(!is_out(&mut store, "acme").await, "an older word that comes late changes nothing");
    store.append(vec![said(1, false)]).await;
    assert!(is_out(&mut store, "acme").await);
    store.append(vec![said(1, true)]).await;
    assert!(is_out(&mut store, "acme").await);
}

#[tokio::test]
async fn an_erased_person_stays_out_also_by_what_comes_late_from_a_spool() {
    let mut store = Running::start().await;
    store.append(vec![said(0, false), record_of(1)]).await;
    let erase = async |store: &mut Running| {
        let request = EraseRequest { respondent_key: PERSON.to_vec().into(), received_before: None };
        store.client.erase(request).await.unwrap();
    };
    erase(&mut store).await;
    assert!(is_out(&mut store, "acme").await);
    assert_eq!(feed_of(&mut store).await.len(), 1);
    let late = Record { brand: "globex".to_owned(), ..said(0, false) };
    store.append(vec![late]).await;
    assert!(
        is_out(&mut store, "globex").await,
        "a tombstone refuses what people said, not that they want no more"
    );
}

#[tokio::test]
async fn a_question_for_nobody_or_for_too_many_is_refused() {
    let mut store = Running::start().await;
    for keys in [vec![], vec![vec![1; 15]], vec![vec![1; 16]; 1_001]] {
        let respondent_keys = keys.into_iter().map(Into::into).collect();
        let request = FindOptOutsRequest { brand: "acme".to_owned(), respondent_keys };
        assert_eq!(store.client.find_opt_outs(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}
