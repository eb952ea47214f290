//! Who is asked what, and who vouches for it: what a link or a form comes down to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Context, Fields};
use crate::{
    catalog::{Brand, Catalog},
    channel::link::OpenedToken,
    clock::Timestamp,
    intake::{Country, Given, Proof, Reference, Respondent, Subject, Submission, SubmissionKey},
    outcome::{Problem, Reason, Refusal},
    survey::{Channel, Language, Question, RESERVED_IDS, Rule, Survey},
};

/// Who is asked what, and who vouches for it.
#[derive(Clone)]
pub(crate) struct Invitation {
    /// Where the answer comes in.
    pub channel: Channel,
    /// Whose survey.
    pub brand: Arc<Brand>,
    /// What is asked.
    pub survey: Arc<Survey>,
    /// Who vouches for the references.
    pub proof: Proof,
    /// Whose answer it is.
    pub references: References,
    /// The language of the link.
    pub locale: Option<Language>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<Country>,
    /// Free key-value pairs.
    pub attributes: BTreeMap<String, String>,
    /// A trial.
    pub test: bool,
    /// The link is past its expiry: it still asks, and the answer is held.
    pub expired: bool,
}

/// Shows neither references nor attributes.
impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation")
            .field("channel", &self.channel)
            .field("brand", &self.brand.id)
            .field("survey", &self.survey.id)
            .field("expired", &self.expired)
            .finish_non_exhaustive()
    }
}

/// What one response is made of.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// What is rated.
    pub interaction: Option<Reference>,
    /// Who answers.
    pub respondent: Option<Respondent>,
    /// Who or what it is about.
    pub subject: Option<Subject>,
}

/// They are somebody's.
impl std::fmt::Debug for References {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("References([redacted])")
    }
}

impl References {
    /// Reads `interaction`, `respondent` and `subject` of a query or form. An empty one is none, as mail tools leave
    /// it.
    ///
    /// # Errors
    /// All that cannot be read.
    pub(crate) fn read(fields: &Fields, context: &Context<'_>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let references = Self {
            interaction: read(fields, "interaction", &mut problems, |text| {
                Reference::parse(text).ok_or((Reason::BadReference, Reference::FORM))
            }),
            respondent: read(fields, "respondent", &mut problems, |text| {
                Respondent::named(text, context.identity_key)
            }),
            subject: read(fields, "subject", &mut problems, |text| {
                Subject::parse(text).ok_or((Reason::BadReference, Subject::FORM))
            }),
        };
        if problems.is_empty() { Ok(references) } else { Err(problems) }
    }

    /// Whether they name all that a survey's rule names.
    fn fill(&self, rule: Rule) -> bool {
        match rule {
            Rule::Interaction => self.interaction.is_some(),
            Rule::RespondentAndSubject => self.respondent.is_some() && self.subject.is_some(),
            Rule::Respondent { .. } => self.respondent.is_some(),
        }
    }
}

