//! Changes that pass the claims by: Redis failed just their command, and they were thanked for.

use super::*;

/// Found by the simulation: 9 is claimed, Redis refuses just the claim of the 3 that follows, and the 9 that comes then
/// looks like the double of a claim that is on disk and young. Dropped, the 3 would stand, which is stored as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_back_after_a_change_that_redis_refused_is_spooled() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    gateway.clock.advance(Duration::from_secs(60));
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    gateway.published().await;
    let generation = gateway.shared().link.generation();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(!gateway.answer(id(1), &[("q", 3)]).await.verified);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, AGAIN);
    assert_eq!(gateway.shared().link.generation(), generation, "one refusal costs no connection");
    gateway.stop().await;
}
