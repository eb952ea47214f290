use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    channel::{
        link::LinkClaims,
        page::{
            Known,
            tests::{Browser, Desk, claims, receipt, see},
        },
    },
    intake::{Given, Proof, Submission},
    outcome::{Outcome, Reason, Receipt, Refusal},
    proto::store::v1::{Press, Signals, Touched},
    survey::{Channel, Language},
};

fn accepted() -> Result<Receipt, Refusal> {
    Ok(receipt(Outcome::Accepted, &[("recommend", 9)]))
}

fn signed(path: &str, query: &str, secret: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let sig = hex::encode(mac.chain_update(format!("{path}?{query}")).finalize().into_bytes());
    if query.is_empty() { format!("/m/{path}?sig={sig}") } else { format!("/m/{path}?{query}&sig={sig}") }
}

async fn given(desk: &Desk, address: &str, form: &str) -> Result<Submission, Refusal> {
    desk.send(address, form, accepted()).await.1
}

#[tokio::test]
async fn a_form_behind_a_token_says_all_that_the_token_says() {
    let desk = Desk::default();
    let locale = Language::parse("de-CH");
    let link = desk.link(&LinkClaims { locale, test: true, ..claims("support-nps") });
    let (seen, given) = desk.send(&link, "recommend=9&reason=+schnell+&lang=de&submit=", accepted()).await;
    assert_eq!(seen.status, 200);
    let given = given.unwrap();
    assert_eq!(
        (given.channel, given.brand.as_str(), given.survey.as_str()),
        (Channel::Email, "acme", "support-nps")
    );
    assert_eq!(given.interaction.unwrap().as_str(), "ticket-4711");
    let respondent = given.respondent.unwrap();
    assert_eq!(respondent.key, desk.0.identity_key.respondent("ref", "crm-0815"));
    assert_eq!(respondent.reference.unwrap().as_str(), "crm-0815");
    assert_eq!(given.subject.unwrap().kind.as_str(), "agent");
    assert_eq!(given.locale, Language::parse("de-CH"), "the link's tag says more than the page's");
    assert_eq!(given.attributes["plan"], "pro");
    assert!(given.test && given.hold.is_none() && given.problems.is_empty());
    assert_eq!(given.key, None, "the references say whose answer it is");
    let typed = |text: &str| Given::Typed(text.to_owned());
    let answers = [("recommend".to_owned(), typed("9")), ("reason".to_owned(), typed(" schnell "))];
    assert_eq!(given.answers, answers);
    assert!(matches!(given.proof, Proof::Link { issued: Some(at), .. } if at == desk.0.now));
}

#[tokio::test]
async fn the_language_that_was_chosen_on_the_page_is_the_one_it_was_answered_in() {
    let desk = Desk::default();
    let locale = Language::parse("de-CH");
    let link = desk.link(&LinkClaims { locale, ..claims("support-nps") });
    let page = desk.open(&format!("{link}?lang=fr"), "it").await;
    assert!(page.html.contains("<html lang=\"fr\""), "{}", page.html);
    let answer = given(&desk, &link, "recommend=9&lang=fr").await.unwrap();
    assert_eq!(answer.locale, Language::parse("fr"));
}

#[tokio::test]
async fn trackers_and_a_trailing_slash_or_dot_change_nothing_and_a_score_off_the_scale_selects_nothing() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    for tail in ["/10", "/10/", "/10.", "/10?utm_source=mail&x=%zz", "/10/?lang=en"] {
        let page = desk.open(&format!("{link}{tail}"), "en").await;
        assert_eq!(page.status, 200, "{tail}");
        assert!(page.html.contains("value=\"10\" checked"), "{tail}");
    }
    for tail in ["", "/", "/11", "/-1", "/ten", "/6.5", "/99999999999999999999"] {
        let page = desk.open(&format!("{link}{tail}"), "en").await;
        assert_eq!(page.status, 200, "{tail}");
        assert!(!page.html.contains(" checked"), "{tail}");
    }
    assert_eq!(desk.open(&format!("{link}/1/2"), "en").await.status, 404);
}

#[tokio::test]
async fn the_forms_address_leads_back_to_the_link_from_wherever_the_page_is() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    let base = url::Url::parse("https://proxy.example/some/prefix/").unwrap();
    for tail in ["", "/", "/10", "/10/", "/10//", "/10."] {
        let page = desk.open(&format!("{link}{tail}"), "en").await.html;
        let action = page.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
        let at = base.join(&format!(".{link}{tail}")).unwrap();
        assert_eq!(at.join(action).unwrap().path(), format!("/some/prefix{link}"), "{tail}");
    }
}

