//! The table of routes.

use http::Method;

use super::{Reply, Request, allow, doors};
use crate::{
    channel::{Edge, chat_widget, json},
    outcome::{Reason, Refusal},
};

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Link,
    Form,
    Twilio { brand: &'a str, survey: &'a str },
    IvrEvents,
    Widget,
    Definition { survey: &'a str },
    Beacon,
    Responses,
    Batch,
    Links,
}

impl<'a> Route<'a> {
    fn of(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["r", _] | ["r", _, _] | ["m", _, _] | ["m", _, _, _] => Self::Link,
            ["f", _, _] => Self::Form,
            ["ivr", "twilio", brand, survey] => Self::Twilio { brand, survey },
            ["v1", "ivr", "events"] => Self::IvrEvents,
            ["widget.js"] => Self::Widget,
            ["v1", "surveys", survey] => Self::Definition { survey },
            ["v1", "beacon"] => Self::Beacon,
            ["v1", "responses"] => Self::Responses,
            ["v1", "responses", "batch"] => Self::Batch,
            ["v1", "links"] => Self::Links,
            _ => return None,
        })
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::Link | Self::Form => "GET, HEAD, POST",
            Self::Widget | Self::Definition { .. } => "GET, HEAD",
            Self::Beacon => "POST, OPTIONS",
            Self::Twilio { .. } | Self::IvrEvents | Self::Responses | Self::Batch | Self::Links => "POST",
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
        Err(_) if is_page(&path) => return doors::no_page(edge, &request),
        Err(refusal) => return json::problem(&refusal, &request.trace),
    };
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let Some(route) = Route::of(&segments) else {
        return if is_page(&path) { doors::no_page(edge, &request) } else { not_found(&request) };
    };
    match *request.method() {
        Method::GET | Method::HEAD => get(edge, request, route).await,
        Method::POST => post(edge, request, route).await,
        Method::OPTIONS if route == Route::Beacon => doors::preflight(edge, &request),
        Method::OPTIONS => allow(super::no_content(), route.methods()),
        _ => wrong_method(&request, route),
    }
}

async fn get(edge: &Edge, request: Request, route: Route<'_>) -> Reply {
    match route {
        Route::Link => doors::link_page(edge, request).await,
        Route::Form => doors::form_page(edge, &request),
        Route::Widget => chat_widget::script(&request.parts.headers),
        Route::Definition { survey } => doors::definition(edge, &request, survey),
        _ => wrong_method(&request, route),
    }
}

async fn post(edge: &Edge, request: Request, route: Route<'_>) -> Reply {
    match route {
        // The largest futures, for requests at the rate of people: in a box, all the others are moved as less.
        Route::Link => Box::pin(doors::link_post(edge, request)).await,
        Route::Form => Box::pin(doors::form_post(edge, request)).await,
        Route::Twilio { brand, survey } => Box::pin(doors::twilio(edge, request, brand, survey)).await,
        Route::IvrEvents => doors::event(edge, request).await,
        Route::Beacon => doors::beacon(edge, request).await,
        Route::Responses => json::responses(edge, request).await,
        Route::Batch => json::batch_responses(edge, request).await,
        Route::Links => doors::links(edge, request).await,
        Route::Widget | Route::Definition { .. } => wrong_method(&request, route),
    }
}

/// Whether a person may have opened it.
fn is_page(path: &str) -> bool {
    ["/r/", "/m/", "/f/", "/u/"].iter().any(|prefix| path.starts_with(prefix))
}

fn not_found(request: &Request) -> Reply {
    json::problem(&Refusal::new(Reason::NotFound, "there is nothing at this path"), &request.trace)
}

fn wrong_method(request: &Request, route: Route<'_>) -> Reply {
    let refusal = Refusal::new(Reason::MethodNotAllowed, format!("this route takes {}", route.methods()));
    allow(json::problem(&refusal, &request.trace), route.methods())
}
