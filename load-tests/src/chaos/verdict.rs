//! What came of a case.

use std::time::Duration;

use super::{
    history::{Counts, History},
    oracle::Findings,
};

/// What came of a case: the figures, and everything that is wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) counts: Counts,
    pub(crate) findings: Findings,
    /// From the end of the load to an empty spool.
    pub(crate) delivered_in: Duration,
    /// What else is worth a line: a peak, a time.
    pub(crate) notes: Vec<String>,
    /// Empty when the case passed.
    pub(crate) problems: Vec<String>,
}

impl Verdict {
    /// Of what was sent; the store is not looked at yet.
    pub(super) fn of(history: &History, expected_refusals: &[&str]) -> Self {
        let mut verdict = Self { counts: history.counts.clone(), ..Self::default() };
        let counts = &history.counts;
        verdict.must(counts.acknowledged > 0, || "nothing was acknowledged".to_owned());
        verdict.must(counts.without_when == 0, || {
            format!("{} refusals for now did not say when to come back", counts.without_when)
        });
        for (code, count) in &counts.hard_refusals {
            verdict.must(expected_refusals.contains(&code.as_str()), || {
                format!("{count} submissions were refused for good, as {code}")
            });
        }
        verdict
    }

    /// Takes over what the oracle found.
    pub(super) fn judge(&mut self, findings: Findings) {
        self.must(findings.are_clean(), || {
            let Findings { lost, doubled, strangers, .. } = &findings;
            let named = findings.named.join("\n  ");
            format!("{lost} lost, {doubled} doubled, {strangers} strangers\n  {named}")
        });
        self.findings = findings;
    }

    /// Something is wrong unless `holds`.
    pub(crate) fn must(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(words());
        }
    }

    /// Something is wrong.
    pub(crate) fn problem(&mut self, words: impl Into<String>) {
        self.problems.push(words.into());
    }

    /// Something is worth a line.
    pub(crate) fn note(&mut self, words: impl Into<String>) {
        self.notes.push(words.into());
    }
}
