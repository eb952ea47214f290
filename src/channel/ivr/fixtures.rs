//! A brand and surveys for the tests of this channel.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    catalog::{Account, Action, ApiKey, Brand, Catalog, Colours, Secret},
    survey::{AskWhen, Channel, Choice, Kind, Language, Question, Rule, Survey, Texts},
};

pub(super) fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

pub(super) fn texts(texts: &[(&str, &str)]) -> Texts {
    texts.iter().map(|(tag, text)| (language(tag), (*text).to_owned())).collect()
}

pub(super) fn question(id: &str, kind: Kind) -> Question {
    Question {
        id: id.to_owned(),
        kind,
        required: false,
        text: texts(&[
            ("en", &format!("What about {id} at {{brand}}?")),
            ("de", &format!("Wie ist {id} bei {{brand}}?")),
        ]),
        low: Texts::default(),
        high: Texts::default(),
        ask_when: None,
        choices: Vec::new(),
    }
}

pub(super) fn asked_below(question: Question, of: &str, below: i32) -> Question {
    let when = AskWhen { question: of.to_owned(), below: Some(below), above: None };
    Question { ask_when: Some(when), ..question }
}

pub(super) fn survey(id: &str, questions: Vec<Question>) -> Survey {
    Survey {
        id: id.to_owned(),
        version: 1,
        brands: None,
        channels: Channel::ALL.into(),
        live: true,
        one_response_per: Rule::Interaction,
        edit_window: Duration::from_secs(14 * 86_400),
        default_language: language("en"),
        email_confirm: Default::default(),
        thanks: [].into(),
        questions,
    }
}

/// A scale to ten, a text below nine, and a smiley below seven that no phone may skip to by itself.
pub(super) fn support() -> Survey {
    let mut recommend = question("recommend", Kind::Nps);
    recommend.low = texts(&[("en", "not at all"), ("de", "auf keinen Fall")]);
    recommend.high = texts(&[("en", "certainly"), ("de", "auf jeden Fall")]);
    let reason = asked_below(question("reason", Kind::Text), "recommend", 9);
    let mood = asked_below(question("mood", Kind::Smiley), "recommend", 7);
    survey("support-nps", vec![recommend, reason, mood])
}

pub(super) fn visit() -> Survey {
    let mut topic = question("topic", Kind::Choice);
    topic.choices = vec![
        Choice { value: "repair".to_owned(), text: texts(&[("en", "a repair"), ("de", "eine Reparatur")]) },
        Choice { value: "advice".to_owned(), text: texts(&[("en", "advice"), ("de", "eine Beratung")]) },
    ];
    let helpful = question("helpful", Kind::Thumbs);
    survey("visit", vec![question("knowledge", Kind::Stars), topic, helpful, question("comment", Kind::Text)])
}

pub(super) fn brand() -> Brand {
    Brand {
        id: "acme".to_owned(),
        name: "Tom & Co".to_owned(),
        languages: vec![language("en"), language("de")],
        countries: vec!["CH".to_owned()],
        time_zone: "Europe/Zurich".to_owned(),
        logo: None,
        colours: Colours { accent: "#000000".to_owned(), on_accent: "#ffffff".to_owned() },
        public_base_url: "https://acme.example/fb".to_owned(),
        privacy_url: None,
        allowed_origins: Vec::new(),
        redirects: Vec::new(),
        link_secrets: Vec::new(),
        accounts: vec![Account { sid: "*".to_owned(), tokens: vec![Secret::new("token")] }],
        overrides: Vec::new(),
    }
}

/// The brand with both surveys, a closed one, and one that takes no phone calls.
pub(super) fn catalog() -> Catalog {
    let closed = Survey { live: false, ..survey("closed", support().questions) };
    let mail_only = Survey { channels: [Channel::Email].into(), ..survey("mail-only", support().questions) };
    let surveys: BTreeMap<_, _> = [support(), visit(), closed, mail_only]
        .into_iter()
        .map(|survey| (survey.id.clone(), Arc::new(survey)))
        .collect();
    Catalog {
        brands: [("acme".to_owned(), Arc::new(brand()))].into(),
        surveys: [("acme".to_owned(), surveys)].into(),
        ..Catalog::default()
    }
}

pub(super) fn api_key() -> Arc<ApiKey> {
    let actions = [Action::Submit].into();
    Arc::new(ApiKey { name: "pbx".to_owned(), brand: "acme".to_owned(), actions, quota: None })
}
