//! Whose Redis it is, and that this is asked for all the time.

use super::*;

async fn is_up(gateway: &Gateway, wanted: bool) {
    until(async || (gateway.claims.is_up() == wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_goes_on_without_a_redis_that_became_anothers_and_takes_it_back_when_it_is_its_own() {
    let server = Server::start();
    let gateway = Gateway::with(&settings(vec![server.url()]), 1_000, &clock(), "ours").await.unwrap();
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);

    assert_eq!(server.cli(&["SET", "vg:identity", "theirs"]), "OK");
    is_up(&gateway, false).await;
    answers_in_time(&gateway, 10).await;
    assert!(!gateway.shared().link.conflict().is_cancelled(), "one wrong gateway must not end the others");
    assert_eq!(server.cli(&["GET", "vg:identity"]), "theirs", "it is not for us to take it back");

    assert_eq!(server.cli(&["DEL", "vg:identity"]), "1");
    gateway.is_back(id(20)).await;
    assert_eq!(server.cli(&["GET", "vg:identity"]), "ours");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evicted_identity_is_written_again_before_others_can_take_it() {
    let server = Server::start();
    let redis = settings(vec![server.url()]);
    let gateway = Gateway::with(&redis, 1_000, &clock(), "ours").await.unwrap();
    assert_eq!(server.cli(&["DEL", "vg:identity"]), "1");
    wait(|| server.cli(&["GET", "vg:identity"]) == "ours");
    let refused = Gateway::with(&redis, 1_000, &clock(), "theirs").await;
    assert!(matches!(refused, Err(ConnectError::IdentityKey)));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_answers_it_is_noticed_that_redis_hangs_or_takes_no_writes_and_that_it_is_back() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    server.freeze();
    is_up(&gateway, false).await;
    server.thaw();
    is_up(&gateway, true).await;
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    is_up(&gateway, false).await;
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    is_up(&gateway, true).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_another_identity_key_is_refused_at_once_and_later() {
    let mut server = Server::start();
    let redis = settings(vec![server.url()]);
    let ours = Gateway::with(&redis, 1_000, &clock(), "ours").await.unwrap();
    let refused = Gateway::with(&redis, 1_000, &clock(), "theirs").await;
    assert!(matches!(refused, Err(ConnectError::IdentityKey)));
    ours.stop().await;

    server.kill();
    let early = Gateway::with(&redis, 1_000, &clock(), "theirs").await.unwrap();
    assert!(!early.claims.is_up());
    let mut theirs = Server::start();
    assert_eq!(theirs.cli(&["SET", "vg:identity", "ours"]), "OK");
    theirs.move_to(server.port());
    tokio::time::timeout(Duration::from_secs(30), early.claims.identity_conflict()).await.unwrap();
    assert!(!early.claims.is_up());
    early.stop().await;
}
