//! Who presses the keys: somebody at the terminal, or a list of keys.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _},
};

/// What came while keys were awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// These keys, without the one that ended them.
    Keys(String),
    /// None.
    Silence,
    /// The caller has gone.
    HungUp,
}

/// A caller.
#[derive(Debug)]
pub(super) struct Caller {
    /// Keys that were pressed and not awaited yet: people type ahead.
    ahead: VecDeque<char>,
    at_terminal: bool,
    pressed: bool,
}

/// Reads the keys of `--keys`.
pub(super) fn keys(text: &str) -> Result<String, String> {
    match text.chars().find(|key| !is_key(*key) && *key != ',') {
        None => Ok(text.to_owned()),
        Some(other) => Err(format!("{other:?} is no key: give 0-9, * and #, and a comma for a pause")),
    }
}

const fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#')
}

impl Caller {
    /// One who presses these keys and then hangs up, or one at the terminal.
    pub(super) fn new(keys: Option<&str>) -> Self {
        let ahead = keys.unwrap_or_default().chars().collect();
        Self { ahead, at_terminal: keys.is_none(), pressed: false }
    }

    /// Whether keys are typed.
    pub(super) const fn is_at_terminal(&self) -> bool {
        self.at_terminal
    }

    /// Whether anything was pressed in this call.
    pub(super) const fn pressed(&self) -> bool {
        self.pressed
    }

    /// Waits for keys: `most` end it, and so does any of `finish`.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(super) fn press(&mut self, most: usize, finish: &str) -> io::Result<Pressed> {
        if self.ahead.is_empty() {
            if !self.at_terminal {
                return Ok(Pressed::HungUp);
            }
            let Some(typed) = typed()? else { return Ok(Pressed::HungUp) };
            self.ahead.extend(typed.chars().filter(|key| is_key(*key) || *key == ','));
        }
        let keys = self.take(most, finish);
        self.pressed |= !keys.is_empty();
        Ok(if keys.is_empty() { Pressed::Silence } else { Pressed::Keys(keys) })
    }

    /// What is said into a recording; none when nothing is, or the caller has gone.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(super) fn speak(&mut self) -> io::Result<Option<String>> {
        if !self.at_terminal {
            return Ok(None);
        }
        let words = typed()?.filter(|words| !words.is_empty());
        self.pressed |= words.is_some();
        Ok(words)
    }

    fn take(&mut self, most: usize, finish: &str) -> String {
        let mut keys = String::new();
        while let Some(key) = self.ahead.pop_front() {
            if key == ',' || finish.contains(key) {
                break;
            }
            keys.push(key);
            if keys.chars().count() >= most {
                // Whoever ends a full number with # or pauses behind it has done so for this number.
                self.ahead.pop_front_if(|next| *next == ',' || finish.contains(*next));
                break;
            }
        }
        keys
    }
}

/// A line of the terminal; none at its end (Ctrl-D).
fn typed() -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presses(keys: &str, awaited: &[usize]) -> Vec<Pressed> {
        let mut caller = Caller::new(Some(keys));
        awaited.iter().map(|most| caller.press(*most, "#").unwrap()).collect()
    }

    #[test]
    fn keys_are_taken_as_they_are_awaited_and_the_end_hangs_up() {
        let keys = |text: &str| Pressed::Keys(text.to_owned());
        for (typed, heard) in [
            ("10#7", [keys("10"), keys("7"), Pressed::HungUp]),
            ("9#7", [keys("9"), keys("7"), Pressed::HungUp]),
            ("107#", [keys("10"), keys("7"), Pressed::HungUp]),
            ("1,0", [keys("1"), keys("0"), Pressed::HungUp]),
            ("11,4,5", [keys("11"), keys("4"), keys("5")]),
            ("11,,5", [keys("11"), Pressed::Silence, keys("5")]),
            (",,1", [Pressed::Silence, Pressed::Silence, keys("1")]),
            ("1##", [keys("1"), Pressed::Silence, Pressed::HungUp]),
            ("", [Pressed::HungUp, Pressed::HungUp, Pressed::HungUp]),
        ] {
            assert_eq!(presses(typed, &[2, 1, 1]), heard, "{typed}");
        }
    }

    #[test]
    fn what_is_on_no_keypad_is_refused() {
        assert_eq!(keys("10#,*7").unwrap(), "10#,*7");
        for wrong in ["1a", "ten", "1 0", "+"] {
            assert!(keys(wrong).unwrap_err().contains("is no key"), "{wrong}");
        }
    }
}
