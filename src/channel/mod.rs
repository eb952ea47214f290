//! Channels: a dialect in, a dialect out.

pub mod email_link;
pub mod link;
pub mod page;
pub mod site_form;

/// What every route answers with.
pub type Reply = http::Response<http_body_util::Full<bytes::Bytes>>;
