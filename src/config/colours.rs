//! Colours of a brand's pages, and whether people can read what is written in them.

use super::{table::Table, value::Value};
use crate::catalog::Colours;

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

fn channels(text: &str) -> Option<[u8; 3]> {
    let mut channels = [0; 3];
    hex::decode_to_slice(text.strip_prefix('#')?, &mut channels).ok()?;
    Some(channels)
}

/// Contrast ratio, 1 to 21 (WCAG 2.2, "contrast ratio").
fn contrast(one: &str, other: &str) -> f64 {
    let [one, other] = [one, other].map(|colour| channels(colour).map_or(0.0, luminance));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance, 0 to 1 (WCAG 2.2, "relative luminance").
fn luminance(channels: [u8; 3]) -> f64 {
    let [red, green, blue] = channels.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_as_the_guideline_defines_it() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#777777") - 1.0).abs() < 1e-9);
        // The guideline's well-known pair around the bound on white.
        assert!(contrast("#767676", "#ffffff") >= CONTRAST);
        assert!(contrast("#777777", "#ffffff") < CONTRAST);
    }

    #[test]
    fn the_default_colours_can_be_read() {
        assert!(contrast(DEFAULT[0], DEFAULT[1]) >= CONTRAST);
    }
}
