use std::collections::BTreeMap;

use crate::{
    catalog::{IdentityKey, RespondentKey},
    clock::Timestamp,
    intake::{Country, Reference, Respondent, Subject},
    survey::Language,
};

/// What a link token says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LinkClaims {
    /// Id of the survey.
    pub survey: String,
    /// Id of the brand.
    pub brand: String,
    /// What is rated.
    pub interaction: Option<Reference>,
    /// Who answers.
    pub respondent: Option<LinkRespondent>,
    /// Who or what it is about.
    pub subject: Option<Subject>,
    /// The language it was sent in.
    pub locale: Option<Language>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<Country>,
    /// Free key-value pairs.
    pub attributes: BTreeMap<String, String>,
    /// When it was made; whole seconds.
    pub issued: Timestamp,
    /// Answers after it are held; whole seconds. None: never.
    pub expires: Option<Timestamp>,
    /// A trial.
    pub test: bool,
}

/// Shows neither references nor attributes.
impl std::fmt::Debug for LinkClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkClaims")
            .field("survey", &self.survey)
            .field("brand", &self.brand)
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Who answers, as a token names them. A contact stands in a token as its keyed hash only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LinkRespondent {
    /// An opaque reference.
    Reference(Reference),
    /// The keyed hash of a mail address or telephone number.
    Contact(RespondentKey),
}

/// It is somebody.
impl std::fmt::Debug for LinkRespondent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkRespondent([redacted])")
    }
}

impl LinkRespondent {
    /// The respondent as intake takes it.
    pub(crate) fn to_respondent(&self, identity_key: &IdentityKey) -> Respondent {
        match self {
            Self::Reference(reference) => Respondent::known_as(reference.clone(), identity_key),
            Self::Contact(key) => Respondent { reference: None, key: *key },
        }
    }
}

impl From<Respondent> for LinkRespondent {
    fn from(respondent: Respondent) -> Self {
        match respondent.reference {
            Some(reference) => Self::Reference(reference),
            None => Self::Contact(respondent.key),
        }
    }
}
