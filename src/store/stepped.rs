//! A store without a thread: whoever opens it takes the writer's turns.

use std::path::Path;

use super::{
    Store,
    readers::Readers,
    sqlite::{Ledger, ListFilter, reader, responses},
    tests::LINKS,
    writer::Writer,
};
pub(crate) use super::{grpc::service, writer::WriterTurns};
use crate::{clock::Clock, proto::store::v1::Response};

/// Opens the file at `path`. Its commits do not wait for the disk: a crash here is that of the process.
pub(crate) fn open(path: &Path, clock: Clock) -> (Store, WriterTurns) {
    let ledger = Ledger::open(path, clock.clone(), "").unwrap();
    ledger.wait_for_no_disk();
    let readers = Readers::open(path).unwrap();
    let (writer, turns) = Writer::stepped(ledger);
    (Store::of(readers, writer, clock, LINKS), turns)
}

/// All responses of a file, by the order of their last change.
pub(crate) fn all_responses(path: &Path) -> Vec<Response> {
    let mut connection = reader(path).unwrap();
    let tx = connection.transaction().unwrap();
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let filter = ListFilter {
            survey: String::new(),
            brand: String::new(),
            interaction: String::new(),
            after,
            limit: 500,
        };
        let page = responses(&tx, &filter).unwrap();
        all.extend(page.rows.iter().map(|(_, response)| response.clone()));
        match page.rows.last().filter(|_| page.more) {
            Some((changed, _)) => after = *changed,
            None => return all,
        }
    }
}
