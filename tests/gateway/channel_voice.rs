//! The phone beyond keys: languages, recordings, spoken answers and recorded comments, as Twilio brings them.

use reqwest::Method;
use serde_json::json;
use url::Url;
use voxgate::proto::store::v1::{FindOptOutsRequest, Identity};

use crate::support::{Gateway, PUBLIC_BASE, Plan, Reply, answer, parameters, score_on, signed_post, text_on};

const CALLER: &str = "+41446681800";
const TOKEN: &str = "dev-twilio-token";
const NPS: &str = "surveys/support-nps.toml";

/// A provider that goes where it is told.
struct Provider<'a> {
    gateway: &'a Gateway,
    call_sid: String,
    said: String,
}

impl<'a> Provider<'a> {
    async fn dial(gateway: &'a Gateway, path: &str, call_sid: &str) -> Self {
        let mut provider = Self { gateway, call_sid: call_sid.to_owned(), said: String::new() };
        provider.said = provider.post(&format!("{PUBLIC_BASE}{path}"), &[]).await.text;
        provider
    }

    /// The turn that follows, with what the caller did.
    async fn go_on(&mut self, more: &[(&str, &str)]) {
        let next = self.next();
        self.said = self.post(&next, more).await.text;
    }

    async fn post(&self, to: &str, more: &[(&str, &str)]) -> Reply {
        let mut fields = parameters(&self.call_sid, CALLER);
        fields.extend_from_slice(more);
        let reply = signed_post(self.gateway, &Url::parse(to).unwrap(), &fields, TOKEN).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    }

    /// A report names neither the caller nor, with some providers, the call.
    async fn report(&self, to: &str, more: &[(&str, &str)]) -> Reply {
        let mut fields = vec![("AccountSid", "AC00000000000000000000000000000001")];
        fields.extend_from_slice(more);
        signed_post(self.gateway, &Url::parse(to).unwrap(), &fields, TOKEN).await
    }

    fn next(&self) -> String {
        let target = self.said.split_once("<Redirect method=\"POST\">").expect(&self.said).1;
        target.split_once('<').unwrap().0.replace("&amp;", "&")
    }

    fn address(&self, attribute: &str) -> String {
        let value = self.said.split_once(&format!(" {attribute}=\"")).expect(&self.said).1;
        value.split_once('"').unwrap().0.replace("&amp;", "&")
    }

    fn hears(&self, words: &str) {
        assert!(self.said.contains(words), "{words}: {}", self.said);
    }
}

async fn asking(setting: &str) -> Gateway {
    let path = format!("ivr.{setting}");
    Plan::new().config(move |config| config.set(NPS, &path, true)).start().await
}

#[tokio::test]
async fn a_language_that_is_chosen_by_key_is_kept_and_stored() {
    let gateway = asking("choose_language").await;
    let path = "/ivr/twilio/acme/support-nps?interaction=ticket-1";
    let mut call = Provider::dial(&gateway, path, "CA1").await;
    call.hears("For English, press 1.");
    call.hears("Für Deutsch drücken Sie 2.");
    call.go_on(&[]).await;
    call.hears("Für Deutsch drücken Sie 2.");
    let menu = call.next();
    call.go_on(&[("Digits", "2")]).await;
    call.hears("Rautetaste");
    let again = call.post(&menu, &[("Digits", "2")]).await.text;
    assert_eq!(again, call.said, "a retry gets the same TwiML");
    call.go_on(&[("Digits", "9")]).await;
    call.hears("Vielen Dank");
    let stored = gateway.store().first("ticket-1").await;
    assert_eq!((stored.locale.as_str(), score_on(&stored, "recommend")), ("de", Some(9)));
}

#[tokio::test]
async fn a_spoken_ten_is_a_ten_and_a_doubtful_one_is_asked_about() {
    let gateway = asking("speech").await;
    let path = |interaction| format!("/ivr/twilio/acme/support-nps?lang=de&interaction={interaction}");
    let mut sure = Provider::dial(&gateway, &path("sure"), "CA1").await;
    sure.hears("input=\"dtmf speech\"");
    sure.go_on(&[("SpeechResult", "Eine Zehn."), ("Confidence", "0.92")]).await;
    gateway.store().scored("sure", "recommend", 10).await;
    let mut doubtful = Provider::dial(&gateway, &path("doubtful"), "CA2").await;
    doubtful.go_on(&[("SpeechResult", "zwei"), ("Confidence", "0.2")]).await;
    doubtful.hears("Ich habe verstanden: 2.");
    doubtful.go_on(&[("SpeechResult", "nein"), ("Confidence", "0.9")]).await;
    doubtful.hears("leider nicht verstanden");
    doubtful.go_on(&[("SpeechResult", "drei"), ("Confidence", "0.4")]).await;
    doubtful.go_on(&[("Digits", "1")]).await;
    doubtful.hears("Vielen Dank");
    gateway.store().scored("doubtful", "recommend", 3).await;
    assert_eq!(gateway.settled_ledger().await["appended"], 2, "what was not confirmed is nowhere");
    assert!(!gateway.logs().contains("Eine Zehn"), "what people say is in no log");
}

