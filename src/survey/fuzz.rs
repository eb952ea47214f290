//! Small values that every channel reads: languages, references, countries, contacts, times.

use super::Language;
use crate::{
    catalog::{Contact, Origin},
    clock::Timestamp,
    intake::{Country, Reference, Subject},
};

#[test]
fn a_value_that_is_read_is_read_the_same_from_what_it_is_written_as() {
    crate::fuzz::run("values", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Some(language) = Language::parse(text) {
            assert_eq!(Language::parse(language.as_str()), Some(language));
        }
        if let Some(country) = Country::parse(text) {
            assert_eq!(Country::parse(country.as_str()), Some(country));
        }
        if let Some(time) = Timestamp::parse(text) {
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
        if let Some(contact) = Contact::email(text) {
            assert_eq!(
                Contact::email(contact.value()).map(|it| it.value().to_owned()),
                Some(contact.value().to_owned())
            );
        }
        if let Some(contact) = Contact::phone(text) {
            assert_eq!(
                Contact::phone(contact.value()).map(|it| it.value().to_owned()),
                Some(contact.value().to_owned())
            );
        }
        if let Some(subject) = Subject::parse(text) {
            assert_eq!(text, format!("{}:{}", subject.kind.as_str(), subject.reference.as_str()));
        }
        assert_eq!(Reference::parse(text).map(|it| it.as_str().to_owned()).unwrap_or(text.to_owned()), text);
        if let Some(origin) = Origin::parse(text) {
            assert!(!origin.matches("https://evil.example") || text.contains("evil.example"), "{text}");
        }
    });
}
