//! Links in mails: `/r/{token}` that we made, `/m/{brand}/{survey}` that a mail tool built.
//!
//! Takes: a visit to a link, and the form that its page sends. Gives: pages, and a submission for each form.
//! Refuses: tokens and signatures that are not ours (the page of a broken link); an expired one still asks, and its
//! answer is held.
//! Bounds: a body and its fields as configured; opening a link stores a touch at most.

#[cfg(test)]
mod fuzz;
mod mail_tool;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::mail_tool::MailToolLink;
use crate::{
    catalog::RespondentKey,
    channel::{
        Reply, link,
        page::{self, Context, Fields, Invitation, Known, Sheet, Visit},
    },
    intake::{Proof, Submission},
    outcome::{Reason, Receipt, Refusal},
    proto::store::v1::Touched,
    survey::{Channel, EmailConfirm},
};

/// A link that was opened: what it asks, and the score that it preselects.
#[derive(Clone, Debug)]
pub(crate) struct OpenedLink {
    /// What it asks, and who vouches for it.
    pub invitation: Invitation,
    score: Option<i32>,
    action: String,
    /// Where its person opts out; none when it does not say who that is.
    opt_out: Option<String>,
    /// They have.
    pub is_out: bool,
}

/// `GET` and `HEAD`: the survey page; for somebody known to have answered, what they answered. Stores no answer.
///
/// `known` is what the gateway knows of earlier answers through this link; none when it knows of none.
pub(crate) fn get(
    opened: &OpenedLink,
    context: &Context<'_>,
    visit: &Visit<'_>,
    known: Option<&Known>,
) -> Reply {
    let query = Fields::of_query(visit.query);
    let mut sheet = opened.clone().into_sheet(context, visit, &query);
    shows_form(&mut sheet, context, &query);
    let selected = page::preselected(&opened.invitation.survey, opened.score, &query);
    // What one stated, another may not read by stating the same.
    let is_proven = matches!(opened.invitation.proof, Proof::Link { .. });
    match known {
        Some(known) if is_proven && query.get("change").is_none() => sheet.known(known, &selected),
        _ => sheet.ask(&selected),
    }
}

/// `POST`: hands what the form says, or why it cannot be read, to `submit`, and shows what became of it.
pub(crate) async fn post(
    context: &Context<'_>,
    visit: &Visit<'_>,
    body: Bytes,
    submit: impl AsyncFnOnce(Result<Submission, Refusal>) -> Result<Receipt, Refusal>,
) -> Reply {
    let read = OpenedLink::open(context, visit);
    let fields = match &read {
        Ok(_) => Fields::read(visit.headers, body, context.form_fields).await,
        Err(refusal) => Err(refusal.clone()),
    };
    let submission = match (&read, &fields) {
        (Ok(opened), Ok(fields)) => {
            let signals = page::signals::sent(context, visit, fields, opened.invitation.link());
            Ok(Submission { signals: Some(signals), ..opened.submission(fields) })
        }
        (Err(refusal), _) | (_, Err(refusal)) => Err(refusal.clone()),
    };
    let outcome = submit(submission).await;
    match (read, outcome) {
        (Ok(opened), outcome) => {
            let fields = fields.unwrap_or_default();
            let mut sheet = opened.into_sheet(context, visit, &fields);
            if outcome.is_err() {
                shows_form(&mut sheet, context, &fields);
            }
            sheet.answer(&fields, &outcome)
        }
        (Err(refusal), outcome) => refused(context, visit, &outcome.err().unwrap_or(refusal)),
    }
}

/// The page for a link that cannot be opened.
pub(crate) fn refused(context: &Context<'_>, visit: &Visit<'_>, refusal: &Refusal) -> Reply {
    let segments = page::segments(visit.path);
    let brand = segments.get(1).filter(|_| segments.first().is_some_and(|first| first == "m"));
    page::refused(context, visit, brand.map(String::as_str), refusal)
}

