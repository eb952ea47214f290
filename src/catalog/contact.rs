//! Contacts in the one form that is hashed. Two spellings of one address or number must give one hash.

use phonenumber::Mode;

/// Octets of a mail address (RFC 5321, 4.5.3.1.3, without the brackets).
const EMAIL_BYTES: usize = 254;
/// Digits of a number in E.164.
const PHONE_DIGITS: usize = 15;

/// A mail address in lower case; none when it is no address. The local part is folded too: no provider that people use
/// tells `Ann@` from `ann@`.
pub fn email(text: &str) -> Option<String> {
    let address = text.trim();
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|char: char| char == '@' || char.is_whitespace() || char.is_control())
    };
    (address.len() <= EMAIL_BYTES && plain(local) && plain(domain)).then(|| address.to_lowercase())
}

/// A telephone number that is valid by the numbering plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// E.164, for example `+41441234567`.
    pub e164: String,
    /// ISO 3166-1 alpha-2 of its numbering plan; none where several share one that cannot be told apart.
    pub country: Option<String>,
}

/// Reads a number with its `+` and country code; blanks, dots, dashes, slashes and brackets are passed over. What
/// providers send for withheld numbers (`anonymous`, `+266696687`, `+7378742833`, …) is valid nowhere; a national
/// number without its `+` could be anybody's; `sip:` and `client:` addresses are none.
pub fn phone(text: &str) -> Option<Phone> {
    let is_separator = |char: char| matches!(char, ' ' | '.' | '-' | '/' | '(' | ')');
    let dialled: String = text.trim().chars().filter(|char| !is_separator(*char)).collect();
    let digits = dialled.strip_prefix('+')?;
    if digits.len() > PHONE_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = phonenumber::parse(None, &dialled).ok().filter(phonenumber::is_valid)?;
    let country = number.country().id().map(|id| id.as_ref().to_owned());
    Some(Phone { e164: number.format().mode(Mode::E164).to_string(), country })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        assert_eq!(email(" Ann@Example.COM ").as_deref(), Some("ann@example.com"));
        let longest = format!("{}@example.com", "a".repeat(EMAIL_BYTES - "@example.com".len()));
        assert_eq!(email(&longest), Some(longest.clone()));
        assert_eq!(email(&format!("a{longest}")), None);
        for bad in
            ["", "ann", "@example.com", "ann@", "a b@example.com", "ann@b@example.com", "ann@exa mple.com"]
        {
            assert_eq!(email(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_has_one_form_however_it_is_written() {
        for written in ["+41446681800", "+41 44 668 18 00", "+41 (44) 668-18-00"] {
            let number = phone(written).unwrap();
            assert_eq!(
                (number.e164.as_str(), number.country.as_deref()),
                ("+41446681800", Some("CH")),
                "{written}"
            );
        }
    }

    #[test]
    fn what_stands_for_a_withheld_number_names_nobody() {
        for marker in [
            "",
            "anonymous",
            "unknown",
            "+266696687",
            "+7378742833",
            "+2562533",
            "+8656696",
            "+86282452253",
            "7378742833",
            "0446681800",
            "client:+41446681800",
            "sip:a@example.com",
            "whatsapp:+41446681800",
            "32665",
            "+",
            "++41446681800",
            "+41446681800;ext=1",
            "+4144668180012345",
        ] {
            assert_eq!(phone(marker), None, "{marker}");
        }
    }
}
