//! The pages of one invitation: what they share, and which one shows what became of an answer.

use http::StatusCode;

use super::{
    Context, Fields, Framing, Invitation, Visit, Words,
    ask::{self, Asking},
    done,
    frame::Frame,
    language, note,
    seal::{self, Seal},
    signals, wait,
};
use crate::{
    channel::Reply,
    intake::SubmissionKey,
    outcome::{Outcome, Receipt, Refusal},
    survey::{Language, Texts},
};

/// What is known of an earlier answer: its scores by question, without comments. May be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Scores by the question's id.
    pub scores: Vec<(String, i32)>,
}

/// What the pages of one invitation share.
#[derive(Clone)]
pub(crate) struct Sheet {
    pub(crate) invitation: Invitation,
    pub(crate) language: Language,
    pub(crate) languages: Vec<Language>,
    /// Where the form goes, relative to the page, so that it works behind any path prefix.
    pub(crate) action: String,
    /// The raw query of the page.
    pub(crate) query: String,
    /// Fields that ride along with the answers.
    pub(crate) hidden: Vec<(String, String)>,
    /// Fields that lead back to the page, for a change of mind, beside those in the action's query.
    pub(crate) back: Vec<(String, String)>,
    pub(crate) framing: Framing,
    /// Where the person opts out, relative to the page, and whether they have.
    pub(crate) opt_out: Option<(String, bool)>,
    pub(crate) honeypot: bool,
    /// The form says what was pressed on the page.
    pub(crate) tells_presses: bool,
    /// A score that is pressed is sent at once.
    pub(crate) sends_presses: bool,
    pub(crate) text_chars: usize,
}

/// Its fields and addresses hold tokens, and what was typed.
impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet")
            .field("invitation", &self.invitation)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

impl Sheet {
    /// The pages of an invitation, in the language that the visitor chose or reads.
    pub(crate) fn new(
        context: &Context<'_>,
        visit: &Visit<'_>,
        invitation: Invitation,
        chosen: Option<&str>,
    ) -> Self {
        let wishes = language::wishes(visit, chosen, invitation.locale.as_ref());
        let (brand, survey) = (&invitation.brand, &invitation.survey);
        let mut available = survey.languages();
        if !available.contains(&&survey.default_language) {
            available.push(&survey.default_language);
        }
        let order = |tag: &Language| brand.languages.iter().position(|own| own.primary() == tag.primary());
        available.sort_by_cached_key(|language| order(language).unwrap_or(usize::MAX));
        let language = language::choose(&wishes, &brand.languages, &available, &survey.default_language);
        let languages = available.into_iter().cloned().collect();
        Self {
            hidden: vec![("lang".to_owned(), language.to_string())],
            back: Vec::new(),
            action: String::new(),
            query: visit.query.to_owned(),
            framing: Framing::default(),
            opt_out: None,
            honeypot: false,
            tells_presses: false,
            sends_presses: false,
            text_chars: context.text_chars,
            invitation,
            language,
            languages,
        }
    }

    /// Gives the page a submission key, which stays the same through errors and changes of mind.
    pub(crate) fn carry_key(&mut self, key: SubmissionKey) {
        self.back.push(("key".to_owned(), key.text.clone()));
        self.hidden.push(("key".to_owned(), key.text));
    }

    /// Gives the page a seal of when it was served. A form that comes back with something wrong in it keeps the seal of
    /// the page that was read.
    pub(crate) fn carry_seal(&mut self, context: &Context<'_>, fields: &Fields) {
        let link = self.invitation.link();
        let seal = Seal::open(fields, context, link).unwrap_or_else(|| Seal::now(context));
        self.hidden.push((seal::FIELD.to_owned(), seal.text(context, link)));
    }

    /// Has the page say what was pressed on it.
    pub(crate) fn tell_presses(&mut self) {
        self.hidden.push((signals::PRESSED.to_owned(), String::new()));
        self.tells_presses = true;
    }

    /// The survey page. `selected` holds values by question id.
    pub(crate) fn ask(&self, selected: &[(String, String)]) -> Reply {
        ask::page(self, &Asking { typed: selected, refusal: None, status: StatusCode::OK })
    }

    /// The page for somebody who has answered before: the scores, and a way to change them.
    pub(crate) fn known(&self, known: &Known, selected: &[(String, String)]) -> Reply {
        done::known(self, known, selected)
    }

    /// What became of a filled form. A refusal that the person can do something about shows the form as it was filled.
    pub(crate) fn answer(&self, fields: &Fields, outcome: &Result<Receipt, Refusal>) -> Reply {
        match outcome {
            Ok(receipt) => done::thank(self, receipt, signals::is_again(fields)),
            Err(refusal) if refusal.reason.outcome() == Outcome::Limited => wait::page(self, fields, refusal),
            Err(refusal) if refusal.reason.status() == StatusCode::UNPROCESSABLE_ENTITY => {
                let status = refusal.reason.status();
                ask::page(self, &Asking { typed: &fields.0, refusal: Some(refusal), status })
            }
            Err(refusal) => note::page(self.frame(String::new()), refusal.reason, &self.framing),
        }
    }

    /// The address of the filled page. It goes on behind the action's own query, which may be under a signature.
    pub(crate) fn address_to_change(&self, scores: impl Iterator<Item = (String, String)>) -> String {
        let own = [("change", "1"), ("lang", self.language.as_str())];
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.back)
            .extend_pairs(scores)
            .extend_pairs(own)
            .finish();
        let join = if self.action.contains('?') { '&' } else { '?' };
        format!("{}{join}{query}", self.action)
    }

    pub(crate) fn frame(&self, title: String) -> Frame {
        let brand = &self.invitation.brand;
        let mut frame = Frame::new(Some(&self.language), Some(brand), title);
        frame.opt_out = self.opt_out.as_ref().map(|(href, is_out)| {
            let text = if *is_out { frame.words.opted_out_line } else { frame.words.opt_out_line };
            (href.clone(), text.replace("{brand}", &brand.name))
        });
        frame
    }

    pub(crate) fn words(&self) -> &'static Words {
        Words::of(&self.language)
    }

    /// A survey's text in the language of the page, its places filled.
    pub(crate) fn text(&self, texts: &Texts) -> String {
        let subject = self.invitation.references.subject.as_ref().map(|subject| subject.reference.as_str());
        let text = texts.get(&self.language, &self.invitation.survey.default_language);
        if !text.as_bytes().contains(&b'{') {
            return text.to_owned();
        }
        text.replace("{brand}", &self.invitation.brand.name).replace("{subject}", subject.unwrap_or(""))
    }
}
