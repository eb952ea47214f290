//! What may change while the gateway runs: brands, surveys, API keys, link keys, quotas. Swapped whole by a reload.

mod account;
mod api_key;
mod brand;
mod contact;
mod contrast;
mod respondent_key;
mod secret;

pub use self::{
    account::{Account, PublicKey},
    api_key::{Action, Actions, ApiKey, ApiKeyHash},
    brand::{Brand, Colours, Origin, Override},
    contact::Contact,
    respondent_key::{IdentityKey, RespondentKey},
    secret::{LinkKey, LinkKeys, Secret},
};

pub(crate) use self::contrast::{channels, contrast};

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::survey::Survey;

/// All that a reload swaps.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By id.
    pub brands: BTreeMap<String, Arc<Brand>>,
    /// By brand, then by id, with the brand's text overrides applied. Texts still hold `{brand}` and `{subject}`.
    pub surveys: HashMap<String, BTreeMap<String, Arc<Survey>>>,
    /// By the key's SHA-256.
    pub api_keys: HashMap<ApiKeyHash, Arc<ApiKey>>,
    /// Keys of link tokens, current first.
    pub link_keys: LinkKeys,
    /// Shared quotas.
    pub quotas: Quotas,
    /// Lower hex of a hash over all files, for `voxgate_config_info`.
    pub hash: String,
}

/// Shared quotas: what all gateways on one Redis admit together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Of each API key, unless the key names its own.
    pub per_api_key: Option<Quota>,
    /// Of each brand.
    pub per_brand: Option<Quota>,
    /// Of each survey of each brand.
    pub per_survey: Option<Quota>,
}

/// So many submissions in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Submissions in a window.
    pub limit: u64,
    /// The window's length; windows are counted from the Unix epoch.
    pub window: Duration,
}

impl Catalog {
    /// The brand with this id.
    pub fn brand(&self, id: &str) -> Option<&Arc<Brand>> {
        self.brands.get(id)
    }

    /// The longest time for which any survey's given answer may change.
    pub fn longest_edit_window(&self) -> Duration {
        let surveys = self.surveys.values().flat_map(BTreeMap::values);
        surveys.map(|survey| survey.edit_window).max().unwrap_or_default()
    }

    /// A brand's survey.
    pub fn survey(&self, brand: &str, id: &str) -> Option<&Arc<Survey>> {
        self.surveys.get(brand)?.get(id)
    }
}
