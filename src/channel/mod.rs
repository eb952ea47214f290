//! Channels: a dialect in, a dialect out.

pub mod chat_widget;
