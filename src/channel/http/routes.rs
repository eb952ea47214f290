//! The table of routes.

use std::net::IpAddr;

use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use smallvec::SmallVec;

use super::{Reply, Request, TraceId, allow, doors};
use crate::{
    channel::{Edge, chat_widget, ivr, ivr::twilio::Callback, json, openapi},
    outcome::{Reason, Refusal},
    survey::Channel,
};

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Link,
    OptOut,
    Form,
    Twilio { brand: &'a str, survey: &'a str, callback: Option<Callback> },
    Telnyx { brand: &'a str, survey: &'a str, callback: Option<Callback> },
    IvrEvents,
    Widget,
    WidgetVersion { file: &'a str },
    WidgetTypes,
    Definition { survey: &'a str },
    Beacon,
    Responses,
    Batch,
    Links,
    Description,
}

impl<'a> Route<'a> {
    fn of(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["r" | "R", _] | ["r" | "R", _, _] | ["m", _, _] | ["m", _, _, _] => Self::Link,
            ["u" | "U", _] => Self::OptOut,
            ["f", _, _] => Self::Form,
            ["ivr", "twilio", brand, survey] => Self::Twilio { brand, survey, callback: None },
            ["ivr", "twilio", brand, survey, report] => {
                Self::Twilio { brand, survey, callback: Some(Callback::of(report)?) }
            }
            ["ivr", "telnyx", brand, survey] => Self::Telnyx { brand, survey, callback: None },
            ["ivr", "telnyx", brand, survey, report] => {
                Self::Telnyx { brand, survey, callback: Some(Callback::of(report)?) }
            }
            ["v1", "ivr", "events"] => Self::IvrEvents,
            ["widget.js"] => Self::Widget,
            ["widget.d.ts"] => Self::WidgetTypes,
            [file] if file.starts_with("widget-") => Self::WidgetVersion { file },
            ["v1", "surveys", survey] => Self::Definition { survey },
            ["v1", "beacon"] => Self::Beacon,
            ["v1", "responses"] => Self::Responses,
            ["v1", "responses", "batch"] => Self::Batch,
            ["v1", "links"] => Self::Links,
            ["openapi.json"] => Self::Description,
            _ => return None,
        })
    }

    /// How a body may be packed.
    const fn codings(self) -> &'static str {
        match self {
            Self::Batch => "gzip, identity",
            _ => "identity",
        }
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::Link | Self::OptOut | Self::Form => "GET, HEAD, POST",
            Self::Widget | Self::WidgetVersion { .. } | Self::WidgetTypes => "GET, HEAD",
            Self::Definition { .. } | Self::Description => "GET, HEAD",
            Self::Beacon => "POST, OPTIONS",
            Self::Twilio { .. } | Self::Telnyx { .. } | Self::IvrEvents => "POST",
            Self::Responses | Self::Batch | Self::Links => "POST",
        }
    }
}

/// Answers a request, within the time a request may take.
pub(super) async fn answer(edge: &Edge, request: Request) -> Reply {
    let asker = Asker::of(&request);
    match tokio::time::timeout(edge.settings.http.request_timeout, dispatch(edge, request, &asker)).await {
        Ok(reply) => reply,
        Err(_) => {
            asker.refuse(edge, &Refusal::new(Reason::Busy, "the gateway did not answer in time; try again"))
        }
    }
}

async fn dispatch(edge: &Edge, request: Request, asker: &Asker) -> Reply {
    let path = request.parts.uri.path().to_owned();
    let segments = match Request::segments(&path) {
        Ok(segments) => segments,
        Err(refusal) => return asker.lost(edge, &refusal),
    };
    let segments: SmallVec<[&str; 6]> = segments.iter().map(AsRef::as_ref).collect();
    let Some(route) = Route::of(&segments) else { return asker.lost(edge, &nowhere()) };
    match *request.method() {
        Method::GET | Method::HEAD => get(edge, request, route).await,
        Method::POST => with_codings(post(edge, request, route).await, route),
        Method::OPTIONS if route == Route::Beacon => doors::preflight(edge, &request),
        Method::OPTIONS => allow(super::no_content(), route.methods()),
        _ => wrong_method(&request, route),
    }
}

