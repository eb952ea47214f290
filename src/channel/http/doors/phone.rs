//! Calls: webhooks of Twilio, SignalWire and Telnyx, and events of somebody's own exchange.

use crate::{
    catalog::{Action, Catalog},
    channel::{
        Edge,
        http::{Reply, Request, quota_fields, reply},
        ivr::{self, Desk, events::Taken},
        json::{json_body, problem, program},
    },
    outcome::Refusal,
    survey::Channel,
};

/// `POST /ivr/twilio/{brand}/{survey}`, and with a callback `…/{recording|transcription}`.
pub(in crate::channel::http) async fn twilio(
    edge: &Edge,
    request: Request,
    brand: &str,
    survey: &str,
    callback: Option<ivr::twilio::Callback>,
) -> Reply {
    let catalog = edge.catalog.load_full();
    let desk = desk(edge, &catalog);
    let (parts, body) = match request.read(edge.settings.http.body_bytes, &edge.settings.http).await {
        Ok(read) => read,
        Err(refusal) => return ivr::twilio::unread(&edge.intake.refuse(Channel::Ivr, None, refusal)),
    };
    let webhook =
        ivr::twilio::Request { brand, survey, uri: &parts.uri, headers: &parts.headers, body: &body };
    let submit = |submission| edge.intake.submit(submission);
    match callback {
        None => ivr::twilio::turn(desk, webhook, submit, |order| edge.intake.opt_out(order)).await,
        Some(callback) => ivr::twilio::report(desk, webhook, callback, submit).await,
    }
}

/// `POST /ivr/telnyx/{brand}/{survey}`, and with a callback `…/{recording|transcription}`. The head is judged first:
/// what cannot be genuine is not read.
pub(in crate::channel::http) async fn telnyx(
    edge: &Edge,
    request: Request,
    brand: &str,
    survey: &str,
    callback: Option<ivr::twilio::Callback>,
) -> Reply {
    let catalog = edge.catalog.load_full();
    let desk = desk(edge, &catalog);
    let head = request.parts.clone();
    let webhook = |body| ivr::twilio::Request { brand, survey, uri: &head.uri, headers: &head.headers, body };
    let signature = match ivr::telnyx::announced(&desk, &webhook(&[]), &head.headers, edge.clock.now()) {
        Ok(signature) => signature,
        Err(reply) => return *reply,
    };
    let submit = |submission| edge.intake.submit(submission);
    let opt_out = |order| edge.intake.opt_out(order);
    match (request.read(edge.settings.http.body_bytes, &edge.settings.http).await, callback) {
        (Ok((_, body)), None) => ivr::telnyx::turn(desk, webhook(&body), signature, submit, opt_out).await,
        (Ok((_, body)), Some(callback)) => {
            ivr::telnyx::report(desk, webhook(&body), signature, callback, submit).await
        }
        (Err(refusal), _) => ivr::twilio::unread(&edge.intake.refuse(Channel::Ivr, None, refusal)),
    }
}

/// `POST /v1/ivr/events`.
pub(in crate::channel::http) async fn event(edge: &Edge, request: Request) -> Reply {
    let trace = request.trace;
    match take_event(edge, request).await {
        Ok(taken) => {
            let mut reply = reply(taken.status(), "application/json", taken.to_json().to_string());
            let quota = taken.receipt.as_ref().and_then(|receipt| receipt.quota.as_ref());
            quota_fields(reply.headers_mut(), quota);
            reply
        }
        Err(refusal) => problem(&refusal, &trace),
    }
}

async fn take_event(edge: &Edge, request: Request) -> Result<Taken, Refusal> {
    let refuse = |refusal| edge.intake.refuse(Channel::Ivr, None, refusal);
    let catalog = edge.catalog.load_full();
    let key = program(edge, &request, Action::Submit).map_err(refuse)?;
    json_body(&request, &["application/json"]).map_err(refuse)?;
    let (_, body) = request.read(edge.settings.http.body_bytes, &edge.settings.http).await.map_err(refuse)?;
    ivr::events::take(desk(edge, &catalog), &key, &body, |submission| edge.intake.submit(submission)).await
}

fn desk<'a>(edge: &'a Edge, catalog: &'a Catalog) -> Desk<'a> {
    Desk {
        catalog,
        identity_key: &edge.settings.identity_key,
        ledger: edge.intake.ledger(),
        form_fields: edge.settings.http.form_fields,
    }
}
