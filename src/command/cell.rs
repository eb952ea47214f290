//! Texts of other people in cells that a spreadsheet or a terminal will read.

use std::borrow::Cow;

/// A text cell that no spreadsheet takes for a formula: one that begins with `=`, `+`, `-`, `@`, a tab or a carriage
/// return gets an apostrophe before it (OWASP, "CSV Injection").
pub(super) fn for_spreadsheet(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// A text that cannot move the cursor or colour the terminal.
pub(super) fn for_terminal(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// Pads and joins columns; cells of a right-aligned column stand at its end.
pub(super) fn line(cells: &[(String, usize, bool)]) -> String {
    let padded = cells.iter().map(|(text, width, right)| {
        let space = " ".repeat(width.saturating_sub(text.chars().count()));
        if *right { space + text } else { text.clone() + &space }
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_quoted_and_a_text_is_not() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(for_spreadsheet(formula), format!("'{formula}"));
        }
        for text in ["", "9", "a=b", " =1", "'=1"] {
            assert_eq!(for_spreadsheet(text), text);
        }
    }

    #[test]
    fn a_terminal_gets_no_escape() {
        assert_eq!(for_terminal("\u{1b}[31mred"), "\u{fffd}[31mred");
        assert_eq!(for_terminal("schnell"), "schnell");
    }
}