/// Who hears of a refusal that no channel made: each in its own dialect.
enum Asker {
    Person { head: Box<Parts>, source: IpAddr },
    Caller,
    Program { trace: TraceId },
}

impl Asker {
    fn of(request: &Request) -> Self {
        let path = request.parts.uri.path();
        if ["/r/", "/R/", "/m/", "/f/", "/u/", "/U/"].iter().any(|prefix| path.starts_with(prefix)) {
            return Self::Person { head: Box::new(bare(&request.parts)), source: request.source };
        }
        if path.starts_with("/ivr/") { Self::Caller } else { Self::Program { trace: request.trace } }
    }

    /// The path leads nowhere. A person need not know that it may be misspelt.
    fn lost(&self, edge: &Edge, refusal: &Refusal) -> Reply {
        match self {
            Self::Person { head, source } => doors::no_page(edge, head, *source),
            _ => self.refuse(edge, refusal),
        }
    }

    fn refuse(&self, edge: &Edge, refusal: &Refusal) -> Reply {
        match self {
            Self::Person { head, source } => doors::refused_page(edge, head, *source, refusal),
            Self::Caller => ivr::twilio::unread(refusal),
            Self::Program { trace } => json::problem(refusal, trace),
        }
    }
}

/// What of a head a page is made of that says no: its address, and the languages that its reader speaks.
fn bare(parts: &Parts) -> Parts {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = parts.method.clone();
    head.uri = parts.uri.clone();
    for languages in parts.headers.get_all(header::ACCEPT_LANGUAGE) {
        head.headers.append(header::ACCEPT_LANGUAGE, languages.clone());
    }
    head
}

async fn get(edge: &Edge, request: Request, route: Route<'_>) -> Reply {
    match route {
        // They may have to ask the store, at the rate of people.
        Route::Link => Box::pin(doors::link_page(edge, request)).await,
        Route::OptOut => Box::pin(doors::opt_out_page(edge, request)).await,
        Route::Form => doors::form_page(edge, &request),
        Route::Widget => chat_widget::script(&request.parts.headers),
        Route::WidgetVersion { file } => doors::widget_version(&request, file),
        Route::WidgetTypes => chat_widget::types(&request.parts.headers),
        Route::Definition { survey } => doors::definition(edge, &request, survey),
        Route::Description => openapi::description(&request.parts.headers),
        _ => wrong_method(&request, route),
    }
}

async fn post(edge: &Edge, request: Request, route: Route<'_>) -> Reply {
    match route {
        // The largest futures, for requests at the rate of people: in a box, all the others are moved as less.
        Route::Link => Box::pin(doors::page_post(edge, request, Channel::Email)).await,
        Route::OptOut => Box::pin(doors::opt_out_post(edge, request)).await,
        Route::Form => Box::pin(doors::page_post(edge, request, Channel::Form)).await,
        Route::Twilio { brand, survey, callback } => {
            Box::pin(doors::twilio(edge, request, brand, survey, callback)).await
        }
        Route::Telnyx { brand, survey, callback } => {
            Box::pin(doors::telnyx(edge, request, brand, survey, callback)).await
        }
        Route::IvrEvents => Box::pin(doors::event(edge, request)).await,
        Route::Beacon => Box::pin(doors::beacon(edge, request)).await,
        Route::Responses => json::responses(edge, request).await,
        Route::Batch => json::batch_responses(edge, request).await,
        Route::Links => Box::pin(doors::links(edge, request)).await,
        Route::Widget
        | Route::WidgetVersion { .. }
        | Route::WidgetTypes
        | Route::Definition { .. }
        | Route::Description => wrong_method(&request, route),
    }
}

/// Says on a 415 which content codings the route takes (RFC 9110, 12.5.3 and 15.5.16).
fn with_codings(mut reply: Reply, route: Route<'_>) -> Reply {
    if reply.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        reply.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(route.codings()));
    }
    reply
}

fn nowhere() -> Refusal {
    Refusal::new(Reason::NotFound, "there is nothing at this path")
}

