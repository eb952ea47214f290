//! The dialects of call documents: one dialogue, rendered for each.

/// Who reads a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// TwiML, of Twilio and SignalWire.
    Twiml,
    /// TeXML, of Telnyx: the same verbs, with fewer attributes.
    Texml,
}
