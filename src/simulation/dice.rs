//! Chance from a seed. A generator of our own, so that a seed means the same after an upgrade of a library.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A stream of chance; its clones share it.
#[derive(Clone, Debug)]
pub(super) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    /// The stream of this name: what one part of the world draws does not change what another gets.
    pub(super) fn new(seed: u64, stream: &str) -> Self {
        let hash = blake3::hash(format!("{seed}:{stream}").as_bytes());
        let state = hash.as_bytes().first_chunk().map_or(seed, |first| u64::from_le_bytes(*first));
        Self(Arc::new(Mutex::new(state)))
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of a range.
    pub(super) fn within(&self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// A place in a list of so many.
    pub(super) fn place(&self, many: usize) -> usize {
        usize::try_from(self.within(0..many as u64)).unwrap()
    }

    /// True so often in a thousand.
    pub(super) fn permille(&self, often: u64) -> bool {
        self.within(0..1_000) < often
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// A time of so many microseconds.
    pub(super) fn micros(&self, range: Range<u64>) -> Duration {
        Duration::from_micros(self.within(range))
    }

    /// A time of so many milliseconds.
    pub(super) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }
}
