//! What a claim takes of Redis's memory, made by real answers through the gateway.

use std::time::Duration;

use crate::{
    identity::Numbers,
    load::{Bound, over_grpc},
    plan::Bench,
    system::{Shape, System},
    terminal::say,
};

/// Length of a bucket's period, for the sample's edit window of 14 days (rounded up to 16, four times): so many days of
/// the expected volume fill it.
pub(crate) const PERIOD_DAYS: u64 = 64;

/// Bytes a claim when the period's volume is what was configured; also said for a quarter and for four times of it.
pub(crate) async fn bytes_per_claim(bench: Bench<'_>, claims: u64) -> anyhow::Result<f64> {
    let quarter = bytes(bench, "claims_at_a_quarter", claims / 4, claims).await?;
    let four_times = bytes(bench, "claims_at_four_times", claims, claims / 4).await?;
    let configured = bytes(bench, "claims_as_configured", claims, claims).await?;
    say(&format!(
        "redis_bytes_per_claim: {configured:.1} at the configured volume, {quarter:.1} at a quarter, {four_times:.1} at four times of it"
    ));
    Ok(configured)
}

/// So many claims where `expected` of them were configured for a period.
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 bytes")]
async fn bytes(bench: Bench<'_>, name: &str, claims: u64, expected: u64) -> anyhow::Result<f64> {
    let shape = Shape { answers_per_day: (expected / PERIOD_DAYS).max(1), ..Shape::sample(bench.plan) };
    let system = System::start(bench.plan, bench.cores, name, shape).await?;
    let before = system.redis.used_bytes()?;
    say(&format!("redis_bytes_per_claim: {claims} answers where {expected} were expected"));
    let bound = Bound { length: Duration::MAX, items: claims };
    let done = over_grpc(&system.grpc, &Numbers::default(), bound).await?;
    let used = system.redis.used_bytes()?.saturating_sub(before);
    system.check(done).await?;
    Ok(used as f64 / done.items as f64)
}
