//! One turn of a call, read: who calls about what, in which language, and what to say.

use super::{
    super::{
        dialogue::Prompt,
        keypad, spoken,
        words::{ENGLISH, words},
    },
    address::{Address, State, Waiting},
    form::Form,
    twiml::{Say, Twiml},
    voice,
};
use crate::{
    catalog::{Brand, Contact, IdentityKey},
    intake::{Answered, Country, Given, Proof, Reference, Respondent, Subject, Submission, SubmissionKey},
    survey::{Channel, Language, Question, Survey, negotiate},
};

/// Seconds without a key that end a scale to 10; those who know `#` do not wait.
const TWO_KEYS_TIMEOUT_S: u8 = 4;
/// Seconds without a key that end any other question.
const ONE_KEY_TIMEOUT_S: u8 = 5;

/// A proven turn.
pub(super) struct Call<'a> {
    pub brand: &'a Brand,
    pub survey: &'a Survey,
    address: Address<'a>,
    form: Form,
    state: Option<State>,
    /// One that all of the survey's questions are written in.
    language: &'a Language,
    /// The caller's, when that is a form of the language; it chooses the voice.
    locale: Language,
    country: Option<Country>,
    call_id: Reference,
    interaction: Reference,
    respondent: Option<Respondent>,
    subject: Option<Subject>,
}

impl<'a> Call<'a> {
    /// Reads a turn. Fails with the names of all parameters that are no references.
    pub(super) fn read(
        brand: &'a Brand,
        survey: &'a Survey,
        address: Address<'a>,
        form: Form,
        key: &IdentityKey,
    ) -> Result<Self, Vec<&'static str>> {
        let caller = Caller::read(&form);
        let mut bad = Vec::new();
        let call_id = Reference::parse(form.get("CallSid"));
        let interaction = parsed(&address, "interaction", Reference::parse, &mut bad);
        let respondent = parsed(&address, "respondent", |name| Respondent::named(name, key).ok(), &mut bad);
        let subject = parsed(&address, "subject", Subject::parse, &mut bad);
        let Some(call_id) = call_id else {
            bad.push("CallSid");
            return Err(bad);
        };
        if !bad.is_empty() {
            return Err(bad);
        }
        let (language, locale) = languages(survey, brand, &address, caller.country);
        Ok(Self {
            interaction: interaction.unwrap_or_else(|| call_id.clone()),
            respondent: respondent.or_else(|| caller.respondent(key)),
            country: caller.country,
            state: address.state(),
            brand,
            survey,
            address,
            form,
            language,
            locale,
            call_id,
            subject,
        })
    }

    /// Where the call stands; none at its beginning.
    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What was pressed in this turn, or earlier when it found no room then.
    pub(super) fn keys(&self) -> &str {
        let waiting = self.state.as_ref().and_then(|state| state.waiting.as_ref());
        waiting.map_or_else(|| self.form.get("Digits"), |waiting| &waiting.keys)
    }

    /// Whether nobody is there any more to hear a question: the caller has hung up, and pressed nothing before.
    pub(super) fn is_over(&self) -> bool {
        let ended =
            matches!(self.form.get("CallStatus"), "completed" | "busy" | "failed" | "no-answer" | "canceled");
        ended && (self.state.is_none() || self.keys().is_empty())
    }

    /// What this turn answers, for intake.
    pub(super) fn submission(&self, question: &Question, given: Given) -> Submission {
        let call_id = self.call_id.as_str();
        let proof = Proof::Call { call_id: call_id.to_owned() };
        // A changed mind about the same question is no error: a lone `1` may become 10.
        let key = SubmissionKey { text: format!("{call_id}:{}", question.id), strict: false };
        Submission {
            interaction: Some(self.interaction.clone()),
            respondent: self.respondent.clone(),
            subject: self.subject.clone(),
            key: Some(key),
            locale: Some(self.locale.clone()),
            country: self.country,
            answered: Answered::Now,
            answers: vec![(question.id.clone(), given)],
            ..Submission::new(Channel::Ivr, &self.brand.id, &self.survey.id, proof)
        }
    }

    /// What is said next.
    pub(super) fn say(&self, prompt: Prompt<'_>) -> Twiml {
        let words = words(self.language);
        match prompt {
            Prompt::Thanks => Twiml::Bye(self.our(words.thanks)),
            Prompt::ConfirmOne(_, place) => {
                self.gather(1, State { place, waiting: None }, vec![self.our(words.confirm_one)])
            }
            Prompt::Ask(question, place) => {
                let text = spoken(question, self.survey, self.brand, self.subject.as_ref(), self.language);
                let how = words.how_to_answer(question, self.language, &self.survey.default_language);
                let again = (place.tries > 0).then(|| self.our(words.again));
                let asked = [Say { language: voice::of(&self.locale), text }, self.our(&how)];
                let keys = if keypad::takes_two_keys(question) { 2 } else { 1 };
                self.gather(keys, State { place, waiting: None }, again.into_iter().chain(asked).collect())
            }
        }
    }

    /// Asks for a moment and comes back with the same keys; none after the last try.
    pub(super) fn wait(&self, pause_s: u64, tries: u8) -> Option<Twiml> {
        let state = self.state.as_ref()?;
        let before = state.waiting.as_ref().map_or(0, |waiting| waiting.tries);
        if before >= tries {
            return None;
        }
        let waiting = Waiting { keys: self.keys().to_owned(), tries: before + 1 };
        let action = self.address.of_next(&State { place: state.place.clone(), waiting: Some(waiting) });
        Some(Twiml::Wait { say: self.our(words(self.language).moment), pause_s, action })
    }

    /// An apology.
    pub(super) fn sorry(&self) -> Say {
        self.our(words(self.language).sorry)
    }

    fn gather(&self, keys: u8, next: State, says: Vec<Say>) -> Twiml {
        let timeout_s = if keys > 1 { TWO_KEYS_TIMEOUT_S } else { ONE_KEY_TIMEOUT_S };
        let action = self.address.of_next(&next);
        Twiml::Gather { keys, timeout_s, language: voice::of(&self.locale), says, action }
    }

    /// Our own words, by the caller's voice where they are in the caller's language.
    fn our(&self, text: &str) -> Say {
        say_in(&self.locale, text)
    }
}

