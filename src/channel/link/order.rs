//! One link, from what its maker wrote to the token and its addresses.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Handle, LinkClaims,
    handle::{code_url, short_url},
    packed, seal,
};
use crate::{
    catalog::{Brand, Catalog, IdentityKey, RespondentKey},
    clock::Timestamp,
    intake::{Country, Reference, Respondent, Subject},
    outcome::{Problem, Reason},
    proto::store::v1 as proto,
    survey::{Language, Survey},
};

/// How long a link is open when its maker does not say.
pub(crate) const DEFAULT_EXPIRY: &str = "30d";

/// Attributes of a link, and characters of a key and of a value; what a token of a few hundred characters can carry.
const ATTRIBUTES: usize = 16;
const KEY_CHARS: usize = 64;
const VALUE_CHARS: usize = 256;

/// What a link is for, as it was written: by flags, in a row of a file, or in JSON.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct LinkOrder {
    /// Id of the survey.
    pub survey: String,
    /// Id of the brand.
    pub brand: String,
    /// What is rated.
    pub interaction: Option<String>,
    /// `R`, `ref:R`, `email:…` or `phone:…`.
    pub respondent: Option<String>,
    /// `kind:ref`.
    pub subject: Option<String>,
    /// A language tag.
    pub locale: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Free key-value pairs.
    pub attributes: BTreeMap<String, String>,
    /// A duration (`30d`, `12h`), a time (RFC 3339) or `never`; [`DEFAULT_EXPIRY`] when none.
    pub expires: Option<String>,
    /// A trial.
    pub test: bool,
}

/// It names a person, perhaps by a contact.
impl std::fmt::Debug for LinkOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkOrder")
            .field("survey", &self.survey)
            .field("brand", &self.brand)
            .finish_non_exhaustive()
    }
}

/// A link, made.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The token.
    pub token: String,
    /// The survey page.
    pub url: String,
    /// The survey page with a score preselected, by score; empty when no required question has a scale.
    pub score_urls: BTreeMap<i32, String>,
    /// Where the person opts out.
    pub opt_out_url: String,
    /// When its answers begin to be held.
    pub expires_at: Option<Timestamp>,
    /// Whom it asks.
    pub person: Option<RespondentKey>,
    /// What its addresses begin with.
    pub base: String,
}

