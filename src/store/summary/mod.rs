//! Counts of answers, and the figures made of them.

mod figure;
mod label;
mod query;
mod tally;

pub(super) use self::{
    query::Query,
    tally::{TooManyRows, summarize},
};
