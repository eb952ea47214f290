//! A whole mailing: one link for each row, streamed, so that a file of any size takes the same memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use indicatif::{ProgressBar, ProgressStyle};

use super::{LinkMaker, attribute, desk::Desk};
use crate::{
    channel::link::{Link, LinkOrder},
    clock::Timestamp,
};

/// Columns that are added, the last two for short links; those of the same name in the input are left out, so that an
/// output can be run again.
static ADDED: [&str; 7] = ["token", "url", "opt_out_url", "error", "opted_out", "short_url", "qr_url"];
/// Of those, the ones that are always added.
const ALWAYS: usize = 5;
/// Rows for which the store is asked at once: few enough to be quick, enough that asking costs little.
const ROWS: usize = 500;

/// How many rows got a link, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Links made.
    pub(super) made: u64,
    /// Rows with an `error`.
    pub(super) failed: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.made == 1 { "" } else { "s" };
        write!(f, "{} link{plural} made", self.made)?;
        match self.failed {
            0 => Ok(()),
            1 => f.write_str(", 1 row without one (see its column \"error\")"),
            failed => write!(f, ", {failed} rows without one (see their column \"error\")"),
        }
    }
}

/// Whom to ask, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Asks the store.
    pub(super) desk: &'a Desk,
    /// Short links are wanted.
    pub(super) is_short: bool,
}

/// Reads `input`, writes `output` when all rows are done.
pub(super) fn run(
    maker: &LinkMaker<'_>,
    asked: Option<Asked<'_>>,
    defaults: &LinkOrder,
    input: &Path,
    output: &Path,
) -> anyhow::Result<Summary> {
    let file = File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
    let bar = progress(file.metadata()?.len());
    let partial = partial_name(output);
    let written = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
    let summary = convert(maker, asked, defaults, bar.wrap_read(file), written)
        .with_context(|| format!("stopped in the middle; what is done is in {}", partial.display()))?;
    std::fs::rename(&partial, output).with_context(|| format!("cannot write {}", output.display()))?;
    bar.finish_and_clear();
    Ok(summary)
}

/// A half-written file must not be mistaken for a mailing.
fn partial_name(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Draws on standard error, and not at all when that is no terminal.
fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent}% {binary_bytes_per_sec} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn convert(
    maker: &LinkMaker<'_>,
    asked: Option<Asked<'_>>,
    defaults: &LinkOrder,
    input: impl Read,
    output: impl Write,
) -> anyhow::Result<Summary> {
    let mut input = BufReader::new(input);
    let delimiter = delimiter(&mut input)?;
    let mut rows = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(input);
    let columns = Columns::read(rows.byte_headers()?, asked.is_some_and(|asked| asked.is_short))?;
    let mut written = WriterBuilder::new().delimiter(delimiter).from_writer(output);
    written.write_byte_record(&columns.header())?;
    let mut summary = Summary::default();
    let mut row = ByteRecord::new();
    let mut waiting = Vec::new();
    while rows.read_byte_record(&mut row)? {
        let link = columns.order(&row, defaults).and_then(|order| maker.make(&order));
        waiting.push(Row { cells: row.clone(), link, opted_out: None, short: None });
        if waiting.len() == ROWS {
            write(&columns, asked, maker.now, &mut waiting, &mut written, &mut summary)?;
        }
    }
    write(&columns, asked, maker.now, &mut waiting, &mut written, &mut summary)?;
    written.flush()?;
    Ok(summary)
}

/// A row of the input and what became of it.
struct Row {
    cells: ByteRecord,
    link: Result<Link, String>,
    /// None: nobody could say.
    opted_out: Option<bool>,
    /// The address for text messages, and the one for a code.
    short: Option<(String, String)>,
}

/// Asks the store about some rows, and writes them.
fn write(
    columns: &Columns,
    asked: Option<Asked<'_>>,
    now: Timestamp,
    rows: &mut Vec<Row>,
    written: &mut csv::Writer<impl Write>,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if let Some(Asked { desk, is_short }) = asked {
        if is_short {
            shorten(desk, now, rows)?;
        }
        ask_who_is_out(desk, rows);
    }
    for row in rows.drain(..) {
        match row.link {
            Ok(_) => summary.made += 1,
            Err(_) => summary.failed += 1,
        }
        written.write_byte_record(&columns.row(&row))?;
    }
    Ok(())
}

