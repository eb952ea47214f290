//! Languages by key, recorded questions, voices, and spoken answers.

use super::*;
use crate::{channel::ivr::fixtures::texts, survey::Language};

fn choosing() -> Line {
    Line::asking(|survey| survey.phone.choose_language = true)
}

fn listening() -> Line {
    Line::asking(|survey| survey.phone.speech = true)
}

impl Line {
    async fn say(&self, heard: &Heard, words: &str, confidence: &str) -> Heard {
        let said = [("From", SWISS), ("SpeechResult", words), ("Confidence", confidence)];
        self.form(&heard.next(), &said).await
    }
}

#[tokio::test]
async fn a_caller_chooses_the_language_by_key_and_keeps_it_through_the_call() {
    let line = choosing();
    let menu = line.start("support-nps?interaction=t-1").await;
    let offers = r#"<Say language="en-US">For English, press 1.</Say><Say language="de-DE">Für Deutsch drücken Sie 2.</Say></Gather>"#;
    assert!(menu.says(offers) && menu.says("numDigits=\"1\""), "{}", menu.twiml);
    let asked = line.press(&menu, "2").await;
    assert!(asked.says("Wie ist recommend") && asked.says("Rautetaste"), "{}", asked.twiml);
    assert!(asked.next().contains("?interaction=t-1&vg_step=recommend&vg_lang=de"), "{}", asked.next());
    let again = line.press(&asked, "99").await;
    assert!(again.says("leider nicht verstanden") && again.next().contains("vg_lang=de"));
    let thanked = line.press(&again, "9").await;
    assert!(thanked.says("Vielen Dank"));
    assert_eq!(line.submitted.borrow()[0].locale.as_ref().unwrap().as_str(), "de");
    assert_eq!(line.press(&menu, "2").await.twiml, asked.twiml, "a retry gets the same bytes");
}

#[tokio::test]
async fn who_chooses_no_language_is_asked_twice_more_and_then_in_the_one_the_call_would_have_had() {
    let line = choosing();
    let german = [("From", "+4930123456"), ("FromCountry", "DE")];
    let mut menu = line.form(&url("support-nps"), &german).await;
    for keys in ["", "9"] {
        menu = line.form(&menu.next(), &[&german[..], &[("Digits", keys)]].concat()).await;
        assert!(menu.says("For English, press 1."), "{keys:?}: {}", menu.twiml);
    }
    let asked = line.form(&menu.next(), &[&german[..], &[("Digits", "0")]].concat()).await;
    assert!(asked.says("Wie ist recommend") && asked.next().contains("vg_lang=de"), "{}", asked.twiml);
}

#[tokio::test]
async fn nothing_is_chosen_where_the_address_names_a_language_or_there_is_only_one() {
    let asked = choosing().start("support-nps?lang=de").await;
    assert!(asked.says("Wie ist recommend"), "{}", asked.twiml);
    let mut line = choosing();
    let one = Brand { languages: vec![Language::parse("de").unwrap()], ..brand() };
    line.catalog.brands.insert("acme".to_owned(), std::sync::Arc::new(one));
    assert!(line.start("support-nps").await.says("Wie ist recommend"));
}

#[tokio::test]
async fn a_recorded_question_is_played_and_read_only_to_those_who_did_not_understand_it() {
    let line = Line::asking(|survey| {
        survey.phone.voices = texts(&[("en", "Polly.Joanna-Neural")]);
        if let Some(question) = survey.questions.first_mut() {
            question.audio = texts(&[("de", "https://cdn.example/{brand}/q.wav?a=1&b=2")]);
        }
    });
    let asked = line.start("support-nps?lang=de-CH").await;
    let played = "<Play>https://cdn.example/acme/q.wav?a=1&amp;b=2</Play></Gather>";
    assert!(asked.says(played) && !asked.says("<Say"), "{}", asked.twiml);
    let again = line.press(&asked, "99").await;
    assert!(
        again.says("nicht verstanden.</Say><Play>") && again.says("Bitte drücken Sie"),
        "{}",
        again.twiml
    );
    let english = line.start("support-nps?lang=en").await;
    let voice = r#"<Say language="en-US" voice="Polly.Joanna-Neural">What about recommend"#;
    assert!(english.says(voice) && !english.says("<Play>"), "{}", english.twiml);
}

#[tokio::test]
async fn a_spoken_number_is_an_answer_and_keys_still_are() {
    let line = listening();
    let asked = line.start("support-nps?lang=de").await;
    for attribute in [
        "input=\"dtmf speech\"",
        "bargeIn=\"true\"",
        "language=\"de-DE\"",
        "speechTimeout=\"auto\"",
        "hints=\"null,eins,zwei,drei,vier,fünf,sechs,sieben,acht,neun,zehn\"",
    ] {
        assert!(asked.says(attribute), "{attribute}: {}", asked.twiml);
    }
    assert!(asked.says("Bitte sagen Sie eine Zahl von 0 bis 10"));
    assert!(line.say(&asked, "Eine Zehn.", "0.93").await.says("Vielen Dank"));
    assert!(
        line.say(&asked, "eins", "0.8").await.says("Wie ist mood"),
        "one that is said is not asked about"
    );
    line.press(&asked, "9").await;
    assert_eq!(line.scores(), [10, 1, 9].map(|score| whole("recommend", score)));
}

