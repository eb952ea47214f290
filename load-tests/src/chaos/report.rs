//! The table of a run, its file, and the README's copy.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    path::Path,
};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::verdict::Verdict;

/// What stands around the table in the README.
const BEGIN: &str = "<!-- chaos: begin -->";
const END: &str = "<!-- chaos: end -->";

/// One line of the report.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Line {
    name: String,
    sent: u64,
    acknowledged: u64,
    refused: u64,
    unknown: u64,
    stored: u64,
    lost: u64,
    doubled: u64,
    strangers: u64,
    longest_gap_ms: u64,
    slowest_ms: u64,
    delivered_ms: u64,
    not_sent: u64,
    withheld: u64,
    refusals: BTreeMap<String, u64>,
    took_s: u64,
    notes: Vec<String>,
    problems: Vec<String>,
}

impl Line {
    pub(super) fn of(name: &str, verdict: Verdict, took_s: u64) -> Self {
        let Verdict { counts, findings, delivered_in, notes, problems } = verdict;
        let ms = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: name.to_owned(),
            sent: counts.sent,
            acknowledged: counts.acknowledged,
            refused: counts.refused,
            unknown: counts.unknown,
            stored: findings.stored,
            lost: findings.lost,
            doubled: findings.doubled,
            strangers: findings.strangers,
            longest_gap_ms: ms(counts.longest_gap),
            slowest_ms: ms(counts.slowest),
            delivered_ms: ms(delivered_in),
            not_sent: counts.not_sent,
            withheld: counts.withheld,
            refusals: counts.refusals,
            took_s,
            notes,
            problems,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the case passed.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_clean() { "kept" } else { "FAILED" };
        write!(
            f,
            "{} {end} in {} s: {} sent, {} acknowledged, {} refused {:?}, {} unknown, {} not sent, {} withheld; {} \
             stored, {} lost, {} doubled, {} strangers; longest gap {} ms, slowest {} ms, delivered in {} ms",
            self.name,
            self.took_s,
            self.sent,
            self.acknowledged,
            self.refused,
            self.refusals,
            self.unknown,
            self.not_sent,
            self.withheld,
            self.stored,
            self.lost,
            self.doubled,
            self.strangers,
            self.longest_gap_ms,
            self.slowest_ms,
            self.delivered_ms,
        )?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(super) seed: u64,
    pub(super) cases: Vec<Line>,
}

impl Report {
    /// As a table in Markdown.
    pub(super) fn table(&self) -> String {
        let mut table =
            "| case | sent | acknowledged | refused | unknown | stored | lost | doubled | longest gap, ms \
                         | slowest, ms | |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
                .to_owned();
        for line in &self.cases {
            let result = if line.is_clean() { line.notes.join("; ") } else { "**failed**".to_owned() };
            _ = writeln!(
                table,
                "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} | {result} |",
                line.name,
                line.sent,
                line.acknowledged,
                line.refused,
                line.unknown,
                line.stored,
                line.lost,
                line.doubled,
                line.longest_gap_ms,
                line.slowest_ms,
            );
        }
        table
    }

    /// As the file that other programs read.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Puts the table between the marks of a README.
    pub(super) fn rewrite(&self, readme: &Path, date: &str) -> anyhow::Result<()> {
        let text = fs::read_to_string(readme)?;
        let text = self.between_marks(&text, date)?;
        fs::write(readme, text).with_context(|| format!("{} cannot be written", readme.display()))
    }

    fn between_marks(&self, text: &str, date: &str) -> anyhow::Result<String> {
        let (before, rest) = text.split_once(BEGIN).with_context(|| format!("the README has no {BEGIN}"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("the README has no {END}"))?;
        ensure!(!after.contains(BEGIN), "the README has two tables");
        let seed = self.seed;
        Ok(format!("{before}{BEGIN}\n{date}, seed {seed}.\n\n{}{END}{after}", self.table()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_rewritten() {
        let line = Line { name: "gateway_sigkill".to_owned(), sent: 7, ..Line::default() };
        let report = Report { seed: 3, cases: vec![line] };
        let old = format!("before\n{BEGIN}\nan old table\n{END}\nafter\n");
        let new = report.between_marks(&old, "2026-11-22").unwrap();
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n"), "{new}");
        assert!(!new.contains("an old table") && new.contains("2026-11-22, seed 3"), "{new}");
        assert!(new.contains("| `gateway_sigkill` | 7 |"), "{new}");
        assert_eq!(report.between_marks(&new, "2026-11-22").unwrap(), new);
        assert!(report.between_marks("no marks", "2026-11-22").is_err());
    }
}