fn wrong_method(request: &Request, route: Route<'_>) -> Reply {
    let refusal = Refusal::new(Reason::MethodNotAllowed, format!("this route takes {}", route.methods()));
    let reply = match route {
        Route::Twilio { .. } | Route::Telnyx { .. } => ivr::twilio::unread(&refusal),
        _ => json::problem(&refusal, &request.trace),
    };
    allow(reply, route.methods())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ALL: [Route<'static>; 19] = [
        Route::Link,
        Route::OptOut,
        Route::Form,
        Route::Twilio { brand: "", survey: "", callback: None },
        Route::Twilio { brand: "", survey: "", callback: Some(Callback::Recording) },
        Route::Twilio { brand: "", survey: "", callback: Some(Callback::Transcription) },
        Route::Telnyx { brand: "", survey: "", callback: None },
        Route::Telnyx { brand: "", survey: "", callback: Some(Callback::Recording) },
        Route::Telnyx { brand: "", survey: "", callback: Some(Callback::Transcription) },
        Route::IvrEvents,
        Route::Widget,
        Route::WidgetVersion { file: "" },
        Route::WidgetTypes,
        Route::Definition { survey: "" },
        Route::Beacon,
        Route::Responses,
        Route::Batch,
        Route::Links,
        Route::Description,
    ];

    /// The paths that lead to a route, as the description writes them. A new route does not compile without; it goes to
    /// `ALL` too.
    const fn templates(route: Route<'_>) -> &'static [&'static str] {
        match route {
            Route::Link => {
                &["/r/{token}", "/r/{token}/{score}", "/m/{brand}/{survey}", "/m/{brand}/{survey}/{score}"]
            }
            Route::OptOut => &["/u/{token}"],
            Route::Form => &["/f/{brand}/{survey}"],
            Route::Twilio { callback: None, .. } => &["/ivr/twilio/{brand}/{survey}"],
            Route::Twilio { callback: Some(Callback::Recording), .. } => {
                &["/ivr/twilio/{brand}/{survey}/recording"]
            }
            Route::Twilio { callback: Some(Callback::Transcription), .. } => {
                &["/ivr/twilio/{brand}/{survey}/transcription"]
            }
            Route::Telnyx { callback: None, .. } => &["/ivr/telnyx/{brand}/{survey}"],
            Route::Telnyx { callback: Some(Callback::Recording), .. } => {
                &["/ivr/telnyx/{brand}/{survey}/recording"]
            }
            Route::Telnyx { callback: Some(Callback::Transcription), .. } => {
                &["/ivr/telnyx/{brand}/{survey}/transcription"]
            }
            Route::IvrEvents => &["/v1/ivr/events"],
            Route::Widget => &["/widget.js"],
            Route::WidgetVersion { .. } => &["/widget-{version}.js"],
            Route::WidgetTypes => &["/widget.d.ts"],
            Route::Definition { .. } => &["/v1/surveys/{survey}"],
            Route::Beacon => &["/v1/beacon"],
            Route::Responses => &["/v1/responses"],
            Route::Batch => &["/v1/responses/batch"],
            Route::Links => &["/v1/links"],
            Route::Description => &["/openapi.json"],
        }
    }

    fn route_of(path: &'static str) -> Route<'static> {
        let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
        Route::of(&segments).unwrap_or_else(|| panic!("{path} is described and leads nowhere"))
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let paths = openapi::tests::document()["paths"].as_object().unwrap();
        let described: BTreeSet<_> = paths.keys().map(String::as_str).collect();
        let routed: BTreeSet<_> = ALL.iter().flat_map(|route| templates(*route)).copied().collect();
        assert_eq!(described, routed);
        for route in ALL {
            for path in templates(route) {
                let found = std::mem::discriminant(&route_of(path));
                assert_eq!(found, std::mem::discriminant(&route), "{path}");
            }
        }
    }

    #[test]
    fn each_route_is_described_with_the_methods_that_it_takes() {
        for (path, item) in openapi::tests::document()["paths"].as_object().unwrap() {
            let described = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            let mut methods: Vec<_> = described.map(|method| method.to_ascii_uppercase()).collect();
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            methods.sort();
            let mut taken: Vec<_> = route_of(path).methods().split(", ").collect();
            taken.sort_unstable();
            assert_eq!(methods, taken, "{path}");
        }
    }
}
