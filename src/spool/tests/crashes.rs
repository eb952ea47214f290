//! The machine stops, or a call of the disk fails, at each of the steps of a spool's life: from its first file over
//! full, prepared, delivered and recycled segments to its end.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    medium::{Call, Keep, Medium},
    *,
};

fn recycling() -> settings::Spool {
    settings::Spool { keep_delivered: Duration::ZERO, ..small() }
}

/// What the world outside knows of a spool.
#[derive(Clone, Debug, Default)]
struct World {
    /// Records that were ever offered, by their number.
    offered: u64,
    /// Sequence and number of each that somebody was thanked for.
    acknowledged: BTreeMap<u64, u64>,
    /// Sequence and number of each that the store got.
    stored: BTreeSet<(u64, u64)>,
}

impl World {
    fn record(&mut self, bytes: usize) -> Vec<u8> {
        self.offered += 1;
        numbered(self.offered, bytes)
    }

    /// Some lives of the spool in one process: until its end, or until the disk fails it.
    async fn live(&mut self, medium: &Medium) {
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START);
        let opened = Spool::open_on(Arc::new(medium.clone()), data.path(), &recycling(), clock.clone());
        let Ok((spool, found)) = opened else { return };
        let rig = Rig { data, spool, runs: Runs::default(), clock, found };
        for _ in 0..6 {
            rig.clock.advance(Duration::from_secs(1));
            for (records, bytes) in [(1, 20_000), (5, 40), (1, 20_000), (3, 300), (1, 24_000)] {
                self.append(&rig, records, bytes).await;
            }
            self.deliver(&rig).await;
            if medium.state().struck {
                break;
            }
            let shared = &rig.spool.inner.shared;
            while shared.ahead.is_missing() && !medium.state().struck {
                thread::yield_now();
            }
        }
        // Whoever is refused comes back, and is let in without a restart.
        let before = self.acknowledged.len();
        let let_in = || medium.is_gone() || rig.spool.status().accepting.is_ok();
        while self.acknowledged.len() == before && !medium.is_gone() {
            faults::until(let_in).await;
            self.append(&rig, 1, 50).await;
        }
        self.deliver(&rig).await;
    }

    /// One group of records.
    async fn append(&mut self, rig: &Rig, records: usize, bytes: usize) {
        let mut waiting = Vec::new();
        for _ in 0..records {
            let record = self.record(bytes);
            if let Ok(room) = rig.spool.reserve(record.len()) {
                waiting.push((self.offered, rig.spool.append(room, rig.runs.ticket(), record.into())));
            }
        }
        for (number, appended) in waiting {
            if let Ok(landed) = appended.await {
                assert_eq!(
                    self.acknowledged.insert(landed.sequence, number),
                    None,
                    "a sequence is given once"
                );
            }
        }
    }

    /// What the spool holds goes to the store; it may not be possible to write down that it did.
    async fn deliver(&mut self, rig: &Rig) {
        let mut reader = rig.spool.reader();
        while rig.spool.status().spooled > 0 {
            let batch = tokio::select! {
                batch = reader.next(4, 1 << 20) => batch,
                () = faults::until(|| rig.spool.status().spooled == 0) => break,
            };
            self.store(batch.records);
            drop(rig.spool.advance(batch.last, 0));
        }
    }

    fn store(&mut self, records: Vec<(u64, Bytes)>) {
        for (sequence, record) in records {
            let number = u64::from_be_bytes(*record.first_chunk().unwrap());
            assert!((1..=self.offered).contains(&number), "it was offered once");
            assert!(self.acknowledged.get(&sequence).is_none_or(|known| *known == number), "{sequence}");
            self.stored.insert((sequence, number));
        }
    }

    /// Opens what is left, delivers all of it, and looks for what was acknowledged.
    async fn check(mut self, left: &Medium, context: &str) -> Recovery {
        let unacknowledged = self.offered - self.acknowledged.len() as u64;
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START.after(Duration::from_secs(60)));
        let opened = Spool::open_on(Arc::new(left.clone()), data.path(), &recycling(), clock.clone());
        let (spool, found) = opened.unwrap();
        let rig = Rig { data, spool, runs: Runs::default(), clock, found };
        assert!(rig.spool.status().balances(), "{context}");
        self.deliver(&rig).await;
        for (sequence, number) in &self.acknowledged {
            assert!(self.stored.contains(&(*sequence, *number)), "{context}: {sequence} is lost: {found:?}");
        }
        self.append(&rig, 3, 100).await;
        self.deliver(&rig).await;
        let status = rig.spool.status();
        assert!(status.balances() && status.spooled == 0, "{context}: {status:?}");
        assert!(status.set_aside <= unacknowledged, "{context}: {status:?}");
        found
    }
}

