//! The chat widget: its survey and its beacons.

use std::sync::Arc;

use http::{HeaderValue, header};

use super::people::{context, visit};
use crate::{
    catalog::{Brand, Catalog},
    channel::{
        Edge, chat_widget,
        http::{Reply, Request},
        json::{Extras, Fields, decode, finish, problem},
        link,
        page::{self, Invitation},
    },
    intake::{Proof, Submission},
    outcome::{Reason, Receipt, Refusal},
    survey::{Channel, Language, Survey},
};

/// `GET /widget-{version}.js`. Nothing may keep a 404: while gateways are updated one by one, another one has it.
pub(in crate::channel::http) fn widget_version(request: &Request, file: &str) -> Reply {
    chat_widget::version(file, &request.parts.headers).unwrap_or_else(|| {
        let detail =
            "this gateway has no such version of the widget; `voxgate widget-snippet` prints the present one";
        problem(&Refusal::new(Reason::NotFound, detail), &request.trace)
    })
}

/// `GET /v1/surveys/{survey}?brand=&locale=`.
pub(in crate::channel::http) fn definition(edge: &Edge, request: &Request, survey: &str) -> Reply {
    let catalog = edge.catalog.load_full();
    let query = page::Fields::of_query(request.raw_query().unwrap_or_default());
    let brand = query.get("brand").unwrap_or_default();
    let found = find(&catalog, brand, survey);
    let chosen = query.get("locale");
    let wished: Vec<Language> = page::wishes(&visit(&request.parts, request.source), chosen, None);
    let origin = request.parts.headers.get(header::ORIGIN);
    match found.and_then(|(brand, survey)| chat_widget::survey(brand, survey, &wished, origin)) {
        Ok(reply) => reply,
        Err(refusal) => problem(&refusal, &request.trace),
    }
}

fn find<'a>(catalog: &'a Catalog, brand: &str, survey: &str) -> Result<(&'a Brand, &'a Survey), Refusal> {
    let unknown = |reason, detail| Refusal::new(reason, detail);
    let brand = catalog
        .brand(brand)
        .ok_or_else(|| unknown(Reason::UnknownBrand, "there is no such brand: check `?brand=`"))?;
    let survey = catalog
        .survey(&brand.id, survey)
        .ok_or_else(|| unknown(Reason::UnknownSurvey, "the brand has no such survey: check the path"))?;
    Ok((brand, survey))
}

/// `OPTIONS /v1/beacon`.
pub(in crate::channel::http) fn preflight(edge: &Edge, request: &Request) -> Reply {
    let catalog = edge.catalog.load();
    let brands = catalog.brands.values().map(AsRef::as_ref);
    match chat_widget::preflight(brands, request.parts.headers.get(header::ORIGIN)) {
        Ok(reply) => reply,
        Err(refusal) => problem(&refusal, &request.trace),
    }
}

/// `POST /v1/beacon`.
pub(in crate::channel::http) async fn beacon(edge: &Edge, request: Request) -> Reply {
    let trace = request.trace;
    let catalog = edge.catalog.load_full();
    // A copy: a clone would hold on to what the connection has read, which it could not read into again.
    let origin = request.parts.headers.get(header::ORIGIN);
    let origin = origin.and_then(|origin| HeaderValue::from_bytes(origin.as_bytes()).ok());
    let read = read_beacon(edge, &catalog, request).await;
    let (brand, result) = match read {
        Ok(submission) => {
            let brand = catalog.brand(&submission.brand).cloned();
            (brand.clone(), submit(edge, brand.as_ref(), submission, origin.as_ref()).await)
        }
        Err(refusal) => (None, Err(edge.intake.refuse(Channel::Chat, None, refusal))),
    };
    let mut reply = finish(result, &trace);
    let cors = match &brand {
        Some(brand) => chat_widget::cors(brand, origin.as_ref()).ok(),
        None => chat_widget::cors_of_any(catalog.brands.values().map(AsRef::as_ref), origin.as_ref()),
    };
    if let Some(cors) = cors {
        cors.apply(reply.headers_mut());
    }
    reply
}

async fn read_beacon(edge: &Edge, catalog: &Catalog, request: Request) -> Result<Submission, Refusal> {
    if !chat_widget::accepts(request.parts.headers.get(header::CONTENT_TYPE)) {
        let detail = "send the beacon's JSON as text/plain, application/json or without a type";
        return Err(Refusal::new(Reason::UnsupportedMediaType, detail));
    }
    let source = request.source;
    let (_, body) = request.read(chat_widget::BEACON_BYTES, &edge.settings.http).await?;
    let mut fields = Fields::read(&body)?;
    let token = fields.text("token").map(std::borrow::Cow::into_owned);
    let extras = Extras { idempotency_key: None, target_is_known: token.is_some() };
    let stated = decode(fields, Channel::Chat, Proof::Nobody { source }, extras, &edge.settings.identity_key);
    match token {
        None => Ok(stated),
        Some(token) => chat_widget::sign(stated, vouched(edge, catalog, &token)?),
    }
}

/// What a token alone says.
fn vouched(edge: &Edge, catalog: &Catalog, token: &str) -> Result<Submission, Refusal> {
    let context = context(edge, catalog);
    let opened = link::open(&catalog.link_keys, token)?;
    Ok(Invitation::of_token(&context, Channel::Chat, opened)?.submission(&page::Fields::default(), None))
}

async fn submit(
    edge: &Edge,
    brand: Option<&Arc<Brand>>,
    submission: Submission,
    origin: Option<&HeaderValue>,
) -> Result<Receipt, Refusal> {
    if let Some(Err(refusal)) = brand.map(|brand| chat_widget::cors(brand, origin)) {
        return Err(edge.intake.refuse(Channel::Chat, Some(&submission.brand), refusal));
    }
    edge.intake.submit(submission).await
}
