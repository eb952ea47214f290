//! The three forms of a report. Only the table rounds.

use std::io::{self, Write};

use serde::ser::{SerializeMap, Serializer};

use crate::{
    command::cell,
    proto::store::v1::{Kind, SummaryRow},
    store::words,
};

const COLUMNS: [&str; 11] =
    ["survey", "question", "kind", "n", "score", "low", "high", "mean", "counts", "provisional", "held"];
/// The column of counts gives way when a line is full.
const COUNTS: usize = 8;
const WIDTH: usize = 100;
const LEAST_COUNTS_WIDTH: usize = 16;
const INDENT: &str = "    ";

pub(super) fn json(by: &[String], rows: &[SummaryRow], out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = rows.iter().map(|row| Object { by, row }).collect();
    serde_json::to_writer_pretty(&mut *out, &rows)?;
    writeln!(out)
}

/// A row under the names of its columns, in their order.
struct Object<'a> {
    by: &'a [String],
    row: &'a SummaryRow,
}

impl serde::Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.row;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.by.iter().zip(&row.groups) {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("survey", &row.survey)?;
        map.serialize_entry("question", &row.question)?;
        map.serialize_entry("kind", &words::kind(row.kind))?;
        map.serialize_entry("n", &row.n)?;
        map.serialize_entry("score", &row.score)?;
        map.serialize_entry("low", &row.low)?;
        map.serialize_entry("high", &row.high)?;
        map.serialize_entry("mean", &row.mean)?;
        map.serialize_entry("counts", &Counts(row))?;
        map.serialize_entry("provisional", &row.provisional)?;
        map.serialize_entry("held", &row.held)?;
        map.end()
    }
}

/// Counts by value, scores in their order.
struct Counts<'a>(&'a SummaryRow);

impl serde::Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(in_order(self.0))
    }
}

/// `10` comes after `9` on a scale; choices stand in the order of their names.
fn in_order(row: &SummaryRow) -> Vec<(&String, &u64)> {
    let mut counts: Vec<_> = row.counts.iter().collect();
    if row.kind != Kind::Choice as i32 {
        counts.sort_by_key(|(value, _)| value.parse::<i32>().unwrap_or(i32::MAX));
    }
    counts
}

pub(super) fn csv(by: &[String], rows: &[SummaryRow], out: &mut impl Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(by.iter().map(String::as_str).chain(COLUMNS))?;
    for row in rows {
        let groups = row.groups.iter().map(|group| cell::for_spreadsheet(group).into_owned());
        let figure = |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
        let cells = [
            cell::for_spreadsheet(&row.survey).into_owned(),
            cell::for_spreadsheet(&row.question).into_owned(),
            words::kind(row.kind),
            row.n.to_string(),
            figure(row.score),
            figure(row.low),
            figure(row.high),
            figure(row.mean),
            serde_json::to_string(&Counts(row))?,
            row.provisional.to_string(),
            row.held.to_string(),
        ];
        writer.write_record(groups.chain(cells))?;
    }
    Ok(writer.flush()?)
}

pub(super) fn table(by: &[String], rows: &[SummaryRow], out: &mut impl Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "No answers.");
    }
    let head: Vec<_> = by.iter().map(String::as_str).chain(COLUMNS).map(str::to_owned).collect();
    let lines: Vec<_> = std::iter::once(head).chain(rows.iter().map(table_cells)).collect();
    let layout = Layout::of(&lines, by.len() + COUNTS);
    lines.iter().try_for_each(|line| layout.write(line, out))
}

fn table_cells(row: &SummaryRow) -> Vec<String> {
    let round = |figure: Option<f64>, places: usize| match figure {
        // No -0.0 for what rounds to nothing.
        Some(figure) => format!("{:.places$}", figure + 0.0).replace("-0.0", "0.0"),
        None => "-".to_owned(),
    };
    let counts: Vec<_> = in_order(row)
        .into_iter()
        .map(|(value, count)| format!("{}:{count}", cell::for_terminal(value).replace(' ', "_")))
        .collect();
    let groups = row.groups.iter().map(|group| if group.is_empty() { "-" } else { group });
    let texts = groups.chain([row.survey.as_str(), row.question.as_str()]);
    let texts = texts.map(|text| cell::for_terminal(text).into_owned());
    let figures = [
        words::kind(row.kind),
        row.n.to_string(),
        round(row.score, 1),
        round(row.low, 1),
        round(row.high, 1),
        round(row.mean, 2),
        counts.join(" "),
        row.provisional.to_string(),
        row.held.to_string(),
    ];
    texts.chain(figures).collect()
}

/// How wide the columns are, and where the counts stand: in their column, folded, or below when the line is full.
struct Layout {
    widths: Vec<usize>,
    counts: usize,
    counts_width: Option<usize>,
}

impl Layout {
    fn of(lines: &[Vec<String>], counts: usize) -> Self {
        let columns = lines.first().map_or(0, Vec::len);
        let widest = |place: usize| {
            let cells = lines.iter().filter_map(|line| line.get(place));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(widest).collect();
        let wanted = widths.get(counts).copied().unwrap_or(0);
        let room =
            WIDTH.saturating_sub(widths.iter().sum::<usize>() - wanted + 2 * columns.saturating_sub(1));
        let counts_width = (room >= wanted.min(LEAST_COUNTS_WIDTH)).then_some(wanted.min(room));
        Self { widths, counts, counts_width }
    }

    fn write(&self, cells: &[String], out: &mut impl Write) -> io::Result<()> {
        let counts = cells.get(self.counts).map_or("", String::as_str);
        let Some(width) = self.counts_width else {
            writeln!(out, "{}", self.line(cells, None))?;
            let below = fold(counts, WIDTH - INDENT.len());
            return below
                .iter()
                .filter(|line| !line.is_empty())
                .try_for_each(|line| writeln!(out, "{INDENT}{line}"));
        };
        let blank = vec![String::new(); cells.len()];
        for (number, folded) in fold(counts, width).iter().enumerate() {
            let cells = if number == 0 { cells } else { &blank };
            writeln!(out, "{}", self.line(cells, Some((folded, width))))?;
        }
        Ok(())
    }

    /// One line; figures are right-aligned, groups, ids and counts are not.
    fn line(&self, cells: &[String], counts: Option<(&String, usize)>) -> String {
        let figures = self.counts - 5..;
        let cells = cells.iter().zip(&self.widths).enumerate().filter_map(|(place, (cell, width))| {
            match (place == self.counts, counts) {
                (true, None) => None,
                (true, Some((folded, width))) => Some((folded.clone(), width, false)),
                (false, _) => Some((cell.clone(), *width, figures.contains(&place))),
            }
        });
        cell::line(&cells.collect::<Vec<_>>())
    }
}

/// Breaks at spaces; at least one line.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
