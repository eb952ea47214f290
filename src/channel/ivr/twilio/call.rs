//! One turn of a call, read: who calls about what, in which language, and what came.

use super::{
    super::{
        dialogue::{Dialogue, Move, Place, Prompt, State, Waiting},
        input::{Heard, Input, Recording},
        keypad,
        script::{self, Script},
        speech,
        turn::Turn,
        words,
    },
    address::Address,
    callback::{About, Reported},
    caller::{Caller, Tongue},
    form::Form,
    twiml::Printer,
    voice::Dialect,
};
use crate::{
    catalog::{Brand, IdentityKey},
    intake::{
        Answered, Country, Given, OptingOut, Proof, Reference, Respondent, Subject, Submission, SubmissionKey,
    },
    survey::{Channel, Kind, Language, Question, Survey},
};

/// A proven turn, or a proven report about a call.
pub(super) struct Call<'a> {
    pub brand: &'a Brand,
    pub survey: &'a Survey,
    dialect: &'static Dialect,
    address: Address<'a>,
    state: Option<State>,
    input: Input,
    has_ended: bool,
    tongue: Tongue<'a>,
    country: Option<Country>,
    call_id: Reference,
    interaction: Reference,
    respondent: Option<Respondent>,
    /// The respondent, when the number says who it is.
    caller: Option<Respondent>,
    subject: Option<Subject>,
}

/// What a turn is read from.
pub(in crate::channel::ivr) struct Webhook<'a> {
    pub dialect: &'static Dialect,
    pub address: Address<'a>,
    pub form: Form,
}

