//! The codec under any bytes, and the spool beside a model of itself.

use proptest::prelude::*;

use super::{
    super::{
        books::{Books, BooksFile, Mark, MarkKind},
        frame::{NoFrame, encode, parse},
    },
    *,
};

proptest! {
    #[test]
    fn a_frame_reads_back_as_it_was_written(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        generation in any::<u32>(), sequence in any::<u64>(), at in any::<i64>(), rest in any::<[u8; 9]>(),
    ) {
        let mut bytes = Vec::new();
        encode(&mut bytes, generation, sequence, Timestamp::from_micros(at), &payload);
        let whole = bytes.len();
        prop_assert_eq!(whole, frame::frame_bytes(payload.len()));
        bytes.extend(rest);
        let parsed = parse(&bytes, generation).unwrap();
        prop_assert_eq!((parsed.sequence, parsed.appended_at.as_micros(), parsed.bytes), (sequence, at, whole));
        prop_assert_eq!(&bytes[parsed.payload], &payload[..]);
        prop_assert_eq!(parse(&bytes, generation.wrapping_add(1)), Err(NoFrame::Invalid));
        prop_assert!(matches!(parse(&bytes[..whole - 1], generation), Err(NoFrame::Short(_))));
    }

    #[test]
    fn any_flipped_bit_of_a_frame_is_noticed(
        payload in prop::collection::vec(any::<u8>(), 1..100), bit in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode(&mut bytes, 3, 9, START, &payload);
        let bit = bit.index((frame::FRAME_HEAD_BYTES + payload.len()) * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(parse(&bytes, 3).is_err());
    }

    #[test]
    fn no_bytes_at_all_make_the_parser_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        parse(&bytes, 0).unwrap_err();
        if bytes.len() > 4 {
            bytes[..4].copy_from_slice(b"VGf1");
            let _parsed = parse(&bytes, 0).is_ok();
        }
    }

    #[test]
    fn the_books_read_back_as_they_were_written(
        counts in any::<[u32; 5]>(), replay in any::<Option<u32>>(), marks in prop::collection::vec(any::<(bool, u32, u8)>(), 0..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let [cursor, durable, delivered, dead_lettered, set_aside] = counts.map(u64::from);
        let mut books = Books { cursor, durable, delivered, dead_lettered, set_aside, replay: replay.map(u64::from), marks: Vec::new() };
        for (dead, after, records) in marks {
            let kind = if dead { MarkKind::DeadLettered } else { MarkKind::SetAside };
            let (after, records) = (u64::from(after), u64::from(records));
            books.mark(Mark { kind, after, through: after + records, records });
        }
        let (mut file, none) = BooksFile::open(&Local, dir.path()).unwrap();
        prop_assert_eq!(none, None);
        file.write(&Books::default()).unwrap();
        file.write(&books).unwrap();
        prop_assert_eq!(BooksFile::open(&Local, dir.path()).unwrap().1, Some(books));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append { records: usize, bytes: usize },
    Read { records: usize },
    Deliver { dead: u64 },
    Rewind,
    Replay { seconds: u64 },
    Reopen,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..60, 1_usize..3_000).prop_map(|(records, bytes)| Step::Append { records, bytes }),
        4 => (1_usize..80).prop_map(|records| Step::Read { records }),
        4 => (0_u64..3).prop_map(|dead| Step::Deliver { dead }),
        1 => Just(Step::Rewind),
        1 => (0_u64..30).prop_map(|seconds| Step::Replay { seconds }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

/// The spool, and what must come out of it.
struct Model {
    rig: Rig,
    reader: Reader,
    appended: u64,
    /// The last sequence of each batch on the way.
    on_the_way: Vec<u64>,
    /// Which sequences were delivered at least once.
    delivered: std::collections::BTreeSet<u64>,
    /// The last sequence read since the reader was set back.
    read: Option<u64>,
}

impl Model {
    fn new() -> Self {
        let rig = Rig::new(&small());
        let reader = rig.spool.reader();
        let (on_the_way, delivered) = (Vec::new(), std::collections::BTreeSet::new());
        Self { rig, reader, appended: 0, on_the_way, delivered, read: None }
    }

    async fn take(mut self, step: &Step) -> Self {
        match *step {
            Step::Append { records, bytes } => self.append(records, bytes).await,
            Step::Read { records } => self.read(records).await,
            Step::Deliver { dead } => self.deliver(dead),
            Step::Rewind => {
                self.reader.rewind();
                self.forget_reads();
            }
            Step::Replay { seconds } => {
                self.rig.spool.replay(START.after(Duration::from_secs(seconds))).unwrap();
                self.read = None;
            }
            Step::Reopen => {
                drop(self.reader);
                self.rig = self.rig.reopened(&small());
                self.reader = self.rig.spool.reader();
                self.forget_reads();
            }
            Step::Kill => {
                self.rig = self.rig.killed(&small());
                self.reader = self.rig.spool.reader();
                self.forget_reads();
            }
        }
        let status = self.rig.spool.status();
        assert!(status.balances(), "{step:?}: {status:?}");
        assert_eq!((status.appended, status.set_aside), (self.appended, 0), "{step:?}");
        self
    }

    fn forget_reads(&mut self) {
        self.on_the_way.clear();
        self.read = None;
    }

    async fn append(&mut self, records: usize, bytes: usize) {
        self.rig.clock.advance(Duration::from_secs(1));
        let mut waiting = Vec::new();
        for _ in 0..records {
            let record = numbered(self.appended + 1 + waiting.len() as u64, bytes);
            let Ok(room) = self.rig.spool.reserve(record.len()) else { break };
            waiting.push(self.rig.spool.append(room, self.rig.runs.ticket(), record.into()));
        }
        for appended in waiting {
            self.appended += 1;
            assert_eq!(appended.await.map(sequence), Ok(self.appended));
        }
    }

    async fn read(&mut self, records: usize) {
        if self.reader.stretch().is_none() {
            return;
        }
        let batch = self.reader.next(records, 1 << 16).await;
        for (sequence, record) in &batch.records {
            assert_eq!(record[..8], sequence.to_be_bytes());
            assert!(self.read.is_none_or(|last| *sequence == last + 1), "{sequence} after {:?}", self.read);
            self.read = Some(*sequence);
        }
        self.on_the_way.push(batch.last);
    }

    fn deliver(&mut self, dead: u64) {
        if self.on_the_way.is_empty() {
            return;
        }
        let last = self.on_the_way.remove(0);
        let from = self.rig.spool.inner.shared.log().cursor.sequence;
        self.delivered.extend(from + 1..=last);
        self.rig.spool.advance(last, dead).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_spool_delivers_all_that_its_model_holds(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for step in &steps {
                model = model.take(step).await;
            }
            drop(model.reader);
            model.delivered.extend(model.rig.deliver_all().await.into_iter().map(|(sequence, _)| sequence));
            assert_eq!(model.delivered.len() as u64, model.appended);
            let status = model.rig.spool.status();
            assert_eq!(status.spooled, 0);
            assert!(status.balances());
        });
    }
}