fn read<T>(
    fields: &Fields,
    name: &str,
    problems: &mut Vec<Problem>,
    parse: impl FnOnce(&str) -> Result<T, (Reason, &'static str)>,
) -> Option<T> {
    let wrong =
        |(reason, form)| problems.push(Problem::new(format!("/{name}"), reason, format!("must be {form}")));
    parse(fields.get(name)?).map_err(wrong).ok()
}

impl Invitation {
    /// An invitation to a survey that is open on this channel, with nothing else known.
    ///
    /// # Errors
    /// `unknown_brand`, `unknown_survey`, `survey_closed`, `channel_closed`.
    pub(crate) fn new(
        catalog: &Catalog,
        channel: Channel,
        brand: &str,
        survey: &str,
        proof: Proof,
    ) -> Result<Self, Refusal> {
        let refuse = |reason, detail| Err(Refusal::new(reason, detail));
        let Some(brand) = catalog.brand(brand) else {
            return refuse(Reason::UnknownBrand, "there is no such brand");
        };
        let Some(survey) = catalog.survey(&brand.id, survey) else {
            return refuse(Reason::UnknownSurvey, "the brand has no such survey");
        };
        if !survey.live {
            return refuse(Reason::SurveyClosed, "the survey takes no answers at present");
        }
        if !survey.channels.contains(&channel) {
            return refuse(Reason::ChannelClosed, "the survey takes no answers through this channel");
        }
        Ok(Self {
            channel,
            brand: Arc::clone(brand),
            survey: Arc::clone(survey),
            proof,
            references: References::default(),
            locale: None,
            country: None,
            attributes: BTreeMap::new(),
            test: false,
            expired: false,
        })
    }

    /// The invitation that a token is.
    ///
    /// # Errors
    /// As [`Invitation::new`], when the configuration changed since the link was made.
    pub(crate) fn of_token(
        context: &Context<'_>,
        channel: Channel,
        token: OpenedToken,
    ) -> Result<Self, Refusal> {
        let expired = token.is_expired(context.now);
        let OpenedToken { claims, invitation } = token;
        let proof = Proof::Link { invitation, issued: Some(claims.issued) };
        let invitation = Self::new(context.catalog, channel, &claims.brand, &claims.survey, proof)?;
        let respondent = claims.respondent.map(|respondent| respondent.to_respondent(context.identity_key));
        Ok(Self {
            references: References { interaction: claims.interaction, respondent, subject: claims.subject },
            locale: claims.locale,
            country: claims.country,
            attributes: claims.attributes,
            test: claims.test,
            expired,
            ..invitation
        })
    }

    /// Names the link; empty where there is none.
    pub(crate) fn link(&self) -> &str {
        match &self.proof {
            Proof::Link { invitation, .. } => invitation,
            _ => "",
        }
    }

    /// Whether the link is past its expiry.
    pub(crate) fn expire(&mut self, expires: Option<Timestamp>, now: Timestamp) {
        self.expired = expires.is_some_and(|expires| expires <= now);
    }

    /// Whether the references alone say whose answer it is; if not, the submission key does.
    pub(crate) fn is_identified(&self) -> bool {
        self.references.fill(self.survey.one_response_per)
    }

    /// The submission that a filled form is. `lang` says in which language it was answered.
    pub(crate) fn submission(&self, fields: &Fields, key: Option<SubmissionKey>) -> Submission {
        let mut submission = Submission::new(
            self.channel,
            self.brand.id.as_str(),
            self.survey.id.as_str(),
            self.proof.clone(),
        );
        submission.interaction.clone_from(&self.references.interaction);
        submission.respondent.clone_from(&self.references.respondent);
        submission.subject.clone_from(&self.references.subject);
        submission.key = key;
        submission.locale = self.answered_in(fields);
        submission.country = self.country;
        submission.attributes.clone_from(&self.attributes);
        submission.test = self.test;
        submission.hold = self.expired.then_some(Reason::LinkExpired);
        submission.answers = answers(&self.survey, fields);
        submission.problems = unclear(&self.survey, fields);
        submission
    }

    /// The language of the page; the link's own tag where that is the same language, because it says more (`de-CH`).
    fn answered_in(&self, fields: &Fields) -> Option<Language> {
        let shown = fields.last("lang").and_then(Language::parse);
        match (&self.locale, shown) {
            (Some(link), Some(shown)) if link.primary() != shown.primary() => Some(shown),
            (Some(link), _) => Some(link.clone()),
            (None, shown) => shown,
        }
    }

    /// The submission key that stands for the link where its references do not say whose answer it is: all answers
    /// through one link are one response.
    pub(crate) fn link_key(&self) -> Option<SubmissionKey> {
        match &self.proof {
            Proof::Link { invitation, .. } => {
                Some(SubmissionKey { text: format!("link:{invitation}"), strict: false })
            }
            _ => None,
        }
    }
}

/// The submission key of a form: the nonce that it was served with, else a new one, as a form of another site has none.
pub(crate) fn form_key(fields: &Fields) -> SubmissionKey {
    let fits = |text: &&str| text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let text = match fields.get("key").filter(fits) {
        Some(key) => key.to_owned(),
        None => hex::encode(rand::random::<[u8; 16]>()),
    };
    SubmissionKey { text, strict: false }
}

/// A form that asks for a score and sends the field without one asks its person again; one without the field does not
/// ask for it. Of two different scores nobody knows which was meant.
fn unclear(survey: &Survey, fields: &Fields) -> Vec<Problem> {
    let problem = |question: &Question| {
        let sent = || fields.0.iter().filter(|(name, _)| *name == question.id).map(|(_, value)| value.trim());
        let scores: BTreeSet<_> = sent().filter(|value| !value.is_empty()).collect();
        let (reason, detail) = match scores.len() {
            0 if question.required && sent().next().is_some() => {
                (Reason::Missing, "the form asks for a score and was sent without one")
            }
            0 | 1 => return None,
            _ => (Reason::WrongType, "is given more than once, with different values; give one"),
        };
        Some(Problem::new(format!("/answers/{}", question.id), reason, detail))
    };
    survey.questions.iter().filter(|question| question.kind.scale().is_some()).filter_map(problem).collect()
}

/// The fields that answer a question; of several texts the last counts. Foreign fields (submit buttons, trackers) are
/// left out, unless nothing else was sent: then the refusal shall name them.
fn answers(survey: &Survey, fields: &Fields) -> Vec<(String, Given)> {
    let mut known: Vec<(String, Given)> = Vec::new();
    let mut foreign = Vec::new();
    for (name, value) in &fields.0 {
        let is_question = survey.question(name).is_some();
        if value.trim().is_empty() || (!is_question && RESERVED_IDS.contains(&name.as_str())) {
            continue;
        }
        let answer = (name.clone(), Given::Typed(value.clone()));
        let list = if is_question { &mut known } else { &mut foreign };
        match list.iter_mut().find(|(other, _)| other == name) {
            Some(earlier) => *earlier = answer,
            None => list.push(answer),
        }
    }
    if known.is_empty() { foreign } else { known }
}
