//! Intake: one straight function from a [`Submission`] to a [`Receipt`](crate::outcome::Receipt).

pub mod claim;
pub mod limit;
mod submission;

pub use self::submission::{
    Answered, Country, Given, Proof, Reference, Respondent, Subject, Submission, SubmissionKey,
};
