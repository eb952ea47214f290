//! Claims: whether a response is new, changed or the same. Redis speeds this up; it is never the truth.

mod run;

pub use self::run::{Run, RunId, Runs, Ticket};