#[tokio::test]
async fn what_is_heard_poorly_is_asked_about_and_never_guessed() {
    let line = listening();
    let asked = line.start("support-nps?lang=en").await;
    let doubt = line.say(&asked, "seven", "0.31").await;
    assert!(doubt.says("I understood: 7.") && doubt.next().contains("vg_heard=7"), "{}", doubt.twiml);
    assert_eq!(line.scores(), []);
    for (said, confidence, digits) in [
        ("no", "0.9", ""),
        ("yes", "0.2", ""),
        ("", "", ""),
        ("seven", "0.9", ""),
        ("", "", "2"),
        ("yes", "0.9", "2"),
    ] {
        let pairs = [("From", SWISS), ("SpeechResult", said), ("Confidence", confidence), ("Digits", digits)];
        let again = line.form(&doubt.next(), &pairs).await;
        assert!(again.says("did not understand") && again.says("What about recommend"), "{said} {digits}");
        assert!(again.next().contains("vg_try=1"), "a doubt is a try: {}", again.next());
    }
    assert_eq!(line.scores(), []);
    assert!(line.say(&doubt, "Yes.", "0.9").await.says("Thank you"));
    assert!(line.press(&doubt, "1").await.says("Thank you"));
    assert_eq!(line.scores(), vec![whole("recommend", 7); 2]);
}

#[tokio::test]
async fn words_are_nothing_where_speech_is_off_or_no_recognizer_speaks_the_language() {
    let line = Line::new();
    let asked = line.start("support-nps?lang=en").await;
    assert!(asked.says("input=\"dtmf\"") && !asked.says("hints"));
    assert!(line.say(&asked, "seven", "0.99").await.says("did not understand"));
    assert_eq!(line.scores(), []);
}

#[tokio::test]
async fn a_spoken_answer_without_room_is_kept_as_keys_and_tried_again() {
    let mut line = Line::refusing([busy()]);
    line.catalog = listening().catalog;
    let asked = line.start("support-nps?lang=en").await;
    let waiting = line.say(&asked, "one", "0.9").await;
    assert!(
        waiting.says("One moment") && waiting.next().contains("vg_keys=01&vg_wait=1"),
        "{}",
        waiting.twiml
    );
    assert!(!waiting.twiml.contains("vg_keys=one"), "what was said goes into no URL");
    line.form(&waiting.next(), &[]).await;
    assert_eq!(line.scores(), vec![whole("recommend", 1); 2]);
}

#[tokio::test]
async fn a_caller_who_wants_to_be_asked_no_more_is_recorded_before_being_told_so() {
    let line = Line::asking(|survey| survey.phone.opt_out_key = true);
    let asked = line.start("support-nps?lang=de").await;
    assert!(asked.says("drücken Sie die Sterntaste"), "{}", asked.twiml);
    let out = line.press(&asked, "*").await;
    assert!(out.says("Sie werden nicht mehr befragt") && out.says("<Hangup/>"), "{}", out.twiml);
    assert_eq!(line.press(&asked, "*").await.twiml, out.twiml);
    let mood = line.press(&asked, "3").await;
    assert!(!mood.says("Sterntaste"), "offered once: {}", mood.twiml);
    assert!(line.press(&mood, "*#").await.says("nicht mehr befragt"), "but taken at any question");
    let orders = line.opted_out.borrow();
    let caller = line.key.respondent("phone", SWISS);
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|order| order.person == caller && order.brand == "acme" && !order.withdrawn));
    assert!(matches!(&orders[0].proof, Proof::Call { call_id } if call_id == CALL_ID));
    assert_eq!(line.scores(), [whole("recommend", 3)]);
}

#[tokio::test]
async fn an_opt_out_without_room_is_tried_again_and_not_promised() {
    let mut line = Line::refusing([busy()]);
    line.catalog = Line::asking(|survey| survey.phone.opt_out_key = true).catalog;
    let asked = line.start("support-nps?lang=en").await;
    let waiting = line.press(&asked, "*").await;
    assert!(waiting.says("One moment") && !waiting.says("not be asked again"), "{}", waiting.twiml);
    assert!(line.form(&waiting.next(), &[("From", SWISS)]).await.says("You will not be asked again"));
    assert_eq!(line.opted_out.borrow().len(), 2);
}

#[tokio::test]
async fn nobody_can_be_opted_out_who_is_nobody_or_where_it_is_off() {
    let line = Line::asking(|survey| survey.phone.opt_out_key = true);
    let asked = line.form(&url("support-nps?lang=en"), &[("From", "anonymous")]).await;
    assert!(!asked.says("star key"), "{}", asked.twiml);
    assert!(line.form(&asked.next(), &[("Digits", "*")]).await.says("did not understand"));
    let off = Line::new();
    let asked = off.start("support-nps?lang=en").await;
    assert!(!asked.says("star key") && off.press(&asked, "*").await.says("did not understand"));
    assert!(line.opted_out.borrow().is_empty() && off.opted_out.borrow().is_empty());
}
