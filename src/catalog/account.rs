use super::Secret;

/// An account at a telephony provider. Its keys decide what proves that it calls: a key is used with its own algorithm
/// alone, whatever a request says. Of each sort two may be live, so that they can be rotated.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The provider's account id (`AccountSid`); `*` stands for any that has no table of its own.
    pub sid: String,
    /// Auth tokens (Twilio) and signing keys (SignalWire), for HMAC-SHA1.
    pub tokens: Vec<Secret>,
    /// Shared keys (Twilio), for HMAC-SHA256.
    pub shared_keys: Vec<Secret>,
    /// Public keys (Telnyx), for Ed25519.
    pub public_keys: Vec<PublicKey>,
}

/// An Ed25519 public key (RFC 8032).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

impl Account {
    /// The account that a request is from: the one of that id, else the one for any.
    pub(crate) fn of<'a>(accounts: &'a [Self], sid: &str) -> Option<&'a Self> {
        let named = |name: &str| accounts.iter().find(|account| account.sid == name);
        named(sid).or_else(|| named("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_with_a_table_of_its_own_is_not_the_one_for_any() {
        let accounts = ["*", "AC1", "AC2"].map(|sid| Account { sid: sid.to_owned(), ..Account::default() });
        let of = |sid: &str| Account::of(&accounts, sid).map(|account| account.sid.as_str());
        assert_eq!(
            [of("AC1"), of("AC2"), of("AC3"), of("")],
            [Some("AC1"), Some("AC2"), Some("*"), Some("*")]
        );
        let [_, own @ ..] = &accounts;
        assert!(Account::of(own, "AC3").is_none());
    }
}
