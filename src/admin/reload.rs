//! A reload: SIGHUP, or `POST /reload`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, oneshot};

use super::Certificates;
use crate::{
    catalog::Catalog,
    config::{self, Loaded, Overrides},
    intake::{Intake, claim::Claims},
    patient,
};

/// Where the configuration came from, to read it again.
#[derive(Clone)]
pub(crate) struct ConfigSource {
    /// The directory.
    pub dir: PathBuf,
    /// The flags.
    pub overrides: Overrides,
    /// The environment at start.
    pub env: BTreeMap<String, String>,
}

/// The environment holds secrets, and flags may.
impl std::fmt::Debug for ConfigSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigSource").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Reads the configuration again and swaps what may change. A wrong one changes nothing.
#[derive(Debug)]
pub(crate) struct Reload {
    swap: Arc<Swap>,
    one_at_a_time: Arc<Mutex<()>>,
}

impl Reload {
    /// Swaps this catalog and these certificates; where the process plays the edge, its limits and claims follow.
    pub(crate) fn new(
        source: ConfigSource,
        catalog: Arc<ArcSwap<Catalog>>,
        certificates: Certificates,
        edge: Option<(Arc<Intake>, Arc<Claims>)>,
    ) -> Self {
        let swap = Arc::new(Swap { source, catalog, certificates, edge });
        Self { swap, one_at_a_time: Arc::default() }
    }

    /// The new configuration's hash. Thousands of surveys take a second to read and check, so a thread of its own
    /// does it; once begun it goes on though nobody waits for it any more.
    ///
    /// # Errors
    /// All problems, one each.
    pub(crate) async fn run(&self) -> Result<String, Vec<String>> {
        let turn = Arc::clone(&self.one_at_a_time).lock_owned().await;
        let (reply, outcome) = oneshot::channel();
        let swap = Arc::clone(&self.swap);
        let reading = patient::spawn("reload", move || {
            drop(reply.send(swap.run()));
            drop(turn);
        });
        reading.map_err(|error| vec![format!("no thread to read the configuration: {error}")])?;
        outcome.await.unwrap_or_else(|_| Err(vec!["the reload ended by a panic; the log has it".to_owned()]))
    }
}

/// What is read and what is swapped.
#[derive(Debug)]
struct Swap {
    source: ConfigSource,
    catalog: Arc<ArcSwap<Catalog>>,
    certificates: Certificates,
    edge: Option<(Arc<Intake>, Arc<Claims>)>,
}

impl Swap {
    fn run(&self) -> Result<String, Vec<String>> {
        let ConfigSource { dir, overrides, env } = &self.source;
        match config::load(dir, overrides, env) {
            Ok(loaded) => Ok(self.take(loaded)),
            Err(problems) => {
                let problems: Vec<_> = problems.problems.iter().map(ToString::to_string).collect();
                for problem in &problems {
                    tracing::error!(problem, "not reloaded: the configuration is wrong");
                }
                Err(problems)
            }
        }
    }

    fn take(&self, Loaded { settings, catalog, warnings }: Loaded) -> String {
        for warning in &warnings {
            tracing::warn!(%warning, "configuration");
        }
        let hash = catalog.hash.clone();
        if let Some((intake, claims)) = &self.edge {
            claims.keep_for(catalog.longest_edit_window());
            claims.trust(&settings.redis.tls);
            intake.limiter().apply(&settings.limits);
        }
        self.catalog.store(Arc::new(catalog));
        self.certificates.swap(settings);
        tracing::info!(hash, "reloaded");
        hash
    }
}

#[cfg(test)]
mod tests;
