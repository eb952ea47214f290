//! Brands and surveys as the sample configuration has them, for the tests of pages.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    catalog::{Brand, Catalog, Colours, IdentityKey, LinkKey, LinkKeys, Origin, Secret},
    channel::page::Context,
    clock::Timestamp,
    survey::{AskWhen, Channel, Choice, EmailConfirm, Kind, Language, Question, Rule, Survey, Texts},
};

pub(crate) fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

pub(crate) fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(tag, text)| (language(tag), (*text).to_owned())).collect()
}

fn question(id: &str, kind: Kind, required: bool, text: &[(&str, &str)]) -> Question {
    Question {
        id: id.to_owned(),
        kind,
        required,
        text: texts(text),
        low: Texts::default(),
        high: Texts::default(),
        ask_when: None,
        choices: Vec::new(),
    }
}

fn survey(id: &str, one_response_per: Rule, questions: Vec<Question>) -> Survey {
    Survey {
        id: id.to_owned(),
        version: 1,
        brands: None,
        channels: Channel::ALL.into(),
        live: true,
        one_response_per,
        edit_window: Duration::from_secs(14 * 86_400),
        default_language: language("en"),
        email_confirm: EmailConfirm::Gesture,
        thanks: [].into(),
        questions,
    }
}

fn support_nps() -> Survey {
    let recommend = Question {
        low: texts(&[("en", "Not at all likely"), ("de", "Sehr unwahrscheinlich"), ("ar", "غير محتمل")]),
        high: texts(&[("en", "Extremely likely"), ("de", "Sehr wahrscheinlich"), ("ar", "محتمل جدًا")]),
        ..question(
            "recommend",
            Kind::Nps,
            true,
            &[
                ("en", "Would you recommend {brand} to a friend or relative?"),
                ("de", "Würden Sie {brand} einer Freundin oder einem Verwandten weiterempfehlen?"),
                ("es", "¿Recomendaría {brand} a un amigo o familiar?"),
                ("fr", "Recommanderiez-vous {brand} à un proche ?"),
                ("it", "Consiglierebbe {brand} a un amico o parente?"),
                ("ar", "هل توصي صديقًا أو قريبًا بـ {brand}؟"),
            ],
        )
    };
    let reason = Question {
        ask_when: Some(AskWhen { question: "recommend".to_owned(), below: Some(9), above: None }),
        ..question(
            "reason",
            Kind::Text,
            false,
            &[
                ("en", "What could we have done better?"),
                ("de", "Was hätten wir besser machen können?"),
                ("es", "¿Qué podríamos haber hecho mejor?"),
                ("fr", "Qu’aurions-nous pu faire mieux ?"),
                ("it", "Che cosa avremmo potuto fare meglio?"),
                ("ar", "ما الذي كان يمكننا فعله بشكل أفضل؟"),
            ],
        )
    };
    survey("support-nps", Rule::Interaction, vec![recommend, reason])
}

fn technician_visit() -> Survey {
    let star = |id, en, de| question(id, Kind::Stars, id == "knowledge", &[("en", en), ("de", de)]);
    survey(
        "technician-visit",
        Rule::Interaction,
        vec![
            star("knowledge", "Knew the product", "Kannte das Produkt"),
            star("expertise", "Solved the problem", "Hat das Problem gelöst"),
            star("punctuality", "Came on time", "Kam pünktlich"),
            star("friendliness", "Was friendly", "War freundlich"),
            question(
                "comment",
                Kind::Text,
                false,
                &[
                    ("en", "Anything else about {subject}?"),
                    ("de", "Möchten Sie noch etwas zu {subject} sagen?"),
                ],
            ),
        ],
    )
}

fn others() -> [Survey; 4] {
    let ends = |low, high| (texts(&[("en", low)]), texts(&[("en", high)]));
    let (low, high) = ends("Very hard", "Very easy");
    let en_de = |en: &'static str, de: &'static str| [("en", en), ("de", de)];
    let effort = Question {
        low,
        high,
        ..question("effort", Kind::Ces, true, &en_de("How easy was it?", "Wie einfach war es?"))
    };
    let topic = Question {
        choices: [("billing", "My bill"), ("delivery", "The delivery")]
            .map(|(value, text)| Choice { value: value.to_owned(), text: texts(&[("en", text)]) })
            .into(),
        ..question("topic", Kind::Choice, false, &en_de("What was it about?", "Worum ging es?"))
    };
    let mood = question("mood", Kind::Smiley, true, &en_de("How was it?", "Wie war es?"));
    let helpful = question(
        "helpful",
        Kind::Thumbs,
        true,
        &en_de("Was this article helpful?", "War dieser Artikel hilfreich?"),
    );
    [
        survey("ticket-ces", Rule::RespondentAndSubject, vec![effort, topic]),
        survey("experience", Rule::Respondent { period: Duration::from_secs(90 * 86_400) }, vec![mood]),
        survey("article-helpful", Rule::Interaction, vec![helpful]),
        Survey { live: false, ..survey("closed", Rule::Interaction, support_nps().questions) },
    ]
}

fn brand(id: &str, name: &str, accent: &str) -> Brand {
    Brand {
        id: id.to_owned(),
        name: name.to_owned(),
        languages: ["en", "de", "es", "fr", "it"].map(language).into(),
        countries: vec!["CH".to_owned()],
        time_zone: "Europe/Zurich".to_owned(),
        logo: None,
        colours: Colours { accent: accent.to_owned(), on_accent: "#ffffff".to_owned() },
        public_base_url: "https://feedback.example".to_owned(),
        privacy_url: Some("https://example.com/privacy".to_owned()),
        allowed_origins: vec![Origin::parse("http://localhost:*").unwrap()],
        redirects: vec!["https://shop.example/thanks".to_owned()],
        link_secrets: ["first-link-secret", "second-link-secret"].map(Secret::new).into(),
        accounts: Vec::new(),
        overrides: Vec::new(),
    }
}

pub(crate) fn catalog() -> Catalog {
    let brands = [brand("acme", "Acme", "#0b6e4f"), brand("globex", "Globex", "#5b2a86")];
    let [ces, experience, article, closed] = others();
    let surveys: BTreeMap<_, _> = [support_nps(), technician_visit(), ces, experience, article, closed]
        .into_iter()
        .map(|survey| (survey.id.clone(), Arc::new(survey)))
        .collect();
    Catalog {
        surveys: brands.iter().map(|brand| (brand.id.clone(), surveys.clone())).collect(),
        brands: brands.into_iter().map(|brand| (brand.id.clone(), Arc::new(brand))).collect(),
        link_keys: LinkKeys(vec![LinkKey::new([7; 32])]),
        ..Catalog::default()
    }
}

/// What a test's context is made from.
pub(crate) struct Sample {
    pub(crate) catalog: Catalog,
    pub(crate) identity_key: IdentityKey,
    pub(crate) now: Timestamp,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            catalog: catalog(),
            identity_key: IdentityKey::new([9; 32]),
            now: Timestamp::parse("2026-11-21T20:00:00Z").unwrap(),
        }
    }
}

impl Sample {
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            catalog: &self.catalog,
            identity_key: &self.identity_key,
            form_fields: 50,
            text_chars: 2_000,
            now: self.now,
        }
    }
}
