//! When the machine itself stood still: a disk that ends no write, a core that somebody else has. No fault of a case
//! makes it so; an answer that waited meanwhile did not wait for the fault.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between one look and the next.
const PAUSE: Duration = Duration::from_millis(10);
/// A small write with fdatasync takes no longer, and nobody is woken later than that, where all is well.
const USUAL: Duration = Duration::from_millis(10);
/// A page, as a small group commit writes it.
const BLOCK: [u8; 4096] = [0; 4096];

/// Watches the machine from a thread of its own, which does what a gateway does: it writes, syncs and sleeps. Dropped,
/// as where a case breaks off, it watches no longer either.
#[derive(Debug)]
pub(crate) struct Machine {
    watched: Arc<()>,
    thread: JoinHandle<io::Result<Standstills>>,
}

/// From when to when the machine stood still.
#[derive(Debug, Default)]
pub(crate) struct Standstills(Vec<Range<Instant>>);

impl Machine {
    /// Watches from now on, with a file in this directory.
    pub(crate) fn watch(dir: &Path) -> io::Result<Self> {
        let file = File::create(dir.join("machine"))?;
        let watched = Arc::new(());
        let wanted = Arc::downgrade(&watched);
        let watching = move || {
            let mut found = Standstills::default();
            while wanted.strong_count() > 0 {
                found.look(USUAL, || file.write_all_at(&BLOCK, 0).and_then(|()| file.sync_data()))?;
                found.look(PAUSE + USUAL, || thread::sleep(PAUSE));
            }
            Ok(found)
        };
        Ok(Self { watched, thread: thread::Builder::new().name("machine".to_owned()).spawn(watching)? })
    }

    /// Watches no longer.
    pub(crate) fn end(self) -> io::Result<Standstills> {
        drop(self.watched);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the watch ended by a panic")))
    }
}

impl Standstills {
    /// Notes what some work takes beyond the usual.
    fn look<T>(&mut self, usual: Duration, work: impl FnOnce() -> T) -> T {
        let due = Instant::now() + usual;
        let done = work();
        let ended = Instant::now();
        if ended > due {
            self.0.push(due..ended);
        }
        done
    }

    /// How much of a span of time they take.
    pub(crate) fn within(&self, span: Range<Instant>) -> Duration {
        let shared =
            |one: &Range<Instant>| one.end.min(span.end).saturating_duration_since(one.start.max(span.start));
        self.0.iter().map(shared).sum()
    }

    /// The longest of them.
    pub(crate) fn longest(&self) -> Duration {
        self.0.iter().map(|one| one.end - one.start).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_span_only_what_lies_in_it_is_a_standstill() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let found = Standstills(vec![at(100)..at(200), at(300)..at(310)]);
        for (span, ms) in
            [(0..50, 0), (0..150, 50), (120..130, 10), (150..305, 55), (0..999, 110), (200..300, 0)]
        {
            assert_eq!(found.within(at(span.start)..at(span.end)), Duration::from_millis(ms), "{span:?}");
        }
        assert_eq!(found.longest(), Duration::from_millis(100));
    }

    #[test]
    fn what_takes_longer_than_usual_is_noted_from_then_on() {
        let (mut found, zero) = (Standstills::default(), Instant::now());
        found.look(Duration::from_secs(60), || ());
        assert_eq!(found.longest(), Duration::ZERO);
        found.look(Duration::from_millis(5), || thread::sleep(Duration::from_millis(25)));
        assert!(found.longest() >= Duration::from_millis(20));
        assert_eq!(found.within(zero..zero + Duration::from_millis(5)), Duration::ZERO);
    }

    #[test]
    fn a_watch_ends_when_told_and_when_nobody_wants_it() {
        let dir = tempfile::tempdir().unwrap();
        Machine::watch(dir.path()).unwrap().end().unwrap();
        let Machine { watched, thread } = Machine::watch(dir.path()).unwrap();
        drop(watched);
        thread.join().unwrap().unwrap();
    }
}
