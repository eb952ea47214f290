//! `voxgate mail-snippet`: the row of scores for a mail, with the placeholders of the tool that sends it.
//!
//! What mail programs can draw is that of HTML 4: tables, `bgcolor`, widths in pixels, styles in the tag. The row is
//! cut in two tables that lie beside each other where there is room, and below each other where there is none, so that
//! it needs neither a style sheet nor a media query, and Outlook draws it too. Only what carries its own ground has its
//! own colour: the rest keeps the mail's, in the light and in the dark.

mod tool;

use std::io::{self, Write};

use anyhow::{Context as _, anyhow, bail};
use askama::Template;
use clap::{Args, ValueEnum};

use self::tool::{Places, Tool};
use super::{ConfigDir, ask_store};
use crate::{
    catalog::{Brand, Catalog},
    channel::page::Words,
    config::Overrides,
    lifecycle::Failure,
    survey::{Channel, Kind, Language, Question, Scale, Survey},
};

/// Scores in one table of the row: six of 44 pixels with their gaps fit beside each other at 320 pixels.
const IN_A_TABLE: usize = 6;

/// Flags of `voxgate mail-snippet`.
#[derive(Args, Clone, Debug)]
pub(super) struct MailSnippet {
    #[command(flatten)]
    config: ConfigDir,
    /// Id of the survey
    #[arg(long)]
    survey: String,
    /// Id of the brand
    #[arg(long)]
    brand: String,
    /// Language of the mail, for example de-CH [default: the brand's first]
    #[arg(long, value_parser = super::language)]
    locale: Option<Language>,
    /// The tool that sends the mail; its placeholders stand for the links
    #[arg(long = "for", value_name = "TOOL")]
    tool: Tool,
    /// Print this part only
    #[arg(long)]
    part: Option<Part>,
}

/// A part of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// For the mail's text/html
    Html,
    /// For its text/plain
    Text,
    /// For its head
    Headers,
}

/// The row of scores.
#[derive(Template)]
#[template(path = "mail.html")]
struct Row<'a> {
    lang: &'a str,
    dir: &'static str,
    /// Where the tables begin: left, or right where people read from there.
    start: &'static str,
    places: &'a Places,
    question: String,
    tables: Vec<Vec<Score>>,
    ends: String,
    ground: &'a str,
    ink: &'a str,
    /// Each score is a word, and as wide as that.
    has_words: bool,
    opt_out: String,
}

/// One score that can be pressed.
struct Score {
    url: String,
    shown: String,
    spoken: String,
}

/// Prints the parts on standard output, and what has to be done beside them on standard error.
///
/// # Errors
/// What is wrong with the configuration; a brand, survey or language that it has not.
pub(super) fn run(args: &MailSnippet, out: &mut impl Write) -> Result<(), Failure> {
    let loaded = args.config.load(&Overrides::default())?;
    let printed = snippet(args, &loaded.catalog).and_then(|snippet| Ok(snippet.print(args.part, out)?));
    printed.map_err(|error| ask_store::failure(&error))?;
    note(args, &mut io::stderr().lock()).map_err(super::unprinted)
}

/// All parts of a mail.
struct Snippet {
    html: String,
    text: String,
    headers: String,
}

impl Snippet {
    fn print(&self, part: Option<Part>, out: &mut impl Write) -> io::Result<()> {
        match part {
            Some(Part::Html) => writeln!(out, "{}", self.html),
            Some(Part::Text) => writeln!(out, "{}", self.text),
            Some(Part::Headers) => writeln!(out, "{}", self.headers),
            None => {
                let Self { html, text, headers } = self;
                writeln!(
                    out,
                    "--- text/html ---\n{html}\n\n--- text/plain ---\n{text}\n\n--- headers ---\n{headers}"
                )
            }
        }
    }
}

fn note(args: &MailSnippet, more: &mut impl Write) -> io::Result<()> {
    writeln!(more, "{}", args.tool.advice())?;
    writeln!(more, "send each person a link of their own, and nobody whose link says opted_out")
}

fn snippet(args: &MailSnippet, catalog: &Catalog) -> anyhow::Result<Snippet> {
    let MailSnippet { brand, survey, tool, .. } = args;
    let brand = catalog.brand(brand).ok_or_else(|| anyhow!("--brand {brand}: there is no such brand"))?;
    let found = catalog.survey(&brand.id, survey);
    let survey = found.ok_or_else(|| anyhow!("--survey {survey}: {} has no such survey", brand.id))?;
    if !survey.channels.contains(&Channel::Email) {
        bail!("--survey {}: it is not asked by mail; add \"email\" to its channels", survey.id);
    }
    let question = survey.first_scored().with_context(|| {
        format!("--survey {}: no required question has a scale, so there is no row of scores", survey.id)
    })?;
    let scale = question.kind.scale().context("the question has no scale")?;
    let language = language(args, brand, survey);
    let places = tool.places(brand, survey, args.locale.as_ref());
    let asked = Asked { brand, survey, question, scale, language: &language, places: &places };
    Ok(Snippet { html: asked.html()?, text: asked.text(), headers: tool.headers(&places) })
}

