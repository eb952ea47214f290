//! Programs over gRPC: `voxgate.collector.v1.CollectorService`.

mod decode;
mod render;
mod serve;
mod service;

pub use self::{
    serve::{ServeError, serve},
    service::Collector,
};
