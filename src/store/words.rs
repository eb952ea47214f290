//! The words of the contract for the proto's enum values, for example `email` for `CHANNEL_EMAIL`.

use crate::proto::store::v1::{Channel, Claim, Confidence, HeldState, Identity, Kind};

/// The word of a channel.
pub(crate) fn channel(value: i32) -> String {
    Channel::try_from(value).map_or_else(|_| String::new(), |value| word(value.as_str_name()))
}

/// The word of an identity.
pub(crate) fn identity(value: i32) -> String {
    Identity::try_from(value).map_or_else(|_| String::new(), |value| word(value.as_str_name()))
}

/// The word of a kind.
pub(crate) fn kind(value: i32) -> String {
    Kind::try_from(value).map_or_else(|_| String::new(), |value| word(value.as_str_name()))
}

/// The word of a claim.
pub(crate) fn claim(value: i32) -> String {
    Claim::try_from(value).map_or_else(|_| String::new(), |value| word(value.as_str_name()))
}

/// The word of a confidence.
pub(crate) fn confidence(value: i32) -> String {
    Confidence::try_from(value).map_or_else(|_| String::new(), |value| word(value.as_str_name()))
}

/// The word of where a held record stands.
pub(crate) fn held_state(value: i32) -> String {
    HeldState::try_from(value).map_or_else(|_| String::new(), |value| word(value.as_str_name()))
}

/// What follows the enum's own name, in lower case; no value of ours has two words.
fn word(name: &str) -> String {
    name.rsplit('_').next().unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey;

    #[test]
    fn the_words_are_those_of_the_domain() {
        for (at, channel) in (1..).zip(survey::Channel::ALL) {
            assert_eq!(super::channel(at), channel.word());
        }
        for (at, identity) in (1..).zip(survey::Identity::ALL) {
            assert_eq!(super::identity(at), identity.word());
        }
        for (at, kind) in (1..).zip(survey::Kind::ALL) {
            assert_eq!(super::kind(at), kind.word());
        }
        for (at, confidence) in (1..).zip(survey::Confidence::ALL) {
            assert_eq!(super::confidence(at), confidence.word());
        }
        assert_eq!([claim(1), claim(2), held_state(1)], ["verified", "unverified", "waiting"]);
        assert_eq!(channel(99), "");
    }
}