/// Has the store keep the short links of some rows.
fn shorten(desk: &Desk, now: Timestamp, rows: &mut [Row]) -> anyhow::Result<()> {
    let mut made: Vec<_> = rows.iter_mut().filter(|row| row.link.is_ok()).collect();
    let links: Vec<_> = made.iter().filter_map(|row| row.link.as_ref().ok()).collect();
    let handles = desk.keep(&links, now)?;
    for (row, handle) in made.iter_mut().zip(handles) {
        row.short = row.link.as_ref().ok().map(|link| link.short_urls(handle));
    }
    Ok(())
}

/// Asks once for each brand of some rows.
fn ask_who_is_out(desk: &Desk, rows: &mut [Row]) {
    let mut people: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for link in rows.iter().filter_map(|row| row.link.as_ref().ok()) {
        people.entry(link.brand.clone()).or_default().extend(link.person);
    }
    let ask = |(brand, people): (String, _)| Some((desk.out_among(&brand, &people)?, brand));
    let out: BTreeMap<_, _> = people.into_iter().filter_map(ask).map(|(out, brand)| (brand, out)).collect();
    for row in rows {
        let Ok(link) = &row.link else { continue };
        row.opted_out = match link.person {
            Some(person) => out.get(&link.brand).map(|out| out.contains(&person)),
            None => Some(false),
        };
    }
}

/// Spreadsheets write commas, semicolons or tabs, by the country they are in; the header tells which. Skips a byte
/// order mark.
fn delimiter(input: &mut impl BufRead) -> io::Result<u8> {
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    let head = input.fill_buf()?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
    Ok(b";\t,".iter().copied().max_by_key(|delimiter| count(delimiter)).unwrap_or(b','))
}

/// Which column is which.
struct Columns {
    names: Vec<String>,
    /// Of the columns that are passed through.
    kept: Vec<usize>,
    added: &'static [&'static str],
}

impl Columns {
    fn read(header: &ByteRecord, is_short: bool) -> anyhow::Result<Self> {
        let names: Vec<_> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        if names.iter().all(String::is_empty) {
            bail!(
                "the file has no header: its first line names the columns as the flags (brand,survey,interaction,…)"
            );
        }
        let is_kept = |(_, name): &(usize, &String)| !ADDED.contains(&name.as_str());
        let kept = names.iter().enumerate().filter(is_kept).map(|(place, _)| place).collect();
        let (always, _) = ADDED.split_at(ALWAYS);
        Ok(Self { names, kept, added: if is_short { &ADDED } else { always } })
    }

    fn header(&self) -> ByteRecord {
        let kept = self.kept.iter().filter_map(|place| self.names.get(*place)).map(String::as_str);
        kept.chain(self.added.iter().copied()).map(str::as_bytes).collect()
    }

    fn row(&self, row: &Row) -> ByteRecord {
        let kept = self.kept.iter().map(|place| row.cells.get(*place).unwrap_or_default());
        let (short_url, code_url) = row.short.as_ref().map_or(("", ""), |(short, code)| (short, code));
        let opted_out = match row.opted_out {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        };
        let added = match &row.link {
            Ok(link) => {
                [&link.token, link.url.as_str(), &link.opt_out_url, "", opted_out, short_url, code_url]
            }
            Err(error) => ["", "", "", error, "", "", ""],
        };
        kept.chain(added.into_iter().take(self.added.len()).map(str::as_bytes)).collect()
    }

    /// What a row orders; an empty cell leaves the flag's value.
    fn order(&self, row: &ByteRecord, defaults: &LinkOrder) -> Result<LinkOrder, String> {
        if row.len() > self.names.len() {
            return Err("the row has more cells than the header".to_owned());
        }
        let mut order = defaults.clone();
        for (name, cell) in self.names.iter().zip(row) {
            let cell = std::str::from_utf8(cell).map(str::trim);
            match cell {
                Ok("") => {}
                Ok(cell) => set(&mut order, name, cell)?,
                Err(_) if NAMES.contains(&name.as_str()) => {
                    return Err(format!("{name}: the cell is not UTF-8"));
                }
                Err(_) => {}
            }
        }
        Ok(order)
    }
}

/// Columns that are read.
const NAMES: [&str; 10] = [
    "survey",
    "brand",
    "interaction",
    "respondent",
    "subject",
    "locale",
    "country",
    "attr",
    "expires",
    "test",
];

fn set(order: &mut LinkOrder, name: &str, cell: &str) -> Result<(), String> {
    let text = || Some(cell.to_owned());
    match name {
        "survey" => order.survey = cell.to_owned(),
        "brand" => order.brand = cell.to_owned(),
        "interaction" => order.interaction = text(),
        "respondent" => order.respondent = text(),
        "subject" => order.subject = text(),
        "locale" => order.locale = text(),
        "country" => order.country = text(),
        "expires" => order.expires = text(),
        "test" => order.test = truth(cell)?,
        "attr" => {
            for pair in cell.split(';').filter(|pair| !pair.trim().is_empty()) {
                let (key, value) = attribute(pair).map_err(|error| format!("attr: {pair:?}: {error}"))?;
                order.attributes.insert(key, value);
            }
        }
        _ => {}
    }
    Ok(())
}

