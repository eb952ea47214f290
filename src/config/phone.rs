//! `[ivr]` of a survey: how it is asked on the phone. A brand's own `[ivr]` goes over that of each of its surveys.

use std::time::Duration;

use super::{table::Table, value::Value};
use crate::survey::{Phone, Texts};

/// A comment is worth recording from here on, and more is no comment.
const COMMENT_LENGTH: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(300);
const VOICE_BYTES: usize = 100;

/// What is written; what is not is left as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct PhoneKeys<'a> {
    choose_language: Option<bool>,
    speech: Option<bool>,
    /// Where that stands, for what only all files together tell.
    pub(super) speech_switch: Option<Value<'a>>,
    record_comments: Option<bool>,
    comment_length: Option<Duration>,
    opt_out_key: Option<bool>,
    voice: Texts,
}

/// Reads `[ivr]` of a file.
pub(super) fn read<'a>(file: &Table<'a>) -> PhoneKeys<'a> {
    let Some(table) = file.find("ivr").and_then(|value| value.hidden().table()) else {
        return PhoneKeys::default();
    };
    let switch = |key| table.find(key).and_then(|value| value.yes_or_no());
    let keys = PhoneKeys {
        choose_language: switch("choose_language"),
        speech: switch("speech"),
        speech_switch: table.find("speech"),
        record_comments: switch("record_comments"),
        comment_length: table.find("comment_length").and_then(|value| value.seconds(COMMENT_LENGTH)),
        opt_out_key: switch("opt_out_key"),
        voice: table.find("voice").map(|value| value.by_language(voice)).unwrap_or_default(),
    };
    table.no_more();
    keys
}

impl PhoneKeys<'_> {
    /// What is written, over what was there.
    pub(super) fn over(&self, phone: &Phone) -> Phone {
        let mut voices = phone.voices.clone();
        voices.overlay(&self.voice);
        Phone {
            choose_language: self.choose_language.unwrap_or(phone.choose_language),
            speech: self.speech.unwrap_or(phone.speech),
            record_comments: self.record_comments.unwrap_or(phone.record_comments),
            comment_length: self.comment_length.unwrap_or(phone.comment_length),
            opt_out_key: self.opt_out_key.unwrap_or(phone.opt_out_key),
            voices,
        }
    }
}

/// A voice by the provider's name for it, `Polly.Vicki-Neural`. Which there are is known to the provider alone.
fn voice(value: &Value<'_>) -> Option<String> {
    let advice = "is no voice; write the provider's name of one, like \"Polly.Vicki-Neural\"";
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/');
    value.parsed(advice, |text| {
        ((1..=VOICE_BYTES).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
    })
}
