//! Reads an event's JSON: every field that can be read, and a problem for every one that cannot.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::super::caller::Number;
use crate::{
    catalog::IdentityKey,
    clock::Timestamp,
    intake::{Country, Reference, Respondent, Subject},
    outcome::{Problem, Reason, Refusal},
    survey::Language,
};

/// An event as it was read.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub brand: Option<String>,
    pub survey: Option<String>,
    pub call_id: Option<Reference>,
    pub interaction: Option<Reference>,
    pub question: Option<String>,
    /// Never empty.
    pub digits: Option<String>,
    pub at: Option<Timestamp>,
    pub completed: bool,
    /// Whose number the call came from.
    pub from: Option<Respondent>,
    /// Whom the event names.
    pub respondent: Option<Respondent>,
    pub subject: Option<Subject>,
    pub locale: Option<Language>,
    pub country: Option<Country>,
    pub attributes: BTreeMap<String, String>,
    pub problems: Vec<Problem>,
}

impl Event {
    /// Reads a body. Unknown fields, and those that are null, are passed over.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub(super) fn parse(body: &[u8], key: &IdentityKey) -> Result<Self, Box<Refusal>> {
        let malformed = |detail: String| Err(Box::new(Refusal::new(Reason::Malformed, detail)));
        let object = match serde_json::from_slice(body) {
            Ok(Json::Object(object)) => object,
            Ok(_) => return malformed("the body must be a JSON object".to_owned()),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return malformed(format!("the body is no JSON: see line {line}, column {column}"));
            }
        };
        let mut fields = Fields { object: &object, at: "", problems: Vec::new() };
        let mut event = Self::read(&mut fields, key);
        event.problems = fields.problems;
        Ok(event)
    }

    fn read(fields: &mut Fields<'_>, key: &IdentityKey) -> Self {
        let from = fields.text("from").and_then(Number::parse);
        let plan = from.as_ref().and_then(|number| number.country);
        Self {
            brand: fields.required("brand").map(str::to_owned),
            survey: fields.required("survey").map(str::to_owned),
            call_id: fields.required("call_id").and_then(|text| fields.reference("call_id", text)),
            interaction: fields.text("interaction").and_then(|text| fields.reference("interaction", text)),
            question: fields.text("question").map(str::to_owned),
            digits: fields.digits(),
            at: fields.parsed("at", Reason::BadTime, "must be a time as in RFC 3339", Timestamp::parse),
            completed: fields.flag("completed"),
            from: from.map(|number| Respondent { reference: None, key: number.respondent(key) }),
            respondent: fields.within("respondent", |fields| fields.respondent(key)),
            subject: fields.within("subject", Fields::subject),
            locale: fields.parsed(
                "locale",
                Reason::BadLocale,
                "must be a language tag (BCP 47)",
                Language::parse,
            ),
            country: fields
                .parsed("country", Reason::BadCountry, "must be two letters (ISO 3166-1)", Country::parse)
                .or(plan),
            attributes: fields.within("attributes", Fields::attributes).unwrap_or_default(),
            problems: Vec::new(),
        }
    }
}

/// The fields of one object, and where it stands in the body.
struct Fields<'a> {
    object: &'a Map<String, Json>,
    at: &'static str,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Json> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn problem(&mut self, name: &str, reason: Reason, detail: &str) {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        self.problems.push(Problem::new(format!("{}/{escaped}", self.at), reason, detail));
    }

    /// A text that is not empty.
    fn text(&mut self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Json::String(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            _ => {
                self.problem(name, Reason::WrongType, "must be a string");
                None
            }
        }
    }

    fn required(&mut self, name: &str) -> Option<&'a str> {
        let problems = self.problems.len();
        let text = self.text(name);
        if text.is_none() && self.problems.len() == problems {
            self.problem(name, Reason::Missing, "is required");
        }
        text
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        reason: Reason,
        detail: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.problem(name, reason, detail);
        }
        parsed
    }

    fn reference(&mut self, name: &str, text: &str) -> Option<Reference> {
        let reference = Reference::parse(text);
        if reference.is_none() {
            self.problem(name, Reason::BadReference, &format!("must be {}", Reference::FORM));
        }
        reference
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.get(name) {
            None => false,
            Some(Json::Bool(flag)) => *flag,
            Some(_) => {
                self.problem(name, Reason::WrongType, "must be true or false");
                false
            }
        }
    }

    /// Keys as a string, or a whole number as exchanges that know numbers send it.
    fn digits(&mut self) -> Option<String> {
        match self.get("digits")? {
            Json::String(digits) => Some(digits.clone()).filter(|digits| !digits.is_empty()),
            Json::Number(number) if number.is_u64() => Some(number.to_string()),
            Json::Number(_) => {
                self.problem("digits", Reason::NotANumber, "must be the digits of a whole number");
                None
            }
            _ => {
                self.problem("digits", Reason::WrongType, "must be a string of digits");
                None
            }
        }
    }

    /// Reads a field that is an object of its own.
    fn within<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'a>) -> Option<T>,
    ) -> Option<T> {
        let Json::Object(object) = self.get(name)? else {
            self.problem(name, Reason::WrongType, "must be an object");
            return None;
        };
        let at = match name {
            "respondent" => "/respondent",
            "subject" => "/subject",
            _ => "/attributes",
        };
        let mut fields = Fields { object, at, problems: Vec::new() };
        let value = read(&mut fields);
        self.problems.append(&mut fields.problems);
        value
    }

    fn respondent(&mut self, key: &IdentityKey) -> Option<Respondent> {
        let reference = self.text("ref").and_then(|text| self.reference("ref", text));
        let email = self.parsed("email", Reason::BadContact, "must be a mail address", mail_address);
        let phone = self.parsed(
            "phone",
            Reason::BadContact,
            "must be a valid number with + and country code",
            Number::parse,
        );
        if let Some(reference) = reference {
            let hashed = key.respondent("ref", reference.as_str());
            return Some(Respondent { reference: Some(reference), key: hashed });
        }
        let hashed = match (email, phone) {
            (Some(email), _) => key.respondent("email", &email),
            (None, Some(phone)) => phone.respondent(key),
            (None, None) => return None,
        };
        Some(Respondent { reference: None, key: hashed })
    }

    fn subject(&mut self) -> Option<Subject> {
        let kind = self.required("kind").and_then(|text| self.reference("kind", text));
        let reference = self.required("ref").and_then(|text| self.reference("ref", text));
        Some(Subject { kind: kind?, reference: reference? })
    }

    fn attributes(&mut self) -> Option<BTreeMap<String, String>> {
        let mut attributes = BTreeMap::new();
        for (name, value) in self.object {
            match value {
                Json::String(text) => drop(attributes.insert(name.clone(), text.clone())),
                Json::Null => {}
                _ => self.problem(name, Reason::WrongType, "must be a string"),
            }
        }
        Some(attributes)
    }
}

/// A mail address in lower case, as far as it can be told without sending one a mail (RFC 5321, 4.5.3.1).
fn mail_address(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let sized = (1..=64).contains(&local.len()) && (1..=255).contains(&domain.len());
    (plain && sized && !local.contains('@')).then(|| text.to_lowercase())
}
