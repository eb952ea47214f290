//! Claims that are older or newer than they can be: nobody relies on them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_brought_back_by_a_failover_never_drops_a_double() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    for (number, then) in [(1, "q"), (2, "p")] {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
        let older = raw(&gateway, id(number)).await;
        assert_eq!(gateway.says(id(number), &[("q", 3)]).await, REVISED);
        gateway.clock.advance(Duration::from_secs(60));
        put_raw(&gateway, id(number), &older).await;
        let generation = gateway.shared().link.generation();
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        wait(|| gateway.shared().link.generation() > generation && gateway.claims.is_up());
        gateway.clock.advance(Duration::from_secs(60));
        if then == "p" {
            // Another question in between makes the claim young, not the old answer certain.
            assert_eq!(gateway.says(id(number), &[("p", 1)]).await, REVISED);
            assert_eq!(gateway.says(id(number), &[("p", 1)]).await, SAME);
        }
        assert_eq!(
            gateway.says(id(number), &[("q", 9)]).await,
            AGAIN,
            "3 came after the 9 that the claim knows"
        );
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, SAME);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_from_the_future_is_counted_and_not_trusted() {
    let server = Server::start();
    let ahead = Clock::manual(clock().now().after(Duration::from_secs(600)));
    let fast = Gateway::start(vec![server.url()], &ahead).await;
    let slow = Gateway::start(vec![server.url()], &clock()).await;
    let first = fast.answer(id(1), &[("q", 9)]).await;
    fast.published().await;
    let double = slow.answer(id(1), &[("q", 9)]).await;
    assert_eq!(double.verdict, AGAIN);
    assert!(double.stamp > first.stamp);
    assert_eq!((fast.claims.ahead(), slow.claims.ahead()), (0, 1));
    fast.stop().await;
    slow.stop().await;
}