fn language(args: &MailSnippet, brand: &Brand, survey: &Survey) -> Language {
    let wished = args.locale.iter().chain(brand.languages.first());
    wished.chain([&survey.default_language]).next().cloned().unwrap_or_else(Language::english)
}

/// What the mail asks, and in which words.
struct Asked<'a> {
    brand: &'a Brand,
    survey: &'a Survey,
    question: &'a Question,
    scale: Scale,
    language: &'a Language,
    places: &'a Places,
}

impl Asked<'_> {
    fn html(&self) -> anyhow::Result<String> {
        let crate::catalog::Colours { accent, on_accent, .. } = &self.brand.colours;
        let right_to_left = self.language.is_right_to_left();
        let scores: Vec<_> = self.scale.scores().collect();
        let has_words = self.has_words();
        let in_a_table = if has_words { 1 } else { scores.len().div_ceil(scores.len().div_ceil(IN_A_TABLE)) };
        let tables = scores.chunks(in_a_table.max(1));
        let row = Row {
            lang: self.language.as_str(),
            dir: if right_to_left { "rtl" } else { "ltr" },
            start: if right_to_left { "right" } else { "left" },
            places: self.places,
            question: self.words_of(&self.question.text),
            tables: tables.map(|some| some.iter().map(|score| self.score(*score)).collect()).collect(),
            ends: self.ends(),
            ground: accent,
            ink: on_accent,
            has_words,
            opt_out: self.opt_out(),
        };
        Ok(row.render()?.trim_end().to_owned())
    }

    fn text(&self) -> String {
        let Places { page, opt_out, .. } = self.places;
        let question = self.words_of(&self.question.text);
        let ends = self.ends();
        let ends = if ends.is_empty() { ends } else { format!("{ends}\n") };
        format!("{question}\n{ends}{page}\n\n{}:\n{opt_out}", self.opt_out())
    }

    /// Faces and thumbs have no number, and few fonts have them all.
    const fn has_words(&self) -> bool {
        matches!(self.question.kind, Kind::Smiley | Kind::Thumbs)
    }

    fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    fn words_of(&self, texts: &crate::survey::Texts) -> String {
        let text = texts.get(self.language, &self.survey.default_language);
        text.replace("{brand}", &self.brand.name).replace("{subject}", "")
    }

    fn opt_out(&self) -> String {
        self.words().opt_out_line.replace("{brand}", &self.brand.name)
    }

    /// What the first and the last score mean, where the survey says so.
    fn ends(&self) -> String {
        let [low, high] = [&self.question.low, &self.question.high].map(|text| self.words_of(text));
        match self.question.kind {
            _ if self.has_words() => String::new(),
            _ if low.is_empty() || high.is_empty() => String::new(),
            _ => format!("{}: {low} · {}: {high}", self.scale.min, self.scale.max),
        }
    }

    fn score(&self, score: i32) -> Score {
        let url = self.places.score(score);
        let spoken = self.spoken(score);
        let shown = match self.question.kind {
            kind if self.has_words() => format!("{}{spoken}", mark(kind, score)),
            Kind::Stars => format!("{score}★"),
            _ => score.to_string(),
        };
        Score { url, shown, spoken }
    }

    fn spoken(&self, score: i32) -> String {
        let words = self.words();
        let end = match score {
            _ if score == self.scale.min => self.words_of(&self.question.low),
            _ if score == self.scale.max => self.words_of(&self.question.high),
            _ => String::new(),
        };
        let own = match (self.question.kind, score) {
            (Kind::Smiley, ..=1) => words.unhappy,
            (Kind::Smiley, 2) => words.neutral,
            (Kind::Smiley, _) => words.happy,
            (Kind::Thumbs, ..=0) => words.down,
            (Kind::Thumbs, _) => words.up,
            (Kind::Stars, _) => words.stars_of,
            _ => words.score_of,
        };
        let own = own.replace("{n}", &score.to_string()).replace("{max}", &self.scale.max.to_string());
        match end {
            end if end.is_empty() => own,
            end if self.has_words() => end,
            end => format!("{own}, {end}"),
        }
    }
}

/// A character of the oldest fonts, as pictures are not shown before somebody allows it.
const fn mark(kind: Kind, score: i32) -> &'static str {
    match (kind, score) {
        (Kind::Smiley, ..=1) => "☹ ",
        (Kind::Smiley, 3..) => "☺ ",
        _ => "",
    }
}
