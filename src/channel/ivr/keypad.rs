//! What pressed keys say. A scale to 10 takes two keys and `#`; every other question takes one key.

use crate::survey::{Kind, Question};

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressed {
    /// A score on the question's scale.
    Score(i32),
    /// A lone `1` where `10` is possible: the caller may have been slow with the `0`.
    LoneOne,
    /// The choice at this place, from 0.
    Choice(usize),
    /// Nothing, or nothing that answers the question.
    Unclear,
}

/// The most choices that single keys can name.
pub(crate) const CHOICES: usize = 9;

/// Whether it takes two keys; the others take one.
pub(crate) fn takes_two_keys(question: &Question) -> bool {
    question.kind == Kind::Nps
}

/// Whether a keypad can answer it at all.
pub(crate) fn can_answer(question: &Question) -> bool {
    question.kind != Kind::Text
}

/// Reads the keys of one turn. A closing `#` is taken off for providers that pass it on.
pub(crate) fn read(question: &Question, keys: &str) -> Pressed {
    let keys = keys.strip_suffix('#').unwrap_or(keys).as_bytes();
    match (question.kind, keys) {
        (Kind::Text, _) => Pressed::Unclear,
        (Kind::Nps, b"1") => Pressed::LoneOne,
        (Kind::Nps, b"10") => Pressed::Score(10),
        (Kind::Nps, [key @ b'0'..=b'9'] | [b'0', key @ b'1'..=b'9']) => Pressed::Score(digit(*key)),
        (Kind::Nps, _) => Pressed::Unclear,
        (Kind::Choice, [key @ b'1'..=b'9']) => nth_choice(question, usize::from(key - b'1')),
        (kind, [key @ b'0'..=b'9']) => match kind.scale() {
            Some(scale) if scale.holds(digit(*key)) => Pressed::Score(digit(*key)),
            _ => Pressed::Unclear,
        },
        _ => Pressed::Unclear,
    }
}

/// Whether the keys after a lone `1` make it `10`. Anything else, silence included, lets it stand as 1.
pub(crate) fn makes_ten(keys: &str) -> bool {
    matches!(keys.strip_suffix('#').unwrap_or(keys), "0" | "10")
}

/// Whether keys say "do not ask me again".
pub(crate) fn opts_out(keys: &str) -> bool {
    keys.strip_suffix('#').unwrap_or(keys) == "*"
}

/// The key that confirms what was understood.
pub(crate) const AGREES: &str = "1";

/// Whether keys confirm what was understood.
pub(crate) fn agrees(keys: &str) -> bool {
    keys.strip_suffix('#').unwrap_or(keys) == AGREES
}

/// The place in a list that a key names, from 0.
pub(crate) fn place(keys: &str) -> Option<usize> {
    match keys.strip_suffix('#').unwrap_or(keys).as_bytes() {
        [key @ b'1'..=b'9'] => Some(usize::from(key - b'1')),
        _ => None,
    }
}

fn digit(key: u8) -> i32 {
    i32::from(key.saturating_sub(b'0'))
}

fn nth_choice(question: &Question, place: usize) -> Pressed {
    match question.choices.get(place) {
        Some(_) => Pressed::Choice(place),
        None => Pressed::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{channel::ivr::fixtures::question, survey::Choice};

    #[test]
    fn the_keypad_table_of_a_scale_to_ten() {
        let nps = question("recommend", Kind::Nps);
        assert_eq!(read(&nps, ""), Pressed::Unclear);
        for key in 0..=9 {
            let expected = if key == 1 { Pressed::LoneOne } else { Pressed::Score(key) };
            assert_eq!(read(&nps, &format!("{key}")), expected, "{key}");
            assert_eq!(read(&nps, &format!("{key}#")), expected, "{key}#");
        }
        for keys in 0..=99 {
            let expected = match keys {
                1..=10 => Pressed::Score(keys),
                _ => Pressed::Unclear,
            };
            assert_eq!(read(&nps, &format!("{keys:02}")), expected, "{keys:02}");
        }
        for junk in [
            "#",
            "*",
            "##",
            "1*",
            "*1",
            "A",
            "ten",
            "010",
            "100",
            "1 ",
            "-1",
            "1.0",
            "\u{661}",
            "9999999999999",
        ] {
            assert_eq!(read(&nps, junk), Pressed::Unclear, "{junk:?}");
        }
    }

    #[test]
    fn the_keypad_table_of_every_other_kind_takes_one_key() {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Nps && *kind != Kind::Choice) {
            let question = question("q", kind);
            for key in 0..=9 {
                let on_scale = kind.scale().is_some_and(|scale| scale.holds(key));
                let expected = if on_scale { Pressed::Score(key) } else { Pressed::Unclear };
                assert_eq!(read(&question, &key.to_string()), expected, "{kind:?} {key}");
            }
            for junk in ["", "#", "*", "00", "01", "10", "11", "x"] {
                assert_eq!(read(&question, junk), Pressed::Unclear, "{kind:?} {junk:?}");
            }
        }
    }

    #[test]
    fn a_choice_is_named_by_its_place_and_only_by_a_place_that_is_there() {
        let mut which = question("which", Kind::Choice);
        which.choices = ["mail", "phone", "chat"]
            .map(|value| Choice { value: value.to_owned(), text: which.text.clone() })
            .into();
        assert_eq!(read(&which, "1"), Pressed::Choice(0));
        assert_eq!(read(&which, "3"), Pressed::Choice(2));
        for off in ["0", "4", "9", "", "11", "*"] {
            assert_eq!(read(&which, off), Pressed::Unclear, "{off:?}");
        }
    }

    #[test]
    fn only_a_zero_makes_a_lone_one_ten() {
        assert!(makes_ten("0") && makes_ten("10") && makes_ten("0#"));
        for stands in ["", "#", "1", "2", "9", "00", "*", "x"] {
            assert!(!makes_ten(stands), "{stands:?}");
        }
    }

    proptest! {
        #[test]
        fn no_keys_give_a_score_off_the_scale(keys in "\\PC{0,12}|[0-9#*]{0,4}") {
            for kind in Kind::ALL {
                if let Pressed::Score(score) = read(&question("q", kind), &keys) {
                    prop_assert!(kind.scale().unwrap().holds(score));
                    prop_assert_eq!(keys.trim_end_matches('#').parse::<i32>().unwrap(), score);
                }
            }
        }
    }
}
