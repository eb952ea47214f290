//! The survey page: every question on one page, asked as its kind looks.

use askama::Template;
use http::StatusCode;

use super::{Sheet, frame::Frame, reply};
use crate::{
    channel::Reply,
    outcome::{Problem, Reason, Refusal},
    survey::{AskWhen, Kind, Question, Scale},
};

/// What the form holds when it is shown.
pub(crate) struct Asking<'a> {
    /// Values by question id, as typed or preselected; the last of several counts.
    pub(crate) typed: &'a [(String, String)],
    /// What is wrong with them.
    pub(crate) refusal: Option<&'a Refusal>,
    pub(crate) status: StatusCode,
}

#[derive(Template)]
#[template(path = "ask.html")]
struct Page<'a> {
    frame: Frame,
    rules: String,
    alert: Option<&'static str>,
    note: Option<&'static str>,
    action: &'a str,
    hidden: &'a [(String, String)],
    questions: Vec<Asked>,
    honeypot: bool,
    tells_presses: bool,
    sends_presses: bool,
    drawn: Drawn,
    text_chars: usize,
}

impl Page<'_> {
    /// Whether a question is of this kind: a page holds the styles of those that it asks.
    fn asks(&self, kind: &str) -> bool {
        self.questions.iter().any(|question| question.kind == kind)
    }
}

struct Asked {
    place: usize,
    id: String,
    kind: &'static str,
    text: String,
    required: bool,
    optional: bool,
    error: Option<String>,
    low: String,
    high: String,
    /// Stand before the labels of a scale that takes two rows on a phone: there the place does not say whose they are.
    lowest: Option<i32>,
    highest: Option<i32>,
    /// None for what is chosen.
    text_rows: Option<u8>,
    typed: String,
    options: Vec<Choosable>,
}

struct Choosable {
    value: String,
    label: String,
    mark: &'static str,
    checked: bool,
}

impl Asked {
    /// Faces and thumbs carry their words themselves.
    fn shows_ends(&self) -> bool {
        matches!(self.kind, "nps" | "ces" | "csat" | "stars")
            && !(self.low.is_empty() && self.high.is_empty())
    }
}

/// The survey page, filled in as far as it is.
pub(crate) fn page(sheet: &Sheet, asking: &Asking<'_>) -> Reply {
    let survey = &sheet.invitation.survey;
    let title = survey.questions.first().map(|question| sheet.text(&question.text)).unwrap_or_default();
    let mut frame = sheet.frame(title);
    if asking.refusal.is_none() {
        frame.offer(&sheet.languages, &sheet.query);
    }
    let words = sheet.words();
    let questions: Vec<_> = survey
        .questions
        .iter()
        .enumerate()
        .map(|(place, question)| asked(sheet, asking, place, question))
        .collect();
    let page = Page {
        rules: rules(&survey.questions, &questions),
        alert: asking.refusal.map(|refusal| alert(refusal, &questions, words)),
        note: sheet.invitation.expired.then_some(words.expired_note),
        action: &sheet.action,
        hidden: &sheet.hidden,
        questions,
        honeypot: sheet.honeypot,
        tells_presses: sheet.tells_presses,
        sends_presses: sheet.sends_presses,
        drawn: Drawn::of(survey.questions.iter().map(|question| question.kind)),
        text_chars: sheet.text_chars,
        frame,
    };
    reply::page(asking.status, &page, &page.frame, &sheet.framing)
}

/// What is wrong in one sentence; the questions say the rest.
fn alert(refusal: &Refusal, asked: &[Asked], words: &super::Words) -> &'static str {
    let any = |test: fn(&Problem) -> bool| refusal.problems.iter().any(test);
    if asked.iter().any(|asked| asked.error.is_some()) {
        words.check_note
    } else if refusal.reason == Reason::NoAnswers
        || any(|problem| matches!(problem.reason, Reason::NoAnswers | Reason::UnknownQuestion))
    {
        words.choose
    } else {
        // Nothing that is on the page; whoever built the form finds it in the log by its reason.
        words.fault_text
    }
}

fn asked(sheet: &Sheet, asking: &Asking<'_>, place: usize, question: &Question) -> Asked {
    let typed = asking.typed.iter().rfind(|(id, _)| *id == question.id).map(|(_, value)| value.trim());
    let (low, high) = (sheet.text(&question.low), sheet.text(&question.high));
    let scale = question.kind.scale().filter(|_| matches!(question.kind, Kind::Nps | Kind::Ces));
    let pointer = format!("/answers/{}", question.id);
    let problem =
        asking.refusal.and_then(|refusal| refusal.problems.iter().find(|problem| problem.pointer == pointer));
    Asked {
        place,
        id: question.id.clone(),
        kind: question.kind.word(),
        text: sheet.text(&question.text),
        required: question.required && question.ask_when.is_none(),
        optional: !question.required,
        error: problem.map(|problem| error(problem, question.kind, typed.unwrap_or(""), sheet.words())),
        lowest: scale.filter(|_| !low.is_empty()).map(|scale| scale.min),
        highest: scale.filter(|_| !high.is_empty()).map(|scale| scale.max),
        text_rows: (question.kind == Kind::Text).then_some(4),
        options: options(sheet, question, typed, &low, &high),
        typed: typed.unwrap_or("").to_owned(),
        low,
        high,
    }
}

