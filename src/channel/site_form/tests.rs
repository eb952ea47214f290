use crate::{
    channel::page::tests::{Desk, claims, receipt},
    intake::{Proof, Submission},
    outcome::{Outcome, Reason, Receipt, Refusal},
    survey::Channel,
};

const FORM: &str = "/f/acme/support-nps";

fn accepted() -> Result<Receipt, Refusal> {
    Ok(receipt(Outcome::Accepted, &[("recommend", 9)]))
}

async fn given(desk: &Desk, form: &str) -> Result<Submission, Refusal> {
    desk.send(FORM, form, accepted()).await.1
}

fn token(desk: &Desk) -> String {
    desk.link(&claims("support-nps")).trim_start_matches("/r/").to_owned()
}

fn value_of(html: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    html.split(&marker).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn each_served_form_has_a_nonce_of_its_own_that_comes_back_as_the_submissions_key() {
    let desk = Desk::default();
    let first = desk.open(FORM, "en").await.html;
    let key = value_of(&first, "key");
    assert_ne!(key, value_of(&desk.open(FORM, "en").await.html, "key"));
    let given = given(&desk, &format!("recommend=9&key={key}")).await.unwrap();
    let own = given.key.unwrap();
    assert_eq!((own.text.as_str(), own.strict, given.channel), (key.as_str(), false, Channel::Form));
}

#[tokio::test]
async fn a_plain_form_without_a_nonce_gets_one_unless_its_references_say_whose_it_is() {
    let desk = Desk::default();
    let [first, second] = [given(&desk, "recommend=9").await, given(&desk, "recommend=9").await];
    assert_ne!(first.unwrap().key.unwrap(), second.unwrap().key.unwrap());
    let stated = given(&desk, "recommend=9&interaction=t-1").await.unwrap();
    assert_eq!(stated.key, None);
    assert!(matches!(stated.proof, Proof::Nobody { .. }));
}

#[tokio::test]
async fn a_token_proves_and_outweighs_what_the_form_states() {
    let desk = Desk::default();
    let form = format!("recommend=9&interaction=another&token={}", token(&desk));
    let given = given(&desk, &form).await.unwrap();
    assert!(matches!(given.proof, Proof::Link { .. }));
    assert_eq!(given.interaction.unwrap().as_str(), "ticket-4711");
}

#[tokio::test]
async fn a_token_of_another_brand_or_survey_is_a_broken_one() {
    let desk = Desk::default();
    for address in ["/f/globex/support-nps", "/f/acme/experience"] {
        let form = format!("recommend=9&token={}", token(&desk));
        let (seen, given) = desk.send(address, &form, accepted()).await;
        assert_eq!((seen.status.as_u16(), given.unwrap_err().reason), (404, Reason::BadToken), "{address}");
    }
}

#[tokio::test]
async fn a_filled_honeypot_holds_the_answer_and_the_machine_is_thanked() {
    let desk = Desk::default();
    let (seen, given) = desk.send(FORM, "recommend=9&website=http://spam.example", accepted()).await;
    assert_eq!(seen.status, 200);
    assert_eq!(given.unwrap().hold, Some(Reason::Suspicious));
    let (_, given) = desk.send(FORM, "recommend=9&website=", accepted()).await;
    assert_eq!(given.unwrap().hold, None);
}

#[tokio::test]
async fn next_is_followed_on_success_where_the_brand_allows_it_and_nowhere_else() {
    let desk = Desk::default();
    let go =
        async |next: &str, outcome| desk.send(FORM, &format!("recommend=9&next={next}"), outcome).await.0;
    let seen = go("https://shop.example/thanks/you?a=1", accepted()).await;
    assert_eq!((seen.status.as_u16(), seen.header("location")), (303, "https://shop.example/thanks/you?a=1"));
    let seen = go("https://evil.example/thanks", accepted()).await;
    assert_eq!((seen.status.as_u16(), seen.header("location")), (200, ""));
    let seen = go("https://shop.example/thanks", Err(Refusal::new(Reason::Invalid, "wrong"))).await;
    assert_eq!(
        (seen.status.as_u16(), value_of(&seen.html, "next").as_str()),
        (422, "https://shop.example/thanks")
    );
    let policy = seen.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://shop.example;"), "{policy}");
}

#[tokio::test]
async fn unreadable_references_are_a_problem_of_the_answer_and_close_the_page() {
    let desk = Desk::default();
    let read = given(&desk, "recommend=9&interaction=no+way&respondent=email:nobody").await.unwrap();
    let problems: Vec<_> =
        read.problems.iter().map(|problem| (problem.pointer.as_str(), problem.reason)).collect();
    assert_eq!(problems, [("/interaction", Reason::BadReference), ("/respondent", Reason::BadContact)]);
    assert_eq!(desk.open(&format!("{FORM}?interaction=no+way"), "en").await.status, 422);
}

#[tokio::test]
async fn foreign_fields_are_left_out_unless_nothing_else_was_sent() {
    let desk = Desk::default();
    let names = |given: Result<Submission, Refusal>| {
        given.unwrap().answers.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(given(&desk, "recommend=9&submit=Go&utm=x&reason=").await), ["recommend"]);
    assert_eq!(names(given(&desk, "recomend=9&interaction=t-1").await), ["recomend"]);
    assert!(names(given(&desk, "interaction=t-1&lang=de").await).is_empty());
}

#[tokio::test]
async fn a_score_that_is_given_twice_is_a_problem_and_a_text_or_the_same_score_is_none() {
    let desk = Desk::default();
    let token = format!("&token={}", token(&desk));
    for by_token in ["", token.as_str()] {
        let problems = async |form: &str| {
            let read = given(&desk, &format!("{form}{by_token}")).await.unwrap();
            read.problems.into_iter().map(|problem| (problem.pointer, problem.reason)).collect::<Vec<_>>()
        };
        let twice = [("/answers/recommend".to_owned(), Reason::WrongType)];
        assert_eq!(problems("recommend=3&recommend=9").await, twice);
        for fine in ["recommend=9&recommend=+9", "recommend=&recommend=9&recommend=", "reason=a&reason=b"] {
            assert_eq!(problems(fine).await, [], "{fine}");
        }
    }
}

#[tokio::test]
async fn a_change_of_mind_leads_back_to_the_same_form_with_its_scores() {
    let desk = Desk::default();
    let (seen, _) = desk.send(FORM, "recommend=9&key=nonce-1&lang=de&reason=x", accepted()).await;
    let href = seen.html.split("class=\"button\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let query = href.replace("&#38;", "&");
    assert_eq!(query, "support-nps?key=nonce-1&recommend=9&change=1&lang=de");
    let page = desk.open(&format!("/f/acme/{query}"), "en").await.html;
    assert_eq!(value_of(&page, "key"), "nonce-1");
    assert!(page.contains("value=\"9\" checked") && page.contains("<html lang=\"de\""));
}

#[tokio::test]
async fn a_plain_form_that_must_wait_is_given_a_key_so_that_trying_twice_is_not_answering_twice() {
    let desk = Desk::default();
    let busy = Refusal::new(Reason::Busy, "busy");
    let (seen, _) = desk.send(FORM, "recommend=9&submit=Go", Err(busy)).await;
    assert_eq!(seen.status, 503);
    let key = value_of(&seen.html, "key");
    assert_eq!(key.len(), 32);
    let (_, given) = desk.send(FORM, &format!("recommend=9&key={key}&attempt=1"), accepted()).await;
    assert_eq!(given.unwrap().key.unwrap().text, key);
}

#[tokio::test]
async fn a_form_that_asks_for_a_score_and_sends_none_asks_again_and_one_that_does_not_ask_is_taken() {
    let desk = Desk::default();
    for (form, asks_again) in [
        ("recommend=&reason=slow", true),
        ("recommend=&recommend=", true),
        ("recommend=9&recommend=", false),
        ("recommend=&recommend=9", false),
        ("reason=slow", false),
        ("recommend=9&reason=", false),
    ] {
        let problems = given(&desk, form).await.unwrap().problems;
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers == ["/answers/recommend"], asks_again, "{form}: {pointers:?}");
    }
}
