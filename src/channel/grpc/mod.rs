//! Programs over gRPC: `voxgate.collector.v1.CollectorService`.

mod decode;
mod render;
mod service;

pub use self::service::Collector;