impl<'a> Call<'a> {
    /// Reads a turn. Fails with the names of all parameters that are no references.
    pub(super) fn read(
        brand: &'a Brand,
        survey: &'a Survey,
        webhook: Webhook<'a>,
        key: &IdentityKey,
    ) -> Result<Self, Vec<&'static str>> {
        let form = &webhook.form;
        let caller = Caller::read(form);
        let state = webhook.address.state();
        let known = Reported {
            language: state.as_ref().and_then(|state| state.place.language.clone()),
            call_id: Reference::parse(form.get("CallSid")),
            caller: caller.respondent(key),
            country: caller.country,
            question: String::new(),
        };
        let call = Self::of(brand, survey, webhook, known, key)?;
        Ok(Self { state, ..call })
    }

    /// Reads a report about a call; the number in it may be ours. Fails likewise.
    pub(super) fn reported(
        brand: &'a Brand,
        survey: &'a Survey,
        webhook: Webhook<'a>,
        key: &IdentityKey,
    ) -> Result<(Self, String), Vec<&'static str>> {
        let known = Reported::read(webhook.address.ours().unwrap_or(""));
        let question = known.question.clone();
        Ok((Self::of(brand, survey, webhook, known, key)?, question))
    }

    fn of(
        brand: &'a Brand,
        survey: &'a Survey,
        Webhook { dialect, address, form }: Webhook<'a>,
        known: Reported,
        key: &IdentityKey,
    ) -> Result<Self, Vec<&'static str>> {
        let mut bad = Vec::new();
        let interaction = parsed(&address, "interaction", Reference::parse, &mut bad);
        let respondent = parsed(&address, "respondent", |name| Respondent::named(name, key).ok(), &mut bad);
        let subject = parsed(&address, "subject", Subject::parse, &mut bad);
        let Some(call_id) = known.call_id else {
            bad.push("CallSid");
            return Err(bad);
        };
        if !bad.is_empty() {
            return Err(bad);
        }
        let caller = known.caller.filter(|_| respondent.is_none());
        let wished = address.operators("lang").and_then(|tag| Language::parse(&tag));
        let wished = known.language.or(wished);
        Ok(Self {
            tongue: Tongue::of(survey, brand, dialect, wished, known.country),
            interaction: interaction.unwrap_or_else(|| call_id.clone()),
            respondent: respondent.or_else(|| caller.clone()),
            has_ended: has_ended(&form),
            input: input(&form),
            country: known.country,
            state: None,
            brand,
            survey,
            dialect,
            address,
            caller,
            call_id,
            subject,
        })
    }

    /// What this turn comes to.
    pub(super) fn moved(&self) -> Move<'a> {
        let dialogue = self.dialogue();
        match &self.state {
            None => dialogue.open(),
            Some(state) => dialogue.reply(&state.place, &self.given(state)),
        }
    }

    /// Whether nobody is there any more to hear a question: the caller has hung up, and gave nothing before.
    pub(super) fn is_over(&self) -> bool {
        let given = self.state.as_ref().map(|state| self.given(state));
        self.has_ended && given.is_none_or(|input| input == Input::default())
    }

    /// What was recorded in this turn.
    pub(super) fn recording(&self) -> Option<Recording> {
        match &self.state {
            Some(state) => self.given(state).recording,
            None => self.input.recording.clone(),
        }
    }

    /// What this turn answers, for intake. `keys` are those of the move: the same turn again has the same key.
    pub(super) fn answer(&self, question: &Question, given: Given, keys: &str) -> Submission {
        let submission = self.submission(question, given);
        match &self.state {
            // A recording has a key of its own: it is reported in other ways too.
            Some(state) if question.kind != Kind::Text => {
                let text = self.address.turn_key(self.call_id.as_str(), &state.place, keys);
                Submission { key: Some(SubmissionKey { text, strict: false }), ..submission }
            }
            _ => submission,
        }
    }

    /// The caller wants to be asked no more; none when nobody knows who that is.
    pub(super) fn opting_out(&self) -> Option<OptingOut> {
        Some(OptingOut {
            channel: Channel::Ivr,
            brand: self.brand.id.clone(),
            survey: self.survey.id.clone(),
            person: self.respondent.as_ref()?.key,
            proof: Proof::Call { call_id: self.call_id.as_str().to_owned() },
            withdrawn: false,
        })
    }

    /// What is known of the call, with a value for a question.
    pub(super) fn submission(&self, question: &Question, given: Given) -> Submission {
        let call_id = self.call_id.as_str();
        let proof = Proof::Call { call_id: call_id.to_owned() };
        let key = SubmissionKey { text: format!("{call_id}:{}", question.id), strict: false };
        let submission = Submission {
            interaction: Some(self.interaction.clone()),
            respondent: self.respondent.clone(),
            subject: self.subject.clone(),
            key: Some(key),
            locale: Some(self.tongue.locale.clone()),
            country: self.country,
            answered: Answered::Now,
            answers: vec![(question.id.clone(), given)],
            ..Submission::new(Channel::Ivr, &self.brand.id, &self.survey.id, proof)
        };
        match self.recording().filter(|_| question.kind == Kind::Text) {
            Some(recording) => recorded(submission, question, &recording),
            None => submission,
        }
    }

    /// A transcription, which replaces what was recorded.
    pub(super) fn transcription(
        &self,
        question: &Question,
        recording: &Recording,
        text: String,
    ) -> Submission {
        let submission = self.submission(question, Given::Text(text));
        let key = SubmissionKey {
            text: format!("{}:text", key_of(&self.call_id, question, recording)),
            strict: false,
        };
        Submission { key: Some(key), ..submission }
    }

    /// What is said next.
    pub(super) fn say(&self, prompt: &Prompt<'_>) -> Turn {
        let chosen = prompt.place().and_then(|place| place.language.clone());
        let tongue = match chosen {
            Some(chosen) => Tongue::of(self.survey, self.brand, self.dialect, Some(chosen), self.country),
            None => self.tongue.clone(),
        };
        self.script(tongue).turn(prompt, &self.languages())
    }

    /// Asks for a moment and comes back with the same; none after the last try. `keys` are those of the move.
    pub(super) fn wait(&self, keys: &str, pause_s: u64, tries: u8) -> Option<Turn> {
        let place: &Place = &self.state.as_ref()?.place;
        let before = self.state.as_ref()?.waiting.as_ref().map_or(0, |waiting| waiting.tries);
        if before >= tries {
            return None;
        }
        let waiting = Waiting { keys: keys.to_owned(), recording: self.recording(), tries: before + 1 };
        Some(self.script(self.tongue.clone()).moment(place, waiting, pause_s))
    }

    /// An apology.
    pub(super) fn sorry(&self) -> Turn {
        self.script(self.tongue.clone()).sorry()
    }

    /// Prints what is said.
    pub(super) fn printer(&self) -> Printer<'_> {
        let caller = self.caller.as_ref().map(|caller| caller.key);
        let about = About { call_id: &self.call_id, caller, country: self.country };
        Printer { dialect: self.dialect, address: &self.address, about: Some(about) }
    }

    /// What came in this turn, or earlier when it found no room then.
    fn given(&self, state: &State) -> Input {
        match &state.waiting {
            None => self.input.clone(),
            Some(waiting) => {
                let (keys, recording) = (waiting.keys.clone(), waiting.recording.clone());
                Input { keys, recording, speech: None }
            }
        }
    }

    fn dialogue(&self) -> Dialogue<'a> {
        let language = self.tongue.locale.clone();
        Dialogue {
            survey: self.survey,
            language,
            languages: self.languages(),
            may_opt_out: self.may_opt_out(),
        }
    }

    fn may_opt_out(&self) -> bool {
        self.survey.phone.opt_out_key && self.respondent.is_some()
    }

    /// What the caller may choose from by key: the brand's languages that the survey, a voice and we speak.
    fn languages(&self) -> Vec<Language> {
        if !self.survey.phone.choose_language || self.address.operators("lang").is_some() {
            return Vec::new();
        }
        let asked = self.survey.languages();
        let offered = |language: &&Language| {
            let is_asked = asked.iter().any(|asked| asked.primary() == language.primary());
            is_asked && self.dialect.speaks(language) && words::own(language).is_some()
        };
        let mut offer: Vec<Language> = Vec::new();
        for language in self.brand.languages.iter().filter(offered) {
            if offer.len() < keypad::CHOICES
                && offer.iter().all(|other| other.primary() != language.primary())
            {
                offer.push(language.clone());
            }
        }
        offer
    }

    fn script(&self, tongue: Tongue<'a>) -> Script<'_> {
        let Tongue { language, locale } = tongue;
        Script {
            may_opt_out: self.may_opt_out(),
            listens: self.survey.phone.speech
                && self.dialect.understands(&locale)
                && speech::understands(&locale),
            brand: self.brand,
            survey: self.survey,
            subject: self.subject.as_ref(),
            language,
            locale,
        }
    }
}

