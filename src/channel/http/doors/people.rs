//! Pages: links in mails and site forms.

use std::{net::IpAddr, sync::Arc};

use http::{Method, request::Parts};

use crate::{
    catalog::Catalog,
    channel::{
        Edge, email_link,
        http::{Reply, Request},
        link::Handle,
        page::{self, Context, Known, Visit},
        site_form,
    },
    intake::Submission,
    outcome::{Reason, Receipt, Refusal},
    survey::Channel,
};

/// `GET /r/…` and `/m/…`.
pub(in crate::channel::http) async fn link_page(edge: &Edge, request: Request) -> Reply {
    let catalog = edge.catalog.load_full();
    let context = context(edge, &catalog);
    let token = match long_token(edge, request.parts.uri.path()).await {
        Ok(token) => token,
        Err(refusal) => return refused_page(edge, &request.parts, request.source, &refusal),
    };
    let visit = Visit { token: token.as_deref(), ..visit(&request.parts, request.source) };
    match email_link::OpenedLink::open(&context, &visit) {
        Ok(opened) => {
            let mut submission = opened.submission(&page::Fields::default());
            let touched = opened.touched(request.parts.method == Method::HEAD);
            if let Some(touched) = touched.filter(|_| !page::signals::is_prefetch(visit.headers)) {
                submission.signals = Some(page::signals::seen(visit.headers));
                edge.intake.touch(submission.clone(), touched);
            }
            let known = edge.intake.known(submission).await;
            let known = known.map(|scores| Known { scores });
            email_link::get(&opened, &context, &visit, known.as_ref())
        }
        Err(refusal) => email_link::refused(&context, &visit, &refusal),
    }
}

/// `POST /r/…` and `/m/…` (a mail's link), `POST /f/…` (a form).
pub(in crate::channel::http) async fn page_post(edge: &Edge, request: Request, channel: Channel) -> Reply {
    let catalog = edge.catalog.load_full();
    let context = context(edge, &catalog);
    let source = request.source;
    let head = request.parts.clone();
    match request.read(edge.settings.http.body_bytes, &edge.settings.http).await {
        Ok((parts, body)) => {
            let token = match long_token(edge, parts.uri.path()).await {
                Ok(token) => token,
                Err(refusal) => {
                    let refusal = edge.intake.refuse(channel, None, refusal);
                    return refused_page(edge, &head, source, &refusal);
                }
            };
            let visit = Visit { token: token.as_deref(), ..visit(&parts, source) };
            let submit = async |read| submit(edge, channel, read).await;
            match channel {
                Channel::Form => site_form::post(&context, &visit, body, submit).await,
                _ => email_link::post(&context, &visit, body, submit).await,
            }
        }
        Err(refusal) => refused_page(edge, &head, source, &edge.intake.refuse(channel, None, refusal)),
    }
}

/// The token of the long link, where a path has a short handle.
///
/// # Errors
/// As [`ShortLinks::token`](crate::channel::link::ShortLinks::token).
pub(super) async fn long_token(edge: &Edge, path: &str) -> Result<Option<Arc<str>>, Refusal> {
    let segments = page::segments(path);
    let handle = match segments.as_slice() {
        [kind, handle, ..] if matches!(kind.as_str(), "r" | "R" | "u" | "U") => Handle::parse(handle),
        _ => None,
    };
    match handle {
        Some(handle) => edge.short_links.token(handle).await.map(Some),
        None => Ok(None),
    }
}

/// A path that leads nowhere, opened by a person.
pub(in crate::channel::http) fn no_page(edge: &Edge, head: &Parts, source: IpAddr) -> Reply {
    let mut refusal = Refusal::new(Reason::NotFound, "there is no such page");
    if head.method == Method::POST {
        let channel = if head.uri.path().starts_with("/f/") { Channel::Form } else { Channel::Email };
        refusal = edge.intake.refuse(channel, None, refusal);
    }
    refused_page(edge, head, source, &refusal)
}

/// What a person sees of a refusal that neither of their channels made.
pub(in crate::channel::http) fn refused_page(
    edge: &Edge,
    head: &Parts,
    source: IpAddr,
    refusal: &Refusal,
) -> Reply {
    let catalog = edge.catalog.load_full();
    page::refused(&context(edge, &catalog), &visit(head, source), None, refusal)
}

/// `GET /f/…`.
pub(in crate::channel::http) fn form_page(edge: &Edge, request: &Request) -> Reply {
    let catalog = edge.catalog.load_full();
    site_form::get(&context(edge, &catalog), &visit(&request.parts, request.source))
}

async fn submit(
    edge: &Edge,
    channel: Channel,
    read: Result<Submission, Refusal>,
) -> Result<Receipt, Refusal> {
    match read {
        Ok(submission) => edge.intake.submit(submission).await,
        Err(refusal) => Err(edge.intake.refuse(channel, None, refusal)),
    }
}

/// What pages are made from.
pub(super) fn context<'a>(edge: &'a Edge, catalog: &'a Catalog) -> Context<'a> {
    let bounds = &edge.settings.http;
    Context {
        catalog,
        identity_key: &edge.settings.identity_key,
        form_fields: bounds.form_fields,
        text_chars: bounds.text_chars,
        now: edge.clock.now(),
    }
}

pub(super) fn visit(parts: &Parts, source: IpAddr) -> Visit<'_> {
    Visit {
        path: parts.uri.path(),
        token: None,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        source,
    }
}
