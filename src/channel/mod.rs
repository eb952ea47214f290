//! Channels: a dialect in, a dialect out.

pub mod link;

/// What every route answers with.
pub type Reply = http::Response<http_body_util::Full<bytes::Bytes>>;
