//! The body of a webhook: a form, whose pairs are kept as they came because the signature covers all of them.

use http::{HeaderMap, header::CONTENT_TYPE};

/// A decoded form. Doubles are kept; bytes that are no UTF-8 become U+FFFD, which no genuine signature covers.
#[derive(Clone, Default, PartialEq, Eq)]
pub(in crate::channel::ivr) struct Form(Vec<(String, String)>);

/// Shows how many pairs there are: they hold the caller's number.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({})", self.0.len())
    }
}

/// A form has more fields than are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::channel::ivr) struct TooManyFields;

impl Form {
    /// Decodes `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// When there are more than `max_fields` fields.
    pub(in crate::channel::ivr) fn parse(body: &[u8], max_fields: usize) -> Result<Self, TooManyFields> {
        let pairs: Vec<_> = form_urlencoded::parse(body)
            .take(max_fields.saturating_add(1))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if pairs.len() > max_fields { Err(TooManyFields) } else { Ok(Self(pairs)) }
    }

    /// All pairs, in the order they came.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a field; empty when there is none, which is how providers send unknown values.
    pub(in crate::channel::ivr) fn get(&self, name: &str) -> &str {
        self.pairs().find(|(field, _)| *field == name).map_or("", |(_, value)| value)
    }
}

impl FromIterator<(String, String)> for Form {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// Whether a request says that its body is a form; a request without a body need not say so.
pub(super) fn is_form(headers: &HeaderMap, body: &[u8]) -> bool {
    match headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("")) {
        None => body.is_empty(),
        Some(value) => {
            let media_type = value.split(';').next().unwrap_or("").trim();
            media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_as_many_fields_as_are_taken_and_no_more() {
        assert_eq!(Form::parse(b"a=1&b=2", 2).unwrap().get("b"), "2");
        assert_eq!(Form::parse(b"a=1&b=2&c=3", 2), Err(TooManyFields));
    }

    #[test]
    fn doubles_are_kept_and_the_first_value_is_read() {
        let form = Form::parse(b"Digits=9&Digits=1&From=%2B41446681800", 9).unwrap();
        assert_eq!(form.get("Digits"), "9");
        assert_eq!(form.get("From"), "+41446681800");
        assert_eq!(form.get("To"), "");
        assert_eq!(form.pairs().count(), 3);
    }

    #[test]
    fn a_body_is_a_form_when_its_type_says_so() {
        let typed = |value: &str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        assert!(is_form(&typed("application/x-www-form-urlencoded; charset=UTF-8"), b"a=1"));
        assert!(is_form(&HeaderMap::new(), b""));
        assert!(!is_form(&HeaderMap::new(), b"a=1"));
        assert!(!is_form(&typed("application/json"), b"{}"));
    }
}
