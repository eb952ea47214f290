//! Mail addresses and telephone numbers in the one form that is hashed, so that one person has one hash.

use std::sync::LazyLock;

use quick_cache::sync::Cache;
use unicode_normalization::UnicodeNormalization as _;

use super::{IdentityKey, RespondentKey};
use crate::parts;

/// RFC 5321, 4.5.3.1.3: a path has 256 octets with its brackets.
const EMAIL_BYTES: usize = 254;
/// RFC 5321, 4.5.3.1.1.
const LOCAL_PART_BYTES: usize = 64;
/// Longer than any number with spaces and brackets.
const PHONE_BYTES: usize = 40;

/// Numbers of callers of late that are known to be valid, so that the numbering plans are not asked at each turn of a
/// call again. They are named by a hash that only this process can make, and only in the form that is hashed anyhow.
static KNOWN: LazyLock<Known> =
    LazyLock::new(|| Known { key: rand::random(), plans: Cache::new(KNOWN_NUMBERS) });

/// Calls at once in a large centre, several times over.
const KNOWN_NUMBERS: usize = 16_384;

/// How a person can be reached. Kept only as a keyed hash.
#[derive(Clone, PartialEq, Eq)]
pub enum Contact {
    /// A mail address: trimmed, lower case, NFC.
    Email(String),
    /// A telephone number in E.164, for example `+41446681800`.
    Phone(String),
}

impl Contact {
    /// What a mail address may be, for refusals.
    pub const EMAIL_FORM: &str = "a mail address such as `ann@example.org`";
    /// What a telephone number may be, for refusals.
    pub const PHONE_FORM: &str = "a telephone number with its country code, such as `+41446681800`";

    /// Reads a mail address. Only its shape is checked: whether it exists, its server alone can say.
    /// None when it has no `@` with something on either side, is too long, or holds spaces or control characters.
    pub fn email(address: &str) -> Option<Self> {
        let address: String = address.trim().nfc().collect::<String>().to_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        let odd = |char: char| char.is_whitespace() || char.is_control();
        let right = (1..=LOCAL_PART_BYTES).contains(&local.len())
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && address.len() <= EMAIL_BYTES
            && !address.contains(odd);
        right.then_some(Self::Email(address))
    }

    /// Reads a telephone number with its country code. The `+` must be there: the numbers that telephony providers send
    /// for anonymous callers (`+266696687`, "anonymous" on a keypad, and its kin) are invalid with it, while some of
    /// their digits alone would be a valid number of some country.
    /// None when libphonenumber does not hold it for valid.
    pub fn phone(number: &str) -> Option<Self> {
        let number = number.trim();
        if !number.starts_with('+') || number.len() > PHONE_BYTES {
            return None;
        }
        if KNOWN.plan(number).is_some() {
            return Some(Self::Phone(number.to_owned()));
        }
        let parsed = phonenumber::parse(None, number).ok().filter(phonenumber::is_valid)?;
        let e164 = parsed.format().mode(phonenumber::Mode::E164).to_string();
        KNOWN.note(&e164, &parsed);
        Some(Self::Phone(e164))
    }

    /// Reads the numbering plans in, which takes most of a second: better before the first caller than while one waits.
    pub fn warm_up() {
        drop(Self::phone("+41446681800"));
    }

    /// `email` or `phone`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Phone(_) => "phone",
        }
    }

    /// The address or number, in the form that is hashed.
    pub fn value(&self) -> &str {
        match self {
            Self::Email(value) | Self::Phone(value) => value,
        }
    }

    /// ISO 3166-1 alpha-2 of a number's numbering plan; none for addresses, and where several countries share a plan
    /// and cannot be told apart.
    pub fn country(&self) -> Option<String> {
        let Self::Phone(e164) = self else { return None };
        match KNOWN.plan(e164) {
            Some(plan) => plan,
            None => plan(&phonenumber::parse(None, e164).ok()?),
        }
    }

    /// Its keyed hash.
    pub fn key(&self, key: &IdentityKey) -> RespondentKey {
        key.respondent(self.kind(), self.value())
    }
}

/// Valid numbers in E.164, by their hash, and the country of each.
struct Known {
    key: [u8; 32],
    plans: Cache<[u8; 16], Option<String>>,
}

impl Known {
    fn plan(&self, e164: &str) -> Option<Option<String>> {
        self.plans.get(&self.name(e164))
    }

