//! Channels: a dialect in, a dialect out.
