//! TLS on real sockets: who is let in, what a reload changes, and what a client in the middle of a handshake can do.

mod bounds;
mod mutual;
mod redis;
mod reload;

use reqwest::{Client, Method, Version};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use voxgate::proto::collector::v1::{
    Outcome, SubmitRequest, collector_service_client::CollectorServiceClient,
};

use crate::support::{ACME_KEY, Authority, Gateway, Plan, Reply, nps, nps_message, voxgate, with_key};

/// A submission by a client of the test's own.
async fn submit(client: &Client, gateway: &Gateway, interaction: &str) -> reqwest::Result<Reply> {
    let url = format!("https://{}/v1/responses", gateway.http_addr());
    Reply::try_of(client.post(url).bearer_auth(ACME_KEY).json(&nps(interaction, 9))).await
}

/// A submission over gRPC.
fn one(interaction: &str) -> tonic::Request<SubmitRequest> {
    with_key(SubmitRequest { submission: Some(nps_message(interaction, 9)) })
}

#[tokio::test]
async fn https_is_answered_over_http_1_1_and_over_http_2() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("http", &authority).start().await;
    for (only_http1, version, interaction) in
        [(true, Version::HTTP_11, "over-1.1"), (false, Version::HTTP_2, "over-2")]
    {
        let client = authority.http_client(only_http1);
        let page = client.get(format!("https://{}/f/acme/support-nps", gateway.http_addr()));
        let page = page.send().await.unwrap();
        assert_eq!((page.status().as_u16(), page.version()), (200, version));
        submit(&client, &gateway, interaction).await.unwrap().receipt(201, "accepted");
        gateway.store().first(interaction).await;
    }
}

#[tokio::test]
async fn grpc_submissions_come_in_over_tls() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("grpc", &authority).start().await;
    let mut client = CollectorServiceClient::new(authority.channel(gateway.grpc_addr(), None));
    let receipt = client.submit(one("t-1")).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.outcome(), Outcome::Accepted);
    gateway.store().first("t-1").await;
}

#[tokio::test]
async fn plain_http_sent_to_a_tls_port_is_closed_without_harm() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("http", &authority).tls("grpc", &authority).start().await;
    for addr in [gateway.http_addr(), gateway.grpc_addr()] {
        let mut plain = TcpStream::connect(addr).await.unwrap();
        plain.write_all(b"GET /f/acme/support-nps HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end: what matters is that it comes.
        let ended = tokio::time::timeout(crate::support::DEADLINE, plain.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{addr} is still open");
        assert!(!answer.starts_with(b"HTTP"), "nothing is answered in the clear: {answer:?}");
    }
    submit(&authority.http_client(false), &gateway, "t-1").await.unwrap().receipt(201, "accepted");
    let mut client = CollectorServiceClient::new(authority.channel(gateway.grpc_addr(), None));
    client.submit(one("t-2")).await.unwrap();
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_sends_nothing() {
    let gateway = Plan::new().tls("http", &Authority::new()).start().await;
    let refused = submit(&Authority::new().http_client(false), &gateway, "t-1").await;
    assert!(refused.unwrap_err().is_connect());
    assert_eq!(gateway.settled_ledger().await["received"], 0);
}

#[tokio::test]
async fn links_are_built_on_the_public_base_whatever_the_listener_speaks() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("http", &authority).start().await;
    let wanted = json!({"survey": "support-nps", "brand": "acme", "interaction": "t-1"});
    let url = format!("https://{}/v1/links", gateway.http_addr());
    let request = authority.http_client(false).request(Method::POST, url).bearer_auth(ACME_KEY).json(&wanted);
    let link = Reply::of(request).await.json();
    assert!(link["url"].as_str().unwrap().starts_with("http://127.0.0.1:8080/r/"), "{link}");
}

#[test]
fn off_loopback_a_listener_is_plain_only_where_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("fresh");
    crate::support::voxgate(&config, &["init", "--brand", "shop"]).ok();
    let gateway = config.join("gateway.toml");
    let fresh = std::fs::read_to_string(&gateway).unwrap();
    let check = |flag: &str| voxgate(&config, &["check", flag, "0.0.0.0:0"]);
    for section in ["http", "grpc", "admin"] {
        let flag = format!("--{section}");
        let refused = check(&flag);
        assert_eq!(refused.code, Some(64), "{}", refused.all());
        let advice =
            format!("is not on loopback and has no TLS; set {section}.tls_cert and {section}.tls_key");
        assert!(refused.stdout.contains(&advice), "{}", refused.all());
        let said = fresh.replace(&format!("[{section}]\n"), &format!("[{section}]\nplain = true\n"));
        std::fs::write(&gateway, said).unwrap();
        assert_eq!(check(&flag).code, Some(0), "{}", check(&flag).all());
        std::fs::write(&gateway, &fresh).unwrap();
    }
}

#[tokio::test]
async fn a_gateway_that_would_be_plain_off_loopback_does_not_start() {
    let fresh = tempfile::tempdir().unwrap();
    let config = fresh.path().join("fresh");
    voxgate(&config, &["init", "--brand", "shop"]).ok();
    let plan = Plan::new().arg("--config").arg(config.to_str().unwrap());
    let ended = plan.arg("--http").arg("0.0.0.0:0").refuse().await;
    assert_eq!(ended.code, Some(64), "{}", ended.logs);
    assert!(ended.logs.contains("http.plain = true where a proxy or a mesh"), "{}", ended.logs);
}
