//! Opt-outs.

use super::people::{context, long_token, refused_page, visit};
use crate::{
    channel::{
        Edge,
        http::{Reply, Request},
        opt_out::{self, OpenedOptOut},
        page::{self, Visit},
    },
    intake::OptingOut,
};

/// `GET /u/…`.
pub(in crate::channel::http) async fn opt_out_page(edge: &Edge, request: Request) -> Reply {
    let catalog = edge.catalog.load_full();
    let context = context(edge, &catalog);
    let token = match long_token(edge, request.parts.uri.path()).await {
        Ok(token) => token,
        Err(refusal) => return refused_page(edge, &request.parts, request.source, &refusal),
    };
    let visit = Visit { token: token.as_deref(), ..visit(&request.parts, request.source) };
    match OpenedOptOut::open(&context, &visit) {
        Ok(opened) => {
            let is_out = match opened.person() {
                Some((brand, person)) => edge.opt_outs.is_out(brand, person).await,
                None => false,
            };
            opt_out::get(&opened, &context, &visit, is_out)
        }
        Err(refusal) => page::refused(&context, &visit, None, &refusal),
    }
}

/// `POST /u/…`.
pub(in crate::channel::http) async fn opt_out_post(edge: &Edge, request: Request) -> Reply {
    let (head, source) = (request.parts.clone(), request.source);
    let read = request.read(edge.settings.http.body_bytes, &edge.settings.http).await;
    let token = long_token(edge, head.uri.path()).await;
    let (body, token) = match (read, token) {
        (Ok((_, body)), Ok(token)) => (body, token),
        (Err(refusal), _) | (_, Err(refusal)) => return refused_page(edge, &head, source, &refusal),
    };
    let catalog = edge.catalog.load_full();
    let context = context(edge, &catalog);
    let visit = Visit { token: token.as_deref(), ..visit(&head, source) };
    let record = async |order: OptingOut| {
        let (brand, person, withdrawn) = (order.brand.clone(), order.person, order.withdrawn);
        edge.intake.opt_out(order).await?;
        edge.opt_outs.said(&brand, person, !withdrawn);
        Ok(())
    };
    match OpenedOptOut::open(&context, &visit) {
        Ok(opened) => opt_out::post(&opened, &context, &visit, body, record).await,
        Err(refusal) => page::refused(&context, &visit, None, &refusal),
    }
}
