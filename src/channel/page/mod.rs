//! Survey pages: one request, everything in it, and no script needed to answer.
//!
//! Takes: an [`Invitation`] (who is asked what, and who vouches for it) and what a visit asked for.
//! Gives: the survey page, the thank-you page, and a page for everything else that can happen, in a language the person
//! reads. Refuses: forms that cannot be decoded; never an answer for a reason that a person cannot see on the page.
//! Bounds: fields of a form; a sample survey's page stays below 15,000 bytes with everything inlined.

mod ask;
mod done;
mod fields;
mod frame;
mod invitation;
mod language;
mod note;
mod place;
mod reply;
mod sheet;
pub(crate) mod signals;
mod wait;
mod words;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
pub(crate) mod tests;

use std::net::IpAddr;

use http::HeaderMap;

use crate::{
    catalog::{Catalog, IdentityKey},
    clock::Timestamp,
};

pub(crate) use self::language::wishes;
pub(crate) use self::{
    fields::Fields,
    invitation::{Invitation, References},
    note::refused,
    sheet::{Known, Sheet},
};
pub(crate) use self::{
    invitation::form_key,
    place::{preselected, relative, score_of, segments},
    reply::{Framing, origin_of},
    words::Words,
};

/// One request, as far as a page is concerned. Path and query are raw, as they came.
#[derive(Clone, Copy)]
pub(crate) struct Visit<'a> {
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The token that a short handle in the path stands for.
    pub token: Option<&'a str>,
    /// The query without its `?`; empty when there is none.
    pub query: &'a str,
    /// The request's header fields.
    pub headers: &'a HeaderMap,
    /// Where it came from.
    pub source: IpAddr,
}

/// Path, query and header fields hold tokens, signatures and references.
impl std::fmt::Debug for Visit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visit([redacted])")
    }
}

/// What pages are made from, the same for every visit of a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Brands, surveys and link keys.
    pub catalog: &'a Catalog,
    /// Hashes contacts.
    pub identity_key: &'a IdentityKey,
    /// Fields of a form at the most.
    pub form_fields: usize,
    /// Characters of a text answer at the most.
    pub text_chars: usize,
    /// The time.
    pub now: Timestamp,
}
