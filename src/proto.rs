//! The contracts of `proto/`, as generated code.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code; the documentation stands in the .proto files"
)]

/// Answers coming in.
pub mod collector {
    /// `voxgate.collector.v1`
    pub mod v1 {
        tonic::include_proto!("voxgate.collector.v1");
    }
}

/// Records going to storage.
pub mod store {
    /// `voxgate.store.v1`
    pub mod v1 {
        tonic::include_proto!("voxgate.store.v1");
    }
}

/// The contracts' descriptors, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/voxgate_descriptors.bin"));
