//! What is printed: for eyes on a terminal, and as plain lines in a pipe.

use std::io::{self, Write};

use super::{Setting, line::Line};
use crate::command::cell;

/// Columns of a line of speech on a terminal.
const COLUMNS: usize = 88;

/// Where a call is shown.
#[derive(Debug)]
pub(super) struct Stage<'a, W> {
    out: &'a mut W,
    is_terminal: bool,
}

impl<'a, W: Write> Stage<'a, W> {
    pub(super) const fn new(out: &'a mut W, is_terminal: bool) -> Self {
        Self { out, is_terminal }
    }

    /// Who calls whom.
    pub(super) fn opening(&mut self, setting: Setting<'_>, line: &Line<'_>) -> io::Result<()> {
        let (brand, survey) = (&setting.brand.id, &setting.survey.id);
        match self.is_terminal {
            true => {
                let what = format!("{brand} · {survey}");
                writeln!(self.out, "\n  {}  {}", self.bold(&what), self.dim(line.to()))?;
                let help = "digits, then Enter · an empty line is silence · Ctrl-D hangs up";
                writeln!(self.out, "  {}", self.dim(help))
            }
            false => writeln!(self.out, "call: {brand} {survey} {}", line.to()),
        }
    }

    /// What the caller hears.
    pub(super) fn says(&mut self, language: &str, text: &str) -> io::Result<()> {
        let text = cell::for_terminal(text.trim()).into_owned();
        if !self.is_terminal {
            return writeln!(self.out, "says {language}: {text}");
        }
        for (index, part) in wrapped(&text).iter().enumerate() {
            let label = if index == 0 { language } else { "" };
            writeln!(self.out, "  {} {part}", self.dim(&format!("{label:>5}")))?;
        }
        Ok(())
    }

    /// Something that happens beside words.
    pub(super) fn happens(&mut self, what: &str) -> io::Result<()> {
        let what = cell::for_terminal(what).into_owned();
        match self.is_terminal {
            true => writeln!(self.out, "        {}", self.dim(&what)),
            false => writeln!(self.out, "note: {what}"),
        }
    }

    /// Asks somebody at the terminal.
    pub(super) fn asks(&mut self, for_what: &str) -> io::Result<()> {
        if self.is_terminal {
            write!(self.out, "\n  {} ", self.bold(&format!("{for_what:>5} ›")))?;
        }
        self.out.flush()
    }

    /// What was pressed, where it was not typed here.
    pub(super) fn pressed(&mut self, keys: &str, was_typed: bool) -> io::Result<()> {
        match (self.is_terminal, was_typed) {
            (true, true) => writeln!(self.out),
            (true, false) => writeln!(self.out, "{keys}\n"),
            (false, _) => writeln!(self.out, "keys: {keys}"),
        }
    }

    /// The end of the call.
    pub(super) fn ended(&mut self, how: &str) -> io::Result<()> {
        match self.is_terminal {
            true => writeln!(self.out, "\n  {}\n", self.dim(&format!("— {how} —"))),
            false => writeln!(self.out, "end: {how}"),
        }
    }

    /// A response's id and who it is.
    pub(super) fn receipt(&mut self, id: &str, words: &str) -> io::Result<()> {
        match self.is_terminal {
            true => writeln!(self.out, "  {}  {id}  {}", self.bold("receipt"), self.dim(words)),
            false => writeln!(self.out, "receipt: {id} {words}"),
        }
    }

    /// One of its answers.
    pub(super) fn answer(&mut self, question: &str, value: &str, segment: &str) -> io::Result<()> {
        let value = cell::for_terminal(value).into_owned();
        match self.is_terminal {
            true => writeln!(self.out, "    {question:<16} {}  {}", self.bold(&value), self.dim(segment)),
            false => writeln!(self.out, "{}", format!("answer: {question} {value} {segment}").trim_end()),
        }
    }

    fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    /// Nothing but weight, so that it is readable on any background.
    fn styled(&self, style: &str, text: &str) -> String {
        if self.is_terminal { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Breaks a text at its spaces.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(word.to_owned());
        } else {
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(space);
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(is_terminal: bool) -> String {
        let mut out = Vec::new();
        let mut stage = Stage::new(&mut out, is_terminal);
        stage.says("en-US", &"Would you recommend Acme to a friend? ".repeat(4)).unwrap();
        stage.asks("keys").unwrap();
        stage.pressed("10", false).unwrap();
        stage.happens("waits 2 s").unwrap();
        stage.ended("the gateway hung up").unwrap();
        stage.receipt("4c2ac973-d3b9-8e12-ac06-5d04fcf397b4", "signed").unwrap();
        stage.answer("recommend", "10", "promoter").unwrap();
        stage.answer("topic", "\u{1b}[31m", "").unwrap();
        String::from_utf8(out).unwrap().replace('\u{1b}', "ESC")
    }

    #[test]
    fn a_call_is_plain_lines_in_a_pipe_and_wrapped_with_weight_on_a_terminal() {
        insta::assert_snapshot!(format!("{}\n{}", shown(false), shown(true)));
        assert!(!shown(false).contains("ESC") && !shown(true).contains("ESC[31m"));
    }
}
