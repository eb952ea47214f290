//! The pages of an opt-out, in the languages of our own words.

use askama::Template;
use http::StatusCode;

use super::{AGAIN, FIELD, OpenedOptOut, STOP};
use crate::{
    channel::{
        Reply,
        page::{self as pages, Context, Frame, Framing, Visit, Words},
    },
    survey::Language,
};

/// What the page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Asks whether they want no more.
    Asks,
    /// A form came that says neither; asks again.
    Unsaid,
    /// They want no more, and said so now.
    Done,
    /// They said so before.
    Out,
    /// They want them again.
    Again,
    /// The link does not say who they are.
    Nobody,
    /// The same, to somebody who pressed the button all the same.
    NobodyToRecord,
}

#[derive(Template)]
#[template(path = "opt_out.html")]
struct Page {
    frame: Frame,
    title: String,
    text: String,
    is_done: bool,
    /// The page itself, without the query.
    action: String,
    field: &'static str,
    form: Option<Form>,
}

/// One button, and what it sends.
struct Form {
    /// What stands above it.
    lead: &'static str,
    value: &'static str,
    button: &'static str,
    /// Does what was just done undone, and is drawn as less than the page's matter.
    is_back: bool,
}

impl State {
    const fn status(self) -> StatusCode {
        match self {
            Self::Unsaid | Self::NobodyToRecord => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::OK,
        }
    }

    const fn words(self, words: &'static Words) -> (&'static str, &'static str) {
        match self {
            Self::Asks | Self::Unsaid => (words.opt_out_title, words.opt_out_text),
            Self::Done | Self::Out => (words.opted_out_title, words.opted_out_text),
            Self::Again => (words.opted_in_title, words.opted_in_text),
            Self::Nobody | Self::NobodyToRecord => (words.nobody_title, words.nobody_text),
        }
    }

    const fn form(self, words: &'static Words) -> Option<Form> {
        match self {
            Self::Asks | Self::Unsaid => {
                Some(Form { lead: "", value: STOP, button: words.opt_out_button, is_back: false })
            }
            Self::Done | Self::Out => {
                let lead = words.by_mistake;
                Some(Form { lead, value: AGAIN, button: words.opt_in_button, is_back: true })
            }
            Self::Again => Some(Form { lead: "", value: STOP, button: words.opt_out_button, is_back: true }),
            Self::Nobody | Self::NobodyToRecord => None,
        }
    }
}

pub(super) fn page(
    opened: &OpenedOptOut,
    context: &Context<'_>,
    visit: &Visit<'_>,
    chosen: Option<&str>,
    state: State,
) -> Reply {
    let language = language(opened, visit, chosen);
    let brand = context.catalog.brand(&opened.brand.id).unwrap_or(&opened.brand);
    let mut frame = Frame::new(language.as_ref(), Some(brand), String::new());
    let spoken: Vec<_> = brand.languages.iter().filter(|language| Words::speak(language)).cloned().collect();
    frame.offer(&spoken, visit.query);
    let words = frame.words;
    let (title, text) = state.words(words);
    let [title, text] = [title, text].map(|text| text.replace("{brand}", &brand.name));
    frame.title.clone_from(&title);
    let is_done = matches!(state, State::Done | State::Again);
    let path = visit.path.trim_end_matches('/');
    let segment = path.rsplit('/').next().unwrap_or_default();
    let action = pages::relative(visit.path, segment, 0);
    let page = Page { title, text, is_done, action, field: FIELD, form: state.form(words), frame };
    pages::reply_page(state.status(), &page, &page.frame, &Framing::default())
}

/// What the person chose, what the link says, what the browser says, what the brand speaks: the first that has our
/// words.
fn language(opened: &OpenedOptOut, visit: &Visit<'_>, chosen: Option<&str>) -> Option<Language> {
    let wishes = pages::wishes(visit, chosen, opened.locale.as_ref());
    wishes.into_iter().chain(opened.brand.languages.iter().cloned()).find(Words::speak)
}
