//! Programs over gRPC: `voxgate.collector.v1.CollectorService`.

mod decode;
mod render;
mod service;
mod unread;

pub use self::{service::Collector, unread::CollectorServer};
