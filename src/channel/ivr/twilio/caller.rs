//! Who is on the phone, and how they are spoken to.

use super::{
    form::Form,
    voice::{self, Dialect},
};
use crate::{
    catalog::{Brand, Contact, IdentityKey},
    intake::{Country, Respondent},
    survey::{Language, Survey, negotiate},
};

/// How a caller is spoken to.
#[derive(Clone)]
pub(super) struct Tongue<'a> {
    /// One that all of the survey's questions are written in.
    pub language: &'a Language,
    /// The caller's form of it.
    pub locale: Language,
}

impl<'a> Tongue<'a> {
    /// As the caller chose or the query says, else as most people in the caller's country speak where the brand does
    /// too, else as the brand does.
    pub(super) fn of(
        survey: &'a Survey,
        brand: &Brand,
        dialect: &Dialect,
        wished: Option<Language>,
        country: Option<Country>,
    ) -> Self {
        let local = country.and_then(|country| voice::of_country(country.as_str()));
        let local = brand.languages.iter().find(|language| local == Some(language.primary()));
        let wishes = wished.iter().chain(local).chain(&brand.languages);
        // A page can show what no voice can say.
        let sayable: Vec<_> =
            survey.languages().into_iter().filter(|language| dialect.speaks(language)).collect();
        let language = negotiate(wishes, &sayable, &survey.default_language);
        let locale = wished.filter(|wish| wish.primary() == language.primary());
        Self { language, locale: locale.unwrap_or_else(|| language.clone()) }
    }
}

/// The person on the phone: who calls us, or whom somebody had called.
pub(super) struct Caller {
    /// None when it is withheld: what stands for it then is no valid number.
    number: Option<Contact>,
    /// Where their number is from.
    pub country: Option<Country>,
}

impl Caller {
    pub(super) fn read(form: &Form) -> Self {
        let outbound = form.get("Direction").starts_with("outbound");
        let [number, country] = if outbound { ["To", "ToCountry"] } else { ["From", "FromCountry"] };
        let number = Contact::phone(form.get(number));
        let plan = || Country::parse(&number.as_ref()?.country()?);
        Self { country: Country::parse(form.get(country)).or_else(plan), number }
    }

    /// Their number as a respondent.
    pub(super) fn respondent(&self, key: &IdentityKey) -> Option<Respondent> {
        self.number.as_ref().map(|number| Respondent::reached_by(number, key))
    }
}
