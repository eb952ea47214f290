//! Texts that must not turn up where they do not belong, in whatever form they might.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// A secret or something of a person.
#[derive(Clone, Copy)]
pub(crate) struct Planted {
    /// What it is, for the test's report.
    pub(crate) what: &'static str,
    pub(crate) text: &'static str,
}

impl Planted {
    /// The text as it stands, and as it is written in JSON, in URLs, in hex, in base64 and as a list of bytes.
    fn forms(&self) -> Vec<String> {
        let bytes = self.text.as_bytes();
        let mut forms = vec![
            self.text.to_owned(),
            serde_json::to_string(self.text).unwrap().trim_matches('"').to_owned(),
            form_urlencoded::byte_serialize(bytes).collect(),
            self.text.replace(' ', "%20"),
            hex::encode(bytes),
            bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
        ];
        for before in 0..3 {
            forms.extend(base64(bytes, before));
        }
        forms
    }

    /// The first form that stands in a text, in any case.
    pub(crate) fn found_in(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        self.forms().into_iter().find(|form| text.contains(&form.to_lowercase()))
    }
}

/// What of the base64 is the same whatever stands around it, when so many bytes of a group of three come before.
fn base64(bytes: &[u8], before: usize) -> [String; 2] {
    let mut padded = vec![0; before];
    padded.extend_from_slice(bytes);
    let whole = padded.len() / 3 * 3;
    let first = if before == 0 { 0 } else { 4 };
    [BASE64_STANDARD_NO_PAD.encode(&padded[..whole]), BASE64_URL_SAFE_NO_PAD.encode(&padded[..whole])]
        .map(|text| text[first..].to_owned())
}

/// Panics when any of the planted texts stands in `text`.
#[track_caller]
pub(crate) fn assert_none(planted: &[Planted], place: &str, text: &str) {
    for one in planted {
        if let Some(form) = one.found_in(text) {
            let lines = text.lines().filter(|line| line.to_lowercase().contains(&form.to_lowercase()));
            let lines: Vec<String> = lines.take(3).map(|line| line.chars().take(2_000).collect()).collect();
            panic!("{} stands in {place} as {form:?}:\n{}", one.what, lines.join("\n"));
        }
    }
}
