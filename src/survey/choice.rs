use super::Texts;

/// One of the values that a `choice` question offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is stored.
    pub value: String,
    /// What people read.
    pub text: Texts,
}