/// Everything that can come of a recording.
#[derive(Clone, Copy, Debug)]
enum Report {
    Turn,
    Recording,
    Transcription,
    Failed,
}

async fn deliver(call: &Provider<'_>, report: Report, recording: &str) {
    let url = format!("https://api.example/Recordings/{recording}");
    let of = [("RecordingSid", recording), ("RecordingUrl", url.as_str())];
    let with =
        |more: &[(&'static str, &'static str)]| more.iter().copied().chain(of).collect::<Vec<(&str, &str)>>();
    let reply = match report {
        Report::Turn => call.post(&call.next(), &with(&[("RecordingDuration", "7"), ("Digits", "#")])).await,
        Report::Recording => {
            let fields = with(&[("RecordingStatus", "completed"), ("RecordingDuration", "7")]);
            call.report(&call.address("recordingStatusCallback"), &fields).await
        }
        Report::Transcription => {
            let fields = with(&[("TranscriptionStatus", "completed"), ("TranscriptionText", "Too slow.")]);
            call.report(&call.address("transcribeCallback"), &fields).await
        }
        Report::Failed => {
            let fields = with(&[("TranscriptionStatus", "failed")]);
            call.report(&call.address("transcribeCallback"), &fields).await
        }
    };
    assert_eq!(reply.status, 200, "{report:?}: {}", reply.text);
}

#[tokio::test]
async fn a_comment_is_what_was_said_in_whatever_order_it_is_told() {
    use Report::{Failed, Recording, Transcription, Turn};
    let gateway = asking("record_comments").await;
    let orders: [&[Report]; 9] = [
        &[Turn, Recording, Transcription],
        &[Recording, Turn, Transcription],
        &[Turn, Transcription, Recording],
        &[Recording, Transcription, Turn],
        &[Transcription, Turn, Recording],
        &[Transcription, Recording, Turn],
        &[Transcription],
        &[Turn, Transcription, Failed],
        &[Transcription, Turn, Recording, Transcription, Turn, Recording, Transcription],
    ];
    for (index, order) in orders.iter().enumerate() {
        let interaction = format!("ticket-{index}");
        let path = format!("/ivr/twilio/acme/support-nps?lang=en&interaction={interaction}");
        let mut call = Provider::dial(&gateway, &path, &format!("CA{index}")).await;
        call.go_on(&[("Digits", "3")]).await;
        for report in *order {
            deliver(&call, *report, &format!("RE{index}")).await;
        }
        let said = |stored: &_| text_on(stored, "reason") == Some("Too slow.");
        let stored = gateway.store().one(&interaction, said).await;
        assert_eq!((stored.identity(), stored.answers.len()), (Identity::Signed, 2), "{order:?}");
        let kept = format!("https://api.example/Recordings/RE{index}");
        assert_eq!(stored.attributes["recording.reason"], kept, "{order:?}");
        assert!(answer(&stored, "reason").is_some_and(|answer| answer.reasons.is_empty()), "{order:?}");
    }
    gateway.settled_ledger().await;
    for (index, order) in orders.iter().enumerate() {
        let stored = gateway.store().first(&format!("ticket-{index}")).await;
        assert_eq!(text_on(&stored, "reason"), Some("Too slow."), "nothing later undid it: {order:?}");
    }
    assert!(!gateway.logs().contains("Too slow") && !gateway.logs().contains("446681800"), "invariant 9");
}

#[tokio::test]
async fn a_comment_that_nobody_writes_down_is_its_recording() {
    let gateway = asking("record_comments").await;
    for (index, order) in
        [&[Report::Turn][..], &[Report::Recording], &[Report::Failed], &[Report::Turn, Report::Failed]]
            .into_iter()
            .enumerate()
    {
        let interaction = format!("ticket-{index}");
        let path = format!("/ivr/twilio/acme/support-nps?lang=en&interaction={interaction}");
        let mut call = Provider::dial(&gateway, &path, &format!("CA{index}")).await;
        call.go_on(&[("Digits", "3")]).await;
        call.hears("Please speak after the tone");
        for report in order {
            deliver(&call, *report, "RE1").await;
        }
        let recorded = |stored: &_| text_on(stored, "reason") == Some("https://api.example/Recordings/RE1");
        gateway.store().one(&interaction, recorded).await;
    }
}

