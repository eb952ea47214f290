//! Redis hangs, dies, or takes no writes.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_or_frozen_server_costs_no_more_than_the_timeout_and_nobody_restarts_anything() {
    let mut server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);

    server.freeze();
    answers_in_time(&gateway, 10).await;
    assert!(!gateway.claims.is_up());
    server.thaw();
    gateway.is_back(id(20)).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, AGAIN, "it may have been another server");

    server.kill();
    answers_in_time(&gateway, 30).await;
    server.restart();
    gateway.is_back(id(40)).await;
    assert_eq!(gateway.says(id(1), &[("q", 3)]).await, Verdict::Fresh, "it came back empty");
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, REVISED, "without its scripts, too");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_writes_counts_as_away() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    for (setting, broken, whole) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
        assert_eq!(server.cli(&["CONFIG", "SET", setting, broken]), "OK");
        answers_in_time(&gateway, 10).await;
        assert!(!gateway.claims.is_up(), "{setting}");
        assert_eq!(server.cli(&["CONFIG", "SET", setting, whole]), "OK");
        gateway.is_back(id(20)).await;
    }
    gateway.stop().await;
}
