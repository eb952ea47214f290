//! Redis over TLS.

use voxgate::proto::store::v1::Claim;

use crate::support::{Authority, Gateway, Plan, Redis, nps};

async fn claim_of(gateway: &Gateway, interaction: &str) -> Claim {
    gateway.store().first(interaction).await.answers[0].claim()
}

#[tokio::test]
async fn claims_are_shared_through_a_redis_that_asks_for_a_certificate() {
    let ours = Authority::new();
    let redis = Redis::start_with_tls(&ours).await;
    let plan = || Plan::new().redis(redis.tls_url()).client_tls("redis", &ours);
    let (one, other) = (plan().start().await, plan().start().await);
    one.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    assert_eq!(claim_of(&one, "t-1").await, Claim::Verified);
    other.submit(&nps("t-1", 9)).await.receipt(200, "duplicate");
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
