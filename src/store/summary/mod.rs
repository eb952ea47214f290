//! Counts of answers, and the figures made of them.

mod figure;
mod query;
mod tally;
mod zone;

pub use self::figure::{Interval, interval};
pub(super) use self::{
    query::Query,
    tally::{TooManyRows, summarize},
};
