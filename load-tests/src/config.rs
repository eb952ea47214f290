//! A copy of a configuration that a run may change.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::identity::API_KEY;

/// A directory laid out like `gateway-config/`.
#[derive(Clone, Debug)]
pub(crate) struct ConfigDir(PathBuf);

impl ConfigDir {
    /// Copies a configuration; quotas of the copy cannot be used up by one program or one address.
    pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<Self> {
        copy(from, to)?;
        let config = Self(to.to_owned());
        config.set("gateway.toml", "limits.per_address", 1_000_000_000)?;
        config.set("gateway.toml", "limits.per_api_key", "1000000000 / 1m")?;
        Ok(config)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file of it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Adds copies of `support-nps`.
    pub(crate) fn add_surveys(&self, count: u32) -> anyhow::Result<()> {
        let sample = fs::read_to_string(self.file("surveys/support-nps.toml"))?;
        for number in 0..count {
            let id = format!("grown-{number}");
            fs::write(self.file(&format!("surveys/{id}.toml")), sample.replace("support-nps", &id))?;
        }
        Ok(())
    }

    /// Adds copies of `acme`, with secrets of their own.
    pub(crate) fn add_brands(&self, count: u32) -> anyhow::Result<()> {
        let sample = fs::read_to_string(self.file("brands/acme.toml"))?;
        let key = hex::encode(Sha256::digest(API_KEY));
        for number in 0..count {
            let own_key = hex::encode(Sha256::digest(format!("vg_grown_{number}")));
            let brand = sample.replace(&key, &own_key);
            let brand = brand.replace("dev-link-secret", &format!("grown-link-secret-{number}"));
            let brand = brand.replace("dev-twilio-token", &format!("grown-twilio-token-{number}"));
            fs::write(self.file(&format!("brands/grown-{number}.toml")), brand)?;
        }
        Ok(())
    }

    /// Sets a value of a file by its dotted path, for example `limits.per_address`.
    pub(crate) fn set(&self, file: &str, path: &str, value: impl Into<toml::Value>) -> anyhow::Result<()> {
        let file = self.file(file);
        let mut table: toml::Table = fs::read_to_string(&file)?.parse()?;
        let (sections, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut place = &mut table;
        for name in sections.split('.').filter(|name| !name.is_empty()) {
            let section = place.entry(name).or_insert_with(|| toml::Table::new().into());
            place = section.as_table_mut().with_context(|| format!("{name} is no section"))?;
        }
        place.insert(key.to_owned(), value.into());
        fs::write(file, toml::to_string(&table)?)?;
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