/// Calls `at` with 0, 1, 2 … until the planned call did not come any more; there must be so many of them.
fn at_every_step(at_least: u64, at: impl AsyncFn(u64) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let mut steps = 0;
    while runtime.as_ref().unwrap().block_on(at(steps)) {
        steps += 1;
    }
    assert!(steps >= at_least, "only {steps} steps were tried");
}

#[test]
fn power_may_fail_at_every_step_and_nothing_acknowledged_is_lost() {
    at_every_step(110, async |step| {
        let (medium, mut world) = (Medium::default(), World::default());
        medium.fail(Call::Change, step);
        world.live(&medium).await;
        for keep in [Keep::Nothing, Keep::Everything, Keep::Some(step), Keep::Some(!step)] {
            let context = format!("power fails at step {step}, {keep:?} of the rest is there");
            let found = world.clone().check(&medium.cut(keep), &context).await;
            if !matches!(keep, Keep::Some(_)) {
                assert_eq!((found.missing_segments, found.set_aside), (0, 0), "{context}");
            }
        }
        medium.state().struck
    });
}

#[test]
fn power_may_fail_again_at_every_step_of_the_recovery() {
    for crash in [40, 75, 110, 140] {
        at_every_step(3, async |step| {
            let (medium, mut world) = (Medium::default(), World::default());
            medium.fail(Call::Change, crash);
            world.live(&medium).await;
            let left = medium.cut(Keep::Some(crash));
            left.fail(Call::Change, step);
            world.live(&left).await;
            let context = format!("power fails at step {crash}, then at step {step} of the next life");
            world.clone().check(&left.cut(Keep::Nothing), &context).await;
            world.check(&left.cut(Keep::Some(step)), &context).await;
            left.state().struck && step < 12
        });
    }
}

#[test]
fn what_a_start_after_a_kill_shows_is_on_disk_by_then() {
    for call in [Call::Change, Call::Sync, Call::Write] {
        at_every_step(20, async |step| {
            let (medium, mut world) = (Medium::default(), World::default());
            medium.fail(call, step);
            world.live(&medium).await;
            let struck = medium.state().struck;
            medium.healed();
            let data = tempfile::tempdir().unwrap();
            let opened = Spool::open_on(Arc::new(medium.clone()), data.path(), &recycling(), Clock::System);
            let (spool, _) = opened.unwrap();
            // The embedded claims are filled with these, so that a double of one of them is thanked for.
            let shown: Vec<_> = spool.scan().map(|(_, record)| record).collect();
            let left = medium.cut(Keep::Nothing);
            drop(spool);
            let opened = Spool::open_on(Arc::new(left), data.path(), &recycling(), Clock::System);
            let kept: Vec<_> = opened.unwrap().0.scan().map(|(_, record)| record).collect();
            assert_eq!(kept, shown, "killed after {call:?} {step} failed, then the power");
            struck
        });
    }
}

#[test]
fn every_single_fsync_may_fail_and_nothing_acknowledged_is_lost() {
    at_every_step(45, async |step| {
        let (medium, mut world) = (Medium::default(), World::default());
        medium.fail(Call::Sync, step);
        world.live(&medium).await;
        for keep in [Keep::Nothing, Keep::Everything, Keep::Some(step)] {
            let context = format!("fsync {step} failed, {keep:?} of the rest is there");
            let found = world.clone().check(&medium.cut(keep), &context).await;
            assert_eq!(found.missing_segments, 0, "{context}");
        }
        medium.state().struck
    });
}

#[test]
fn the_disk_may_be_full_at_every_single_write() {
    at_every_step(65, async |step| {
        let (medium, mut world) = (Medium::default(), World::default());
        medium.fail(Call::Write, step);
        world.live(&medium).await;
        for keep in [Keep::Nothing, Keep::Everything] {
            let context = format!("write {step} failed, {keep:?} of the rest is there");
            let found = world.clone().check(&medium.cut(keep), &context).await;
            assert_eq!((found.missing_segments, found.set_aside), (0, 0), "{context}");
        }
        medium.state().struck
    });
}

#[test]
fn every_single_read_may_fail_once_at_the_start_and_after_it() {
    at_every_step(6, async |step| {
        let (medium, mut world) = (Medium::default(), World::default());
        world.live(&medium).await;
        let left = medium.cut(Keep::Nothing);
        left.fail(Call::Read, step);
        let data = tempfile::tempdir().unwrap();
        let opened = Spool::open_on(Arc::new(left.clone()), data.path(), &recycling(), Clock::System);
        if let Ok((spool, found)) = opened {
            let rig = Rig { data, spool, runs: Runs::default(), clock: Clock::System, found };
            world.deliver(&rig).await;
        }
        let struck = left.state().struck;
        left.healed();
        world.check(&left, &format!("read {step} failed")).await;
        struck
    });
}
