//! Redis over TLS.

use voxgate::proto::store::v1::Claim;

use crate::support::{Authority, Gateway, Plan, Redis, nps, wait_for};

async fn claim_of(gateway: &Gateway, interaction: &str) -> Claim {
    gateway.store().first(interaction).await.answers[0].claim()
}

#[tokio::test]
async fn claims_are_shared_through_a_redis_that_asks_for_a_certificate() {
    let ours = Authority::new();
    let redis = Redis::start_with_tls(&ours).await;
    // Time enough on a busy machine: this is about who is believed, not about how fast.
    let plan = || Plan::new().redis(redis.tls_url()).client_tls("redis", &ours).set("redis.timeout", "5 s");
    let (one, other) = (plan().start().await, plan().start().await);
    one.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    assert_eq!(claim_of(&one, "t-1").await, Claim::Verified);
    let double = wait_for("the other gateway to know the answer as settled", async || {
        let reply = other.submit(&nps("t-1", 9)).await;
        (reply.status == 200).then_some(reply)
    });
    double.await.receipt(200, "duplicate");
}

#[tokio::test]
async fn a_redis_that_another_authority_vouches_for_is_not_believed() {
    let redis = Redis::start_with_tls(&Authority::new()).await;
    let gateway = Plan::new().redis(redis.tls_url()).client_tls("redis", &Authority::new()).start().await;
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    assert_eq!(claim_of(&gateway, "t-1").await, Claim::Unverified);
    let why =
        gateway.logs_a_line("why Redis is not used", |line| line.contains("starting without Redis")).await;
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_reload_brings_the_authority_that_a_redis_needs() {
    let ours = Authority::new();
    let redis = Redis::start_with_tls(&ours).await;
    let gateway = Plan::new().redis(redis.tls_url()).client_tls("redis", &Authority::new()).start().await;
    let up = async |wanted: f64| {
        wait_for("voxgate_redis_up", async || {
            (gateway.metric("voxgate_redis_up").await == Some(wanted)).then_some(())
        })
        .await;
    };
    up(0.0).await;
    let shown = ours.issue();
    for (file, text) in
        [("client-ca.pem", &ours.pem), ("client-cert.pem", &shown.chain), ("client-key.pem", &shown.key)]
    {
        gateway.plan.config.write(file, text);
    }
    assert_eq!(gateway.admin_post("/reload").await.status, 200);
    up(1.0).await;
}
