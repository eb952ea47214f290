//! The chat widget: a script on somebody else's page, the survey it shows, and the beacons it sends.
//!
//! Takes: `GET /widget.js`, `GET /widget-{version}.js`, `GET /widget.d.ts`, `GET /v1/surveys/{survey}`, and `POST
//! /v1/beacon` with its preflight.
//! Gives: the script (at most 4,096 bytes gzipped), the survey in the negotiated language, and the rules of a beacon;
//! the beacon's body is read by the JSON channel, whose dialect it shares.
//! Refuses: pages of origins that are none of the brand's, surveys that are closed to the widget.
//! Bounds: a beacon has at most [`BEACON_BYTES`]; a browser keeps 32 answers of at most a week.

mod beacon;
mod definition;
#[cfg(test)]
mod fuzz;
mod origin;
mod script;
mod words;

pub use self::{
    beacon::{BEACON_BYTES, accepts, sign},
    definition::{definition, survey},
    origin::{CorsHeaders, cors, cors_of_any, preflight},
    script::{Version, script, types, version},
};

/// What is sent back.
pub type Reply = http::Response<http_body_util::Full<bytes::Bytes>>;
