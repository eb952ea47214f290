//! A reload: SIGHUP, or `POST /reload`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;

use super::Certificates;
use crate::{
    catalog::Catalog,
    config::{self, Loaded, Overrides},
    intake::{Intake, claim::Claims},
};

/// Where the configuration came from, to read it again.
#[derive(Clone, Debug)]
pub(crate) struct ConfigSource {
    /// The directory.
    pub dir: PathBuf,
    /// The flags.
    pub overrides: Overrides,
    /// The environment at start.
    pub env: BTreeMap<String, String>,
}

/// Reads the configuration again and swaps what may change. A wrong one changes nothing.
#[derive(Debug)]
pub(crate) struct Reload {
    source: ConfigSource,
    catalog: Arc<ArcSwap<Catalog>>,
    certificates: Certificates,
    edge: Option<(Arc<Intake>, Arc<Claims>)>,
}

impl Reload {
    /// Swaps this catalog and these certificates; where the process plays the edge, its limits and claims follow.
    pub(crate) const fn new(
        source: ConfigSource,
        catalog: Arc<ArcSwap<Catalog>>,
        certificates: Certificates,
        edge: Option<(Arc<Intake>, Arc<Claims>)>,
    ) -> Self {
        Self { source, catalog, certificates, edge }
    }

    /// The new configuration's hash.
    ///
    /// # Errors
    /// All problems, one each.
    pub(crate) fn run(&self) -> Result<String, Vec<String>> {
        let ConfigSource { dir, overrides, env } = &self.source;
        match config::load(dir, overrides, env) {
            Ok(Loaded { settings, catalog, warnings }) => {
                for warning in &warnings {
                    tracing::warn!(%warning, "configuration");
                }
                let hash = catalog.hash.clone();
                if let Some((intake, claims)) = &self.edge {
                    claims.keep_for(catalog.longest_edit_window());
                    intake.limiter().apply(&settings.limits);
                }
                self.catalog.store(Arc::new(catalog));
                self.certificates.swap(settings);
                tracing::info!(hash, "reloaded");
                Ok(hash)
            }
            Err(problems) => {
                let problems: Vec<_> = problems.problems.iter().map(ToString::to_string).collect();
                for problem in &problems {
                    tracing::error!(problem, "not reloaded: the configuration is wrong");
                }
                Err(problems)
            }
        }
    }
}
