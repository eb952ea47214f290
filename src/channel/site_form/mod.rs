//! Site forms: the hosted page `/f/{brand}/{survey}`, and plain HTML forms of any site that post to it.
//!
//! Takes: urlencoded and multipart forms, from any origin. Gives: pages, and a submission for each form; a redirect to
//! `next` where the brand allows it.
//! Refuses: forms that cannot be decoded, and tokens that are not of this brand and survey.
//! Bounds: a body and its fields as configured. A filled honeypot holds the answer, it does not refuse it.

mod next;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::{
    channel::{
        Reply, link,
        page::{self, Context, Fields, Framing, Invitation, References, Sheet, Visit},
    },
    intake::{Proof, Submission},
    outcome::{Problem, Reason, Receipt, Refusal},
    proto::store::v1::{Press, Signals},
    survey::Channel,
};

/// Looks like a field to a machine and is not shown to people.
const HONEYPOT: &str = "website";

/// What a site form is about, by its path and its fields.
#[derive(Clone, Debug)]
struct Form {
    invitation: Invitation,
    /// References that cannot be read.
    problems: Vec<Problem>,
    /// Where to go on success; one of the brand's redirects.
    next: Option<url::Url>,
}

/// `GET` and `HEAD`: the hosted page. Its query fills the form's fields. Stores nothing.
pub(crate) fn get(context: &Context<'_>, visit: &Visit<'_>) -> Reply {
    let query = Fields::of_query(visit.query);
    match Form::open(context, visit, &query).and_then(Form::without_problems) {
        Ok(form) => {
            let selected = page::preselected(&form.invitation.survey, None, &query);
            form.sheet(context, visit, &query).ask(&selected)
        }
        Err(refusal) => refused(context, visit, &refusal),
    }
}

/// `POST`: hands what the form says, or why it cannot be read, to `submit`, and shows what became of it.
pub(crate) async fn post(
    context: &Context<'_>,
    visit: &Visit<'_>,
    body: Bytes,
    submit: impl AsyncFnOnce(Result<Submission, Refusal>) -> Result<Receipt, Refusal>,
) -> Reply {
    let fields = Fields::read(visit.headers, body, context.form_fields).await;
    let form = match &fields {
        Ok(fields) => Form::open(context, visit, fields),
        Err(refusal) => Err(refusal.clone()),
    };
    let submission = match (&form, &fields) {
        (Ok(form), Ok(fields)) => {
            let signals = page::signals::sent(context, visit, fields, form.invitation.link());
            // Its page has no script; a form of another site was served by nobody we know.
            let signals = Signals { press: Press::Unspecified.into(), ..signals };
            let signals = signals.page_ms.is_some().then_some(signals);
            Ok(Submission { signals, ..form.submission(fields) })
        }
        (Err(refusal), _) | (_, Err(refusal)) => Err(refusal.clone()),
    };
    let outcome = submit(submission).await;
    match (form, outcome) {
        (Ok(form), outcome) => {
            let fields = fields.unwrap_or_default();
            match form.redirect(&outcome) {
                Some(redirect) => redirect,
                None => form.sheet(context, visit, &fields).answer(&fields, &outcome),
            }
        }
        (Err(refusal), outcome) => refused(context, visit, &outcome.err().unwrap_or(refusal)),
    }
}

fn refused(context: &Context<'_>, visit: &Visit<'_>, refusal: &Refusal) -> Reply {
    let segments = page::segments(visit.path);
    page::refused(context, visit, segments.get(1).map(String::as_str), refusal)
}

impl Form {
    fn open(context: &Context<'_>, visit: &Visit<'_>, fields: &Fields) -> Result<Self, Refusal> {
        let segments = page::segments(visit.path);
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let ["f", brand, survey] = segments.as_slice() else {
            return Err(Refusal::new(Reason::NotFound, "there is no such page"));
        };
        let (invitation, problems) = match fields.get("token") {
            Some(token) => (by_token(context, token, brand, survey)?, Vec::new()),
            None => stated(context, visit, fields, brand, survey)?,
        };
        let next = fields.get("next").and_then(|next| next::allowed(next, &invitation.brand.redirects));
        Ok(Self { invitation, problems, next })
    }

    /// Nobody shall fill a form in vain.
    fn without_problems(self) -> Result<Self, Refusal> {
        if self.problems.is_empty() { Ok(self) } else { Err(Refusal::invalid(self.problems)) }
    }

    fn submission(&self, fields: &Fields) -> Submission {
        let key = fields.get("key").is_some() || !self.invitation.is_identified();
        let key = key.then(|| match (fields.get("key"), self.invitation.link_key()) {
            (None, Some(key)) => key,
            _ => page::form_key(fields),
        });
        let mut submission = self.invitation.submission(fields, key);
        submission.problems.extend_from_slice(&self.problems);
        if fields.get(HONEYPOT).is_some() {
            submission.hold = submission.hold.or(Some(Reason::Suspicious));
        }
        submission
    }

    /// The hosted page; what it was given beside answers rides along.
    fn sheet(&self, context: &Context<'_>, visit: &Visit<'_>, fields: &Fields) -> Sheet {
        let mut sheet = Sheet::new(context, visit, self.invitation.clone(), fields.last("lang"));
        sheet.action = page::relative(visit.path, &self.invitation.survey.id, 0);
        for name in ["token", "interaction", "respondent", "subject", "next"] {
            if let Some(value) = fields.get(name) {
                sheet.hidden.push((name.to_owned(), value.to_owned()));
                sheet.back.push((name.to_owned(), value.to_owned()));
            }
        }
        sheet.carry_key(page::form_key(fields));
        sheet.carry_seal(context, fields);
        sheet.framing = Framing::of_sites(
            &self.invitation.brand,
            self.next.as_ref().and_then(|next| page::origin_of(next.as_str())),
        );
        sheet.honeypot = true;
        sheet
    }

    /// 303 (RFC 9110, 15.4.4), so that the browser gets `next` and a reload does not send the form again.
    fn redirect(&self, outcome: &Result<Receipt, Refusal>) -> Option<Reply> {
        let next = self.next.as_ref().filter(|_| outcome.is_ok())?;
        let mut reply = Reply::default();
        *reply.status_mut() = StatusCode::SEE_OTHER;
        let headers = reply.headers_mut();
        headers.insert(header::LOCATION, HeaderValue::from_str(next.as_str()).ok()?);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Some(reply)
    }
}

fn by_token(context: &Context<'_>, token: &str, brand: &str, survey: &str) -> Result<Invitation, Refusal> {
    let token = link::open(&context.catalog.link_keys, token)?;
    if token.claims.brand != brand || token.claims.survey != survey {
        return Err(Refusal::new(Reason::BadToken, "the token is for another brand or survey"));
    }
    Invitation::of_token(context, Channel::Form, token)
}

fn stated(
    context: &Context<'_>,
    visit: &Visit<'_>,
    fields: &Fields,
    brand: &str,
    survey: &str,
) -> Result<(Invitation, Vec<Problem>), Refusal> {
    let proof = Proof::Nobody { source: visit.source };
    let mut invitation = Invitation::new(context.catalog, Channel::Form, brand, survey, proof)?;
    match References::read(fields, context) {
        Ok(references) => {
            invitation.references = references;
            Ok((invitation, Vec::new()))
        }
        Err(problems) => Ok((invitation, problems)),
    }
}