/// The address of a recording as an answer, and as an attribute that stays when the transcription replaces it. The key
/// is strict: whoever reports the recording again, and whatever they say of it, it is the same one.
fn recorded(submission: Submission, question: &Question, recording: &Recording) -> Submission {
    let name = format!("recording.{}", question.id);
    let attribute = Reference::parse(&name).map(|_| (name, recording.address.clone()));
    let call_id = match &submission.proof {
        Proof::Call { call_id } => Reference::parse(call_id),
        _ => None,
    };
    let key =
        call_id.map(|call_id| SubmissionKey { text: key_of(&call_id, question, recording), strict: true });
    Submission { attributes: attribute.into_iter().collect(), key, ..submission }
}

fn key_of(call_id: &Reference, question: &Question, recording: &Recording) -> String {
    format!("{}:{}:{}", call_id.as_str(), question.id, recording.id)
}

/// An apology in a wished language, else in the brand's, else in English.
pub(super) fn sorry(wished: Option<&str>, brand: Option<&Brand>) -> Turn {
    let wished = wished.and_then(Language::parse);
    let language = wished.as_ref().or_else(|| brand.and_then(|brand| brand.languages.first()));
    script::sorry(language.unwrap_or(&Language::english()))
}

fn has_ended(form: &Form) -> bool {
    matches!(form.get("CallStatus"), "completed" | "busy" | "failed" | "no-answer" | "canceled")
}

/// A recording's own `Digits` say what ended it.
fn input(form: &Form) -> Input {
    let [id, address, seconds] =
        ["RecordingSid", "RecordingUrl", "RecordingDuration"].map(|name| form.get(name));
    let recording = Recording::read(id, address, seconds);
    let keys = if recording.is_some() { "" } else { form.get("Digits") };
    Input {
        keys: keys.to_owned(),
        speech: Heard::read(form.get("SpeechResult"), form.get("Confidence")),
        recording,
    }
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
