//! Programs over gRPC: `voxgate.collector.v1.CollectorService`.

mod decode;
#[cfg(test)]
mod fuzz;
mod render;
mod serve;
mod service;
mod unread;

pub(crate) use self::{serve::serve, service::Collector};
