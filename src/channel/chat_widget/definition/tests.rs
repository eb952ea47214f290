use std::time::Duration;

use super::*;
use crate::{
    catalog::{Colours, Origin},
    survey::{Kind, Rule},
};

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn texts(of: &[(&str, &str)]) -> Texts {
    of.iter().map(|(tag, text)| (language(tag), (*text).to_owned())).collect()
}

pub(crate) fn brand() -> Brand {
    Brand {
        id: "acme".to_owned(),
        name: "Acme".to_owned(),
        languages: vec![language("de-CH"), language("en")],
        countries: vec!["CH".to_owned()],
        time_zone: "Europe/Zurich".to_owned(),
        logo: None,
        colours: Colours { accent: "#0b5fff".to_owned(), on_accent: "#ffffff".to_owned() },
        public_base_url: "http://127.0.0.1:8080".to_owned(),
        privacy_url: Some("https://shop.example/privacy".to_owned()),
        allowed_origins: vec![Origin::parse("https://shop.example").unwrap()],
        redirects: Vec::new(),
        link_secrets: Vec::new(),
        accounts: Vec::new(),
        overrides: Vec::new(),
    }
}

fn question(id: &str, kind: Kind, text: Texts) -> Question {
    let (low, high) = (Texts::default(), Texts::default());
    Question {
        id: id.to_owned(),
        kind,
        required: false,
        text,
        low,
        high,
        ask_when: None,
        choices: Vec::new(),
    }
}

fn nps() -> Survey {
    let asked =
        texts(&[("en", "Would you recommend {brand}?"), ("de", "Empfehlen Sie {brand}?"), ("fr", "?")]);
    let why = texts(&[("en", "Why, about {subject}?"), ("de", "Warum, {subject}?"), ("fr", "?")]);
    let topic = Choice { value: "price".to_owned(), text: texts(&[("en", "Price"), ("de", "Preis")]) };
    Survey {
        id: "support-nps".to_owned(),
        version: 3,
        brands: None,
        channels: [Channel::Chat].into(),
        live: true,
        one_response_per: Rule::Interaction,
        edit_window: Duration::from_secs(86_400),
        default_language: language("en"),
        email_confirm: Default::default(),
        thanks: [].into(),
        questions: vec![
            Question {
                required: true,
                low: texts(&[("en", "Not at all"), ("de", "Gar nicht")]),
                high: texts(&[("en", "Certainly"), ("de", "Sicher")]),
                ..question("recommend", Kind::Nps, asked.clone())
            },
            Question {
                ask_when: Some(AskWhen { question: "recommend".to_owned(), below: Some(9), above: None }),
                ..question("reason", Kind::Text, why)
            },
            Question { choices: vec![topic], ..question("topic", Kind::Choice, asked) },
        ],
    }
}

#[test]
fn the_definition_holds_all_that_the_panel_shows() {
    let shown = definition(&brand(), &nps(), &[language("de-AT")]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
}

#[test]
fn the_language_is_the_wished_one_then_the_brands_own_and_only_those_it_speaks() {
    let locale = |wished: &[&str]| {
        let wished: Vec<_> = wished.iter().map(|tag| language(tag)).collect();
        definition(&brand(), &nps(), &wished)["locale"].as_str().unwrap().to_owned()
    };
    assert_eq!(locale(&["ja", "de"]), "de");
    assert_eq!(locale(&["fr"]), "en");
    let french = Brand { languages: vec![language("fr")], ..brand() };
    assert_eq!(definition(&french, &nps(), &[])["locale"], "fr");
}

#[test]
fn only_a_page_of_the_brand_may_read_the_definition() {
    let of = |origin: &'static str| {
        survey(&brand(), &nps(), &[], Some(&HeaderValue::from_static(origin))).unwrap()
    };
    assert_eq!(of("https://shop.example").headers()["access-control-allow-origin"], "https://shop.example");
    let foreign = of("https://evil.example");
    assert_eq!(foreign.headers().get("access-control-allow-origin"), None);
    let vary: Vec<_> = foreign.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["Accept-Language", "Origin"]);
}

#[test]
fn a_survey_that_is_closed_to_the_widget_is_not_shown() {
    let reason = |changed: Survey| survey(&brand(), &changed, &[], None).unwrap_err().reason;
    assert_eq!(reason(Survey { live: false, ..nps() }), Reason::SurveyClosed);
    assert_eq!(reason(Survey { channels: [Channel::Email].into(), ..nps() }), Reason::ChannelClosed);
}
