//! Whose number it is: only numbers that are valid by the numbering plans (E.164) name anybody.

use phonenumber::Mode;

use crate::{
    catalog::{IdentityKey, RespondentKey},
    intake::Country,
};

/// A valid telephone number. Printed only where it is hashed.
pub(super) struct Number {
    e164: String,
    /// The country of its numbering plan; none where several share one that cannot be told apart.
    pub country: Option<Country>,
}

impl Number {
    /// Reads a number with its `+` and country code; blanks, dots, dashes, slashes and brackets are passed over.
    /// What providers send for withheld numbers (`anonymous`, `+266696687`, `+7378742833`, …) is no valid number
    /// anywhere; a national number without its `+` could be anybody's; `sip:` and `client:` addresses are none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: String =
            text.chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '/' | '(' | ')')).collect();
        let plain = digits
            .strip_prefix('+')
            .is_some_and(|rest| rest.len() <= 15 && rest.bytes().all(|b| b.is_ascii_digit()));
        if !plain {
            return None;
        }
        let number = phonenumber::parse(None, &digits).ok().filter(phonenumber::is_valid)?;
        let country = number.country().id().and_then(|id| Country::parse(id.as_ref()));
        Some(Self { e164: number.format().mode(Mode::E164).to_string(), country })
    }

    /// The keyed hash that stands for whose number it is.
    pub(super) fn respondent(&self, key: &IdentityKey) -> RespondentKey {
        key.respondent("phone", &self.e164)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> Option<String> {
        Number::parse(text).map(|number| number.e164)
    }

    #[test]
    fn a_valid_number_is_one_however_it_is_written() {
        for written in ["+41446681800", "+41 44 668 18 00", "+41 (44) 668-18-00"] {
            assert_eq!(e164(written).as_deref(), Some("+41446681800"), "{written}");
        }
        assert_eq!(Number::parse("+41446681800").unwrap().country, Country::parse("CH"));
    }

    #[test]
    fn what_stands_for_a_withheld_number_names_nobody() {
        for marker in [
            "",
            "anonymous",
            "Anonymous",
            "unknown",
            "+266696687",
            "+7378742833",
            "+2562533",
            "+8656696",
            "+86282452253",
            "7378742833",
            "0446681800",
            "client:alice",
            "client:+41446681800",
            "sip:a@example.com",
            "whatsapp:+41446681800",
            "32665",
            "+",
            "++41446681800",
            "+41446681800;ext=1",
            "+414466818001234567",
        ] {
            assert_eq!(e164(marker), None, "{marker}");
        }
    }
}
