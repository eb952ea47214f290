//! Recorded comments, and what is reported of them later.

use super::*;

const RECORDING: &str = "https://api.example/Recordings/RE1";

fn recording() -> Line {
    Line::asking(|survey| survey.phone.record_comments = true)
}

/// What a provider knows of a recording, and what it reports.
fn of(pairs: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&[("RecordingSid", "RE1"), ("RecordingUrl", RECORDING), ("From", "+41555555555")], pairs].concat()
}

impl Line {
    /// A call until the comment is asked for.
    async fn comment(&self, rest: &str) -> Heard {
        let asked = self.start(rest).await;
        self.press(&asked, "8").await
    }

    async fn report(&self, to: &str, pairs: &[(&str, &str)]) -> Heard {
        let mut all = vec![("AccountSid", "AC1")];
        all.extend(pairs);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let signed = Form::parse(body.as_bytes(), 100).unwrap();
        let signature = signature::sign(to, Body::Form(&signed), Key::Sha1(&Secret::new("token"))).unwrap();
        self.deliver(to, form_headers(Some(&signature)), body.as_bytes()).await
    }

    async fn deliver(&self, to: &str, headers: HeaderMap, body: &[u8]) -> Heard {
        let uri: Uri = to.strip_prefix("https://acme.example/fb").unwrap().parse().unwrap();
        let path = uri.path().to_owned();
        let mut names = path.trim_start_matches("/ivr/twilio/").split('/');
        let (brand, survey) = (names.next().unwrap(), names.next().unwrap());
        let callback = Callback::of(names.next().unwrap()).unwrap();
        let desk =
            Desk { catalog: &self.catalog, identity_key: &self.key, ledger: &self.ledger, form_fields: 100 };
        let request = Request { brand, survey, uri: &uri, headers: &headers, body };
        let (head, body) =
            report(desk, request, callback, |submission| self.submit(submission)).await.into_parts();
        #[allow(clippy::disallowed_methods, reason = "a reply of our own, whole in memory")]
        let bytes = body.collect().await.unwrap().to_bytes();
        let twiml = String::from_utf8(bytes.to_vec()).unwrap();
        Heard { status: head.status, twiml, headers: head.headers }
    }

