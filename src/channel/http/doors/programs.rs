//! Links for programs.

use bytes::Bytes;
use http::StatusCode;

use crate::{
    catalog::Action,
    channel::{
        Edge,
        http::{Reply, Request, reply},
        json::{json_body, problem, program},
        link::{MadeLinks, make_links},
    },
    outcome::Refusal,
};

/// `POST /v1/links`.
pub(in crate::channel::http) async fn links(edge: &Edge, request: Request) -> Reply {
    let trace = request.trace.clone();
    match make(edge, request).await {
        Ok(links) => reply(StatusCode::CREATED, "application/json", links),
        Err(refusal) => problem(&refusal, &trace),
    }
}

async fn make(edge: &Edge, request: Request) -> Result<Bytes, Refusal> {
    let bounds = &edge.settings.http;
    let catalog = edge.catalog.load_full();
    edge.intake.keep_up()?;
    let key = program(edge, &request, Action::Links)?;
    json_body(&request, &["application/json"])?;
    let (_, body) = request.read(bounds.batch_bytes, bounds).await?;
    let now = edge.clock.now();
    let mut made = make_links(&catalog, &edge.settings.identity_key, bounds.batch_items, now, &key, &body)?;
    shorten(edge, &mut made).await?;
    Ok(made.to_json())
}

/// Has the store keep those that were ordered short, all or none.
async fn shorten(edge: &Edge, made: &mut MadeLinks) -> Result<(), Refusal> {
    let mut ordered: Vec<_> = made.links.iter_mut().filter(|made| made.is_short).collect();
    let links: Vec<_> = ordered.iter().map(|made| &made.link).collect();
    let handles = edge.short_links.put(&links).await?;
    for (made, handle) in ordered.iter_mut().zip(handles) {
        made.handle = Some(handle);
    }
    Ok(())
}
