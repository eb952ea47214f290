//! Mutual TLS: the collector's clients, and the store's.

use tonic::{Code, Status};
use voxgate::proto::{
    collector::v1::collector_service_client::CollectorServiceClient, store::v1::ListResponsesRequest,
};

use super::one;
use crate::support::{Authority, Gateway, Issued, Plan, StoreReader, nps, voxgate, wait_for};

/// One submission over a new connection.
async fn try_grpc(gateway: &Gateway, authority: &Authority, shows: Option<&Issued>) -> Result<(), Status> {
    let channel = authority.channel(gateway.grpc_addr(), shows);
    CollectorServiceClient::new(channel).submit(one("t-1")).await.map(drop)
}

#[tokio::test]
async fn grpc_clients_come_in_by_a_certificate_of_the_named_authority_alone() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let gateway = Plan::new().mutual_tls("grpc", &ours).start().await;
    for refused in [None, Some(&foreign.issue())] {
        let status = try_grpc(&gateway, &ours, refused).await.unwrap_err();
        assert_ne!(status.code(), Code::Unauthenticated, "no call gets as far as the API key: {status:?}");
    }
    assert_eq!(gateway.ledger().await["received"], 0, "refused clients send no submission");
    try_grpc(&gateway, &ours, Some(&ours.issue())).await.unwrap();
    gateway.store().first("t-1").await;
}

#[tokio::test]
async fn the_certificate_does_not_stand_for_the_api_key() {
    let ours = Authority::new();
    let gateway = Plan::new().mutual_tls("grpc", &ours).start().await;
    let channel = ours.channel(gateway.grpc_addr(), Some(&ours.issue()));
    let without_key = tonic::Request::new(one("t-1").into_inner());
    let refused = CollectorServiceClient::new(channel).submit(without_key).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

async fn a_store_by_mutual_tls(authority: &Authority) -> Gateway {
    Plan::new().only_store("127.0.0.1:0").mutual_tls("store", authority).start().await
}

/// The store's address as those who have a certificate name it.
fn url(store: &Gateway) -> String {
    format!("https://{}", store.store_addr())
}

#[tokio::test]
async fn an_edge_delivers_and_commands_read_by_mutual_tls() {
    let ours = Authority::new();
    let store = a_store_by_mutual_tls(&ours).await;
    let edge = Plan::new().only_edge(&url(&store)).client_tls("store", &ours).start().await;
    edge.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    edge.settled_ledger().await;
    let reader = StoreReader::over(ours.channel(store.store_addr(), Some(&ours.issue())));
    reader.first("t-1").await;
    let report = voxgate(edge.plan.config.path(), &["report", "--store", &url(&store)]).ok();
    assert!(report.contains("support-nps"), "{report}");
}

#[tokio::test]
async fn nobody_reads_the_store_without_the_right_certificate() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let store = a_store_by_mutual_tls(&ours).await;
    for shows in [None, Some(&foreign.issue())] {
        let mut client = StoreReader::over(ours.channel(store.store_addr(), shows)).client();
        client.list_responses(ListResponsesRequest::default()).await.unwrap_err();
    }
    let plan = Plan::new().set("store.url", url(&store));
    let refused = voxgate(plan.config.path(), &["report"]);
    assert_eq!(refused.code, Some(69), "the system does not know the authority: {}", refused.all());
    assert!(refused.stderr.contains("certificate"), "says why: {}", refused.all());
}

#[tokio::test]
async fn an_edge_whose_certificate_is_refused_keeps_answers_until_a_reload_brings_the_right_one() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let store = a_store_by_mutual_tls(&ours).await;
    let plan = Plan::new().only_edge(&url(&store)).set("store.backoff_max", "100 ms");
    let edge = plan.client_tls("store", &foreign).config(|config| config.write("client-ca.pem", &ours.pem));
    let edge = edge.start().await;
    edge.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    wait_for("readyz to say that the store is away", async || {
        edge.readyz().await.text.contains("degraded").then_some(())
    })
    .await;
    assert_eq!(edge.ledger().await["spooled"], 1);
    let right = ours.issue();
    edge.plan.config.write("client-cert.pem", &right.chain);
    edge.plan.config.write("client-key.pem", &right.key);
    assert_eq!(edge.admin_post("/reload").await.status, 200);
    edge.settled_ledger().await;
    StoreReader::over(ours.channel(store.store_addr(), Some(&right))).first("t-1").await;
}

#[tokio::test]
async fn a_store_may_ask_for_its_key_over_tls_and_no_certificate() {
    let ours = Authority::new();
    let store = Plan::new().only_store("127.0.0.1:0").tls("store", &ours).set("store.key", "open sesame");
    let store = store.start().await;
    let edge = Plan::new().only_edge(&url(&store)).set("store.key", "open sesame");
    let edge = edge.config(|config| config.write("ca.pem", &ours.pem)).set("store.tls_ca", "ca.pem");
    let edge = edge.start().await;
    edge.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    edge.settled_ledger().await;
    let report = voxgate(edge.plan.config.path(), &["report", "--store", &url(&store)]).ok();
    assert!(report.contains("support-nps"), "{report}");
}