/// Whoever has a link answers for its person.
impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl LinkOrder {
    /// Makes the link. Pointers name the fields, each preceded by `at` (`""`, `/3`).
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) fn make(
        &self,
        catalog: &Catalog,
        identity_key: &IdentityKey,
        now: Timestamp,
        at: &str,
    ) -> Result<Link, Vec<Problem>> {
        let mut problems = Problems { at, found: Vec::new() };
        let place = self.place(catalog, &mut problems);
        let claims = self.claims(identity_key, now, &mut problems);
        let Some((brand, survey)) = place else { return Err(problems.found) };
        if !problems.found.is_empty() {
            return Err(problems.found);
        }
        match seal(&catalog.link_keys, &claims) {
            Some(token) => {
                let person = claims.respondent.map(|respondent| respondent.to_respondent(identity_key).key);
                Ok(Link::new(token, brand, survey, claims.expires, person))
            }
            None => {
                let detail = "the link would be too long, or [tokens] keys is empty: shorten the attributes";
                Err(vec![Problem::new(at, Reason::TooLarge, detail)])
            }
        }
    }

    fn place<'a>(
        &self,
        catalog: &'a Catalog,
        problems: &mut Problems<'_>,
    ) -> Option<(&'a Brand, &'a Survey)> {
        if self.brand.is_empty() {
            problems.add("brand", Reason::Missing, "say whose survey it is");
        }
        if self.survey.is_empty() {
            problems.add("survey", Reason::Missing, "say which survey it leads to");
        }
        if self.brand.is_empty() || self.survey.is_empty() {
            return None;
        }
        let Some(brand) = catalog.brand(&self.brand) else {
            problems.add("brand", Reason::UnknownBrand, format!("there is no brand {:?}", self.brand));
            return None;
        };
        let survey = catalog.survey(&self.brand, &self.survey);
        if survey.is_none() {
            let detail = format!("brand {:?} has no survey {:?}", self.brand, self.survey);
            problems.add("survey", Reason::UnknownSurvey, detail);
        }
        Some((brand, survey?))
    }

    fn claims(&self, identity_key: &IdentityKey, now: Timestamp, problems: &mut Problems<'_>) -> LinkClaims {
        self.check_attributes(problems);
        let issued = Timestamp::from_secs(now.as_secs());
        let respondent = problems
            .read("respondent", &self.respondent, |name| Respondent::named(name, identity_key))
            .map(Into::into);
        LinkClaims {
            survey: self.survey.clone(),
            brand: self.brand.clone(),
            interaction: problems.read("interaction", &self.interaction, |text| {
                Reference::parse(text).ok_or((Reason::BadReference, Reference::FORM))
            }),
            respondent,
            subject: problems.read("subject", &self.subject, |text| {
                Subject::parse(text).ok_or((Reason::BadReference, Subject::FORM))
            }),
            locale: problems.read("locale", &self.locale, |text| {
                Language::parse(text).ok_or((Reason::BadLocale, Language::FORM))
            }),
            country: problems.read("country", &self.country, |text| {
                Country::parse(text).ok_or((Reason::BadCountry, Country::FORM))
            }),
            attributes: self.attributes.clone(),
            issued,
            expires: self.expiry(issued, problems),
            test: self.test,
        }
    }

    fn expiry(&self, issued: Timestamp, problems: &mut Problems<'_>) -> Option<Timestamp> {
        let text = given(self.expires.as_deref()).unwrap_or(DEFAULT_EXPIRY);
        if text == "never" {
            return None;
        }
        let span = humantime::parse_duration(text).ok().filter(|span| *span >= Duration::from_secs(1));
        let expires = span.map(|span| issued.after(span)).or_else(|| Timestamp::parse(text));
        // A hundred years: far enough for any survey, and every field that holds a time can hold it.
        let last = issued.after(Duration::from_secs(100 * 366 * 86_400));
        match expires.filter(|expires| *expires > issued && *expires <= last) {
            Some(expires) => Some(Timestamp::from_secs(expires.as_secs())),
            None => {
                let detail =
                    "give a duration like 30d or 12h, a future time like 2027-01-31T12:00:00Z, or never";
                problems.add("expires", Reason::BadTime, detail);
                None
            }
        }
    }

    fn check_attributes(&self, problems: &mut Problems<'_>) {
        if self.attributes.len() > ATTRIBUTES {
            problems.add("attributes", Reason::BadAttribute, format!("give at most {ATTRIBUTES}"));
        }
        for (key, value) in &self.attributes {
            let fits = (1..=KEY_CHARS).contains(&key.chars().count()) && value.chars().count() <= VALUE_CHARS;
            if !fits || !packed::is_packable(key) || !packed::is_packable(value) {
                let escaped = Problem::escape(key);
                let detail = format!(
                    "a key has 1 to {KEY_CHARS} characters, a value at most {VALUE_CHARS}, none a control character"
                );
                problems.add(&format!("attributes/{escaped}"), Reason::BadAttribute, detail);
            }
        }
    }
}

impl Link {
    fn new(
        token: String,
        brand: &Brand,
        survey: &Survey,
        expires_at: Option<Timestamp>,
        person: Option<RespondentKey>,
    ) -> Self {
        let base = &brand.public_base_url;
        let url = format!("{base}/r/{token}");
        let scale = survey.first_scored().and_then(|question| question.kind.scale());
        let score_urls = scale
            .into_iter()
            .flat_map(|scale| scale.scores())
            .map(|score| (score, format!("{url}/{score}")))
            .collect();
        let opt_out_url = format!("{base}/u/{token}");
        Self { opt_out_url, url, score_urls, expires_at, person, base: base.clone(), token }
    }

    /// The address of the link under a handle, and the same in capitals for a code.
    pub(crate) fn short_urls(&self, handle: Handle) -> (String, String) {
        (short_url(&self.base, handle), code_url(&self.base, handle))
    }

    /// What the store keeps under a handle.
    pub(crate) fn kept_under(&self, handle: Handle, now: Timestamp) -> proto::Link {
        proto::Link {
            handle: handle.as_str().to_owned(),
            token: self.token.clone(),
            respondent_key: self.person.map(|person| person.0.to_vec().into()).unwrap_or_default(),
            made_at: Some(now.to_proto()),
            expires_at: self.expires_at.map(Timestamp::to_proto),
        }
    }
}

struct Problems<'a> {
    at: &'a str,
    found: Vec<Problem>,
}

impl Problems<'_> {
    fn pointer(&self, field: &str) -> String {
        format!("{}/{field}", self.at)
    }

    fn add(&mut self, field: &str, reason: Reason, detail: impl Into<String>) {
        let pointer = self.pointer(field);
        self.found.push(Problem::new(pointer, reason, detail));
    }

    fn read<T>(
        &mut self,
        field: &str,
        text: &Option<String>,
        parse: impl FnOnce(&str) -> Result<T, (Reason, &'static str)>,
    ) -> Option<T> {
        let wrong = |(reason, form)| self.add(field, reason, format!("must be {form}"));
        parse(given(text.as_deref())?).map_err(wrong).ok()
    }
}

/// An empty cell or flag is none.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
