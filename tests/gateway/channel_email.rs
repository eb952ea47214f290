//! Links in mails: tokens that the command line and `POST /v1/links` make, and the page behind them.

use std::{collections::BTreeMap, fs};

use reqwest::Method;
use serde_json::json;
use voxgate::{
    clock::{Clock, Timestamp},
    proto::store::v1::{
        Channel, Claim, Confidence, HeldState, Identity, ReleaseHeldRequest, Response, Subject,
    },
};

use crate::support::{
    Gateway, Plan, Reply, answer, make_link, path_of, plain_link, score_on, text_on, voxgate, wait_for,
};

#[tokio::test]
async fn a_link_of_the_command_line_ends_in_the_store_with_all_it_carries() {
    let gateway = Gateway::start().await;
    let arguments = "link --survey support-nps --brand acme --interaction ticket-1 --respondent crm-1 \
                     --subject agent:a-7 --locale fr --country CH --attr plan=pro --attr queue=q-1 --expires 30d";
    let printed = voxgate(gateway.plan.config.path(), &arguments.split_whitespace().collect::<Vec<_>>()).ok();
    let link =
        printed.split_whitespace().find(|word| word.contains("/r/")).expect("`voxgate link` prints a link");
    assert!(link.starts_with("http://127.0.0.1:8080/r/"), "links are built on public_base_url: {link}");
    assert!(
        link.len() <= 200 + "http://127.0.0.1:8080".len(),
        "at most 200 characters beside the base: {link}"
    );
    for plain in ["ticket-1", "crm-1", "a-7"] {
        assert!(!link.contains(plain), "invariant 9, tokens are encrypted: {link}");
    }

    let before = Clock::System.now();
    let page = gateway.get(&path_of(link)).await;
    assert!(page.page(200).contains("lang=\"fr\""), "the link's locale is the page's");
    let answers = [("recommend", "7"), ("reason", "un peu lent")];
    gateway.post_form(&path_of(link), &answers).await.page(200);

    let stored = gateway.store().first("ticket-1").await;
    assert!(!stored.invitation.is_empty(), "the link's id is the invitation");
    assert_eq!(stored.respondent_key.len(), 32);
    let stamp = Timestamp::from_proto(stored.first_answered_at.as_ref().unwrap());
    assert!(before <= stamp && stamp <= Clock::System.now(), "a browser is stamped on receipt: {stamp}");
    let expected = Response {
        id: stored.id.clone(),
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        identity: Identity::Signed.into(),
        channel: Channel::Email.into(),
        interaction: "ticket-1".to_owned(),
        respondent_ref: "crm-1".to_owned(),
        respondent_key: stored.respondent_key.clone(),
        subject: Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }),
        locale: "fr".to_owned(),
        country: "CH".to_owned(),
        invitation: stored.invitation.clone(),
        first_answered_at: stored.first_answered_at,
        received_at: stored.received_at,
        updated_at: stored.updated_at,
        attributes: BTreeMap::from([
            ("plan".to_owned(), "pro".to_owned()),
            ("queue".to_owned(), "q-1".to_owned()),
        ]),
        test: false,
        answers: stored.answers.clone(),
    };
    assert_eq!(stored, expected);
    let score = answer(&stored, "recommend").unwrap();
    assert_eq!((score.segment.as_str(), score.normalized), ("passive", Some(70.0)));
    assert_eq!((score.claim(), score.confidence()), (Claim::Verified, Confidence::Confirmed));
    assert_eq!((score.channel(), score.locale.as_str()), (Channel::Email, "fr"));
    assert_eq!(text_on(&stored, "reason"), Some("un peu lent"));
}

#[tokio::test]
async fn opening_a_link_is_not_answering() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    for score in ["", "/9", "/0", "/10"] {
        gateway.get(&format!("{}{score}", link.path)).await.page(200);
        let head = Reply::of(gateway.request(Method::HEAD, &format!("{}{score}", link.path))).await;
        assert_eq!(head.status, 200);
    }
    let prefetch =
        gateway.request(Method::GET, &format!("{}/9", link.path)).header("sec-purpose", "prefetch");
    Reply::of(prefetch).await.page(200);
    gateway.post_form(&link.path, &[("recommend", "4")]).await.page(200);
    let stored = gateway.store().scored("ticket-1", "recommend", 4).await;
    assert_eq!(stored.answers.len(), 1);
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["received"], 1, "invariant 4: {ledger}");
    assert_eq!(
        ledger["appended"],
        1 + 6,
        "a touch for each score by GET and HEAD, none for the prefetch: {ledger}"
    );
}

