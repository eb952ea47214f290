//! What a gateway does with handles while the store is there, and while it is not.

use std::time::Duration;

use super::*;
use crate::{
    channel::{link::LinkOrder, page::samples::Sample},
    store::tests::Running,
    tls::{ClientTls, LiveClientTls},
};

const BOUNDS: settings::Links = settings::Links {
    kept: 10,
    kept_after: Duration::from_secs(60),
    cached: 100,
    cached_for: Duration::from_secs(600),
    timeout: Duration::from_secs(5),
    lookups: 8,
};

fn links(url: &str, clock: &Clock, bounds: settings::Links) -> ShortLinks {
    let line = StoreLine::new(url.to_owned(), None, LiveClientTls::new(ClientTls::default()));
    ShortLinks::new(Arc::new(line), bounds, clock.clone())
}

fn link() -> Link {
    let sample = Sample::default();
    let order =
        LinkOrder { survey: "support-nps".to_owned(), brand: "acme".to_owned(), ..LinkOrder::default() };
    order.make(&sample.catalog, &sample.identity_key, sample.now, "").unwrap()
}

#[tokio::test]
async fn a_link_that_was_opened_opens_while_the_store_is_away_and_another_is_never_a_broken_one() {
    let running = Running::start().await;
    let gateway = links(&running.url, &running.clock, BOUNDS);
    let link = link();
    let handles = gateway.put(&[&link, &link]).await.unwrap();
    assert_eq!(&*gateway.token(handles[0]).await.unwrap(), link.token);
    let clock = running.stop().await;
    // Past the time that a gateway goes by what it remembers, too.
    clock.advance(BOUNDS.cached_for);
    assert_eq!(&*gateway.token(handles[0]).await.unwrap(), link.token);
    let refusal = gateway.token(handles[1]).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::StoreUnavailable);
    assert!(refusal.retry_after.is_some());
    assert_eq!(gateway.put(&[&link]).await.unwrap_err().reason, Reason::StoreUnavailable);
}

#[tokio::test]
async fn a_handle_that_nobody_made_is_asked_for_once_in_a_while() {
    let running = Running::start().await;
    let gateway = links(&running.url, &running.clock, BOUNDS);
    let nobodys = Handle::random();
    assert_eq!(gateway.token(nobodys).await.unwrap_err().reason, Reason::BadToken);
    let clock = running.stop().await;
    // Known, so that the store is not asked.
    assert_eq!(gateway.token(nobodys).await.unwrap_err().reason, Reason::BadToken);
    clock.advance(MISSING_FOR);
    assert_eq!(gateway.token(nobodys).await.unwrap_err().reason, Reason::StoreUnavailable);
}

#[tokio::test]
async fn guesses_are_bounded_and_drive_out_no_link() {
    let running = Running::start().await;
    let gateway = links(&running.url, &running.clock, settings::Links { cached: 8, ..BOUNDS });
    let link = link();
    let handle = gateway.put(&[&link]).await.unwrap()[0];
    gateway.token(handle).await.unwrap();
    for _ in 0..100 {
        gateway.token(Handle::random()).await.unwrap_err();
    }
    assert!(gateway.missing.len() <= 8, "{}", gateway.missing.len());
    running.stop().await;
    assert_eq!(&*gateway.token(handle).await.unwrap(), link.token);
}

#[tokio::test]
async fn a_store_that_hangs_is_waited_for_in_time_and_by_so_many() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let bounds = settings::Links { timeout: Duration::from_millis(300), lookups: 1, ..BOUNDS };
    let gateway = links(&url, &Clock::System, bounds);
    let (first, second) = tokio::join!(gateway.token(Handle::random()), gateway.token(Handle::random()));
    let details = [first, second].map(|answer| answer.unwrap_err());
    assert!(details.iter().all(|refusal| refusal.reason == Reason::StoreUnavailable));
    assert!(details[1].detail.contains("at once"), "{details:?}");
}
