//! Short handles, for text messages and codes on paper: 26 digits of Crockford's base32
//! (crockford.com/base32.html) in place of a token.

use std::fmt;

/// Digits of a handle: 130 bits, so that nobody guesses one.
const DIGITS: usize = 26;
/// Without the letters that look like digits, and without `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A handle, in lower case. Whoever has it has the link.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Handle([u8; DIGITS]);

/// It opens somebody's page.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle([redacted])")
    }
}

impl Handle {
    /// A new one.
    pub(crate) fn random() -> Self {
        let bytes: [u8; DIGITS] = rand::random();
        Self(bytes.map(|byte| digit(byte & 31)))
    }

    /// Reads a handle in either case, and with the letters that people take for digits. No token reads as one: it has
    /// dots, and is longer.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; DIGITS] = text.as_bytes().try_into().ok()?;
        let mut digits = [0; DIGITS];
        for (digit, byte) in digits.iter_mut().zip(bytes) {
            *digit = meant(byte)?;
        }
        Some(Self(digits))
    }

    /// As it stands in the store and in text messages.
    pub(crate) fn as_str(&self) -> &str {
        // All digits are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn digit(value: u8) -> u8 {
    ALPHABET.get(usize::from(value)).copied().unwrap_or(b'0')
}

fn meant(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        b'o' => Some(b'0'),
        b'i' | b'l' => Some(b'1'),
        byte => ALPHABET.contains(&byte).then_some(byte),
    }
}

/// The address of a short link, for text messages.
pub(crate) fn short_url(base: &str, handle: Handle) -> String {
    format!("{base}/r/{}", handle.as_str())
}

/// The same in capitals, as a code stores it in the least room: 5.5 bits a character. A path prefix keeps its case,
/// because to the proxy that has it another case is another path.
pub(crate) fn code_url(base: &str, handle: Handle) -> String {
    let host_at = base.find("://").map_or(0, |scheme| scheme + 3);
    let (host, prefix) = match base.split_at(host_at).1.find('/') {
        Some(slash) => base.split_at(host_at + slash),
        None => (base, ""),
    };
    format!("{}{prefix}/R/{}", host.to_ascii_uppercase(), handle.as_str().to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdefghjkmnpqrs";

    #[test]
    fn a_handle_is_read_in_either_case_and_as_people_misread_it() {
        let handle = Handle::parse(TEXT).unwrap();
        assert_eq!(Handle::parse(&TEXT.to_ascii_uppercase()), Some(handle));
        assert_eq!(Handle::parse(&TEXT.replace('0', "O").replace('1', "l")), Some(handle));
        assert_eq!(handle.as_str(), TEXT);
    }

    #[test]
    fn what_is_shorter_or_longer_or_has_another_letter_is_no_handle() {
        for bad in
            [&TEXT[1..], &format!("{TEXT}0"), &TEXT.replace('a', "u"), &TEXT.replace('a', "."), "", "ä"]
        {
            assert_eq!(Handle::parse(bad), None, "{bad}");
        }
        assert_eq!(Handle::parse(&"é".repeat(13)), None);
    }

    #[test]
    fn handles_are_read_back_and_none_is_made_twice() {
        let made: std::collections::HashSet<_> = (0..1_000).map(|_| Handle::random()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|handle| Handle::parse(handle.as_str()) == Some(*handle)));
    }

    #[test]
    fn an_address_has_at_most_60_characters_and_a_code_keeps_the_prefix_of_a_proxy() {
        let handle = Handle::parse(TEXT).unwrap();
        let short = short_url("https://s.example.com", handle);
        println!("{} characters: {short}", short.len());
        assert!(short.len() <= 60);
        let upper = TEXT.to_ascii_uppercase();
        assert_eq!(code_url("https://s.example.com", handle), format!("HTTPS://S.EXAMPLE.COM/R/{upper}"));
        assert_eq!(
            code_url("https://a.example:81/Ask/me", handle),
            format!("HTTPS://A.EXAMPLE:81/Ask/me/R/{upper}")
        );
    }
}
