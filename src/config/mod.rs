//! Reads `gateway-config/`: all problems at once, each with file, line, value and what would be right.
//!
//! Takes a directory, flags and the environment.
//! Gives [`Settings`], which are fixed at start, and a [`Catalog`], which a reload swaps.
//! Refuses everything with one wrong, unknown or missing key in it: a wrong configuration does not start.
//! Bounds: a MiB a file, 20,000 brands, 20,000 surveys, 8 KiB a secret.

mod address;
mod assemble;
mod brand_file;
mod colours;
mod finding;
mod gateway_file;
mod layers;
mod listeners;
mod overrides;
mod phone;
mod question;
mod secrets;
pub(crate) mod settings;
mod source;
mod survey_file;
mod table;
mod texts;
mod thanks;
mod tls_files;
mod value;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub(crate) use self::texts::is_id;
pub(crate) use self::{
    finding::{Finding, Place, Problems},
    overrides::{Overrides, Role},
    secrets::secret_of,
    settings::Settings,
};

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use toml::{Spanned, de::DeTable};

use self::{
    finding::Reading,
    gateway_file::Gateway,
    layers::{DEFAULTS, Layers},
    source::{Source, Sources},
    table::Table,
};
use crate::catalog::Catalog;

/// A configuration without problems.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// What is fixed at start.
    pub settings: Settings,
    /// What a reload swaps.
    pub catalog: Catalog,
    /// What an operator should know; by file and line.
    pub warnings: Vec<Finding>,
}

/// The environment, without the variables that are no UTF-8.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads a configuration. A reload calls it again and takes the catalog alone.
///
/// # Errors
/// All problems of all files, flags and variables.
pub(crate) fn load(
    dir: &Path,
    overrides: &Overrides,
    env: &BTreeMap<String, String>,
) -> Result<Loaded, Problems> {
    let reading = Reading::new(dir, env);
    let loaded = if dir.is_dir() {
        read(&reading, &Sources::read(&reading), overrides)
    } else {
        let advice = "is no directory; voxgate init --brand NAME writes a configuration".to_owned();
        let place = Place::File(dir.display().to_string(), None);
        reading.problem(Finding { place, key: String::new(), value: None, advice });
        None
    };
    let warnings = reading.finish()?;
    // Whoever gives no configuration has recorded why.
    let (settings, catalog) =
        loaded.ok_or_else(|| Problems { problems: Vec::new(), warnings: warnings.clone() })?;
    Ok(Loaded { settings, catalog, warnings })
}

fn read(reading: &Reading<'_>, sources: &Sources, overrides: &Overrides) -> Option<(Settings, Catalog)> {
    let flags = overrides.by_key();
    let defaults = Source::defaults(reading.dir, DEFAULTS);
    let defaults = Document::parse(reading, &defaults);
    let file = sources.gateway.as_ref().and_then(|source| Document::parse(reading, source));
    let layers = defaults
        .as_ref()
        .zip(file.as_ref())
        .map(|(defaults, file)| Layers::new(reading, &flags, &file.table(reading), &defaults.table(reading)));
    let gateway = layers.as_ref().map(|layers| gateway_file::read(layers, overrides.roles()));
    let base = gateway.as_ref().map_or("", |gateway| gateway.settings.public_base_url.as_str());
    let mut catalog = catalog(reading, sources, base);
    let Gateway { mut settings, link_keys, quotas } = gateway?;
    settings.sample_secrets = reading.has_sample_secrets();
    listeners::check(&layers?, &settings);
    catalog.link_keys = link_keys;
    catalog.quotas = quotas;
    Some((settings, catalog))
}

/// A file, parsed.
struct Document<'a> {
    source: &'a Source,
    top: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    fn parse(reading: &Reading<'_>, source: &'a Source) -> Option<Self> {
        source.parse(reading).map(|top| Self { source, top })
    }

    fn table<'t>(&'t self, reading: &'t Reading<'t>) -> Table<'t> {
        Table::root(reading, self.source, &self.top)
    }
}

fn catalog(reading: &Reading<'_>, sources: &Sources, base: &str) -> Catalog {
    let [brand_documents, survey_documents] = [&sources.brands, &sources.surveys]
        .map(|files| Vec::from_iter(files.iter().filter_map(|source| Document::parse(reading, source))));
    // A brand that could not be read is known all the same: its own problems are enough.
    let known: BTreeSet<_> = sources.brands.iter().map(|source| source.stem.clone()).collect();
    let brands: Vec<_> =
        brand_documents.iter().map(|document| brand_file::read(&document.table(reading), base)).collect();
    let surveys: Vec<_> =
        survey_documents.iter().map(|document| survey_file::read(&document.table(reading), &known)).collect();
    Catalog {
        surveys: assemble::surveys(&brands, &surveys),
        brands: brands.iter().map(|file| (file.brand.id.clone(), Arc::new(file.brand.clone()))).collect(),
        api_keys: assemble::api_keys(brands),
        hash: sources.hash.clone(),
        ..Catalog::default()
    }
}
