//! Places at a listener. When all are taken and one more client comes, those give way on which nothing was heard for
//! longest: a connection that is kept for later costs its client a reconnect, one that cannot come in costs an answer.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A connection that is in use is not silent for so long.
const SILENT: Duration = Duration::from_secs(1);
/// Of all connections this part gives way at once: the search for them is paid for once.
const PART: usize = 100;
/// How often it is looked whether one has become silent meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, Arc<Silence>>>,
    next: AtomicU64,
    begun: Instant,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    silence: Arc<Silence>,
    _permit: OwnedSemaphorePermit,
}

/// Since when nothing was heard on a connection.
#[derive(Debug)]
struct Silence {
    since_us: AtomicU64,
    gives_way: AtomicBool,
    reader: AtomicWaker,
}

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            begun: Instant::now(),
        })
    }

    /// A place at once where one is free; else as soon as one is. `full` hears how many connections gave way.
    pub(super) async fn take(self: &Arc<Self>, full: impl Fn(usize)) -> Place {
        loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                return self.place(permit);
            }
            full(self.make_room());
            let free = tokio::time::timeout(LOOK_AGAIN, Arc::clone(&self.free).acquire_owned());
            if let Ok(Ok(permit)) = free.await {
                return self.place(permit);
            }
        }
    }

    fn place(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let silence = Arc::new(Silence {
            since_us: AtomicU64::new(self.now_us()),
            gives_way: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        });
        self.taken().insert(number, Arc::clone(&silence));
        Place { places: Arc::clone(self), number, silence, _permit: permit }
    }

    /// Ends the connections that are silent for longest; says how many.
    fn make_room(&self) -> usize {
        let silent_since_us = self.now_us().saturating_sub(micros(SILENT));
        let taken = self.taken();
        let part = (taken.len() / PART).max(1);
        let is_silent = |silence: &&Arc<Silence>| {
            !silence.gives_way.load(Ordering::Relaxed) && silence.since() <= silent_since_us
        };
        let mut silent: Vec<_> = taken.values().filter(is_silent).map(Arc::clone).collect();
        drop(taken);
        silent.sort_unstable_by_key(|silence| silence.since());
        silent.truncate(part);
        silent.iter().for_each(|silence| silence.end());
        silent.len()
    }

    fn now_us(&self) -> u64 {
        micros(self.begun.elapsed())
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Silence>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Silence {
    fn since(&self) -> u64 {
        self.since_us.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.gives_way.store(true, Ordering::Release);
        self.reader.wake();
    }
}

impl Place {
    /// Bytes went in or out.
    pub(super) fn heard(&self) {
        self.silence.since_us.store(self.places.now_us(), Ordering::Relaxed);
    }

    /// Nothing has come: pending, until the connection has to give way to another.
    pub(super) fn poll_silence<T>(&self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.silence.reader.register(cx.waker());
        if self.silence.gives_way.load(Ordering::Acquire) {
            let why = "it was silent for longest, and another client needs the place";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().remove(&self.number);
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn the_connection_that_was_silent_for_longest_gives_way() {
        let places = Places::new(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(places.take(|_| panic!("there is a place")).await);
        }
        let [first, second, third] = held.try_into().unwrap();
        for (place, since_us) in [(&first, 3), (&second, 1), (&third, 2)] {
            place.silence.since_us.store(since_us, Ordering::Relaxed);
        }
        std::thread::sleep(SILENT);
        third.heard();
        let gives_way = async {
            let ended: io::Result<()> = poll_fn(|cx| second.poll_silence(cx)).await;
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
            drop(second);
        };
        let (_new, ()) = tokio::join!(places.take(|_| {}), gives_way);
        assert!(!first.silence.gives_way.load(Ordering::Relaxed));
        assert!(!third.silence.gives_way.load(Ordering::Relaxed));
        assert_eq!(places.taken().len(), 3);
    }

    #[tokio::test]
    async fn connections_in_use_do_not_give_way_and_a_newcomer_waits_for_a_free_place() {
        let places = Places::new(1);
        let busy = places.take(|_| {}).await;
        let newcomer = places.take(|gave_way| assert_eq!(gave_way, 0));
        let frees = async {
            tokio::time::sleep(LOOK_AGAIN * 3).await;
            drop(busy);
        };
        tokio::join!(newcomer, frees);
    }
}
