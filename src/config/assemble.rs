//! Puts brands and surveys together: applies the brands' own words, and checks what no single file can tell.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    brand_file::{BrandFile, OverridePlace},
    survey_file::{Part, SurveyFile},
    value::Value,
};
use crate::{
    catalog::{ApiKey, ApiKeyHash, Override},
    survey::{Channel, Language, Phone, Survey, Texts},
};

/// By brand, then by survey.
pub(super) type Surveys = HashMap<String, BTreeMap<String, Arc<Survey>>>;

/// The surveys of each brand, in the brand's words.
pub(super) fn surveys(brands: &[BrandFile<'_>], surveys: &[SurveyFile<'_>]) -> Surveys {
    let mut all = Surveys::new();
    for brand in brands {
        let id = &brand.brand.id;
        let mut carried: BTreeMap<_, _> = surveys
            .iter()
            .filter(|file| file.survey.is_for(id))
            .map(|file| (file.survey.id.clone(), file.survey.clone()))
            .collect();
        for survey in carried.values_mut() {
            survey.phone = brand.phone.over(&survey.phone);
        }
        for (words, place) in brand.brand.overrides.iter().zip(&brand.override_places) {
            apply(words, place, &mut carried);
        }
        all.insert(id.clone(), carried.into_iter().map(|(id, survey)| (id, Arc::new(survey))).collect());
    }
    for file in surveys {
        untranslated(file, brands, &all);
    }
    for brand in brands {
        unheard(brand, surveys, &all);
    }
    all
}

fn apply(words: &Override, place: &OverridePlace<'_>, surveys: &mut BTreeMap<String, Survey>) {
    let Some(survey) = surveys.get_mut(&words.survey) else {
        return refuse(place.survey.as_ref(), "is no survey of this brand");
    };
    let Some(question) = survey.questions.iter_mut().find(|question| question.id == words.question) else {
        return refuse(place.question.as_ref(), "is no question of this survey");
    };
    question.text.overlay(&words.text);
    question.low.overlay(&words.low);
    question.high.overlay(&words.high);
    question.audio.overlay(&words.audio);
    for (value, written) in &place.choices {
        let choice = question.choices.iter_mut().find(|choice| choice.value == *value);
        match (choice, words.choices.get(*value)) {
            (Some(choice), Some(texts)) => choice.text.overlay(texts),
            _ => written.clone().hidden().problem("stands for a choice that this question does not offer"),
        }
    }
}

fn refuse(value: Option<&Value<'_>>, advice: &str) {
    if let Some(value) = value {
        value.problem(advice);
    }
}

/// Warns of each text that is missing in a language that one of the survey's brands speaks. The default language is no
/// matter here: a text that is missing in it is a problem already.
fn untranslated(file: &SurveyFile<'_>, brands: &[BrandFile<'_>], surveys: &Surveys) {
    let default = &file.survey.default_language;
    for place in &file.texts {
        let mut missing: BTreeMap<&Language, Vec<&str>> = BTreeMap::new();
        for brand in brands.iter().map(|file| &file.brand) {
            let survey = surveys.get(&brand.id).and_then(|surveys| surveys.get(&file.survey.id));
            let Some(texts) = survey.and_then(|survey| place.of(survey)) else { continue };
            let is_audio = place.part == Part::Audio;
            let owed = |language: &&Language| is_audio || *language != default;
            for language in brand.languages.iter().filter(owed).filter(|language| !speaks(texts, language)) {
                missing.entry(language).or_default().push(&brand.id);
            }
        }
        for (language, brands) in missing {
            let brands = brands.join(", ");
            place.value.clone().hidden().warning(match place.part {
                Part::Audio => {
                    format!(
                        "has no recording in \"{language}\", which {brands} speaks; callers will hear it read"
                    )
                }
                _ => format!(
                    "has no text in \"{language}\", which {brands} speaks; people will read \"{default}\""
                ),
            });
        }
    }
}

/// Warns of spoken answers that are switched on where callers speak what is not understood. It is told where the switch
/// stands: in the brand's file, or in the survey's.
fn unheard(file: &BrandFile<'_>, files: &[SurveyFile<'_>], surveys: &Surveys) {
    let brand = &file.brand;
    let asked = surveys.get(&brand.id).into_iter().flatten();
    for (id, survey) in
        asked.filter(|(_, survey)| survey.phone.speech && survey.channels.contains(&Channel::Ivr))
    {
        let deaf = |language: &&Language| {
            !Phone::UNDERSTOOD.contains(&language.primary()) && speaks_all(survey, language)
        };
        let languages: Vec<_> = brand.languages.iter().filter(deaf).map(|tag| format!("\"{tag}\"")).collect();
        let by_survey = files.iter().find(|file| file.survey.id == *id);
        let by_survey = by_survey.and_then(|file| file.phone.speech_switch.as_ref());
        if let (false, Some(switch)) = (languages.is_empty(), file.phone.speech_switch.as_ref().or(by_survey))
        {
            switch.warning(format!(
                "is on for {id} of {}, whose spoken answers are not understood in {}; callers are asked for keys \
                 there (understood are {})",
                brand.id,
                languages.join(", "),
                Phone::UNDERSTOOD.join(", ")
            ));
        }
    }
}

/// Whether a survey is asked in a language at all.
fn speaks_all(survey: &Survey, language: &Language) -> bool {
    survey.questions.iter().all(|question| speaks(&question.text, language))
}

/// Whether people who read this language get the text in it, or in a shorter form of its tag.
fn speaks(texts: &Texts, language: &Language) -> bool {
    std::iter::successors(Some(language.as_str()), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter))
        .filter_map(Language::parse)
        .any(|language| texts.has(&language))
}

/// All API keys by hash. One key in two places is a problem: it would be good for only one of them.
pub(super) fn api_keys(brands: Vec<BrandFile<'_>>) -> HashMap<ApiKeyHash, Arc<ApiKey>> {
    let mut all: HashMap<ApiKeyHash, Arc<ApiKey>> = HashMap::new();
    for file in brands {
        let mut names = Vec::new();
        for (hash, key, written) in file.api_keys {
            if let Some(other) = all.get(&hash) {
                written.problem(format!(
                    "is the key \"{}\" of brand {} too; each needs its own",
                    other.name, other.brand
                ));
            }
            if names.contains(&key.name) {
                written.problem(format!(
                    "is a second key with the name \"{}\"; limits and logs need them apart",
                    key.name
                ));
            }
            names.push(key.name.clone());
            all.insert(hash, Arc::new(key));
        }
    }
    all
}
