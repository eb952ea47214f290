use super::*;
use crate::channel::ivr::telnyx::{SAMPLE_SIGNING_KEY, SigningKey};

fn loaded() -> Loaded {
    sample_with_env(&[]).unwrap()
}

#[test]
fn the_samples_have_no_problem_and_only_their_secrets_are_warned_of() {
    let loaded = loaded();
    assert_eq!(loaded.warnings.len(), 10);
    for warning in &loaded.warnings {
        assert!(warning.advice.contains("sample secret"), "{warning}");
    }
    assert!(loaded.settings.sample_secrets);
}

#[test]
fn the_sample_brands_have_the_keys_and_secrets_of_the_contract() {
    let catalog = loaded().catalog;
    for (brand, key) in [("acme", "vg_dev_acme"), ("globex", "vg_dev_globex")] {
        let key = catalog.api_keys.get(&ApiKeyHash::of(key)).unwrap();
        assert_eq!((key.brand.as_str(), key.actions.len()), (brand, Action::ALL.len()));
        let brand = catalog.brand(brand).unwrap();
        assert!(brand.link_secrets[0].matches("dev-link-secret"));
        assert_eq!(brand.accounts[0].sid, "*");
        assert!(brand.accounts[0].tokens[0].matches("dev-twilio-token"));
        let signing_key = SigningKey::new(&SAMPLE_SIGNING_KEY).unwrap();
        assert_eq!(brand.accounts[0].public_keys, [signing_key.public_key().unwrap()]);
        assert_eq!(brand.public_base_url, "http://127.0.0.1:8080");
        for origin in ["http://localhost:3000", "http://127.0.0.1:8080"] {
            assert!(brand.allowed_origins.iter().any(|allowed| allowed.matches(origin)), "{origin}");
        }
    }
}

#[test]
fn the_sample_surveys_are_those_of_the_contract_in_six_languages() {
    let catalog = loaded().catalog;
    for (survey, questions) in [
        ("support-nps", &["recommend", "reason"][..]),
        ("ticket-ces", &["effort", "obstacle"]),
        ("technician-visit", &["knowledge", "expertise", "punctuality", "friendliness", "comment"]),
        ("experience", &["mood"]),
        ("article-helpful", &["helpful"]),
    ] {
        for brand in ["acme", "globex"] {
            let survey = catalog.survey(brand, survey).unwrap();
            assert_eq!(survey.questions.iter().map(|q| q.id.as_str()).collect::<Vec<_>>(), questions);
            let languages: Vec<_> = survey.languages().iter().map(|tag| tag.as_str()).collect();
            assert_eq!(languages, ["ar", "de", "en", "es", "fr", "it"]);
        }
    }
    let nps = catalog.survey("acme", "support-nps").unwrap();
    assert_eq!(nps.channels.len(), Channel::ALL.len());
    let asked_at = |score| nps.question("reason").unwrap().is_asked(|_| Some(score));
    assert_eq!([8, 9].map(asked_at), [true, false]);
    let ces = catalog.survey("acme", "ticket-ces").unwrap();
    assert_eq!(ces.one_response_per, Rule::RespondentAndSubject);
}

#[test]
fn all_kinds_of_question_occur_in_the_samples() {
    let catalog = loaded().catalog;
    let kinds: BTreeSet<Kind> = catalog.surveys["acme"]
        .values()
        .flat_map(|survey| survey.questions.iter().map(|question| question.kind))
        .collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
}

#[test]
fn a_brands_own_words_are_in_its_surveys_alone() {
    let catalog = loaded().catalog;
    let comment = |brand| {
        let survey = catalog.survey(brand, "technician-visit").unwrap();
        let question = survey.question("comment").unwrap();
        question.text.get(&Language::english(), &Language::english()).to_owned()
    };
    assert_eq!(comment("acme"), "Is there anything {brand} should know about the visit?");
    assert_eq!(comment("globex"), "Is there anything else you would like to tell us?");
    assert!(catalog.survey("globex", "purchase-csat").is_none());
}

#[test]
fn the_hash_follows_the_files() {
    let [one, same] = [Copy::new(), Copy::new()].map(|copy| copy.load().unwrap().catalog.hash);
    assert_eq!(one, same);
    let other = Copy::new().with("brands/globex.toml", "Globex", "Initech").load().unwrap();
    assert_ne!(other.catalog.hash, one);
}
