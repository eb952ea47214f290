//! Addresses that people open and forms that they send: `/r/…`, `/m/…` and `/f/…`.

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::{OpenedLink, get, post, refused};
use crate::{
    channel::{
        page::{
            Fields,
            samples::Sample,
            tests::{Browser, see},
        },
        site_form,
    },
    intake::Proof,
    outcome::{Reason, Refusal},
};

/// Opens a tag if it is not escaped; no page of ours has it.
const FOREIGN: &str = "<zq";

fn text(input: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(input).ok()?;
    let (address, body) = text.split_once('\n').unwrap_or((text, ""));
    address.parse::<http::Uri>().ok().filter(|uri| uri.path().starts_with('/')).map(|_| (address, body))
}

fn assert_page(reply: crate::channel::Reply) {
    let page = see(reply).now_or_never().expect("a page is whole");
    assert!(page.status.as_u16() < 500, "{}", page.status);
    assert!(!page.html.contains(FOREIGN), "{}", page.html);
}

/// The address in the first line, a form after it.
#[test]
fn an_address_that_a_mail_tool_built_gives_a_page_and_never_markup_of_its_own() {
    let sample = Sample::default();
    crate::fuzz::run("mail_tool", |input| {
        let Some((address, body)) = text(input) else { return };
        let (context, browser) = (sample.context(), Browser::reading("de, en;q=0.5"));
        let visit = browser.at(address);
        match OpenedLink::open(&context, &visit) {
            Ok(opened) => assert_page(get(&opened, &context, &visit, None)),
            Err(refusal) => assert_page(refused(&context, &visit, &refusal)),
        }
        let turned_away = async |_| Err(Refusal::new(Reason::Invalid, "of the test"));
        let page = post(&context, &visit, Bytes::copy_from_slice(body.as_bytes()), turned_away);
        assert_page(page.now_or_never().expect("nothing to wait for"));
    });
}

#[test]
fn a_site_form_gives_a_page_and_never_markup_of_its_own() {
    let sample = Sample::default();
    crate::fuzz::run("site_form", |input| {
        let Some((address, body)) = text(input) else { return };
        let (context, browser) = (sample.context(), Browser::reading("fr"));
        let visit = browser.at(address);
        assert_page(site_form::get(&context, &visit));
        let turned_away = async |_| Err(Refusal::new(Reason::Invalid, "of the test"));
        let page = site_form::post(&context, &visit, Bytes::copy_from_slice(body.as_bytes()), turned_away);
        assert_page(page.now_or_never().expect("nothing to wait for"));
    });
}

#[test]
fn only_a_query_that_was_signed_proves_anything() {
    let sample = Sample::default();
    crate::fuzz::run("mail_tool", |input| {
        let Some((address, _)) = text(input) else { return };
        let browser = Browser::reading("en");
        let Ok(opened) = OpenedLink::open(&sample.context(), &browser.at(address)) else { return };
        if let Proof::Link { .. } = opened.invitation.proof
            && address.starts_with("/m/")
        {
            let unsigned = address.replace("sig=", "gis=");
            let unsigned = OpenedLink::open(&sample.context(), &browser.at(&unsigned)).unwrap();
            assert!(matches!(unsigned.invitation.proof, Proof::Nobody { .. }));
            let said = opened.submission(&Fields::default());
            assert!(said.interaction.is_some() || said.respondent.is_some());
        }
    });
}