#[tokio::test]
async fn an_expired_link_asks_and_its_answer_is_held() {
    let desk = Desk::default();
    let issued = desk.0.now.before(std::time::Duration::from_secs(9));
    let link = desk.link(&LinkClaims { issued, expires: Some(desk.0.now), ..claims("support-nps") });
    assert_eq!(desk.open(&link, "en").await.status, 200);
    assert_eq!(given(&desk, &link, "recommend=9").await.unwrap().hold, Some(Reason::LinkExpired));
}

#[tokio::test]
async fn a_broken_token_is_404_for_reading_and_sending_and_is_told_to_intake() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    let cut = &link[..link.len() - 9];
    assert_eq!(desk.open(cut, "en").await.status, 404);
    let (seen, given) = desk.send(cut, "recommend=9", accepted()).await;
    assert_eq!(seen.status, 404);
    assert_eq!(given.unwrap_err().reason, Reason::BadToken);
}

#[tokio::test]
async fn a_link_that_does_not_say_whose_answer_it_is_is_itself_the_identity() {
    let desk = Desk::default();
    let link = desk.link(&LinkClaims { interaction: None, ..claims("support-nps") });
    let [first, second] =
        [given(&desk, &link, "recommend=9&key=a").await, given(&desk, &link, "recommend=3").await]
            .map(|given| given.unwrap().key.unwrap());
    assert_eq!(first, second);
    assert!(first.text.starts_with("link:") && !first.strict);
}

#[tokio::test]
async fn a_mail_tools_link_is_signed_by_any_secret_over_its_raw_query() {
    let desk = Desk::default();
    let query = "interaction=ticket-4711&respondent=email:Ada%40Example.com&subject=agent%3Aa-7&lang=de";
    for secret in ["first-link-secret", "second-link-secret"] {
        let address = signed("acme/support-nps", query, secret) + "&utm_source=x&respondent=eve&sig=00";
        let page = desk.open(&address, "en").await;
        assert!(page.html.contains("<html lang=\"de\""), "{}", page.html);
        let given = given(&desk, &address, "recommend=9").await.unwrap();
        assert!(matches!(given.proof, Proof::Link { issued: None, .. }));
        assert_eq!(given.respondent.unwrap().key, desk.0.identity_key.respondent("email", "ada@example.com"));
        assert_eq!(given.subject.unwrap().reference.as_str(), "a-7");
    }
}

#[tokio::test]
async fn a_score_in_a_mail_tools_link_is_not_under_its_signature() {
    let desk = Desk::default();
    let address = signed("acme/support-nps", "interaction=t-1", "first-link-secret");
    let page = desk.open(&address.replace("nps?", "nps/7?"), "en").await;
    assert!(page.html.contains("value=\"7\" checked"));
    assert!(page.html.contains("action=\"../support-nps?interaction=t-1&#38;sig="), "{}", page.html);
}

#[tokio::test]
async fn a_signed_link_that_names_nobody_proves_nothing() {
    let desk = Desk::default();
    for (query, proves) in
        [("", false), ("lang=de", false), ("respondent=crm-1", false), ("interaction=t-1", true)]
    {
        let link = signed("acme/support-nps", query, "first-link-secret");
        let given = given(&desk, &link, "recommend=9").await.unwrap();
        assert_eq!(matches!(given.proof, Proof::Link { .. }), proves, "{query}");
        assert_eq!(given.key.is_none(), proves, "{query}: else the form's key is the identity");
    }
}

#[tokio::test]
async fn a_wrong_signature_is_a_broken_link_and_none_is_only_stated() {
    let desk = Desk::default();
    let good = signed("acme/support-nps", "interaction=t-1", "first-link-secret");
    for bad in [
        good.replace("t-1", "t-2"),
        good.replace("/acme/", "/globex/").replace("acme", "globex"),
        good.replace("support-nps", "ticket-ces"),
        good[..good.len() - 2].to_owned(),
        signed("acme/support-nps", "interaction=t-1", "another-secret"),
        good.to_ascii_uppercase()
            .replace("/M/ACME/SUPPORT-NPS?INTERACTION=T-1&SIG", "/m/acme/support-nps?interaction=t-1&sig"),
        "/m/acme/support-nps?interaction=t-1&sig=".to_owned(),
        "/m/acme/support-nps?sig=zz".to_owned(),
    ] {
        let (seen, given) = desk.send(&bad, "recommend=9", accepted()).await;
        // Both brands have the same secrets here, as the sample configuration has: the path is under the signature.
        assert_eq!((seen.status.as_u16(), given.unwrap_err().reason), (404, Reason::BadToken), "{bad}");
    }
    let stated = given(&desk, "/m/acme/support-nps?interaction=t-1", "recommend=9").await.unwrap();
    assert!(matches!(stated.proof, Proof::Nobody { source } if source.to_string() == "203.0.113.9"));
    assert_eq!(stated.key, None);
    let anonymous =
        given(&desk, "/m/acme/support-nps?interaction=", "recommend=9&key=nonce-1").await.unwrap();
    assert_eq!(anonymous.key.unwrap().text, "nonce-1");
}

