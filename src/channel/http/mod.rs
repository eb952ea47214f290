//! HTTP: connections, requests with bounded bodies, the table of routes, replies.

mod asset;
mod body;
mod doors;
#[cfg(test)]
mod fuzz;
mod reply;
mod request;
mod routes;
mod server;
mod source;

pub(crate) use self::server::serve;
pub(crate) use self::{
    asset::Asset,
    reply::{Reply, allow, no_content, quota_fields, reply, retry_after},
    request::{IDEMPOTENCY_KEY, Request, TraceId},
};
