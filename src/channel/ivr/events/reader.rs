//! Reads an event's JSON: every field that can be read, and a problem for every one that cannot.

use std::sync::Arc;

use crate::{
    catalog::{ApiKey, Contact, IdentityKey},
    channel::json::{self, Fields},
    intake::{Answered, Country, Proof, Reference, Respondent, Submission},
    outcome::{Reason, Refusal},
    survey::Channel,
};

/// An event as it was read.
#[derive(Debug)]
pub(super) struct Event {
    /// All but the answer and its key.
    pub(super) draft: Submission,
    pub(super) call_id: Option<Reference>,
    pub(super) question: Option<String>,
    /// Never empty.
    pub(super) digits: Option<String>,
    /// Never empty.
    pub(super) text: Option<String>,
    /// The exchange can write down what is said.
    pub(super) texts: bool,
    pub(super) completed: bool,
}

impl Event {
    /// Reads a body. Unknown fields, and those that are null, are passed over.
    ///
    /// # Errors
    /// [`Reason::Malformed`] when it is no JSON object.
    pub(super) fn read(body: &[u8], key: &Arc<ApiKey>, identity_key: &IdentityKey) -> Result<Self, Refusal> {
        let mut fields = Fields::read(body)?;
        let (brand, survey) = (fields.required("brand"), fields.required("survey"));
        let mut draft = Submission::new(Channel::Ivr, brand, survey, Proof::Key(Arc::clone(key)));
        let call_id = fields.required_reference("call_id");
        let question = fields.text("question").map(std::borrow::Cow::into_owned);
        let digits = digits(&mut fields);
        let text = fields.text("text").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let texts = fields.flag("texts");
        json::references(&mut fields, &mut draft, identity_key);
        // Withheld numbers, and what stands for them, name nobody; that is no error.
        let caller = fields.text("from").and_then(|number| Contact::phone(&number));
        if let Some(caller) = caller {
            draft.respondent.get_or_insert_with(|| Respondent::reached_by(&caller, identity_key));
            draft.country = draft.country.or_else(|| Country::parse(&caller.country()?));
        }
        draft.interaction = draft.interaction.or_else(|| call_id.clone());
        draft.answered = fields.time("at").map_or(Answered::Now, Answered::At);
        draft.attributes = fields.texts("attributes");
        let completed = fields.flag("completed");
        draft.problems = fields.problems;
        Ok(Self { draft, call_id, question, digits, text, texts, completed })
    }
}

/// Keys as a text, or a whole number as exchanges that know numbers send it.
fn digits(fields: &mut Fields<'_>) -> Option<String> {
    let raw = fields.raw("digits")?.get();
    match raw.as_bytes().first()? {
        b'"' => fields.text("digits").map(std::borrow::Cow::into_owned).filter(|digits| !digits.is_empty()),
        b'-' | b'0'..=b'9' if raw.bytes().all(|byte| byte.is_ascii_digit()) => Some(raw.to_owned()),
        b'-' | b'0'..=b'9' => {
            fields.problem("digits", Reason::NotANumber, "must be the digits of a whole number");
            None
        }
        _ => {
            fields.problem("digits", Reason::WrongType, "must be a text of digits");
            None
        }
    }
}
