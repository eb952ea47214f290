//! Idempotency keys.

use super::*;

/// When the answer so numbered was given.
fn at(answered: u32) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + i64::from(answered))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_is_known_at_every_gateway() {
    let server = Server::start();
    let clock = clock();
    let one = Gateway::start(vec![server.url()], &clock).await;
    let two = Gateway::start(vec![server.url()], &clock).await;
    let used = async |gateway: &Gateway, payload: [u8; 8], answered: u32| {
        let ticket = gateway.claims.ticket();
        let found = gateway
            .claims
            .idempotent(&[5; 16], payload, (id(answered), at(answered)), &ticket, Instant::now() + TIMEOUT)
            .await;
        ticket.settle();
        found
    };
    let ticket = one.claims.ticket();
    let first = one.claims.idempotent(&[5; 16], [1; 8], (id(1), at(1)), &ticket, Instant::now() + TIMEOUT);
    assert_eq!(first.await, Idempotency::New);
    let same = |settled| Idempotency::Same { id: id(1), stamp: at(1), settled };
    assert_eq!(used(&two, [1; 8], 2).await, same(false));
    ticket.settle();
    one.published().await;
    until(async || (used(&two, [1; 8], 2).await == same(true)).then_some(())).await;
    // Also over a connection that is younger than the entry: it says nothing of what is newest.
    let three = Gateway::start(vec![server.url()], &clock).await;
    until(async || (used(&three, [1; 8], 3).await == same(true)).then_some(())).await;
    three.stop().await;
    assert_eq!(used(&two, [2; 8], 2).await, Idempotency::Other);
    let kept: i64 = server.cli(&["PTTL", &format!("vg:i:{}", "05".repeat(16))]).parse().unwrap();
    assert!((86_000_000..=86_400_000).contains(&kept), "{kept}");
    drop(server);
    until(async || (used(&one, [1; 8], 1).await == Idempotency::Unknown).then_some(())).await;
    one.stop().await;
    two.stop().await;
}
