//! Short links: kept once, bounded, forgotten after their time and with their person.

use std::time::Duration;

use tonic::Code;

use super::{NOW, Running};
use crate::{
    clock::Timestamp,
    proto::store::v1::{EraseRequest, GetLinkRequest, Link, PutLinksRequest},
};

const PERSON: [u8; 16] = [7; 16];

fn link(digit: char) -> Link {
    Link {
        handle: digit.to_string().repeat(26),
        token: format!("v4.local.{digit}"),
        respondent_key: PERSON.to_vec().into(),
        made_at: Some(NOW.to_proto()),
        expires_at: Some(NOW.after(Duration::from_secs(60)).to_proto()),
    }
}

async fn put(running: &Running, links: &[Link]) -> Result<(), Code> {
    let put = running.client.clone().put_links(PutLinksRequest { links: links.to_vec() }).await;
    put.map(drop).map_err(|status| status.code())
}

async fn get(running: &Running, link: &Link) -> Result<Link, Code> {
    let got = running.client.clone().get_link(GetLinkRequest { handle: link.handle.clone() }).await;
    got.map(|got| got.into_inner().link.unwrap()).map_err(|status| status.code())
}

#[tokio::test]
async fn a_link_is_kept_over_a_restart_and_putting_it_twice_changes_nothing() {
    let running = Running::start().await;
    put(&running, &[link('a'), link('b')]).await.unwrap();
    put(&running, &[link('b'), link('a'), link('c')]).await.unwrap();
    let running = running.restart().await;
    for digit in ['a', 'b', 'c'] {
        assert_eq!(get(&running, &link(digit)).await, Ok(link(digit)));
    }
    assert_eq!(get(&running, &link('d')).await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_handle_never_leads_elsewhere_and_all_links_of_a_call_are_kept_or_none() {
    let running = Running::start().await;
    put(&running, &[link('a')]).await.unwrap();
    let other = Link { token: "v4.local.other".to_owned(), ..link('a') };
    assert_eq!(put(&running, &[link('b'), other]).await, Err(Code::AlreadyExists));
    assert_eq!(get(&running, &link('a')).await, Ok(link('a')));
    assert_eq!(get(&running, &link('b')).await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_full_store_keeps_no_more_until_some_are_past_their_time() {
    let running = Running::start().await;
    put(&running, &['a', 'b', 'c', 'd'].map(link)).await.unwrap();
    assert_eq!(put(&running, &[link('e')]).await, Err(Code::ResourceExhausted));
    put(&running, &[link('a')]).await.unwrap();
    // The bound holds over a restart, too.
    let running = running.restart().await;
    assert_eq!(put(&running, &[link('e')]).await, Err(Code::ResourceExhausted));
    let last = super::LINKS.kept_after + Duration::from_secs(60);
    running.clock.advance(last);
    assert_eq!(get(&running, &link('a')).await, Ok(link('a')));
    running.clock.advance(Duration::from_micros(1));
    assert_eq!(get(&running, &link('a')).await, Err(Code::NotFound));
    let later = running.clock.now().after(Duration::from_secs(60));
    let others = ['e', 'f', 'g', 'h'].map(|digit| Link { expires_at: Some(later.to_proto()), ..link(digit) });
    put(&running, &others).await.unwrap();
    assert_eq!(put(&running, &[link('j')]).await, Err(Code::ResourceExhausted));
}

#[tokio::test]
async fn an_erased_persons_links_go_and_a_late_retry_brings_none_back() {
    let running = Running::start().await;
    let nobodys = Link { respondent_key: Vec::new().into(), ..link('b') };
    put(&running, &[link('a'), nobodys.clone()]).await.unwrap();
    running.clock.advance(Duration::from_secs(1));
    let erase = EraseRequest { respondent_key: PERSON.to_vec().into(), received_before: None };
    running.client.clone().erase(erase).await.unwrap();
    assert_eq!(get(&running, &link('a')).await, Err(Code::NotFound));
    assert_eq!(get(&running, &nobodys).await, Ok(nobodys));
    put(&running, &[link('a')]).await.unwrap();
    assert_eq!(get(&running, &link('a')).await, Err(Code::NotFound));
    let later = Timestamp::from_micros(NOW.as_micros() + 1_000_000);
    let asked_again = Link { made_at: Some(later.to_proto()), ..link('c') };
    put(&running, std::slice::from_ref(&asked_again)).await.unwrap();
    assert_eq!(get(&running, &asked_again).await, Ok(asked_again));
}

#[tokio::test]
async fn what_no_gateway_makes_is_refused() {
    let running = Running::start().await;
    let bad = [
        Link { handle: "a".repeat(25), ..link('a') },
        Link { handle: "A".repeat(26), ..link('a') },
        Link { handle: "u".repeat(26), ..link('a') },
        Link { token: String::new(), ..link('a') },
        Link { token: "x".repeat(2_001), ..link('a') },
        Link { respondent_key: vec![1; 15].into(), ..link('a') },
        Link { made_at: None, ..link('a') },
    ];
    for link in bad {
        assert_eq!(put(&running, &[link]).await, Err(Code::InvalidArgument));
    }
    assert_eq!(put(&running, &[]).await, Err(Code::InvalidArgument));
    assert_eq!(put(&running, &vec![link('a'); 1_001]).await, Err(Code::InvalidArgument));
    put(&running, &vec![link('a'); 1_000]).await.unwrap();
}