impl OpenedLink {
    /// Opens the link of a visit.
    ///
    /// # Errors
    /// `bad_token` for a token or signature that is not ours, `not_found` for a path that is no link, `invalid` for
    /// references that cannot be read, and what [`Reason`] says of surveys that are not there or closed.
    pub(crate) fn open(context: &Context<'_>, visit: &Visit<'_>) -> Result<Self, Refusal> {
        let segments = page::segments(visit.path);
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["r" | "R", segment, rest @ ..] if rest.len() <= 1 => {
                // The form leads to the long link, so that sending needs nobody to say what the handle stands for.
                let token = visit.token.unwrap_or(segment);
                let invitation = by_token(context, token)?;
                let opt_out = page::relative(visit.path, &format!("../u/{token}"), rest.len());
                let is_somebodys = invitation.references.respondent.is_some();
                let opened = Self::new(invitation, page::relative(visit.path, token, rest.len()), rest);
                Ok(Self { opt_out: is_somebodys.then_some(opt_out), ..opened })
            }
            ["m", brand, survey, rest @ ..] if rest.len() <= 1 => {
                let link = MailToolLink { brand, survey, query: visit.query, source: visit.source };
                let invitation = link.open(context)?;
                let path = page::relative(visit.path, survey, rest.len());
                let opt_out = mail_tool::opt_out_token(context, &invitation)
                    .map(|token| page::relative(visit.path, &format!("../../u/{token}"), rest.len()));
                Ok(Self { opt_out, ..Self::new(invitation, format!("{path}?{}", visit.query), rest) })
            }
            _ => Err(Refusal::new(Reason::NotFound, "there is no such page")),
        }
    }

    fn new(invitation: Invitation, action: String, rest: &[&str]) -> Self {
        let score = rest.first().and_then(|segment| page::score_of(segment));
        Self { invitation, score, action, opt_out: None, is_out: false }
    }

    /// The touch that opening it is; none without a score on the scale, or where it would be nobody's in particular.
    pub(crate) fn touched(&self, head: bool) -> Option<Touched> {
        let invitation = &self.invitation;
        let question = invitation.survey.first_scored()?;
        let score = self.score.filter(|score| {
            question.kind.scale().is_some_and(|scale| (scale.min..=scale.max).contains(score))
        })?;
        let is_somebodys = invitation.is_identified() || invitation.link_key().is_some();
        is_somebodys.then(|| Touched { question: question.id.clone(), score, head })
    }

    /// Whom it was sent to, and by which brand; none where nothing proves it.
    pub(crate) fn person(&self) -> Option<(&str, RespondentKey)> {
        let respondent = self.invitation.references.respondent.as_ref()?;
        self.opt_out.is_some().then_some((self.invitation.brand.id.as_str(), respondent.key))
    }

    /// The submission that its filled form is.
    pub(crate) fn submission(&self, fields: &Fields) -> Submission {
        let invitation = &self.invitation;
        // Where the references say whose answer it is, a second page must not count as a second answer.
        let key = (!invitation.is_identified())
            .then(|| invitation.link_key().unwrap_or_else(|| page::form_key(fields)));
        invitation.submission(fields, key)
    }

    /// The link's pages. `fields` are those of the query, or of the form that was sent: what was chosen there is the
    /// page's language, and its key goes on.
    fn into_sheet(self, context: &Context<'_>, visit: &Visit<'_>, fields: &Fields) -> Sheet {
        let needs_key = !self.invitation.is_identified() && self.invitation.link_key().is_none();
        let sends_presses = self.invitation.survey.email_confirm == EmailConfirm::Gesture;
        let mut sheet = Sheet::new(context, visit, self.invitation, fields.last("lang"));
        sheet.action = self.action;
        sheet.opt_out = self.opt_out.map(|href| (href, self.is_out));
        sheet.sends_presses = sends_presses;
        if needs_key {
            sheet.carry_key(page::form_key(fields));
        }
        sheet
    }
}

/// Gives a sheet what goes with a form that is to be sent; thanks go without.
fn shows_form(sheet: &mut Sheet, context: &Context<'_>, fields: &Fields) {
    sheet.carry_seal(context, fields);
    sheet.tell_presses();
}

fn by_token(context: &Context<'_>, token: &str) -> Result<Invitation, Refusal> {
    let token = link::open(&context.catalog.link_keys, token)?;
    Invitation::of_token(context, Channel::Email, token)
}
