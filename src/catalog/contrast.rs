//! Whether people can tell one colour from another, as WCAG 2.2 measures it.

/// Red, green and blue of `#rrggbb`.
pub(crate) fn channels(text: &str) -> Option<[u8; 3]> {
    let mut channels = [0; 3];
    hex::decode_to_slice(text.strip_prefix('#')?, &mut channels).ok()?;
    Some(channels)
}

/// Contrast ratio of two colours as `#rrggbb`, 1 to 21 (WCAG 2.2, "contrast ratio").
pub(crate) fn contrast(one: &str, other: &str) -> f64 {
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
        // The guideline's well-known pair around its bound for text on white.
        assert!(contrast("#767676", "#ffffff") >= 4.5);
        assert!(contrast("#777777", "#ffffff") < 4.5);
    }

    #[test]
    fn every_colour_can_be_read_on_by_black_or_by_white() {
        for channel in 0..=255_u8 {
            let grey = format!("#{channel:02x}{channel:02x}{channel:02x}");
            assert!(contrast(&grey, "#000000").max(contrast(&grey, "#ffffff")) > 4.5, "{grey}");
        }
    }
}