    /// What is read back is what was read: only of such a number the E.164 form stands for itself.
    fn note(&self, e164: &str, number: &phonenumber::PhoneNumber) {
        if phonenumber::parse(None, e164).is_ok_and(|again| again == *number) {
            self.plans.insert(self.name(e164), plan(number));
        }
    }

    fn name(&self, e164: &str) -> [u8; 16] {
        parts::half(&blake3::keyed_hash(&self.key, e164.as_bytes()))
    }
}

fn plan(number: &phonenumber::PhoneNumber) -> Option<String> {
    number.country().id().map(|id| id.as_ref().to_owned())
}

/// Does not show the contact.
impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contact({}, [redacted])", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_address_is_one_contact_however_it_is_written() {
        let ann = Contact::email("ann@example.org").unwrap();
        for same in [" Ann@Example.ORG ", "ANN@example.org\n"] {
            assert_eq!(Contact::email(same).unwrap(), ann, "{same}");
        }
        // One letter, and two that show as one.
        assert_eq!(Contact::email("j\u{fc}rg@example.org"), Contact::email("ju\u{308}rg@example.org"));
        assert_ne!(Contact::email("a+nps@example.org"), Contact::email("a@example.org"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let local_64 = "a".repeat(64);
        assert!(Contact::email(&format!("{local_64}@example.org")).is_some());
        let local_65 = format!("a{local_64}@example.org");
        let long = format!("a@{}.org", "b".repeat(250));
        for bad in
            ["", "ann", "@example.org", "ann@", "a nn@example.org", "ann@.org", "ann@org.", &local_65, &long]
        {
            assert_eq!(Contact::email(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_number_is_one_contact_however_it_is_written() {
        let zurich = Contact::Phone("+41446681800".into());
        for same in ["+41446681800", "+41 44 668 18 00", " +41 (0)44 668-18-00 ", "+41.44.668.18.00"] {
            assert_eq!(Contact::phone(same), Some(zurich.clone()), "{same}");
        }
        assert_eq!(Contact::phone("+1 650 253 0000 ext. 12"), Some(Contact::Phone("+16502530000".into())));
    }

    #[test]
    fn a_number_that_is_known_reads_as_it_was_read_first() {
        for (written, e164, country) in [
            ("+41 44 668 18 00", "+41446681800", Some("CH")),
            ("+1 650 253 0000", "+16502530000", Some("US")),
            ("+442079460000", "+442079460000", Some("GB")),
        ] {
            for _ in 0..2 {
                let contact = Contact::phone(written).unwrap();
                assert_eq!((contact.value(), contact.country().as_deref()), (e164, country));
                assert!(KNOWN.plan(e164).is_some(), "{e164}");
                assert_eq!(Contact::phone(e164), Some(contact));
            }
        }
        let with_extension = Contact::phone("+1 650 253 0000 ext. 12").unwrap();
        assert_eq!(with_extension, Contact::Phone("+16502530000".into()));
        assert!(KNOWN.plan("+1 650 253 0000 ext. 12").is_none() && KNOWN.plan("+266696687").is_none());
    }

    #[test]
    fn what_providers_send_for_anonymous_callers_is_nobody() {
        let anonymous =
            ["+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "anonymous", "Restricted"];
        let no_number =
            ["7378742833", "32665", "client:alice", "sip:a@example.org", "whatsapp:+41446681800", "", "+"];
        for caller in anonymous.into_iter().chain(no_number) {
            assert_eq!(Contact::phone(caller), None, "{caller}");
        }
    }

    #[test]
    fn a_contact_says_which_kind_it_is_and_hashes_by_kind() {
        let key = IdentityKey::new([1; 32]);
        let email = Contact::email("Ann@example.org").unwrap();
        assert_eq!((email.kind(), email.value()), ("email", "ann@example.org"));
        assert_eq!(email.key(&key), key.respondent("email", "ann@example.org"));
        assert_eq!(format!("{email:?}"), "Contact(email, [redacted])");
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_reading_and_a_contact_is_read_back(text in "(\\+?[0-9 ()x;.-]{0,30})|(\\PC{0,12}@?\\PC{0,12})") {
            for contact in [Contact::email(&text), Contact::phone(&text)].into_iter().flatten() {
                let again = match contact {
                    Contact::Email(_) => Contact::email(contact.value()),
                    Contact::Phone(_) => Contact::phone(contact.value()),
                };
                prop_assert_eq!(again, Some(contact));
            }
        }
    }
}
