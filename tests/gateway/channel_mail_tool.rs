//! `/m/` links, which a mail tool builds by itself.

use reqwest::Method;
use serde_json::json;
use voxgate::{
    clock::Clock,
    proto::store::v1::{Channel, Identity, Subject},
};

use crate::support::{Gateway, LINK_SECRET, MailLink, Reply, score_on, wait_for};

const fn link(query: &str) -> MailLink<'_> {
    MailLink { brand: "acme", survey: "support-nps", query }
}

#[tokio::test]
async fn a_signed_link_ends_in_the_store_as_signed() {
    let gateway = Gateway::start().await;
    let link = link("interaction=ticket-1&respondent=crm-1&subject=agent%3Aa-7&lang=it");
    let page = gateway.get(&link.signed()).await;
    assert!(page.page(200).contains("lang=\"it\""));
    gateway.post_form(&link.signed(), &[("recommend", "10"), ("reason", "bravi")]).await.page(200);
    let stored = gateway.store().first("ticket-1").await;
    assert_eq!(stored.identity(), Identity::Signed, "contract 3: a signed query");
    assert_eq!(stored.channel(), Channel::Email);
    assert_eq!((stored.survey.as_str(), stored.brand.as_str()), ("support-nps", "acme"));
    assert_eq!(stored.respondent_ref, "crm-1");
    assert_eq!(stored.subject, Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }));
    assert_eq!(stored.locale, "it");
    assert_eq!(score_on(&stored, "recommend"), Some(10));
}

#[tokio::test]
async fn what_follows_the_signature_is_ignored_and_the_score_is_not_covered_by_it() {
    let gateway = Gateway::start().await;
    let link = link("interaction=ticket-1");
    let tracked = format!("{}&utm_source=mail&interaction=ticket-2", link.signed());
    gateway.post_form(&tracked, &[("recommend", "9")]).await.page(200);
    let stored = gateway.store().first("ticket-1").await;
    assert_eq!(stored.identity(), Identity::Signed);
    assert!(gateway.store().about("ticket-2").await.is_empty(), "an unsigned reference is not believed");
    let scored = gateway.get(&link.signed_with_score("4")).await;
    scored.page(200);
}

#[tokio::test]
async fn a_score_in_the_path_is_preselected() {
    let gateway = Gateway::start().await;
    let page = gateway.get(&link("interaction=ticket-1").signed_with_score("4")).await;
    page.page(200);
    assert_eq!(page.checked("recommend"), ["4"]);
}

#[tokio::test]
async fn a_stated_link_lives_in_ids_of_its_own() {
    let gateway = Gateway::start().await;
    let link = link("interaction=ticket-1");
    gateway.post_form(&link.signed(), &[("recommend", "9")]).await.page(200);
    gateway.store().scored("ticket-1", "recommend", 9).await;
    gateway.post_form(&link.stated(), &[("recommend", "0")]).await.page(200);
    let both = wait_for("the stated response beside the signed one", async || {
        let both = gateway.store().about("ticket-1").await;
        (both.len() == 2).then_some(both)
    })
    .await;
    for stored in both {
        let expected = if stored.identity() == Identity::Signed { 9 } else { 0 };
        assert_eq!(score_on(&stored, "recommend"), Some(expected), "invariant 8: {stored:?}");
        assert!(matches!(stored.identity(), Identity::Signed | Identity::Stated));
    }
}

#[tokio::test]
async fn a_wrong_signature_is_a_broken_link() {
    let gateway = Gateway::start().await;
    let link = link("interaction=ticket-1");
    let right = link.signed();
    let changed = right.replace("ticket-1", "ticket-2");
    let foreign = right.replace("/acme/", "/globex/");
    let short = right[..right.len() - 1].to_owned();
    let empty = format!("{}&sig=", link.stated());
    let wrong = [changed, foreign, short, empty, link.signed_with("another secret")];
    for path in wrong {
        gateway.get(&path).await.page(404);
        gateway.post_form(&path, &[("recommend", "9")]).await.page(404);
    }
    assert!(gateway.store().all().await.is_empty());
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&json!(5), &json!(5)), "{ledger}");
    assert!(!gateway.logs().contains(LINK_SECRET), "invariant 9");
}

#[tokio::test]
async fn past_its_expiry_a_link_asks_and_its_answer_is_held() {
    let gateway = Gateway::start().await;
    let expired = Clock::System.now().as_secs() - 60;
    let query = format!("interaction=ticket-1&exp={expired}");
    let path = link(&query).signed();
    gateway.get(&path).await.page(200);
    let reply = gateway.post_form(&path, &[("recommend", "9")]).await;
    assert!(reply.status == 200 || reply.status == 202, "{}", reply.text);
    let held = gateway.store().held_one().await;
    assert_eq!(held.reasons, ["link_expired"]);
    assert_eq!(held.record.unwrap().interaction, "ticket-1");

    let valid = Clock::System.now().as_secs() + 3600;
    let query = format!("interaction=ticket-2&exp={valid}");
    gateway.post_form(&link(&query).signed(), &[("recommend", "9")]).await.page(200);
    gateway.store().scored("ticket-2", "recommend", 9).await;
}

#[tokio::test]
async fn an_unknown_brand_or_survey_is_a_page_and_opening_stores_nothing() {
    let gateway = Gateway::start().await;
    for path in ["/m/nobody/support-nps?interaction=t", "/m/acme/no-such?interaction=t", "/m/acme"] {
        assert_eq!(gateway.get(path).await.status, 404, "{path}");
    }
    let signed = link("interaction=ticket-1").signed();
    gateway.get(&signed).await.page(200);
    assert_eq!(Reply::of(gateway.request(Method::HEAD, &signed)).await.status, 200);
    assert_eq!(gateway.ledger().await["appended"], 0, "invariant 4");
}

/// Who is named by a signature may opt out; an unsigned link names whom anybody wrote there, so it offers nothing.
#[tokio::test]
async fn the_page_of_a_signed_link_that_names_its_person_offers_no_more_surveys() {
    let gateway = Gateway::start().await;
    let named = link("interaction=ticket-1&respondent=crm-1");
    let way_out = |page: &str| {
        let at = page.find("href=\"../../u/").or_else(|| page.find("href=\"../../../u/"))?;
        Some(page[at..].split('"').nth(1)?.trim_start_matches("../").to_owned())
    };
    for path in [named.signed(), named.signed_with_score("9")] {
        let page = gateway.get(&path).await;
        assert!(way_out(page.page(200)).is_some(), "{}", page.text);
    }
    for path in [link("interaction=ticket-1").signed(), named.stated()] {
        let page = gateway.get(&path).await;
        assert_eq!(way_out(page.page(200)), None, "nobody who is proven could opt out");
    }
    let path = way_out(gateway.get(&named.signed()).await.page(200)).unwrap();
    gateway.post_form(&format!("/{path}"), &[("List-Unsubscribe", "One-Click")]).await;
    let page = gateway.get(&named.signed()).await;
    assert!(page.page(200).contains("You get no more surveys from Acme."), "{}", page.text);
    gateway.settled_ledger().await;
}
