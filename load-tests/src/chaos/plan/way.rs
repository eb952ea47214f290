//! The ways in.

use super::Proof;

/// One way of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// `POST /v1/responses`.
    Json,
    /// `POST /v1/responses/batch`, a JSON array.
    Batch,
    /// The same, NDJSON.
    Ndjson,
    /// `POST /r/{token}`.
    Email,
    /// `POST /m/…`, signed where the person is proven.
    MailTool,
    /// `POST /v1/beacon`, with a link token where the person is proven.
    Beacon,
    /// `POST /f/…`, with a link token where the person is proven.
    Form,
    /// `POST /ivr/twilio/…`, signed.
    Twilio,
    /// `POST /v1/ivr/events`.
    IvrEvent,
    /// gRPC `Submit`.
    Submit,
    /// gRPC `SubmitStream`, one long stream to each gateway.
    SubmitStream,
}

impl Way {
    pub(crate) const ALL: [Self; 11] = [
        Self::Json,
        Self::Batch,
        Self::Ndjson,
        Self::Email,
        Self::MailTool,
        Self::Beacon,
        Self::Form,
        Self::Twilio,
        Self::IvrEvent,
        Self::Submit,
        Self::SubmitStream,
    ];

    /// Whether an answer that comes this way can belong to a person of this proof.
    pub(crate) fn proves(self, proof: Proof) -> bool {
        match proof {
            Proof::References => true,
            Proof::Stated => matches!(self, Self::MailTool | Self::Beacon | Self::Form),
            Proof::Key => matches!(self, Self::Json | Self::Batch | Self::Ndjson | Self::Submit),
        }
    }

    /// Whether a person who is proven needs a link token to come this way.
    pub(crate) fn needs_token(self) -> bool {
        matches!(self, Self::Email | Self::Beacon | Self::Form)
    }

    /// Whether one request carries several answers.
    pub(crate) fn takes_many(self) -> bool {
        matches!(self, Self::Batch | Self::Ndjson)
    }

    /// Whether texts can be given.
    pub(crate) fn takes_text(self) -> bool {
        !matches!(self, Self::Twilio | Self::IvrEvent)
    }

    /// Whether a program or a script is behind it, which tries again by itself. People do not, and a telephone provider
    /// goes where TwiML sends it.
    pub(crate) fn tries_again(self) -> bool {
        !matches!(self, Self::Email | Self::MailTool | Self::Form | Self::Twilio)
    }
}
