//! Links that we make: what a token says, how it is sealed, which addresses lead to it.
//!
//! Takes: what a link is for, as flags, a row of a file or JSON. Gives: a token and its addresses.
//! Refuses: what could never be answered (unknown survey or brand, bad references), all problems at once.
//! Bounds: a token is at most [`TOKEN_CHARS`] long; an order holds as many links as a batch.

mod claims;
#[cfg(test)]
mod fuzz;
mod handle;
mod json;
mod order;
mod packed;
mod short;
mod token;

pub(crate) use self::{
    claims::{LinkClaims, LinkRespondent},
    handle::Handle,
    json::{MadeLinks, make_links},
    order::{DEFAULT_EXPIRY, Link, LinkOrder},
    short::ShortLinks,
    token::{OpenedToken, open, seal},
};
