//! The wall clock, in microseconds, and the one place that reads it.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// A point in time: microseconds since the Unix epoch, UTC. Stamps order the values of a response.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The given microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The given seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// This much earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// The time since an earlier point; zero when that point is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// What a written time may be, for refusals.
    pub const FORM: &str = "a time in RFC 3339, such as `2026-11-21T20:00:00Z`";

    /// Reads RFC 3339, for example `2026-11-21T20:00:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed: jiff::Timestamp = text.parse().ok()?;
        Some(Self(parsed.as_microsecond()))
    }

    /// As a protobuf timestamp.
    pub fn to_proto(self) -> prost_types::Timestamp {
        prost_types::Timestamp {
            seconds: self.as_secs(),
            nanos: i32::try_from(self.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
        }
    }

    /// From a protobuf timestamp; anything below a microsecond is cut off.
    pub fn from_proto(timestamp: &prost_types::Timestamp) -> Self {
        let whole = timestamp.seconds.saturating_mul(1_000_000);
        Self(whole.saturating_add(i64::from(timestamp.nanos) / 1_000))
    }
}

/// RFC 3339 with microseconds, UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Tells the time. Tests set a manual one.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands until it is moved; microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
    /// A clock that goes with the runtime's own time, paused or not: what it showed when the runtime began to count.
    #[cfg(test)]
    Runtime(Arc<AtomicI64>, tokio::time::Instant),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.as_micros())))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp(system_micros()),
            Self::Manual(at) => Timestamp(at.load(Ordering::Relaxed)),
            #[cfg(test)]
            Self::Runtime(at, began) => Timestamp(at.load(Ordering::Relaxed)).after(began.elapsed()),
        }
    }

    /// The time as it goes on since the process first asked, whatever is done to the machine's clock meanwhile: for
    /// ages and expiries, which a jump must not change.
    pub fn steady(&self) -> Timestamp {
        static BEGIN: OnceLock<(Timestamp, Instant)> = OnceLock::new();
        match self {
            Self::System => {
                let (at, since) = BEGIN.get_or_init(|| (Timestamp(system_micros()), Instant::now()));
                at.after(since.elapsed())
            }
            Self::Manual(_) => self.now(),
            #[cfg(test)]
            Self::Runtime(..) => self.now(),
        }
    }

    /// Sets a clock of a test back.
    #[cfg(test)]
    pub(crate) fn set_back(&self, span: Duration) {
        if let Self::Manual(at) | Self::Runtime(at, _) = self {
            at.fetch_sub(micros(span), Ordering::Relaxed);
        }
    }

    /// Moves a clock of a test; the machine's clock stays as it is.
    pub fn advance(&self, span: Duration) {
        match self {
            Self::System => {}
            Self::Manual(at) => drop(at.fetch_add(micros(span), Ordering::Relaxed)),
            #[cfg(test)]
            Self::Runtime(at, _) => drop(at.fetch_add(micros(span), Ordering::Relaxed)),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn system_micros() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}
