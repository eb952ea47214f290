//! Where a claim lies: in one of many small hashes of its period.
//!
//! A claim is kept for the *span*: the edit window, rounded up to a power of two of days so that surveys share buckets.
//! A period is four spans long, so a claim that may still matter is in this period's bucket or in the one before, and
//! the latter has to be looked at only during the first span of a period. The periods of the buckets begin one after
//! the other, spread over the length of one: so at any time a quarter of the answers looks at two buckets, Redis holds
//! three spans of claims, and no moment comes at which all buckets are opened, or expire, at once.
//!
//! A hash of up to 512 short fields is a listpack (`hash-max-listpack-entries`), which is searched from its begin; the
//! number of hashes is chosen so that a full period leaves about 32 in each: short to search, and sixteen times the
//! volume is still a listpack.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;

use crate::{clock::Timestamp, outcome::ResponseId};

const DAY_SECS: u64 = 86_400;
/// Length of a period in spans. More of them would be looked at less often across their boundary, and hold claims for
/// longer than they matter.
const SPANS: u64 = 4;
/// Fields of a hash at the end of its period.
const FILL: u64 = 32;
/// Spans of 1 day to 16,384 days.
const CLASSES: usize = 15;
const MAX_BUCKETS: u64 = 1 << 24;
/// How long after a period's begin a gateway with a slow clock may still write into the one before.
const SLOW_CLOCK_SECS: u64 = 3600;
/// Of the ids that begin with a byte, those below this send EXPIRE whatever is known, one in FILL: in case a bucket was
/// evicted and made anew.
const EXPIRES_AGAIN_BELOW: u8 = 8;
/// Bits of a bucket: within the length of a period it lies in two that follow each other.
const BITS: usize = 2;

/// All buckets.
#[derive(Debug)]
pub(super) struct Buckets {
    prefix: String,
    answers_per_day: u64,
    longest_secs: AtomicU64,
    classes: [OnceLock<Class>; CLASSES],
}

/// The buckets of one span.
#[derive(Debug)]
struct Class {
    letter: char,
    span_secs: u64,
    buckets: u64,
    marks: ArcSwapOption<Marks>,
}

/// What this gateway did with, and knows of, the buckets over one connection in the length of a period.
#[derive(Debug)]
pub(super) struct Marks {
    of: (u64, u64),
    /// Its expiry was set.
    expires: Vec<AtomicU64>,
    /// The bucket before it is not there, and never will be.
    alone: Vec<AtomicU64>,
}

/// The place of one claim.
#[derive(Debug)]
pub(super) struct Bucket {
    /// The bucket of this period.
    pub(super) key: String,
    /// The one before, while it may hold a claim that matters.
    pub(super) previous: Option<String>,
    /// How long the bucket must be kept, when that is still to be said.
    pub(super) expire_secs: Option<u64>,
    /// Whether what is found of the previous bucket may be remembered.
    may_be_alone: bool,
    mark: usize,
    marks: Arc<Marks>,
}

impl Buckets {
    pub(super) fn new(prefix: &str, answers_per_day: u64) -> Self {
        let classes = [const { OnceLock::new() }; CLASSES];
        Self { prefix: prefix.to_owned(), answers_per_day, longest_secs: AtomicU64::new(0), classes }
    }

    pub(super) fn keep_for(&self, longest: Duration) {
        self.longest_secs.store(longest.as_secs(), Ordering::Relaxed);
    }

    /// The longest time that a claim may be read after it was written.
    pub(super) fn longest_kept(&self) -> Duration {
        let longest = self.classes.iter().filter_map(OnceLock::get).map(|class| class.span_secs).max();
        Duration::from_secs((SPANS + 1) * longest.unwrap_or(DAY_SECS))
    }

