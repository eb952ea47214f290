//! `GET /v1/surveys/{survey}?brand=&locale=`: what the widget shows, in one language.

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::{Reply, origin::cors, words::Words};
use crate::{
    catalog::Brand,
    outcome::{Reason, Refusal},
    survey::{AskWhen, Channel, Choice, Language, Question, Scale, Survey, Texts, negotiate},
};

/// The reply with a survey's public definition. Anyone may have it; only pages of the brand's origins may read it in a
/// browser, so that the panel does not open where its answers would be refused. Fresh for a minute.
///
/// # Errors
/// `survey_closed` or `channel_closed` when the widget must not ask it.
pub fn survey(
    brand: &Brand,
    survey: &Survey,
    wished: &[Language],
    origin: Option<&HeaderValue>,
) -> Result<Reply, Refusal> {
    let mut reply = Reply::default();
    if !survey.live {
        return Err(Refusal::new(Reason::SurveyClosed, "This survey takes no answers at present."));
    }
    if !survey.channels.contains(&Channel::Chat) {
        return Err(Refusal::new(Reason::ChannelClosed, "Add \"chat\" to the survey's channels."));
    }
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match cors(brand, origin) {
        Ok(cors) => cors.apply(headers),
        Err(_) => drop(headers.append(header::VARY, HeaderValue::from_static("Origin"))),
    }
    *reply.body_mut() = Full::new(Bytes::from(definition(brand, survey, wished).to_string()));
    Ok(reply)
}

/// The definition in the best of the wished languages (best first) that the survey is written in and the brand
/// speaks. `{brand}` is filled in; `{subject}` is left to the widget, which alone knows whom it is about.
pub fn definition(brand: &Brand, survey: &Survey, wished: &[Language]) -> Value {
    let languages = languages(brand, survey);
    let own = brand.languages.first().filter(|own| languages.contains(own));
    let language = negotiate(wished, &languages, own.unwrap_or(&survey.default_language));
    let show = Show { brand, language, default: &survey.default_language };
    json!({
        "survey": survey.id,
        "version": survey.version,
        "brand": {
            "id": brand.id,
            "name": brand.name,
            "logo": brand.logo,
            "colours": { "accent": brand.colours.accent, "on_accent": brand.colours.on_accent },
            "privacy_url": brand.privacy_url,
        },
        "languages": languages.iter().map(|language| language.as_str()).collect::<Vec<_>>(),
        "locale": language.as_str(),
        "dir": if language.is_right_to_left() { "rtl" } else { "ltr" },
        "questions": survey.questions.iter().map(|question| show.question(question)).collect::<Vec<_>>(),
        "words": Words::of(language),
    })
}

/// The survey's languages that the brand speaks in some form; all of the survey's when it speaks none.
fn languages<'a>(brand: &Brand, survey: &'a Survey) -> Vec<&'a Language> {
    let all = survey.languages();
    let speaks =
        |language: &&&Language| brand.languages.iter().any(|own| own.primary() == language.primary());
    let spoken: Vec<_> = all.iter().filter(speaks).copied().collect();
    if spoken.is_empty() { all } else { spoken }
}

/// Renders a brand's texts in one language.
struct Show<'a> {
    brand: &'a Brand,
    language: &'a Language,
    default: &'a Language,
}

impl Show<'_> {
    fn text(&self, texts: &Texts) -> String {
        texts.get(self.language, self.default).replace("{brand}", &self.brand.name)
    }

    /// Fields that do not apply are left out: the widget compares scores, and `null` compares like 0.
    fn question(&self, question: &Question) -> Value {
        let Question { id, kind, required, text, low, high, ask_when, choices } = question;
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
        put("id", json!(id));
        put("kind", json!(kind.word()));
        put("required", json!(required));
        put("text", json!(self.text(text)));
        if let Some(Scale { min, max }) = kind.scale() {
            put("scale", json!({ "min": min, "max": max }));
            put("low", json!(self.text(low)));
            put("high", json!(self.text(high)));
        }
        if !choices.is_empty() {
            let choice = |Choice { value, text }: &Choice| json!({ "value": value, "text": self.text(text) });
            put("choices", choices.iter().map(choice).collect());
        }
        if let Some(AskWhen { question, below, above }) = ask_when {
            let bounds = [("below", below), ("above", above)];
            let bounds = bounds.into_iter().filter_map(|(name, bound)| Some((name, json!((*bound)?))));
            put("ask_when", [("question", json!(question))].into_iter().chain(bounds).collect());
        }
        Value::Object(shown)
    }
}

#[cfg(test)]
pub(super) mod tests;