#[tokio::test]
async fn a_score_in_the_path_is_preselected_and_one_off_the_scale_is_not() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    let nine = gateway.get(&format!("{}/9", link.path)).await;
    nine.page(200);
    assert_eq!(nine.checked("recommend"), ["9"], "the first required scale question");
    for off in ["11", "-1", "nine", "6.5"] {
        let page = gateway.get(&format!("{}/{off}", link.path)).await;
        page.page(200);
        assert!(page.checked("recommend").is_empty(), "{off} is off the scale: nothing is preselected");
    }
    for ignored in ["?utm_source=mail&fbclid=x", "/", ".", "/9/", "/9.", "/9?utm_campaign=y"] {
        gateway.get(&format!("{}{ignored}", link.path)).await.page(200);
    }
}

#[tokio::test]
async fn a_change_of_mind_revises_and_the_page_shows_the_score_but_never_the_comment() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    let answers = [("recommend", "3"), ("reason", "the plumber never came")];
    gateway.post_form(&link.path, &answers).await.page(200);
    gateway.store().scored("ticket-1", "recommend", 3).await;
    let again = gateway.get(&link.path).await;
    let again = again.page(200);
    assert!(again.contains('3'), "answered before: with the score");
    assert!(!again.contains("plumber"), "a comment is never shown again");
    gateway.post_form(&link.path, &[("recommend", "10")]).await.page(200);
    let stored = gateway.store().scored("ticket-1", "recommend", 10).await;
    assert_eq!(
        text_on(&stored, "reason"),
        Some("the plumber never came"),
        "what was not answered again stays"
    );
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["revised"]), (&json!(1), &json!(1)), "{ledger}");
}

#[tokio::test]
async fn the_same_form_sent_twice_is_one_answer() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    for _ in 0..2 {
        gateway.post_form(&link.path, &[("recommend", "8")]).await.page(200);
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["duplicate"]), (&json!(1), &json!(1)), "{ledger}");
    assert_eq!(gateway.store().all().await.len(), 1);
}

#[tokio::test]
async fn an_expired_link_still_asks_and_its_answer_is_held_until_it_is_released() {
    let gateway = Gateway::start().await;
    let fields = json!({"survey": "support-nps", "brand": "acme", "interaction": "late-1", "expires": "1s"});
    let link = make_link(&gateway, &fields).await;
    let expires = Timestamp::parse(link.reply["expires_at"].as_str().unwrap()).expect("RFC 3339");
    wait_for("the link to expire", async || {
        (Clock::System.now().as_secs() > expires.as_secs() + 1).then_some(())
    })
    .await;

    gateway.get(&link.path).await.page(200);
    let reply = gateway.post_form(&link.path, &[("recommend", "2")]).await;
    assert!(reply.status == 200 || reply.status == 202, "invariant 5: the person is thanked: {}", reply.text);
    let store = gateway.store();
    let held = store.held_one().await;
    assert_eq!(held.reasons, ["link_expired"]);
    assert!(store.about("late-1").await.is_empty(), "a held answer does not count");
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["quarantined"], 1, "{ledger}");

    let release = ReleaseHeldRequest { ids: vec![held.id] };
    assert_eq!(store.client().release_held(release).await.unwrap().into_inner().released, 1);
    let stored = store.scored("late-1", "recommend", 2).await;
    assert_eq!(stored.identity(), Identity::Signed);
    assert!(store.held(HeldState::Waiting).await.is_empty());
    assert_eq!(store.held(HeldState::Released).await.len(), 1);
}

#[tokio::test]
async fn an_unreadable_token_is_a_page_that_says_so() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    let cut = &link.path[..link.path.len() - 9];
    for path in ["/r/nonsense", "/r/%F0%9F", "/r/v4.local.AAAA", cut] {
        gateway.get(path).await.page(404);
        gateway.post_form(path, &[("recommend", "9")]).await.page(404);
    }
    assert!(gateway.store().all().await.is_empty());
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&json!(4), &json!(4)), "{ledger}");
}

#[tokio::test]
async fn a_value_off_the_scale_brings_the_page_again_with_what_was_typed() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    for wrong in ["11", "6.5", "ten", "-1"] {
        let answers = [("recommend", wrong), ("reason", "kept words")];
        let reply = gateway.post_form(&link.path, &answers).await;
        assert!(reply.page(422).contains("kept words"), "contract 4: the page again with what was typed");
    }
    assert!(gateway.store().all().await.is_empty());
}