fn error(problem: &Problem, kind: Kind, typed: &str, words: &super::Words) -> String {
    match problem.reason {
        Reason::TextTooLong => words.too_long.to_owned(),
        Reason::Missing => words.choose.to_owned(),
        // Given twice.
        Reason::WrongType => words.not_readable.to_owned(),
        _ if kind == Kind::Text => words.not_readable.to_owned(),
        _ => words.off_scale.replace("{value}", &typed.chars().take(40).collect::<String>()),
    }
}

fn options(sheet: &Sheet, question: &Question, typed: Option<&str>, low: &str, high: &str) -> Vec<Choosable> {
    if let Some(scale) = question.kind.scale() {
        let look = Look { sheet, kind: question.kind, scale, low, high };
        return scale.scores().map(|score| look.option(score, typed)).collect();
    }
    let choice = |choice: &crate::survey::Choice| Choosable {
        value: choice.value.clone(),
        label: sheet.text(&choice.text),
        mark: "",
        checked: typed == Some(&choice.value),
    };
    question.choices.iter().map(choice).collect()
}

/// How the scores of one scale look and what they are called.
pub(crate) struct Look<'a> {
    pub(crate) sheet: &'a Sheet,
    pub(crate) kind: Kind,
    pub(crate) scale: Scale,
    pub(crate) low: &'a str,
    pub(crate) high: &'a str,
}

impl Look<'_> {
    fn option(&self, score: i32, typed: Option<&str>) -> Choosable {
        let value = score.to_string();
        Choosable {
            checked: typed == Some(&value),
            value,
            label: self.label(score),
            mark: mark(self.kind, score),
        }
    }

    /// What is read beside the score, or instead of it.
    fn label(&self, score: i32) -> String {
        let end = match score {
            _ if score == self.scale.min => self.low,
            _ if score == self.scale.max => self.high,
            _ => "",
        };
        match self.kind {
            Kind::Stars if end.is_empty() => self.spoken(score),
            Kind::Stars => format!("{} – {end}", self.spoken(score)),
            Kind::Smiley | Kind::Thumbs if end.is_empty() => self.spoken(score),
            _ => end.to_owned(),
        }
    }

    /// The score in words.
    pub(crate) fn spoken(&self, score: i32) -> String {
        let words = self.sheet.words();
        let pattern = match (self.kind, score) {
            (Kind::Smiley, ..=1) => return named(self.low, words.unhappy),
            (Kind::Smiley, 2) => words.neutral,
            (Kind::Smiley, _) => return named(self.high, words.happy),
            (Kind::Thumbs, ..=0) => return named(self.low, words.down),
            (Kind::Thumbs, _) => return named(self.high, words.up),
            (Kind::Stars, _) => words.stars_of,
            _ => words.score_of,
        };
        pattern.replace("{n}", &score.to_string()).replace("{max}", &self.scale.max.to_string())
    }
}

fn named(own: &str, ours: &str) -> String {
    if own.is_empty() { ours.to_owned() } else { own.to_owned() }
}

/// Which shapes of `marks.html` a page needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) stars: bool,
    pub(crate) faces: bool,
    pub(crate) thumbs: bool,
}

impl Drawn {
    pub(crate) fn of(kinds: impl Iterator<Item = Kind>) -> Self {
        kinds.fold(Self::default(), |drawn, kind| Self {
            stars: drawn.stars || kind == Kind::Stars,
            faces: drawn.faces || kind == Kind::Smiley,
            thumbs: drawn.thumbs || kind == Kind::Thumbs,
        })
    }

    pub(crate) const fn any(self) -> bool {
        self.stars || self.faces || self.thumbs
    }
}

/// The shape in `marks.html` that a score of a kind is.
pub(crate) const fn mark(kind: Kind, score: i32) -> &'static str {
    match (kind, score) {
        (Kind::Smiley, ..=1) => "face1",
        (Kind::Smiley, 2) => "face2",
        (Kind::Smiley, _) => "face3",
        (Kind::Thumbs, ..=0) => "thumb0",
        (Kind::Thumbs, _) => "thumb1",
        _ => "",
    }
}

/// Shows a question that depends on an earlier score once that score is chosen, without a script. Browsers that do not
/// know `:has()` show it always, and so does a page that has something in it already.
fn rules(questions: &[Question], asked: &[Asked]) -> String {
    let mut rules = String::new();
    for (question, shown) in questions.iter().zip(asked) {
        let Some(when) =
            question.ask_when.as_ref().filter(|_| shown.typed.is_empty() && shown.error.is_none())
        else {
            continue;
        };
        let chosen = holding(questions, when);
        if !chosen.is_empty() {
            let place = shown.place;
            rules.push_str(&format!(
                "@supports selector(:has(a)){{.w{place}{{display:none}}form:has({chosen}) .w{place}{{display:block}}}}"
            ));
        }
    }
    rules
}

fn holding(questions: &[Question], when: &AskWhen) -> String {
    let earlier = questions.iter().enumerate().find(|(_, question)| question.id == when.question);
    let Some((place, scale)) = earlier.and_then(|(place, question)| Some((place, question.kind.scale()?)))
    else {
        return String::new();
    };
    let chosen: Vec<_> = scale
        .scores()
        .filter(|score| when.holds(*score))
        .map(|score| format!("#q{place}-{score}:checked"))
        .collect();
    chosen.join(",")
}
