//! The append request with its records still encoded: the bytes in the spool are the bytes on the stream.

use bytes::Bytes;

/// `voxgate.store.v1.AppendRequest`, field for field; a record that is encoded already looks the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(super) struct EncodedAppend {
    #[prost(uint64, tag = "1")]
    pub(super) sequence: u64,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) records: Vec<Bytes>,
}

/// Does not show the records: they are somebody's.
impl std::fmt::Debug for EncodedAppend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncodedAppend({}, {} records)", self.sequence, self.records.len())
    }
}

/// Of `voxgate.store.v1.Record`, when the gateway received it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Received {
    #[prost(int64, tag = "15")]
    pub(super) received_us: i64,
}

/// The method's path.
pub(super) const APPEND: &str = "/voxgate.store.v1.StoreService/Append";

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::store::v1::{AppendRequest, Record};

    #[test]
    fn the_time_of_receipt_is_read_without_the_rest() {
        let record = Record { survey: "nps".to_owned(), received_us: 42, test: true, ..Record::default() };
        assert_eq!(Received::decode(&*record.encode_to_vec()).unwrap().received_us, 42);
    }

    #[test]
    fn encoded_records_read_as_the_contract_says() {
        let records: Vec<_> =
            ["one", "two"].map(|survey| Record { survey: survey.to_owned(), ..Record::default() }).into();
        let encoded = records.iter().map(|record| record.encode_to_vec().into()).collect();
        let bytes = EncodedAppend { sequence: 7, records: encoded }.encode_to_vec();
        assert_eq!(AppendRequest::decode(&*bytes).unwrap(), AppendRequest { sequence: 7, records });
    }
}
