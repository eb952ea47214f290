//! Files of mailings, as spreadsheets of all countries write them.

use super::{LinkMaker, LinkOrder, ReaderBuilder, convert, delimiter};
use crate::channel::page::samples::Sample;

#[test]
fn every_row_of_a_mailing_gets_a_link_or_an_error() {
    let sample = Sample::default();
    let maker = LinkMaker { catalog: &sample.catalog, identity_key: &sample.identity_key, now: sample.now };
    let defaults = LinkOrder { survey: "support-nps".into(), brand: "acme".into(), ..LinkOrder::default() };
    crate::fuzz::run("csv", |input| {
        let mut output = Vec::new();
        let Ok(summary) = convert(&maker, None, &defaults, input, &mut output) else { return };
        let delimiter = delimiter(&mut { input }).unwrap();
        let mut rows =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(output.as_slice());
        let header = rows.byte_headers().unwrap().clone();
        let column = |name: &[u8]| header.iter().rposition(|column| column == name).unwrap();
        let (url, error) = (column(b"url"), column(b"error"));
        let mut found = [0, 0];
        for row in rows.byte_records() {
            let row = row.unwrap();
            assert_eq!(row.len(), header.len());
            assert_ne!(row[url].is_empty(), row[error].is_empty());
            found[usize::from(row[url].is_empty())] += 1;
        }
        assert_eq!(found, [summary.made, summary.failed]);
    });
}
