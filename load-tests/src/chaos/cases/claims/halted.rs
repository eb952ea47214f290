//! A gateway that is stopped after its claim, or its idempotency key, reached Redis and before its record can reach the
//! disk.
//!
//! Redis is frozen while the claim is sent, so the gateway waits for it; then the gateway is stopped and Redis thawed.
//! If that was too soon the gateway goes on for a moment, before a Redis that is frozen again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::{
    chaos::{
        history::Fate,
        rig::{Rig, Setup},
        script::{Say, Script},
    },
    process::LOOK_EVERY,
    redis::Redis,
};

const CLAIMED_WITHIN: Duration = Duration::from_secs(10);

/// Gateways that ask Redis for no quota first.
pub(super) fn unlimited(setup: Setup) -> Setup {
    setup.set("limits.per_api_key", "")
}

/// What the caller of a stopped gateway waits for.
pub(super) struct Halted(JoinHandle<anyhow::Result<Fate>>);

impl Halted {
    /// Gateway 0 takes the answer, claims it and stands still.
    pub(super) async fn between_claim_and_disk(
        rig: &mut Rig,
        script: &Arc<Script>,
        say: Say,
    ) -> anyhow::Result<Self> {
        let before = claims(rig.redis()?)?;
        rig.redis()?.freeze()?;
        let script = Arc::clone(script);
        let halted = Self(TaskTracker::new().spawn(async move { script.say(say).await }));
        let started = Instant::now();
        while rig.gateway(0)?.server.books().await?.in_flight == 0 {
            ensure!(started.elapsed() < CLAIMED_WITHIN, "the gateway does not take the answer");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        loop {
            rig.gateway(0)?.server.signal("STOP")?;
            rig.redis()?.thaw()?;
            // A new connection is served after those on which something waits already.
            if claims(rig.redis()?)? != before {
                return Ok(halted);
            }
            ensure!(started.elapsed() < CLAIMED_WITHIN, "the gateway did not claim the answer");
            rig.redis()?.freeze()?;
            rig.gateway(0)?.server.signal("CONT")?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What the caller is told in the end.
    pub(super) async fn fate(self) -> anyhow::Result<Fate> {
        self.0.await?
    }
}

/// Responses and idempotency keys that Redis knows of.
fn claims(redis: &Redis) -> anyhow::Result<u64> {
    let script = "local n = #redis.call('KEYS', 'vg:i:*') \
                  for _, k in ipairs(redis.call('KEYS', 'vg:{*')) do n = n + redis.call('HLEN', k) end \
                  return n";
    Ok(redis.cli(&["EVAL", script, "0"])?.trim().parse()?)
}