#[tokio::test]
async fn the_page_speaks_the_language_that_is_asked_for() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    for language in ["de", "en", "es", "fr", "it"] {
        let page = gateway.get(&format!("{}?lang={language}", link.path)).await;
        let text = page.page(200);
        assert!(text.contains(&format!("lang=\"{language}\"")), "{language}: {text}");
        assert!(!text.contains("{brand}"), "texts may hold {{brand}}; people never see it");
    }
    let german =
        gateway.request(Method::GET, &link.path).header("accept-language", "de-AT,de;q=0.9,en;q=0.5");
    assert!(Reply::of(german).await.page(200).contains("lang=\"de\""));
}

#[tokio::test]
async fn a_rotation_of_the_token_keys_kills_no_link() {
    let key = |byte: &str| toml::Value::from(byte.repeat(32));
    let mut gateway = Plan::new().set("tokens.keys", vec![key("a1")]).start().await;
    let link = plain_link(&gateway, "ticket-1").await;
    gateway.plan.config.set("gateway.toml", "tokens.keys", vec![key("b2"), key("a1")]);
    gateway.restart().await;
    gateway.get(&link.path).await.page(200);
    gateway.post_form(&link.path, &[("recommend", "9")]).await.page(200);
    gateway.store().scored("ticket-1", "recommend", 9).await;
    gateway.plan.config.set("gateway.toml", "tokens.keys", vec![key("b2")]);
    gateway.restart().await;
    gateway.get(&link.path).await.page(404);
}

#[tokio::test]
async fn a_made_link_names_its_parts() {
    let gateway = Gateway::start().await;
    let fields = json!({
        "survey": "support-nps", "brand": "acme", "interaction": "t-1", "respondent": "crm-1",
        "subject": "agent:a-7", "locale": "de", "country": "CH", "attr": {"plan": "pro"}, "expires": "30d",
    });
    let link = make_link(&gateway, &fields).await;
    for name in ["token", "url", "opt_out_url", "expires_at"] {
        assert!(link.reply[name].is_string(), "contract 4, /v1/links names {name}: {}", link.reply);
    }
    assert!(link.reply["url"].as_str().unwrap().ends_with(&link.token));
    assert!(!link.reply["score_urls"].is_null(), "{}", link.reply);
    let many = json!([
        {"survey": "support-nps", "brand": "acme", "interaction": "t-2"},
        {"survey": "support-nps", "brand": "acme", "interaction": "t-3"},
    ]);
    let several = gateway.post_json("/v1/links", &many).await;
    assert_eq!(several.status, 201, "one or an array: {}", several.text);
    assert!(several.text.matches("/r/").count() >= 2, "{}", several.text);
}

#[tokio::test]
async fn a_whole_mailing_gets_its_links_and_a_bad_row_does_not_stop_it() {
    let gateway = Gateway::start().await;
    let files = tempfile::tempdir().unwrap();
    let (input, output) = (files.path().join("in.csv"), files.path().join("out.csv"));
    fs::write(
        &input,
        "survey,brand,interaction,respondent,greeting\n\
         support-nps,acme,m-1,crm-1,\"Hello, Ada\"\n\
         no-such,acme,m-2,crm-2,Hello\n\
         support-nps,acme,bad reference!,crm-3,Hello\n\
         support-nps,acme,m-4,crm-4,Hello\n",
    )
    .unwrap();
    let arguments = ["link", "--csv", input.to_str().unwrap(), "--out", output.to_str().unwrap()];
    let done = voxgate(gateway.plan.config.path(), &arguments);
    let mut rows = csv::Reader::from_path(&output).unwrap_or_else(|error| panic!("{error}: {}", done.all()));
    let rows: Vec<BTreeMap<String, String>> = rows.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4, "a row for each row");
    assert_eq!(rows[0]["greeting"], "Hello, Ada", "other columns are passed through");
    for row in [&rows[1], &rows[2]] {
        assert!(!row["error"].is_empty() && row["url"].is_empty(), "{row:?}");
    }
    for (row, interaction) in [(&rows[0], "m-1"), (&rows[3], "m-4")] {
        assert!(
            row["error"].is_empty() && !row["token"].is_empty() && !row["opt_out_url"].is_empty(),
            "{row:?}"
        );
        gateway.post_form(&path_of(&row["url"]), &[("recommend", "9")]).await.page(200);
        let stored = gateway.store().first(interaction).await;
        assert_eq!(score_on(&stored, "recommend"), Some(9));
    }
}
