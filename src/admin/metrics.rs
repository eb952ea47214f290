//! The numbers of `GET /metrics`, in OpenMetrics text. Gauges are read when they are asked for.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::AdminEdge;
use crate::catalog::Catalog;

/// All metrics of the process.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    /// Gathers what there is to tell.
    pub(crate) fn new(catalog: Arc<arc_swap::ArcSwap<Catalog>>, edge: Option<AdminEdge>) -> Self {
        let mut registry = Registry::default();
        if let Some(edge) = &edge {
            edge.intake.ledger().register(&mut registry);
            edge.intake.register_touches(&mut registry);
            edge.readiness.forward.register(&mut registry);
            registry.register(
                "voxgate_spool_commit_seconds",
                "Time of a group commit, fsync included",
                edge.spool.commit_seconds(),
            );
        }
        registry.register_collector(Box::new(Scrape { catalog, edge }));
        Self(registry)
    }

    /// The numbers now.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct Scrape {
    catalog: Arc<arc_swap::ArcSwap<Catalog>>,
    edge: Option<AdminEdge>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.config_info(&mut encoder)?;
        let Some(edge) = &self.edge else { return Ok(()) };
        let spool = edge.spool.status();
        let oldest = spool.oldest_undelivered.map_or(0.0, |at| edge.clock.now().since(at).as_secs_f64());
        let claims = &edge.readiness.claims;
        let gauges = [
            ("voxgate_spool_records", "Records that wait for delivery", as_f64(spool.spooled)),
            ("voxgate_spool_bytes", "Bytes of the records that wait for delivery", as_f64(spool.bytes)),
            ("voxgate_spool_oldest_seconds", "Age of the oldest record that waits", oldest),
            ("voxgate_dead_letters", "Records that the store refused", as_f64(edge.letters.len() as u64)),
            (
                "voxgate_redis_up",
                "Whether Redis can be asked; 1 where none is configured",
                f64::from(u8::from(claims.is_up())),
            ),
            (
                "voxgate_store_up",
                "Whether the store takes records",
                f64::from(u8::from(edge.readiness.forward.store_up())),
            ),
        ];
        for (name, help, value) in gauges {
            gauge(&mut encoder, name, help, value)?;
        }
        let ahead = ConstCounter::new(claims.ahead());
        let metric = encoder.encode_descriptor(
            "voxgate_claims_ahead",
            "Claims found that another gateway wrote in this one's future: clocks that drift apart",
            None,
            ahead.metric_type(),
        )?;
        ahead.encode(metric)
    }
}

impl Scrape {
    fn config_info(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let info = ConstGauge::new(1_i64);
        let mut metric = encoder.encode_descriptor(
            "voxgate_config_info",
            "The configuration in use",
            None,
            info.metric_type(),
        )?;
        let hash = self.catalog.load().hash.clone();
        info.encode(metric.encode_family(&[("hash", hash)])?)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(metric)
}

#[allow(clippy::cast_precision_loss, reason = "a count of records or bytes, for a graph")]
const fn as_f64(count: u64) -> f64 {
    count as f64
}
