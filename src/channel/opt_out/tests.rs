//! Pages and forms of an opt-out.

use http::{HeaderValue, header};

use super::*;
use crate::channel::{
    link::LinkClaims,
    page::tests::{Browser, Desk, Seen, claims, see},
};

fn path(desk: &Desk, claims: &LinkClaims) -> String {
    desk.link(claims).replacen("/r/", "/u/", 1)
}

async fn open(desk: &Desk, path: &str, language: &str, is_out: bool) -> Seen {
    let (browser, context) = (Browser::reading(language), desk.0.context());
    let visit = browser.at(path);
    match OpenedOptOut::open(&context, &visit) {
        Ok(opened) => see(get(&opened, &context, &visit, is_out)).await,
        Err(refusal) => see(pages::refused(&context, &visit, None, &refusal)).await,
    }
}

/// What a form is answered, and what is recorded by it.
async fn send(desk: &Desk, path: &str, form: &str, kept: Result<(), Refusal>) -> (Seen, Option<OptingOut>) {
    let (browser, context) = (Browser::reading("en"), desk.0.context());
    let visit = browser.at(path);
    let opened = OpenedOptOut::open(&context, &visit).unwrap();
    let mut recorded = None;
    let record = async |order| {
        recorded = Some(order);
        kept
    };
    let reply = post(&opened, &context, &visit, Bytes::from(form.to_owned()), record).await;
    (see(reply).await, recorded)
}

#[tokio::test]
async fn opening_the_page_asks_with_a_button_and_whoever_is_out_sees_the_way_back() {
    let desk = Desk::default();
    let path = path(&desk, &claims("support-nps"));
    let asks = open(&desk, &path, "de", false).await;
    assert_eq!(asks.status, 200);
    assert!(asks.html.contains("<html lang=\"de\""), "{}", asks.html);
    assert!(asks.html.contains("<button name=\"surveys\" value=\"stop\""), "{}", asks.html);
    assert!(asks.html.contains("Keine Umfragen von Acme mehr?"), "{}", asks.html);
    let out = open(&desk, &path, "en", true).await;
    assert!(out.html.contains("<button name=\"surveys\" value=\"again\""), "{}", out.html);
    assert!(out.html.len() < 15_000);
}

#[tokio::test]
async fn the_button_and_one_click_opt_out_and_the_way_back_takes_it_back() {
    let desk = Desk::default();
    let path = path(&desk, &claims("support-nps"));
    for (form, withdrawn, says) in [
        ("surveys=stop", false, "You will get no more surveys"),
        ("List-Unsubscribe=One-Click", false, "You will get no more surveys"),
        ("surveys=again", true, "You will get surveys again"),
    ] {
        let (seen, order) = send(&desk, &path, form, Ok(())).await;
        let order = order.unwrap();
        assert_eq!((seen.status.as_u16(), order.withdrawn), (200, withdrawn), "{form}");
        assert!(seen.html.contains(says), "{}", seen.html);
        assert_eq!((order.brand.as_str(), order.survey.as_str()), ("acme", "support-nps"));
        assert_eq!(order.person, desk.0.identity_key.respondent("ref", "crm-0815"));
    }
}

#[tokio::test]
async fn a_form_that_says_neither_records_nothing_and_asks_again() {
    let desk = Desk::default();
    let path = path(&desk, &claims("support-nps"));
    for form in ["", "lang=de", "List-Unsubscribe=", "surveys=maybe", "List-Unsubscribe=one-click"] {
        let (seen, order) = send(&desk, &path, form, Ok(())).await;
        assert_eq!((seen.status.as_u16(), order.is_none()), (422, true), "{form}");
        assert!(seen.html.contains("value=\"stop\""));
    }
}

#[tokio::test]
async fn multipart_is_read_as_mail_programs_send_it() {
    let desk = Desk::default();
    let path = path(&desk, &claims("support-nps"));
    let mut headers = Browser::reading("en").at("/").headers.clone();
    let kind = HeaderValue::from_static("multipart/form-data; boundary=x");
    headers.insert(header::CONTENT_TYPE, kind);
    let visit = Visit {
        path: &path,
        token: None,
        query: "",
        headers: &headers,
        source: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    let body =
        "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    let context = desk.0.context();
    let opened = OpenedOptOut::open(&context, &visit).unwrap();
    let mut recorded = None;
    let record = async |order: OptingOut| {
        recorded = Some(order.withdrawn);
        Ok(())
    };
    let reply = post(&opened, &context, &visit, Bytes::from(body), record).await;
    assert_eq!((reply.status().as_u16(), recorded), (200, Some(false)));
}

#[tokio::test]
async fn an_expired_link_and_one_to_a_survey_that_is_gone_still_opt_out() {
    let desk = Desk::default();
    let issued = desk.0.now.before(std::time::Duration::from_secs(9));
    let old = LinkClaims { issued, expires: Some(desk.0.now), ..claims("support-nps") };
    for claims in [old, claims("gone")] {
        let path = path(&desk, &claims);
        assert_eq!(open(&desk, &path, "en", false).await.status, 200);
        assert!(send(&desk, &path, "surveys=stop", Ok(())).await.1.is_some());
    }
}

#[tokio::test]
async fn a_link_that_names_nobody_says_so_and_records_nothing() {
    let desk = Desk::default();
    let path = path(&desk, &LinkClaims { respondent: None, ..claims("support-nps") });
    let page = open(&desk, &path, "en", false).await;
    assert!(page.html.contains("does not say whom it was sent to") && !page.html.contains("<button"));
    let (seen, order) = send(&desk, &path, "List-Unsubscribe=One-Click", Ok(())).await;
    assert_eq!((seen.status.as_u16(), order.is_none()), (422, true));
}

#[tokio::test]
async fn what_could_not_be_made_durable_is_not_thanked_for() {
    let desk = Desk::default();
    let path = path(&desk, &claims("support-nps"));
    let full = Refusal::new(Reason::SpoolFull, "full").retry_after(std::time::Duration::from_secs(30));
    let (seen, order) = send(&desk, &path, "surveys=stop", Err(full)).await;
    assert_eq!((seen.status.as_u16(), order.is_some()), (503, true));
    assert_eq!(seen.headers[header::RETRY_AFTER], "30");
    assert!(seen.html.contains("Please try again"), "{}", seen.html);
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_a_broken_link() {
    let desk = Desk::default();
    let path = path(&desk, &claims("support-nps"));
    assert_eq!(open(&desk, &path[..path.len() - 4], "en", false).await.status, 404);
    assert_eq!(open(&desk, &format!("{path}/9"), "en", false).await.status, 404);
}
