//! A Redis as it is where a fleet has had the volume that it expects for months: each bucket of claims holds what came
//! since its period began, and the full one before it is still there where it is looked at.
//!
//! The layout is that of `src/intake/claim/redis/bucket.rs`, and [`Steady::is_found`] tells when it is that no more.

use anyhow::ensure;
use redis::aio::MultiplexedConnection;
use voxgate::clock::Clock;

use crate::claims::PERIOD_DAYS;

/// Answers a day that the gateway is told to expect. Few enough that a bench meets each bucket some times, and many
/// enough that they do not all lie in a processor's cache.
pub(crate) const ANSWERS_PER_DAY: u64 = 5_000;
/// Claims of a bucket at the end of its period.
const FILL: u64 = 32;
const PERIOD_SECS: u64 = PERIOD_DAYS * 86_400;
/// For so long the bucket before is looked at.
const SPAN_SECS: u64 = PERIOD_SECS / 4;
/// As long as that of one score.
const CLAIM: [u8; 22] = [7; 22];
/// Buckets that are filled at once.
const AT_ONCE: usize = 256;

/// The buckets that were filled.
#[derive(Debug)]
pub(crate) struct Steady {
    keys: u64,
}

impl Steady {
    /// Fills all buckets.
    ///
    /// # Errors
    /// Redis does not take them.
    pub(crate) async fn fill(connection: &mut MultiplexedConnection) -> anyhow::Result<Self> {
        let now_secs = u64::try_from(Clock::System.now().as_secs())?;
        let buckets = ANSWERS_PER_DAY * PERIOD_DAYS / FILL;
        let mut full = Vec::new();
        for index in 0..buckets {
            let ahead_secs = now_secs + index * PERIOD_SECS / buckets;
            let (period, into_secs) = (ahead_secs / PERIOD_SECS, ahead_secs % PERIOD_SECS);
            full.push((index, period, (FILL * into_secs / PERIOD_SECS).max(1)));
            if into_secs < SPAN_SECS {
                full.push((index, period - 1, FILL));
            }
        }
        let mut number = 0_u128;
        for some in full.chunks(AT_ONCE) {
            let mut pipeline = redis::pipe();
            for (index, period, claims) in some {
                let key = format!("vg:{{{}}}e{}", short(*index), short(*period));
                let put = pipeline.cmd("HSET").arg(&key);
                for _ in 0..*claims {
                    number += 1;
                    put.arg(&number.to_le_bytes()[..12]).arg(&CLAIM);
                }
                put.ignore().cmd("EXPIRE").arg(&key).arg(PERIOD_SECS + SPAN_SECS).ignore();
            }
            pipeline.exec_async(connection).await?;
        }
        Ok(Self { keys: keys(connection).await? })
    }

    /// Whether the gateway's answers went into these buckets: beside them it makes no more than a few keys.
    ///
    /// # Errors
    /// They did not; the figure would be that of another state.
    pub(crate) async fn is_found(&self, connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
        let more = keys(connection).await?.saturating_sub(self.keys);
        ensure!(more < 64, "the gateway made {more} keys: its buckets are no longer where this fills them");
        Ok(())
    }
}

async fn keys(connection: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    Ok(redis::cmd("DBSIZE").query_async(connection).await?)
}

/// As the gateway writes numbers in keys: in base 36, the last digit first.
fn short(mut number: u64) -> String {
    let mut text = String::new();
    loop {
        let digit = u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36));
        text.extend(digit);
        number /= 36;
        if number == 0 {
            return text;
        }
    }
}
