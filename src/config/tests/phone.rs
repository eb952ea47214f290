//! `[ivr]` and `audio`.

use super::*;
use crate::survey::{Phone, Survey};

const REASON: &str = "ask_when = { question = \"recommend\", below = 9 }";

fn nps(copy: &Copy, brand: &str) -> Survey {
    let catalog = copy.load().unwrap().catalog;
    Survey::clone(catalog.survey(brand, "support-nps").unwrap())
}

fn with_audio(audio: &str) -> Copy {
    Copy::new().with("surveys/support-nps.toml", REASON, &format!("{REASON}\naudio = {audio}"))
}

#[test]
fn nothing_is_switched_on_by_itself() {
    assert_eq!(nps(&Copy::new(), "acme").phone, Phone::default());
}

#[test]
fn a_brands_own_settings_go_over_those_of_the_survey_key_by_key() {
    let survey = "[ivr]\nspeech = true\nchoose_language = true\ncomment_length = \"90s\"\n\
                  voice = { de = \"alice\", en = \"alice\" }\n[[question]]";
    let brand = "[ivr]\nspeech = false\nrecord_comments = true\nvoice = { de = \"Polly.Vicki-Neural\" }\n[[telephony]]";
    let copy = Copy::new().with("surveys/support-nps.toml", "[[question]]", survey);
    let copy = copy.with("brands/acme.toml", "[[telephony]]", brand);
    let (acme, globex) = (nps(&copy, "acme").phone, nps(&copy, "globex").phone);
    assert!(acme.choose_language && acme.record_comments && !acme.speech);
    assert!(globex.choose_language && globex.speech && !globex.record_comments);
    assert_eq!((acme.comment_length.as_secs(), globex.comment_length.as_secs()), (90, 90));
    let voice =
        |phone: &Phone, tag| phone.voices.in_language(&Language::parse(tag).unwrap()).unwrap().to_owned();
    assert_eq!((voice(&acme, "de-CH"), voice(&acme, "en")), ("Polly.Vicki-Neural".into(), "alice".into()));
    assert_eq!(voice(&globex, "de"), "alice");
}

#[test]
fn a_wrong_setting_of_the_phone_is_a_problem() {
    for (line, says) in [
        ("speach = true", "did you mean speech?"),
        ("speech = 1", "neither true nor false"),
        ("comment_length = \"4s\"", "5"),
        ("comment_length = \"301s\"", "5"),
        ("voice = { de = \"a b\" }", "is no voice"),
        ("voice = { de = \"\" }", "is no voice"),
        ("voice = { deutsch1 = \"alice\" }", "no language tag"),
    ] {
        let copy = Copy::new().with(
            "surveys/support-nps.toml",
            "[[question]]",
            &format!("[ivr]\n{line}\n[[question]]"),
        );
        let problem = copy.problem();
        assert!(problem.contains(says), "{line}: {problem}");
    }
}

#[test]
fn the_example_in_the_first_sample_is_right_where_somebody_uncomments_it() {
    let path = "surveys/support-nps.toml";
    let copy = Copy::new().with(path, "# [ivr]", "[ivr]").with(path, "# audio", "audio");
    let keys = ["choose_language", "speech", "record_comments", "comment_length", "opt_out_key", "voice"];
    let copy =
        keys.iter().fold(copy, |copy, key| copy.with(path, &format!("# {key} ="), &format!("{key} =")));
    let phone = nps(&copy, "globex").phone;
    assert!(
        phone.choose_language
            && phone.speech
            && phone.record_comments
            && phone.opt_out_key
            && !phone.voices.is_empty()
    );
    assert_eq!(phone.comment_length, Phone::COMMENT_LENGTH, "the default");
}

