//! What a provider reports of a recorded comment when it is ready, in or after the call: where the recording is, and
//! later what it says.
//!
//! The recording's address is the answer until its transcription replaces it; it stays as the attribute
//! `recording.{question}`. Reports come late, twice, in any order or never, so each of them says all that it knows: a
//! transcription brings the recording first, under a key that makes any other report of it a double. Whatever comes
//! after a transcription is then no change of it. A transcription that failed, and a recording that is absent, leave
//! what is there.
//!
//! The URL of a report carries what the call knew and the report may not say: the question, the call, its language and
//! country, and of the caller's number the keyed hash. The provider signs it.

use crate::{
    catalog::RespondentKey,
    intake::{Country, Reference, Respondent},
    survey::Language,
};

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    /// Of the recording.
    Recording,
    /// Of its transcription.
    Transcription,
}

impl Callback {
    /// The last segment of its path.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Transcription => "transcription",
        }
    }

    /// Reads a path's last segment.
    pub(crate) fn of(segment: &str) -> Option<Self> {
        [Self::Recording, Self::Transcription].into_iter().find(|callback| callback.segment() == segment)
    }
}

/// What a call knows and its reports may not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    /// The provider's id of the call.
    pub call_id: &'a Reference,
    /// Who answers, when only the caller's number says so.
    pub caller: Option<RespondentKey>,
    /// Where they are.
    pub country: Option<Country>,
}

impl About<'_> {
    /// As our part of a query, with the question that was recorded and the language in which it was asked.
    pub(super) fn query(&self, question: &str, language: &Language) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("vg_step", question).append_pair("vg_lang", language.as_str());
        query.append_pair("vg_call", self.call_id.as_str());
        if let Some(caller) = self.caller {
            query.append_pair("vg_who", &caller.to_hex());
        }
        if let Some(country) = self.country {
            query.append_pair("vg_country", country.as_str());
        }
        query.finish()
    }
}

/// [`About`], read again.
#[derive(Clone, Debug, Default)]
pub(in crate::channel::ivr) struct Reported {
    pub question: String,
    pub language: Option<Language>,
    pub call_id: Option<Reference>,
    pub caller: Option<Respondent>,
    pub country: Option<Country>,
}

impl Reported {
    /// Reads our part of a query. What we cannot have written is passed over.
    pub(in crate::channel::ivr) fn read(query: &str) -> Self {
        let mut reported = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "vg_step" => reported.question = value.into_owned(),
                "vg_lang" => reported.language = Language::parse(&value),
                "vg_call" => reported.call_id = Reference::parse(&value),
                "vg_who" => reported.caller = caller(&value),
                "vg_country" => reported.country = Country::parse(&value),
                _ => {}
            }
        }
        reported
    }
}

fn caller(hex: &str) -> Option<Respondent> {
    let mut key = [0; 16];
    hex::decode_to_slice(hex, &mut key).ok()?;
    Some(Respondent { reference: None, key: RespondentKey(key) })
}