#[tokio::test]
async fn a_mail_tools_link_past_its_expiry_asks_and_holds_and_unreadable_references_are_told() {
    let desk = Desk::default();
    let past = signed("acme/support-nps", "interaction=t-1&exp=2026-11-20", "first-link-secret");
    assert_eq!(given(&desk, &past, "recommend=9").await.unwrap().hold, Some(Reason::LinkExpired));
    let today = signed("acme/support-nps", "interaction=t-1&exp=2026-11-21", "first-link-secret");
    assert_eq!(given(&desk, &today, "recommend=9").await.unwrap().hold, None);
    let odd =
        signed("acme/support-nps", "interaction={{ticket.id}}&subject=agent&exp=soon", "first-link-secret");
    let (seen, given) = desk.send(&odd, "recommend=9", accepted()).await;
    let pointers: Vec<_> = given.unwrap_err().problems.into_iter().map(|problem| problem.pointer).collect();
    assert_eq!(pointers, ["/interaction", "/subject", "/exp"]);
    assert_eq!(seen.status, 422);
}

#[tokio::test]
async fn what_was_typed_is_still_there_when_a_form_is_refused() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    let wrong = Refusal::new(Reason::Invalid, "wrong");
    let (seen, _) = desk.send(&link, "recommend=4&reason=%3Cb%3E%22slow%22", Err(wrong)).await;
    assert_eq!(seen.status, 422);
    assert!(seen.html.contains("value=\"4\" checked"));
    assert!(seen.html.contains("&#60;b&#62;&#34;slow&#34;</textarea>"), "{}", seen.html);
    let busy = Refusal::new(Reason::SpoolFull, "full").retry_after(std::time::Duration::from_secs(30));
    let (seen, _) = desk.send(&link, "recommend=4&reason=slow&attempt=2", Err(busy)).await;
    assert_eq!((seen.status.as_u16(), seen.header("retry-after")), (503, "30"));
    for field in
        ["name=\"recommend\" value=\"4\"", "name=\"reason\" value=\"slow\"", "name=\"attempt\" value=\"3\""]
    {
        assert!(seen.html.contains(field), "{field}");
    }
}

#[tokio::test]
async fn a_page_that_tried_often_enough_leaves_the_next_try_to_the_person() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    for (attempt, alone) in [(5, true), (6, false)] {
        let busy = Refusal::new(Reason::RateLimited, "slow down");
        let (seen, _) = desk.send(&link, &format!("recommend=4&attempt={attempt}"), Err(busy)).await;
        assert_eq!(seen.status, 429);
        assert_eq!(seen.html.contains("<script"), alone, "{attempt}");
    }
}

#[tokio::test]
async fn an_undecodable_form_is_400_and_a_foreign_media_type_415() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    for bad in ["recommend=%", "recommend=%ff"] {
        let (seen, given) = desk.send(&link, bad, accepted()).await;
        assert_eq!((seen.status.as_u16(), given.unwrap_err().reason), (400, Reason::Malformed), "{bad}");
    }
}

#[tokio::test]
async fn unknown_brands_and_surveys_are_404_and_closed_ones_say_so() {
    let desk = Desk::default();
    for (address, status, reason) in [
        ("/m/nobody/support-nps", 404, Reason::UnknownBrand),
        ("/m/acme/nothing", 404, Reason::UnknownSurvey),
        ("/m/acme/closed", 403, Reason::SurveyClosed),
        ("/m/acme", 404, Reason::NotFound),
    ] {
        let (seen, given) = desk.send(address, "recommend=9", accepted()).await;
        assert_eq!((seen.status.as_u16(), given.unwrap_err().reason), (status, reason), "{address}");
    }
}