#[test]
fn a_recording_is_an_https_address_and_what_is_not_recorded_is_read_and_warned_of() {
    for bad in [
        "/q.wav",
        "http://cdn.example/q.wav",
        "q.wav",
        "https://{brand}.example/q.wav",
        "https://a:b@c.example/q",
    ] {
        let problem = with_audio(&format!("{{ en = \"{bad}\" }}")).problem();
        assert!(problem.contains("is no address of a recording"), "{bad}: {problem}");
    }
    let copy = with_audio("{ de = \"https://cdn.example/{brand}/q-de.wav\" }");
    let survey = nps(&copy, "acme");
    let reason = survey.question("reason").unwrap();
    let german = Language::parse("de-AT").unwrap();
    assert_eq!(reason.audio.in_language(&german), Some("https://cdn.example/{brand}/q-de.wav"));
    assert_eq!(reason.audio.in_language(&Language::english()), None);
    let warnings: Vec<_> = copy.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    let missing: Vec<_> = warnings.iter().filter(|warning| warning.contains("has no recording in")).collect();
    let english =
        missing.iter().any(|it| it.contains("\"en\", which acme, globex speaks; callers will hear it read"));
    assert!(english, "{missing:?}");
    assert!(missing.iter().all(|it| !it.contains("\"de\"")), "{missing:?}");
}

#[test]
fn a_brand_may_have_recordings_of_its_own() {
    let own = "[[text]]\nsurvey = \"support-nps\"\nquestion = \"recommend\"\n\
               audio = { en = \"https://acme.example/q.wav\" }\n\n[[telephony]]";
    let copy = Copy::new().with("brands/acme.toml", "[[telephony]]", own);
    let english = Language::english();
    let audio = |brand| {
        let survey = nps(&copy, brand);
        survey.question("recommend").unwrap().audio.in_language(&english).map(str::to_owned)
    };
    assert_eq!((audio("acme").as_deref(), audio("globex")), (Some("https://acme.example/q.wav"), None));
    let relative =
        Copy::new().with("brands/acme.toml", "[[telephony]]", &own.replace("https://acme.example", ""));
    assert!(relative.problem().contains("is no address of a recording"));
}

#[test]
fn spoken_answers_in_a_language_that_is_not_understood_are_a_warning_at_their_switch() {
    let spoken = |copy: Copy| copy.with("brands/acme.toml", "\"fr\"", "\"fr-CH\", \"pt\"");
    let warnings = |copy: &Copy| -> Vec<_> {
        let found = copy.load().unwrap().warnings.into_iter();
        found.filter(|warning| warning.key == "ivr.speech").map(|warning| warning.to_string()).collect()
    };
    let asked = |copy: Copy| {
        let text = "Would you recommend {brand} to a friend or relative?";
        copy.with("surveys/support-nps.toml", text, &format!("{text}\", pt = \"Recomendaria?")).with(
            "surveys/support-nps.toml",
            "What could we have done better?",
            "Why?\", pt = \"Porquê?",
        )
    };
    let in_survey =
        || Copy::new().with("surveys/support-nps.toml", "[[question]]", "[ivr]\nspeech = true\n[[question]]");
    assert_eq!(warnings(&spoken(in_survey())), [""; 0], "it is asked in English, which is understood");
    let told = warnings(&asked(spoken(in_survey())));
    let [warning] = told.as_slice() else { panic!("{told:#?}") };
    assert!(
        warning.contains("surveys/support-nps.toml:") && warning.contains("support-nps of acme"),
        "{warning}"
    );
    assert!(warning.contains("not understood in \"pt\"; callers are asked for keys"), "{warning}");
    let in_brand =
        in_survey().with("brands/acme.toml", "[[telephony]]", "[ivr]\nspeech = true\n[[telephony]]");
    let told = warnings(&asked(spoken(in_brand)));
    assert!(told.len() == 1 && told[0].contains("brands/acme.toml:"), "{told:#?}");
    let off = in_survey().with("brands/acme.toml", "[[telephony]]", "[ivr]\nspeech = false\n[[telephony]]");
    assert_eq!(warnings(&asked(spoken(off))), [""; 0]);
}
