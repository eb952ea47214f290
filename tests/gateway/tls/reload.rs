//! Certificates are read again while the gateway runs.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::submit;
use crate::support::{Authority, Gateway, Plan, wait_for};

/// What a listener shows to a new connection.
async fn shown(authority: &Authority, addr: &str) -> CertificateDer<'static> {
    certificate(&authority.connect(addr).await.unwrap())
}

fn certificate(connection: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    connection.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// A request on a connection that stays open.
async fn ask(connection: &mut TlsStream<TcpStream>) -> String {
    let request = b"HEAD /widget.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = connection.read(&mut answer).await.unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

async fn reloaded(gateway: &Gateway) {
    gateway.ask_to_reload();
    gateway.logs_a_line("the reload", |line| line.contains("\"reloaded\"")).await;
}

#[tokio::test]
async fn a_reload_shows_the_new_certificate_and_cuts_nothing() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("http", &authority).start().await;
    let mut open = authority.connect(gateway.http_addr()).await.unwrap();
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));
    let old = certificate(&open);

    let (over, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let traffic = async {
        while !over.load(Ordering::Relaxed) {
            // A client of its own, so that each submission makes a connection.
            let client = authority.http_client(false);
            let interaction = format!("t-{}", sent.fetch_add(1, Ordering::Relaxed));
            submit(&client, &gateway, &interaction).await.unwrap().receipt(201, "accepted");
        }
    };
    let more = async || {
        let before = sent.load(Ordering::Relaxed);
        wait_for("submissions", async || (sent.load(Ordering::Relaxed) > before + 2).then_some(())).await;
    };
    let renewal = async {
        more().await;
        let new = authority.write_to(gateway.plan.config.path()).der();
        reloaded(&gateway).await;
        assert_eq!(shown(&authority, gateway.http_addr()).await, new);
        more().await;
        over.store(true, Ordering::Relaxed);
        new
    };
    let ((), new) = tokio::join!(traffic, renewal);
    assert_ne!(old, new);
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"), "the open connection goes on");
}

#[tokio::test]
async fn a_broken_certificate_changes_nothing_and_says_why() {
    let authority = Authority::new();
    let gateway = Plan::new().tls("http", &authority).tls("grpc", &authority).start().await;
    let before = shown(&authority, gateway.http_addr()).await;
    let other = authority.issue();
    for (file, text, why) in [
        ("cert.pem", "-----BEGIN CERTIFICATE-----\n", "holds no certificate"),
        ("cert.pem", other.chain.as_str(), "is not the key of the certificate"),
    ] {
        let good = std::fs::read_to_string(gateway.plan.config.file(file)).unwrap();
        gateway.plan.config.write(file, text);
        let refused = gateway.admin_post("/reload").await;
        assert!((400..500).contains(&refused.status), "{} {}", refused.status, refused.text);
        assert!(refused.text.contains(why) && refused.text.contains("tls_"), "{}", refused.text);
        assert_eq!(shown(&authority, gateway.http_addr()).await, before);
        assert_eq!(shown(&authority, gateway.grpc_addr()).await, before);
        gateway.plan.config.write(file, &good);
    }
    assert_eq!(gateway.admin_post("/reload").await.status, 200);
}

#[tokio::test]
async fn a_reload_takes_a_plain_listener_to_tls_for_new_connections() {
    let authority = Authority::new();
    let gateway = Plan::new().start().await;
    let mut open = TcpStream::connect(gateway.admin_addr()).await.unwrap();
    authority.write_to(gateway.plan.config.path());
    for (key, file) in [("admin.tls_cert", "cert.pem"), ("admin.tls_key", "key.pem")] {
        gateway.plan.config.set("gateway.toml", key, file);
    }
    reloaded(&gateway).await;
    let health = authority.http_client(false).get(format!("https://{}/healthz", gateway.admin_addr()));
    assert_eq!(health.send().await.unwrap().status(), 200);
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "the open connection goes on as it was: {answer}");
}