#[tokio::test]
async fn somebody_who_answered_sees_the_score_and_changes_it_to_what_they_pressed_now() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    let seen = known_page(&desk, &format!("{link}/3"), 9).await;
    assert!(seen.contains("9 of 10") && !seen.contains("<textarea"), "{seen}");
    let href = seen.split("class=\"button\" href=\"../").nth(1).unwrap().split('"').next().unwrap();
    let again = known_page(&desk, &format!("/r/{}", href.replace("&#38;", "&")), 9).await;
    assert!(again.contains("value=\"3\" checked"), "{again}");
}

#[tokio::test]
async fn what_is_only_stated_shows_nothing_of_an_earlier_answer() {
    let desk = Desk::default();
    let seen = known_page(&desk, "/m/acme/support-nps?interaction=t-1", 9).await;
    assert!(!seen.contains("9 of 10") && seen.contains("<textarea"), "{seen}");
}

#[tokio::test]
async fn a_survey_that_is_sent_by_the_button_alone_sends_no_press() {
    let desk = Desk::default();
    for (survey, sends) in [("support-nps", true), ("by-button", false)] {
        let seen = desk.open(&desk.link(&claims(survey)), "en").await;
        assert_eq!(seen.html.contains("role=\"status\""), sends, "{survey}");
        assert!(seen.html.contains("name=\"pressed\""), "{survey}");
    }
}

fn signals_of(given: Result<Submission, Refusal>) -> Signals {
    given.unwrap().signals.unwrap()
}

#[tokio::test]
async fn an_answer_says_how_long_its_page_was_open_and_what_was_pressed_on_it() {
    let mut desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    let page = desk.open(&link, "en").await.html;
    let seal = page.split("name=\"seal\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    desk.0.now = desk.0.now.after(std::time::Duration::from_millis(2_345));
    let (_, given) = desk.send(&link, &format!("recommend=9&seal={seal}&pressed=pointer"), accepted()).await;
    let signals = signals_of(given);
    assert_eq!((signals.page_ms, signals.press(), signals.driven), (Some(2_345), Press::Pointer, false));
    let form = format!("recommend=9&seal={seal}&pressed=none+driven+untrusted+else");
    let signals = signals_of(desk.send(&link, &form, accepted()).await.1);
    assert_eq!((signals.press(), signals.driven, signals.untrusted), (Press::None, true, true));
    let signals =
        signals_of(desk.send(&link, &format!("recommend=9&seal={seal}&pressed="), accepted()).await.1);
    assert_eq!(signals.press(), Press::NoScript);
    let other = desk.link(&LinkClaims { issued: desk.0.now, ..claims("support-nps") });
    let signals = signals_of(desk.send(&other, &format!("recommend=9&seal={seal}"), accepted()).await.1);
    assert_eq!((signals.page_ms, signals.press()), (None, Press::Unspecified), "the seal of another link");
}

#[tokio::test]
async fn whoever_sends_again_what_their_page_has_sent_is_simply_thanked() {
    let desk = Desk::default();
    let link = desk.link(&claims("support-nps"));
    let again = accepted().map(|receipt| Receipt { outcome: Outcome::Duplicate, ..receipt });
    for (form, title) in
        [("recommend=9", "You have already answered"), ("recommend=9&pressed=pointer+again", "Thank you!")]
    {
        let (seen, _) = desk.send(&link, form, again.clone()).await;
        assert!(seen.html.contains(title), "{form}");
    }
}

#[tokio::test]
async fn only_a_score_of_the_scale_on_somebodys_link_is_a_touch() {
    let desk = Desk::default();
    let touched = |address: &str| {
        let browser = Browser::reading("en");
        super::OpenedLink::open(&desk.0.context(), &browser.at(address)).unwrap().touched(true)
    };
    let link = desk.link(&claims("support-nps"));
    let nine = Touched { question: "recommend".into(), score: 9, head: true };
    assert_eq!(touched(&format!("{link}/9")), Some(nine.clone()));
    assert_eq!(touched(&format!("{link}/9.?utm_source=x")), Some(nine.clone()));
    assert_eq!(touched("/m/acme/support-nps/9?interaction=t-1"), Some(nine));
    for nothing in
        [link.clone(), format!("{link}/11"), format!("{link}/x"), "/m/acme/support-nps/9".to_owned()]
    {
        assert_eq!(touched(&nothing), None, "{nothing}");
    }
}

async fn known_page(desk: &Desk, address: &str, score: i32) -> String {
    let (browser, context) = (Browser::reading("en"), desk.0.context());
    let visit = browser.at(address);
    let known = Known { scores: vec![("recommend".to_owned(), score)] };
    let opened = super::OpenedLink::open(&context, &visit).unwrap();
    see(super::get(&opened, &context, &visit, Some(&known))).await.html
}