    fn texts(&self) -> Vec<String> {
        let texts = self.scores().into_iter().filter_map(|(_, given)| match given {
            Given::Text(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }
}

impl Heard {
    /// An address in an attribute of `<Record>`.
    fn address(&self, attribute: &str) -> String {
        let (_, rest) =
            self.twiml.split_once(&format!(" {attribute}=\"")).unwrap_or_else(|| panic!("{}", self.twiml));
        quick_xml::escape::unescape(rest.split_once('"').unwrap().0).unwrap().into_owned()
    }
}

#[tokio::test]
async fn a_text_is_asked_for_and_recorded_with_all_its_addresses() {
    let line = recording();
    let heard = line.comment("support-nps?lang=en&interaction=t-1").await;
    insta::assert_snapshot!(heard.twiml.replace("><", ">\n<"));
    let german = line.comment("support-nps?lang=de").await;
    assert!(german.says("Bitte sprechen Sie nach dem Ton") && german.says("recordingStatusCallback="));
    assert!(
        !german.says("transcribe"),
        "German read as English would replace the recording: {}",
        german.twiml
    );
    assert!(!heard.twiml.contains("446681800") && !heard.twiml.contains("%2B41"), "{}", heard.twiml);
}

#[tokio::test]
async fn a_recording_is_the_answer_until_its_transcription_is_and_both_are_of_the_call() {
    let line = recording();
    let heard = line.comment("support-nps?lang=en").await;
    let thanked = line.form(&heard.next(), &of(&[("RecordingDuration", "7"), ("Digits", "#")])).await;
    assert!(thanked.says("Thank you"), "{}", thanked.twiml);
    let transcribed = of(&[("TranscriptionStatus", "completed"), ("TranscriptionText", " Too slow. ")]);
    let reply = line.report(&heard.address("transcribeCallback"), &transcribed).await;
    assert_eq!((reply.status, reply.twiml.as_str()), (StatusCode::OK, twiml::NOTHING));
    assert_eq!(line.texts(), [RECORDING, RECORDING, "Too slow."]);
    let submitted = line.submitted.borrow();
    let [score, turn, reported, text] = submitted.as_slice() else { panic!("{submitted:?}") };
    for comment in [turn, reported, text] {
        assert_eq!(comment.answers[0].0, "reason");
        assert_eq!(comment.attributes["recording.reason"], RECORDING);
        assert_eq!(comment.interaction, score.interaction, "the CallSid, though the report names none");
        assert!(matches!(&comment.proof, Proof::Call { call_id } if call_id == CALL_ID));
    }
    // The turn has the caller's number as it was sent then; a report has another one, which may be ours.
    let caller = line.key.respondent("phone", SWISS);
    assert_eq!(score.respondent.as_ref().unwrap().key, caller);
    assert_eq!(reported.respondent.as_ref().unwrap().key, caller);
    assert_eq!((reported.locale.clone(), reported.country), (score.locale.clone(), score.country));
    assert_eq!(turn.key, reported.key, "whoever tells of the recording, it is the same one");
    assert!(turn.key.as_ref().unwrap().strict && !text.key.as_ref().unwrap().strict);
    assert_ne!(text.key, reported.key);
}

#[tokio::test]
async fn a_report_of_the_recording_says_the_same_as_the_turn_did() {
    let line = recording();
    let heard = line.comment("support-nps?lang=de&respondent=crm-1&subject=agent:a-7").await;
    let turn =
        [("From", SWISS), ("RecordingSid", "RE1"), ("RecordingUrl", RECORDING), ("RecordingDuration", "7")];
    line.form(&heard.next(), &turn).await;
    line.report(&heard.address("recordingStatusCallback"), &of(&[("RecordingStatus", "completed")])).await;
    let submitted = line.submitted.borrow();
    let [_, turn, report] = submitted.as_slice() else { panic!("{submitted:?}") };
    let said = |submission: &Submission| {
        let Submission {
            interaction, respondent, subject, key, locale, country, answers, attributes, ..
        } = submission.clone();
        (interaction, respondent, subject, key.map(|key| key.text), locale, country, answers, attributes)
    };
    assert!(said(turn) == said(report), "a double, not a change");
    assert!(
        !heard.address("recordingStatusCallback").contains("vg_who"),
        "the operator's reference says who"
    );
}

#[tokio::test]
async fn a_recording_that_is_absent_and_a_transcription_that_failed_change_nothing() {
    let line = recording();
    let heard = line.comment("support-nps?lang=en").await;
    let reports = heard.address("recordingStatusCallback");
    for status in ["absent", "failed", "in-progress"] {
        let reply = line.report(&reports, &of(&[("RecordingStatus", status)])).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
    line.report(&reports, &[("RecordingStatus", "completed")]).await;
    assert_eq!(line.texts(), [""; 0]);
    let transcriptions = heard.address("transcribeCallback");
    for report in [
        of(&[("TranscriptionStatus", "failed"), ("TranscriptionText", "(none)")]),
        of(&[("TranscriptionStatus", "completed"), ("TranscriptionText", "  ")]),
        of(&[("TranscriptionStatus", "completed")]),
    ] {
        line.report(&transcriptions, &report).await;
    }
    assert_eq!(line.texts(), [RECORDING; 3], "but it tells of the recording");
}

#[tokio::test]
async fn silence_and_a_hang_up_without_a_word_are_no_comment_and_a_hang_up_after_one_is() {
    let line = recording();
    let heard = line.comment("support-nps?lang=en").await;
    assert!(line.form(&heard.next(), &[]).await.says("Thank you"));
    let nothing = of(&[("RecordingDuration", "0"), ("Digits", "hangup"), ("CallStatus", "completed")]);
    line.report_turn(&heard, &nothing).await;
    assert_eq!(line.texts(), [""; 0]);
    let something = of(&[("RecordingDuration", "3"), ("Digits", "hangup"), ("CallStatus", "completed")]);
    line.report_turn(&heard, &something).await;
    assert_eq!(line.texts(), [RECORDING]);
}

impl Line {
    /// A turn whose form says of itself how the call stands.
    async fn report_turn(&self, heard: &Heard, pairs: &[(&str, &str)]) -> Heard {
        let mut all = vec![("CallSid", CALL_ID), ("AccountSid", "AC1")];
        all.extend(pairs);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let signed = Form::parse(body.as_bytes(), 100).unwrap();
        let signature =
            signature::sign(&heard.next(), Body::Form(&signed), Key::Sha1(&Secret::new("token"))).unwrap();
        self.post(&heard.next(), form_headers(Some(&signature)), body.as_bytes()).await
    }
}

#[tokio::test]
async fn a_recording_without_room_is_tried_again_from_the_url_that_carries_it() {
    let mut line = recording();
    let heard = line.comment("support-nps?lang=en").await;
    line.refusals = RefCell::new(vec![busy()]);
    let turn = of(&[("RecordingDuration", "7"), ("Digits", "#")]);
    let waiting = line.form(&heard.next(), &turn).await;
    assert!(waiting.says("One moment"), "{}", waiting.twiml);
    assert!(line.form(&waiting.next(), &[]).await.says("Thank you"));
    assert_eq!(line.texts(), [RECORDING; 2]);
    let submitted = line.submitted.borrow();
    assert_eq!(submitted[1].key, submitted[2].key);
}

#[tokio::test]
async fn a_recording_that_was_reported_before_its_turn_is_thanked_for() {
    let mut line = recording();
    let heard = line.comment("support-nps?lang=en").await;
    line.refusals = RefCell::new(vec![Refusal::new(Reason::IdempotencyKeyReused, "in other words")]);
    let thanked = line.form(&heard.next(), &of(&[("RecordingDuration", "7")])).await;
    assert!(thanked.says("Thank you"), "{}", thanked.twiml);
    line.refusals = RefCell::new(vec![Refusal::new(Reason::IdempotencyKeyReused, "in other words")]);
    let transcribed = of(&[("TranscriptionStatus", "completed"), ("TranscriptionText", "Too slow.")]);
    line.report(&heard.address("transcribeCallback"), &transcribed).await;
    assert_eq!(line.texts(), [RECORDING, RECORDING, "Too slow."]);
}

#[tokio::test]
async fn a_report_without_room_says_so_and_one_that_can_never_be_kept_is_done_with() {
    let mut line = recording();
    let heard = line.comment("support-nps?lang=en").await;
    let to = heard.address("recordingStatusCallback");
    line.refusals = RefCell::new(vec![busy()]);
    let reply = line.report(&to, &of(&[])).await;
    assert_eq!((reply.status, reply.twiml.as_str()), (StatusCode::SERVICE_UNAVAILABLE, twiml::NOTHING));
    assert_eq!(reply.headers[RETRY_AFTER], "30");
    line.refusals = RefCell::new(vec![Refusal::new(Reason::TextTooLong, "too long")]);
    assert_eq!(line.report(&to, &of(&[])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_unsigned_report_and_one_of_another_query_are_403_and_rejected() {
    let line = recording();
    let heard = line.comment("support-nps?lang=en&interaction=t-1").await;
    let to = heard.address("transcribeCallback");
    let body = b"AccountSid=AC1&RecordingSid=RE1&TranscriptionText=planted";
    let form = Form::parse(body, 9).unwrap();
    let signature = signature::sign(&to, Body::Form(&form), Key::Sha1(&Secret::new("token"))).unwrap();
    for (to, signature) in [
        (to.clone(), None),
        (to.clone(), Some("forged")),
        (to.replace("t-1", "t-2"), Some(&*signature)),
        (to.replace("/transcription", "/recording"), Some(&*signature)),
    ] {
        let reply = line.deliver(&to, form_headers(signature), body).await;
        assert_eq!((reply.status, reply.twiml.as_str()), (StatusCode::FORBIDDEN, twiml::NOTHING), "{to}");
    }
    assert_eq!(line.texts(), [""; 0]);
    assert_eq!(line.ledger.view().total.rejected, 4);
}

#[tokio::test]
async fn a_report_about_nothing_that_is_asked_keeps_nothing() {
    let line = recording();
    for (rest, status) in [
        ("support-nps/recording?vg_step=gone&vg_call=CA1", 200),
        ("support-nps/recording?vg_step=recommend&vg_call=CA1", 200),
        ("support-nps/recording?vg_step=reason&vg_call=CA1&vg_who=nobody", 200),
        ("support-nps/recording?vg_step=reason", 422),
        ("support-nps/recording?interaction=t+1&vg_step=reason&vg_call=CA1", 422),
        ("nothing/recording?vg_step=reason&vg_call=CA1", 404),
        ("closed/transcription?vg_step=reason&vg_call=CA1", 403),
    ] {
        let reply = line.report(&url(rest), &of(&[])).await;
        assert_eq!((reply.status.as_u16(), reply.twiml.as_str()), (status, twiml::NOTHING), "{rest}");
    }
    let submitted = line.submitted.borrow();
    assert_eq!(
        (submitted.len(), submitted[0].respondent.clone()),
        (1, None),
        "a caller that is no hash is nobody"
    );
    assert_eq!(line.ledger.view().total.rejected, 4);
}