    /// The place of a claim at a time; `generation` counts connections.
    pub(super) fn place(
        &self,
        id: ResponseId,
        now: Timestamp,
        edit_window: Duration,
        generation: u64,
    ) -> Bucket {
        let window_secs = edit_window.as_secs().max(self.longest_secs.load(Ordering::Relaxed));
        let class = self.class(window_secs);
        let now_secs = u64::try_from(now.as_secs()).unwrap_or(0);
        let period_secs = SPANS * class.span_secs;
        let index = class.index(id);
        let ahead_secs = now_secs + class.ahead_secs(index);
        let (period, into_secs) = (ahead_secs / period_secs, ahead_secs % period_secs);
        let marks = class.marks((now_secs / period_secs, generation));
        let mark = class.mark(index, period);
        let key = |period| self.key(index, class.letter, period);
        let looked_at = into_secs < class.span_secs && period > 0 && !is_set(&marks.alone, mark);
        let expire_secs = period_secs - into_secs + class.span_secs;
        Bucket {
            key: key(period),
            previous: looked_at.then(|| key(period - 1)),
            expire_secs: (is_again(id) || !is_set(&marks.expires, mark)).then_some(expire_secs),
            may_be_alone: into_secs > SLOW_CLOCK_SECS,
            mark,
            marks,
        }
    }

    /// Written without the machinery of `format!`: each answer has one or two.
    fn key(&self, index: u64, letter: char, period: u64) -> String {
        let mut key = String::with_capacity(self.prefix.len() + 24);
        key.push_str(&self.prefix);
        key.push('{');
        push_short(&mut key, index);
        key.push('}');
        key.push(letter);
        push_short(&mut key, period);
        key
    }

    fn class(&self, window_secs: u64) -> &Class {
        let days = window_secs.div_ceil(DAY_SECS).clamp(1, 1 << (CLASSES - 1)).next_power_of_two();
        let power = usize::try_from(days.trailing_zeros()).unwrap_or(0).min(CLASSES - 1);
        #[allow(clippy::indexing_slicing, reason = "the power is below the array's length by construction")]
        self.classes[power].get_or_init(|| Class::new(power, days, self.answers_per_day))
    }
}

impl Class {
    fn new(power: usize, days: u64, answers_per_day: u64) -> Self {
        let answers = answers_per_day.saturating_mul(SPANS * days);
        Self {
            letter: char::from(b'a' + u8::try_from(power).unwrap_or(0)),
            span_secs: days * DAY_SECS,
            buckets: answers.div_ceil(FILL).clamp(1, MAX_BUCKETS),
            marks: ArcSwapOption::empty(),
        }
    }

    /// The field is the id's first twelve bytes; the last four choose the bucket.
    fn index(&self, id: ResponseId) -> u64 {
        let [.., a, b, c, d] = *id.as_bytes();
        (u64::from(u32::from_be_bytes([a, b, c, d])) * self.buckets) >> 32
    }

    /// How much earlier than the first bucket's a bucket's periods begin.
    fn ahead_secs(&self, index: u64) -> u64 {
        index * (SPANS * self.span_secs) / self.buckets
    }

    /// The place of a bucket's bits in a period.
    fn mark(&self, index: u64, period: u64) -> usize {
        usize::try_from(index).unwrap_or(usize::MAX / BITS) * BITS + usize::from(period % 2 == 1)
    }

    fn marks(&self, of: (u64, u64)) -> Arc<Marks> {
        if let Some(marks) = self.marks.load_full().filter(|marks| marks.of == of) {
            return marks;
        }
        let words = usize::try_from(self.buckets.div_ceil(64)).unwrap_or(0) * BITS;
        let none = || std::iter::repeat_with(AtomicU64::default).take(words).collect();
        let marks = Arc::new(Marks { of, expires: none(), alone: none() });
        self.marks.store(Some(Arc::clone(&marks)));
        marks
    }
}

impl Bucket {
    /// Its expiry was set.
    pub(super) fn expires(&self) {
        set(&self.marks.expires, self.mark);
    }

    /// The bucket before was found to be missing.
    pub(super) fn is_alone(&self) {
        if self.may_be_alone {
            set(&self.marks.alone, self.mark);
        }
    }
}

fn is_again(id: ResponseId) -> bool {
    id.as_bytes().first().is_some_and(|first| *first < EXPIRES_AGAIN_BELOW)
}

fn is_set(bits: &[AtomicU64], place: usize) -> bool {
    bits.get(place / 64).is_some_and(|word| word.load(Ordering::Relaxed) >> (place % 64) & 1 == 1)
}

fn set(bits: &[AtomicU64], place: usize) {
    if let Some(word) = bits.get(place / 64) {
        word.fetch_or(1 << (place % 64), Ordering::Relaxed);
    }
}

/// A number in few letters.
fn push_short(text: &mut String, mut number: u64) {
    loop {
        let digit = u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36));
        text.push(digit.unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return;
        }
    }
}
