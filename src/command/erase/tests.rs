//! Erasures in a real store.

use super::*;
use crate::{
    proto::store::v1::Record,
    store::tests::{Running, record_of},
    tls::ClientTls,
};

fn key() -> IdentityKey {
    IdentityKey::new([3; 32])
}

async fn erase(store: &Running, respondent: &str) -> anyhow::Result<String> {
    let args = EraseArgs { respondent: respondent.to_owned(), store: StoreArgs::default() };
    let mut out = Vec::new();
    run(&args, &store.access(), &key(), &mut out).await?;
    Ok(String::from_utf8(out)?)
}

#[tokio::test]
async fn a_person_is_forgotten_under_each_of_their_names() {
    let mut store = Running::start().await;
    let of = |response: u8, kind: &str, value: &str| Record {
        respondent_key: key().respondent(kind, value).0.to_vec().into(),
        ..record_of(response)
    };
    store
        .append(vec![
            of(1, "ref", "crm:0815"),
            of(2, "email", "ann@example.org"),
            of(3, "phone", "+41446681800"),
            of(4, "ref", "ann@example.org"),
        ])
        .await;
    for (left, name) in [(3, "ref:crm:0815"), (2, "email: Ann@Example.org"), (1, "phone:+41 44 668 18 00")] {
        let told = erase(&store, name).await.unwrap();
        assert!(told.starts_with("Erased 1 responses (1 records)."), "{name}: {told}");
        assert_eq!(store.responses().await.len(), left, "{name}");
    }
    assert!(erase(&store, "ref:crm:0815").await.unwrap().contains("try their other"));
}

#[tokio::test]
async fn what_names_nobody_is_refused_before_the_store_is_asked() {
    let nowhere = StoreAccess { url: "http://127.0.0.1:1".into(), key: None, tls: ClientTls::default() };
    for bad in ["crm-0815", "ref:", "ref:a b", "email:ann", "phone:0446681800", "phone:+266696687"] {
        let args = EraseArgs { respondent: bad.to_owned(), store: StoreArgs::default() };
        let error = run(&args, &nowhere, &key(), &mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().starts_with("--respondent"), "{bad}: {error}");
    }
}