#[tokio::test]
async fn a_report_without_a_number_is_of_the_person_who_called() {
    let gateway = Plan::new()
        .config(|config| {
            config.set(NPS, "ivr.record_comments", true);
            config.set(NPS, "one_response_per", "respondent");
            config.set(NPS, "period", "90d");
        })
        .start()
        .await;
    let mut call = Provider::dial(&gateway, "/ivr/twilio/acme/support-nps?lang=en", "CA1").await;
    call.go_on(&[("Digits", "3")]).await;
    deliver(&call, Report::Transcription, "RE1").await;
    let said = |stored: &_| text_on(stored, "reason") == Some("Too slow.");
    let stored = gateway.store().one("CA1", said).await;
    assert_eq!((score_on(&stored, "recommend"), stored.respondent_key.len()), (Some(3), 32));
    assert_eq!(gateway.store().all().await.len(), 1, "one person, one response");
    assert!(!call.said.contains("446681800"), "no number in our URLs: {}", call.said);
}

#[tokio::test]
async fn a_report_with_a_wrong_signature_is_403_and_leaves_nothing() {
    let gateway = asking("record_comments").await;
    let mut call =
        Provider::dial(&gateway, "/ivr/twilio/acme/support-nps?lang=en&interaction=t-1", "CA1").await;
    call.go_on(&[("Digits", "3")]).await;
    let fields = [("AccountSid", "AC1"), ("RecordingSid", "RE1"), ("TranscriptionText", "planted")];
    for attribute in ["recordingStatusCallback", "transcribeCallback"] {
        let to = Url::parse(&call.address(attribute)).unwrap();
        let reply = signed_post(&gateway, &to, &fields, "another-token").await;
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert!(reply.text.ends_with("<Response/>"), "{}", reply.text);
        let wrong_method = gateway.request(Method::GET, &crate::support::path_of(to.as_str()));
        assert_eq!(Reply::of(wrong_method).await.status, 405);
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["rejected"], &ledger["appended"]), (&json!(2), &json!(1)), "{ledger}");
    assert_eq!(text_on(&gateway.store().first("t-1").await, "reason"), None);
}

#[tokio::test]
async fn a_recorded_question_is_played_and_named_to_exchanges() {
    let gateway = Plan::new()
        .config(|config| {
            config.edit("surveys/technician-visit.toml", |survey| {
                let questions = survey["question"].as_array_mut().unwrap();
                let audio: toml::Table = "en = 'https://cdn.example/{brand}/expertise.wav'".parse().unwrap();
                questions[1].as_table_mut().unwrap().insert("audio".to_owned(), audio.into());
            });
        })
        .start()
        .await;
    let mut event = json!({
        "brand": "acme", "survey": "technician-visit", "call_id": "call-1", "question": "knowledge", "digits": "5",
    });
    let recorded = "https://cdn.example/acme/expertise.wav";
    let reply = gateway.post_json("/v1/ivr/events", &event).await.receipt(201, "accepted");
    assert_eq!(reply["next"]["audio"], recorded, "{reply}");
    event["locale"] = json!("de");
    let reply = gateway.post_json("/v1/ivr/events", &event).await.receipt(200, "duplicate");
    assert_eq!(reply["next"].get("audio"), None, "in German a voice reads it: {reply}");
    let mut call = Provider::dial(&gateway, "/ivr/twilio/acme/technician-visit?lang=en", "CA1").await;
    call.go_on(&[("Digits", "5")]).await;
    call.hears(&format!("<Play>{recorded}</Play>"));
}

#[tokio::test]
async fn the_star_key_is_an_opt_out_that_reaches_the_store() {
    let gateway = asking("opt_out_key").await;
    let path = "/ivr/twilio/acme/support-nps?lang=de&interaction=t-1";
    let mut call = Provider::dial(&gateway, path, "CA1").await;
    call.hears("drücken Sie die Sterntaste");
    call.go_on(&[("Digits", "7")]).await;
    let person = gateway.store().first("t-1").await.respondent_key;
    let person = hex::decode(person).unwrap();
    let asked = FindOptOutsRequest { brand: "acme".to_owned(), respondent_keys: vec![person.into()] };
    let mut store = gateway.store().client();
    let before = store.find_opt_outs(asked.clone()).await.unwrap().into_inner();
    assert!(before.respondent_keys.is_empty(), "{before:?}");
    let mut call = Provider::dial(&gateway, "/ivr/twilio/acme/support-nps?lang=de", "CA2").await;
    call.go_on(&[("Digits", "*")]).await;
    call.hears("Sie werden nicht mehr befragt");
    crate::support::wait_for("the opt-out in the store", async || {
        let found = gateway.store().client().find_opt_outs(asked.clone()).await.unwrap().into_inner();
        (!found.respondent_keys.is_empty()).then_some(())
    })
    .await;
    assert_eq!(gateway.store().all().await.len(), 1, "an opt-out is no answer");
}
