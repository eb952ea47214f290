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

        /// A contact may stand in it.
        impl std::fmt::Debug for Respondent {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Respondent([redacted])")
            }
        }

        /// A contact may stand in it.
        impl std::fmt::Debug for respondent::Kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Kind([redacted])")
            }
        }
    }
}

/// Records going to storage.
pub mod store {
    /// `voxgate.store.v1`
    pub mod v1 {
        tonic::include_proto!("voxgate.store.v1");

        /// Somebody's answers.
        impl std::fmt::Debug for Record {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("Record")
                    .field("survey", &self.survey)
                    .field("brand", &self.brand)
                    .field("answers", &self.answers.len())
                    .field("event", &self.event)
                    .finish_non_exhaustive()
            }
        }

        /// Whoever has a handle has the link.
        impl std::fmt::Debug for Link {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("Link").field("expires_at", &self.expires_at).finish_non_exhaustive()
            }
        }

        /// Likewise.
        impl std::fmt::Debug for GetLinkRequest {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("GetLinkRequest([redacted])")
            }
        }

        /// Names nobody.
        impl std::fmt::Debug for record::Event {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Touched(touched) => touched.fmt(f),
                    Self::OptedOut(opted_out) => opted_out.fmt(f),
                }
            }
        }
    }
}

/// The contracts' descriptors, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/voxgate_descriptors.bin"));

/// Reflection that names one service and health: each listener tells what it serves, and no more.
pub(crate) fn reflection(service: &str) -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(service)
        .with_service_name("grpc.health.v1.Health")
}

/// Streams of one connection that may end because of what the client did wrong; then the connection ends. tonic's own
/// default is no bound, and a client that makes a server reset its streams has it work for nothing (CVE-2025-8671).
pub(crate) const ERROR_RESETS: usize = 1024;

/// Why a listener ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors cannot be read.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}
