//! Takes reports of recorded comments; [`super::callback`] says what they mean. Nobody listens: the status alone
//! counts, and what found no room says so, for providers that try again.

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::{
    super::{Desk, closed, input::Recording},
    Proven, Reply, Request,
    call::Call,
    callback::Callback,
    nothing, prove,
    voice::Dialect,
};
use crate::{
    catalog::Brand,
    intake::{Given, Submission},
    outcome::{Outcome, Reason, Receipt, Refusal},
    survey::{Kind, Question},
};

/// What a report says.
struct Report<'a> {
    call: Call<'a>,
    question: &'a Question,
    recording: Recording,
    /// What was said; none while nobody has written it down.
    text: Option<String>,
}

/// Takes a report. What it says is on disk before it is answered.
pub(crate) async fn report<F, Fut>(
    desk: Desk<'_>,
    request: Request<'_>,
    callback: Callback,
    submit: F,
) -> Reply
where
    F: Fn(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
{
    match prove(&desk, &request, unknown_to_reports) {
        Ok(proven) => reported(desk, request, proven, callback, submit).await,
        Err(reply) => *reply,
    }
}

/// Takes a report, whichever way its sender was proven.
pub(in crate::channel::ivr) async fn reported<'a, F, Fut>(
    desk: Desk<'a>,
    request: Request<'a>,
    proven: Proven<'a>,
    callback: Callback,
    submit: F,
) -> Reply
where
    F: Fn(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
{
    let report = match accept(&desk, &request, proven, callback) {
        Ok(Some(report)) => report,
        Ok(None) => return nothing(StatusCode::OK),
        Err(reply) => return *reply,
    };
    let Report { call, question, recording, text } = report;
    let reference = call.submission(question, Given::Text(recording.address.clone()));
    let mut submissions = vec![reference];
    submissions.extend(text.map(|text| call.transcription(question, &recording, text)));
    for submission in submissions {
        if let Err(refusal) = submit(submission).await
            && !is_known(&refusal)
        {
            return refused(&call, &refusal);
        }
    }
    nothing(StatusCode::OK)
}

/// Whether the recording was reported before, in other words.
pub(super) fn is_known(refusal: &Refusal) -> bool {
    refusal.reason == Reason::IdempotencyKeyReused
}

/// What is reported; none when it is nothing to keep.
fn accept<'a>(
    desk: &Desk<'a>,
    request: &Request<'a>,
    proven: Proven<'a>,
    callback: Callback,
) -> Result<Option<Report<'a>>, Box<Reply>> {
    let Proven { brand, webhook } = proven;
    let form = &webhook.form;
    let Some(survey) = desk.catalog.survey(&brand.id, request.survey) else {
        return Err(pointless(desk, Some(brand), Reason::UnknownSurvey));
    };
    if let Some(reason) = closed(survey) {
        return Err(pointless(desk, Some(brand), reason));
    }
    let status = match callback {
        Callback::Recording => form.get("RecordingStatus"),
        Callback::Transcription => form.get("TranscriptionStatus"),
    };
    let is_complete = matches!(status, "completed" | "");
    if callback == Callback::Recording && !is_complete {
        return Ok(None);
    }
    let text = Some(form.get("TranscriptionText").trim().to_owned());
    let text = text.filter(|text| callback == Callback::Transcription && is_complete && !text.is_empty());
    let (call, question) = Call::reported(brand, survey, webhook, desk.identity_key)
        .map_err(|_| pointless(desk, Some(brand), Reason::BadReference))?;
    let question = survey.question(&question).filter(|question| question.kind == Kind::Text);
    let recording = call.recording();
    Ok(question.zip(recording).map(|(question, recording)| Report { call, question, recording, text }))
}

/// Nobody listens to an apology.
pub(in crate::channel::ivr) fn unknown_to_reports(
    desk: &Desk<'_>,
    _: &Request<'_>,
    _: &'static Dialect,
) -> Box<Reply> {
    pointless(desk, None, Reason::UnknownBrand)
}

/// A report that nothing can come of; the provider's own log shows the status.
fn pointless(desk: &Desk<'_>, brand: Option<&Brand>, reason: Reason) -> Box<Reply> {
    desk.reject(brand, reason);
    tracing::warn!(
        brand = brand.map(|brand| brand.id.as_str()),
        reason = reason.code(),
        "a report of a recorded comment was refused: check that brand and survey are those of the call, and open"
    );
    Box::new(nothing(reason.status()))
}

fn refused(call: &Call<'_>, refusal: &Refusal) -> Reply {
    let (brand, survey, reason) = (&call.brand.id, &call.survey.id, refusal.reason.code());
    if refusal.reason.outcome() != Outcome::Limited {
        tracing::warn!(brand, survey, reason, "a recorded comment, or what it says, was refused");
        return nothing(StatusCode::OK);
    }
    tracing::error!(brand, survey, reason, "a report of a recorded comment found no room");
    let mut reply = nothing(refusal.reason.status());
    let retry_after_s = refusal.retry_after.map_or(2, |span| span.as_secs().max(1));
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
    reply
}

#[cfg(test)]
mod fuzz;