/// An apology in a wished language, else in the brand's, else in English.
pub(super) fn sorry(wished: Option<&str>, brand: Option<&Brand>) -> Say {
    let wished = wished.and_then(Language::parse);
    let language = wished.as_ref().or_else(|| brand.and_then(|brand| brand.languages.first()));
    match language {
        Some(language) => say_in(language, words(language).sorry),
        None => Say { language: "en-US", text: ENGLISH.sorry.to_owned() },
    }
}

fn say_in(language: &Language, text: &str) -> Say {
    let ours = words(language).language == language.primary();
    Say { language: if ours { voice::of(language) } else { "en-US" }, text: text.to_owned() }
}

fn parsed<T>(
    address: &Address<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    bad: &mut Vec<&'static str>,
) -> Option<T> {
    let given = address.operators(name)?;
    let parsed = parse(&given);
    if parsed.is_none() {
        bad.push(name);
    }
    parsed
}

/// The language of the questions, and the caller's form of it: as the query says, else as most people in the caller's
/// country speak where the brand does too, else as the brand does.
fn languages<'a>(
    survey: &'a Survey,
    brand: &Brand,
    address: &Address<'_>,
    country: Option<Country>,
) -> (&'a Language, Language) {
    let wished = address.operators("lang").and_then(|tag| Language::parse(&tag));
    let local = country.and_then(|country| voice::of_country(country.as_str()));
    let local = brand.languages.iter().find(|language| local == Some(language.primary()));
    let wishes = wished.iter().chain(local).chain(&brand.languages);
    // A page can show what no voice can say.
    let sayable: Vec<_> = survey.languages().into_iter().filter(|language| voice::speaks(language)).collect();
    let spoken = negotiate(wishes, &sayable, &survey.default_language);
    let locale = wished.filter(|wish| wish.primary() == spoken.primary());
    (spoken, locale.unwrap_or_else(|| spoken.clone()))
}

/// The person on the phone: who calls us, or whom somebody had called.
struct Caller {
    /// None when it is withheld: what stands for it then is no valid number.
    number: Option<Contact>,
    country: Option<Country>,
}

impl Caller {
    fn read(form: &Form) -> Self {
        let outbound = form.get("Direction").starts_with("outbound");
        let [number, country] = if outbound { ["To", "ToCountry"] } else { ["From", "FromCountry"] };
        let number = Contact::phone(form.get(number));
        let plan = number.as_ref().and_then(|number| Country::parse(&number.country()?));
        Self { country: Country::parse(form.get(country)).or(plan), number }
    }

    fn respondent(&self, key: &IdentityKey) -> Option<Respondent> {
        self.number.as_ref().map(|number| Respondent::reached_by(number, key))
    }
}
