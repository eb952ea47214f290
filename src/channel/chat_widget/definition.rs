//! `GET /v1/surveys/{survey}?brand=&locale=`: what the widget shows, in one language.

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::{Reply, origin::cors, words::Words};
use crate::{
    catalog::Brand,
    outcome::{Reason, Refusal},
    survey::{AskWhen, Channel, Choice, Kind, Language, Question, Scale, Survey, Texts, negotiate},
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
        let Question { id, kind, required, text, low, high, ask_when, choices, audio: _ } = question;
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
        put("id", json!(id));
        put("kind", json!(kind.word()));
        put("required", json!(required));
        put("text", json!(self.text(text)));
        if let Some(scale) = kind.scale() {
            let (low, high) = (self.text(low), self.text(high));
            put("scale", json!({ "min": scale.min, "max": scale.max }));
            put("options", self.scores(*kind, scale, &low, &high));
            if !(low.is_empty() && high.is_empty()) {
                put("ends", ends(*kind, scale, &low, &high));
            }
            put("low", json!(low));
            put("high", json!(high));
        }
        if !choices.is_empty() {
            let choice = |Choice { value, text }: &Choice| json!({ "value": value, "text": self.text(text) });
            let choices: Value = choices.iter().map(choice).collect();
            put("options", choices.clone());
            put("choices", choices);
        }
        if let Some(AskWhen { question, below, above }) = ask_when {
            let bounds = [("below", below), ("above", above)];
            let bounds = bounds.into_iter().filter_map(|(name, bound)| Some((name, json!((*bound)?))));
            put("ask_when", [("question", json!(question))].into_iter().chain(bounds).collect());
        }
        Value::Object(shown)
    }

    /// The buttons of a scale: what each stands for, what is written on it, and how it is read out.
    fn scores(&self, kind: Kind, scale: Scale, low: &str, high: &str) -> Value {
        let words = Words::of(self.language);
        let named = |score: i32| match score {
            score if score == scale.min => low,
            score if score == scale.max => high,
            _ => "",
        };
        let option = |score: i32| {
            let label = words.score(kind, score).map_or_else(
                || format!("{score} / {} {}", scale.max, named(score)).trim_end().to_owned(),
                str::to_owned,
            );
            let text = if kind == Kind::Stars { "★".to_owned() } else { score.to_string() };
            json!({ "value": score, "text": text, "label": label })
        };
        scale.scores().map(option).collect()
    }
}

/// What stands below the ends of a scale. Numbers that wrap to two rows need theirs named.
fn ends(kind: Kind, scale: Scale, low: &str, high: &str) -> Value {
    let pictured = matches!(kind, Kind::Stars | Kind::Smiley | Kind::Thumbs);
    let end = |score: i32, text: &str| match text {
        text if pictured || text.is_empty() => text.to_owned(),
        text => format!("{score} – {text}"),
    };
    json!([end(scale.min, low), end(scale.max, high)])
}

#[cfg(test)]
pub(super) mod tests;
