//! The table of routes.

use http::{Method, StatusCode};

use super::{Reply, Request, allow};
use crate::{
    channel::{Edge, json},
    outcome::{Reason, Refusal},
};

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route<'a> {
    Responses,
    Batch,
    Other(&'a str),
}

impl<'a> Route<'a> {
    fn of(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["v1", "responses"] => Self::Responses,
            ["v1", "responses", "batch"] => Self::Batch,
            [other] => Self::Other(other),
            _ => return None,
        })
    }

    const fn methods(&self) -> &'static str {
        match self {
            Self::Responses | Self::Batch => "POST",
            Self::Other(_) => "GET",
        }
    }
}

/// Answers a request, within the time a request may take.
pub(super) async fn answer(edge: &Edge, request: Request) -> Reply {
    let trace = request.trace.clone();
    match tokio::time::timeout(edge.settings.http.request_timeout, dispatch(edge, request)).await {
        Ok(reply) => reply,
        Err(_) => json::problem(
            &Refusal::new(Reason::Busy, "the gateway did not answer in time; try again"),
            &trace,
        ),
    }
}

async fn dispatch(edge: &Edge, request: Request) -> Reply {
    let path = request.parts.uri.path().to_owned();
    let segments = match Request::segments(&path) {
        Ok(segments) => segments,
        Err(refusal) => return json::problem(&refusal, &request.trace),
    };
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let Some(route) = Route::of(&segments) else { return not_found(&request) };
    match (&route, request.method()) {
        (Route::Responses, &Method::POST) => json::responses(edge, request).await,
        (Route::Batch, &Method::POST) => json::batch_responses(edge, request).await,
        _ => wrong_method(&request, &route),
    }
}

fn not_found(request: &Request) -> Reply {
    json::problem(&Refusal::new(Reason::NotFound, "there is nothing at this path"), &request.trace)
}

fn wrong_method(request: &Request, route: &Route<'_>) -> Reply {
    let methods = route.methods();
    if *request.method() == Method::OPTIONS {
        let mut reply = allow(super::no_content(), methods);
        *reply.status_mut() = StatusCode::NO_CONTENT;
        return reply;
    }
    let refusal = Refusal::new(Reason::MethodNotAllowed, format!("this route takes {methods}"));
    allow(json::problem(&refusal, &request.trace), methods)
}
