//! One claim on its way: one `HSETNX` when the answer is fresh; a read and a compare-and-set when it is not.

use redis::{Cmd, Value};
use tokio::time::Instant;

use super::{
    Shared, Written,
    bucket::Bucket,
    bytes,
    gathered::Commands,
    link::{Live, NoScript},
};
use crate::{
    clock::Timestamp,
    intake::claim::{
        Ask, Claimed, Ticket, Verdict,
        content::{Claim, Packed},
        judge::{Certainty, judge},
    },
    outcome::ResponseId,
};

/// What a command's name, key, field and claim take.
const COMMAND_BYTES: usize = 96;
/// Tries of a claim that others write at the same time.
const TRIES: u32 = 4;
/// Writes a claim only where it is still as it was read; else gives what is there. Only on the rare path: a script
/// costs four times a plain command.
pub(super) const SWAP: &str = "local c = redis.call('HGET', KEYS[1], ARGV[1]) \
    if c == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) return 1 end \
    return c";

/// What entering a claim found.
enum Entered {
    /// It is in; the bucket before has this one of the same response.
    New(Option<Packed>),
    /// There was one already.
    Known,
}

/// What became of a write that expected a certain claim.
enum Swapped {
    Done,
    Found(Packed),
    Gone,
}

/// One claim on its way.
pub(super) struct Claiming<'a> {
    pub(super) shared: &'a Shared,
    pub(super) live: &'a Live,
    pub(super) bucket: Bucket,
    pub(super) ask: &'a Ask<'a>,
    pub(super) ticket: &'a Ticket,
    pub(super) deadline: Instant,
}

impl Claiming<'_> {
    /// None when Redis fails before anything is known.
    pub(super) async fn run(&self) -> Option<Claimed> {
        let fresh = Claim::fresh(self.ask, self.ticket).pack(self.ask.answers);
        for _ in 0..TRIES {
            match self.enter(&fresh).await? {
                Entered::New(None) => return Some(self.claimed(Verdict::Fresh, self.ask.stamp)),
                // Boxed: seldom, and large, so that the others would be moved as more.
                Entered::New(Some(previous)) => return Some(Box::pin(self.revise(fresh, previous)).await),
                Entered::Known => {
                    if let Some(known) = self.read().await? {
                        return Some(Box::pin(self.revise(known.clone(), known)).await);
                    }
                }
            }
        }
        None
    }

    /// The one command of a fresh answer, and what rides along.
    async fn enter(&self, fresh: &Packed) -> Option<Entered> {
        let (bucket, field) = (&self.bucket, self.field());
        let mut commands = Commands::with_capacity(4);
        commands.push(command("HSETNX", &bucket.key).arg(field).arg(fresh.as_slice()).take());
        if let Some(previous) = &bucket.previous {
            commands.push(command("HGET", previous).arg(field).take());
        }
        if let Some(expire_secs) = bucket.expire_secs {
            commands.push(command("EXPIRE", &bucket.key).arg(expire_secs).take());
            commands.extend(bucket.previous.as_ref().map(|previous| command("EXISTS", previous)));
        }
        let mut values = self.shared.link.many(self.live, commands, self.deadline).await?.into_iter();
        let is_new = values.next()? == Value::Int(1);
        let previous = if bucket.previous.is_some() { bytes(values.next()?)? } else { None };
        if values.next() == Some(Value::Int(1)) {
            bucket.expires();
        }
        if values.next() == Some(Value::Int(0)) {
            bucket.is_alone();
        }
        Some(if is_new { Entered::New(previous) } else { Entered::Known })
    }

    /// Judges against `base`, and writes what follows from it in place of `expected`: the same, unless `base` lies in
    /// the bucket before. Others may write at the same time, so it tries again with what they wrote.
    async fn revise(&self, mut expected: Packed, mut base: Packed) -> Claimed {
        let mut stamp = self.ask.stamp;
        for _ in 0..TRIES {
            let Some(claim) = Claim::unpack(&base) else { break };
            if claim.is_of(self.ticket) {
                return self.claimed(Verdict::Fresh, claim.last);
            }
            let judged = judge(&claim, self.ask, self.certainty(&claim).await, self.ticket);
            stamp = judged.stamp;
            let next = match judged.write {
                None if expected == base => return self.claimed(judged.verdict, stamp),
                None => base,
                Some(next) => next.pack(self.ask.answers),
            };
            match self.swap(&expected, &next).await {
                Some(Swapped::Done) => return self.claimed(judged.verdict, stamp),
                Some(Swapped::Found(other)) if other == next => return self.claimed(judged.verdict, stamp),
                Some(Swapped::Found(other)) => (expected, base) = (other.clone(), other),
                Some(Swapped::Gone) | None => break,
            }
        }
        // The stamp stands: the claim may have been written although its reply was lost.
        Claimed { verdict: Verdict::Fresh, verified: false, stamp }
    }

    async fn certainty(&self, claim: &Claim) -> Certainty {
        let Claim { run, ticket, written_secs, .. } = *claim;
        let written = Written { key: self.bucket.key.as_bytes(), run, ticket, at_secs: written_secs };
        self.shared.certainty(self.live, &written, self.deadline).await
    }

    async fn read(&self) -> Option<Option<Packed>> {
        bytes(self.one(redis::cmd("HGET").arg(&self.bucket.key).arg(self.field())).await?)
    }

    async fn swap(&self, expected: &Packed, next: &Packed) -> Option<Swapped> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(1).arg(&self.bucket.key).arg(self.field());
            command.arg(expected.as_slice()).arg(next.as_slice());
            command
        };
        let known = command("EVALSHA", &self.shared.swap_sha);
        let value = match self.shared.link.script(self.live, &known, self.deadline).await? {
            Ok(value) => value,
            Err(NoScript) => self.one(&command("EVAL", SWAP)).await?,
        };
        if value == Value::Int(1) {
            return Some(Swapped::Done);
        }
        Some(bytes(value)?.map_or(Swapped::Gone, Swapped::Found))
    }

    async fn one(&self, command: &Cmd) -> Option<Value> {
        self.shared.link.one(self.live, command, self.deadline).await
    }

    fn field(&self) -> &[u8] {
        field(&self.ask.id)
    }

    const fn claimed(&self, verdict: Verdict, stamp: Timestamp) -> Claimed {
        Claimed { verdict, verified: true, stamp }
    }
}

/// A command on a key, with room for a field and a claim.
fn command(name: &str, key: &str) -> Cmd {
    let mut command = Cmd::with_capacity(4, COMMAND_BYTES);
    command.arg(name).arg(key);
    command
}

/// The part of an id that its bucket's name does not tell.
pub(super) fn field(id: &ResponseId) -> &[u8] {
    id.as_bytes().first_chunk::<12>().map_or(&[], |field| field)
}
