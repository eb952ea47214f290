//! The reference storage service.
