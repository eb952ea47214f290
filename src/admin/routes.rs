//! What the admin listener answers.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;

use super::{
    Admin, AdminEdge, SpoolView, ready,
    spool::{LETTERS, letter},
};
use crate::{
    channel::http::{Reply, reply},
    clock::Timestamp,
    outcome::LedgerView,
};

pub(super) async fn answer(admin: &Admin, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET | &Method::HEAD, _) => read(admin, &path),
        (&Method::POST, "/reload" | "/spool/replay" | "/dead-letters/retry")
            if !may_write(admin, &request) =>
        {
            let detail = match admin.token {
                Some(_) => "send the admin token: `Authorization: Bearer …`",
                None => "writes are off: set `token` under [admin] in gateway.toml",
            };
            error(StatusCode::UNAUTHORIZED, detail)
        }
        (&Method::POST, _) => write(admin, &path, request.uri().query()).await,
        _ => error(StatusCode::METHOD_NOT_ALLOWED, "GET or POST"),
    }
}

fn read(admin: &Admin, path: &str) -> Reply {
    match (path, &admin.edge) {
        ("/healthz", _) => body(StatusCode::OK, &json!({ "status": "ok" })),
        ("/readyz", edge) => {
            let view = ready::view(admin.lifecycle.phase(), edge.as_ref().map(|edge| &edge.readiness));
            body(if view.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &view)
        }
        ("/metrics", _) => match admin.metrics.text() {
            Ok(text) => {
                reply(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text)
            }
            Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written"),
        },
        ("/ledger", Some(edge)) => body(StatusCode::OK, &Books::of(edge)),
        ("/spool", Some(edge)) => body(StatusCode::OK, &spool_status(edge)),
        ("/dead-letters", Some(edge)) => dead_letters(edge),
        _ => error(StatusCode::NOT_FOUND, "there is nothing at this path"),
    }
}

async fn write(admin: &Admin, path: &str, query: Option<&str>) -> Reply {
    match (path, &admin.edge) {
        ("/reload", _) => match admin.reload.run().await {
            Ok(hash) => body(StatusCode::OK, &json!({ "reloaded": true, "hash": hash })),
            Err(problems) => body(
                StatusCode::UNPROCESSABLE_ENTITY,
                &json!({ "reloaded": false, "detail": "nothing was changed", "problems": problems }),
            ),
        },
        ("/spool/replay", Some(edge)) => replay(edge, query),
        ("/dead-letters/retry", Some(edge)) => retry(edge).await,
        _ => error(StatusCode::NOT_FOUND, "there is nothing at this path"),
    }
}

fn may_write(admin: &Admin, request: &Request<Incoming>) -> bool {
    let presented = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = presented.and_then(|value| value.split_once(' '));
    let presented =
        presented.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, it)| it.trim());
    matches!((&admin.token, presented), (Some(token), Some(presented)) if token.matches(presented))
}

/// Both books, and whether they balance.
#[derive(Serialize)]
struct Books {
    #[serde(flatten)]
    ledger: LedgerView,
    #[serde(flatten)]
    spool: SpoolView,
    balanced: bool,
}

impl Books {
    fn of(edge: &AdminEdge) -> Self {
        let ledger = edge.intake.ledger().view();
        let spool = SpoolView::of(&edge.spool.status());
        let balanced = ledger.total.balanced() && spool.balanced();
        Self { ledger, spool, balanced }
    }
}

fn spool_status(edge: &AdminEdge) -> serde_json::Value {
    let status = edge.spool.status();
    json!({
        "books": SpoolView::of(&status),
        "bytes": status.bytes,
        "segments": status.segments,
        "oldest_undelivered": status.oldest_undelivered.map(|at| at.to_string()),
        "refusing": status.accepting.err().map(|full| full.to_string()),
        "dead_letters": edge.letters.len(),
    })
}

fn replay(edge: &AdminEdge, query: Option<&str>) -> Reply {
    let since = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "since")
        .and_then(|(_, value)| Timestamp::parse(&value));
    let Some(since) = since else {
        return error(StatusCode::BAD_REQUEST, "say since when: `?since=2026-11-21T20:00:00Z` (RFC 3339)");
    };
    match edge.spool.replay(since) {
        Ok(records) => body(StatusCode::OK, &json!({ "records": records, "since": since.to_string() })),
        Err(failure) => {
            tracing::error!(error = %failure, "the spool could not be replayed");
            error(StatusCode::INTERNAL_SERVER_ERROR, "the spool could not be replayed; the log says why")
        }
    }
}

fn dead_letters(edge: &AdminEdge) -> Reply {
    match edge.letters.list(LETTERS) {
        Ok(letters) => {
            let unreadable = letters.unreadable.len();
            let letters: Vec<_> = letters.letters.iter().map(letter).collect();
            body(
                StatusCode::OK,
                &json!({ "total": edge.letters.len(), "unreadable": unreadable, "dead_letters": letters }),
            )
        }
        Err(failure) => unreadable_letters(&failure),
    }
}

async fn retry(edge: &AdminEdge) -> Reply {
    let claims = &edge.readiness.claims;
    match super::spool::retry(&edge.spool, &edge.letters, || claims.ticket()).await {
        Ok(done) => body(StatusCode::OK, &done),
        Err(failure) => unreadable_letters(&failure),
    }
}

fn unreadable_letters(failure: &std::io::Error) -> Reply {
    tracing::error!(error = %failure, "the dead letters could not be read");
    error(StatusCode::INTERNAL_SERVER_ERROR, "the dead letters could not be read; the log says why")
}

fn body(status: StatusCode, value: &impl Serialize) -> Reply {
    let bytes: Bytes = serde_json::to_vec(value).unwrap_or_default().into();
    reply(status, "application/json", bytes)
}

fn error(status: StatusCode, detail: &str) -> Reply {
    body(status, &json!({ "status": status.as_u16(), "detail": detail }))
}
