//! Colours of a brand's pages, and whether people can read what is written in them.

use super::{table::Table, value::Value};
use crate::catalog::{Colours, channels, contrast};

/// Contrast of text that everyone should be able to read (WCAG 2.2, 1.4.3).
const CONTRAST: f64 = 4.5;
/// A calm blue under white, contrast 6.4, for brands that name none.
const DEFAULT: [&str; 2] = ["#1d5fbf", "#ffffff"];

/// Reads `[colours]`.
pub(super) fn read(brand: &Table<'_>) -> Colours {
    let [accent, on_accent] = DEFAULT.map(str::to_owned);
    let default = Colours { accent, on_accent };
    let Some(value) = brand.find("colours") else { return default };
    let Some(table) = value.table() else { return default };
    let accent = table.need("accent", "\"#1d5fbf\"").and_then(|value| colour(&value));
    let on_accent = table.need("on_accent", "\"#ffffff\"");
    let on_accent_colour = on_accent.as_ref().and_then(colour);
    table.no_more();
    let (Some(accent), Some(value), Some(on_accent)) = (accent, on_accent, on_accent_colour) else {
        return default;
    };
    let contrast = contrast(&accent, &on_accent);
    if contrast < CONTRAST {
        // Rounded down: 4.49 must not read as the 4.5 that it is not.
        let shown = (contrast * 100.0).floor() / 100.0;
        value.problem(format!(
            "on the accent \"{accent}\" has a contrast of {shown:.2} to 1, and people can read from {CONTRAST} to 1 on \
             (WCAG 2.2, 1.4.3); {}",
            mend(&accent)
        ));
    }
    Colours { accent, on_accent }
}

/// What can be read on an accent; each colour can be read on by black or white.
fn mend(accent: &str) -> String {
    let best = |one, other| if contrast(accent, one) > contrast(accent, other) { one } else { other };
    let best = best("#ffffff", "#000000");
    format!("on_accent = \"{best}\" would have {:.1}", contrast(accent, best))
}

fn colour(value: &Value<'_>) -> Option<String> {
    value.parsed("is no colour; write it like \"#1d5fbf\"", |text| {
        channels(text).is_some().then(|| text.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_colours_can_be_read() {
        assert!(contrast(DEFAULT[0], DEFAULT[1]) >= CONTRAST);
    }
}