fn truth(cell: &str) -> Result<bool, String> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("test: give true or false, not {cell:?}")),
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{link, page::samples::Sample};

    #[test]
    fn one_and_many_are_told_in_their_own_words() {
        let told = |made, failed| Summary { made, failed }.to_string();
        assert_eq!(told(1, 0), "1 link made");
        assert_eq!(told(2, 1), "2 links made, 1 row without one (see its column \"error\")");
        assert_eq!(told(0, 3), "0 links made, 3 rows without one (see their column \"error\")");
    }

    fn converted(input: &str, defaults: &LinkOrder) -> (Summary, Vec<Vec<String>>) {
        let sample = Sample::default();
        let maker =
            LinkMaker { catalog: &sample.catalog, identity_key: &sample.identity_key, now: sample.now };
        let mut output = Vec::new();
        let summary = convert(&maker, None, defaults, input.as_bytes(), &mut output).unwrap();
        let delimiter = delimiter(&mut output.as_slice()).unwrap();
        let mut rows =
            ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(output.as_slice());
        let rows = rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        (summary, rows)
    }

    fn nps() -> LinkOrder {
        LinkOrder { survey: "support-nps".to_owned(), brand: "acme".to_owned(), ..LinkOrder::default() }
    }

    #[test]
    fn each_row_gets_its_link_and_a_bad_row_its_error() {
        let input = "name,interaction,respondent,attr\nAda,ticket-1,email:Ada@Example.com,plan=pro;seats=3\n\
            Bob,not a ticket,,\nCleo,ticket-3,phone:123,\nDan,ticket-4\nEve,ticket-5,,,too much\n";
        let (summary, rows) = converted(input, &nps());
        assert_eq!(summary, Summary { made: 2, failed: 3 });
        assert_eq!(
            rows[0],
            [
                "name",
                "interaction",
                "respondent",
                "attr",
                "token",
                "url",
                "opt_out_url",
                "error",
                "opted_out"
            ]
        );
        let opened = link::open(&Sample::default().catalog.link_keys, &rows[1][4]).unwrap();
        assert_eq!(opened.claims.attributes["seats"], "3");
        assert_eq!(rows[1][5], format!("https://feedback.example/r/{}", rows[1][4]));
        assert_eq!(rows[1][6], format!("https://feedback.example/u/{}", rows[1][4]));
        assert!(rows[2][7].starts_with("interaction: must be 1 to 64"), "{:?}", rows[2]);
        assert!(rows[3][7].starts_with("respondent: must be a telephone number"), "{:?}", rows[3]);
        assert_eq!(rows[4][7], "");
        assert!(rows[5][7].contains("more cells"), "{:?}", rows[5]);
    }

    #[test]
    fn a_file_of_a_european_spreadsheet_is_read_and_an_output_can_be_run_again() {
        let (summary, rows) = converted("\u{feff}interaction;error;note\nt-1;old error;a,b\n", &nps());
        assert_eq!(summary, Summary { made: 1, failed: 0 });
        assert_eq!(rows[0], ["interaction", "note", "token", "url", "opt_out_url", "error", "opted_out"]);
        assert_eq!(rows[1][..2], ["t-1", "a,b"]);
        assert_eq!(rows[1][5], "");
    }

    #[test]
    fn a_column_wins_over_its_flag_and_an_empty_cell_does_not() {
        let (_, rows) = converted("brand,test\nglobex,yes\n,\n", &nps());
        let keys = Sample::default().catalog.link_keys;
        let claims = |row: &[String]| link::open(&keys, &row[2]).unwrap().claims;
        assert_eq!((claims(&rows[1]).brand, claims(&rows[1]).test), ("globex".to_owned(), true));
        assert_eq!((claims(&rows[2]).brand, claims(&rows[2]).test), ("acme".to_owned(), false));
    }

    #[test]
    fn the_output_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
        std::fs::write(&input, "interaction\nt-1\n").unwrap();
        let sample = Sample::default();
        let maker =
            LinkMaker { catalog: &sample.catalog, identity_key: &sample.identity_key, now: sample.now };
        run(&maker, None, &nps(), &input, &output).unwrap();
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(std::fs::read_to_string(&output).unwrap().contains("https://feedback.example/r/v4.local."));
    }
}
