//! Whose Redis it is: the fingerprint of the fleet's identity key lies in it.
//!
//! A gateway that never was accepted has the wrong key, and ends. One that was goes on without a Redis that became
//! another fleet's: one wrong gateway, first at a server that came back empty, must not end all the others.

use std::{sync::atomic::Ordering, time::Duration};

use redis::{Cmd, FromRedisValue, RedisResult, Value};
use tokio::time::Instant;

use super::{
    super::{ConnectError, wire::Wire},
    Link,
};

/// How often it is looked whether Redis still answers, takes writes and belongs to this fleet.
const BEAT: Duration = Duration::from_secs(1);

impl Link {
    pub(super) async fn check_identity(&self, wire: &mut Wire) -> Result<(), ConnectError> {
        let found = wire.one(&self.identity()).await.map_err(ConnectError::Unavailable)?;
        if self.is_ours(found).map_err(ConnectError::Unavailable)? {
            self.accepted.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if !self.accepted.load(Ordering::Relaxed) {
            self.conflict.cancel();
        }
        self.live.store(None);
        Err(ConnectError::IdentityKey)
    }

    /// Writes whose Redis this is where nobody did, and asks.
    fn identity(&self) -> Cmd {
        let key = format!("{}identity", self.settings.prefix);
        redis::cmd("SET").arg(key).arg(&self.fingerprint).arg("NX").arg("GET").to_owned()
    }

    fn is_ours(&self, identity: Value) -> RedisResult<bool> {
        let found = Option::<String>::from_redis_value(identity)?;
        Ok(found.is_none_or(|found| found == self.fingerprint))
    }

    /// Asks once a second whose Redis it is: so one that hangs or takes no writes is noticed without answers too, and
    /// one that was emptied, or that evicted the key, is soon this fleet's again.
    pub(in super::super) async fn watch_over(&self) {
        loop {
            let fails = self.failures.load(Ordering::Relaxed) != 0;
            tokio::time::sleep(if fails { self.settings.breaker_probe.min(BEAT) } else { BEAT }).await;
            let Some(live) = self.live() else { continue };
            let found = self.one(&live, &self.identity(), Instant::now() + self.settings.timeout).await;
            if found.is_some_and(|found| self.is_ours(found).is_ok_and(|ours| !ours)) {
                self.forget(&live);
                live.watch.lost.cancel();
            }
        }
    }

    pub(super) fn tell_of_others(&self, error: &ConnectError) {
        let key = format!("{}identity", self.settings.prefix);
        tracing::error!(
            %error,
            "answers are taken unverified until this Redis is ours again: if its gateways are the wrong ones, stop them \
             and delete the key {key}"
        );
    }
}
