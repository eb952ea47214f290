//! Why a submission was held or refused: one flat list, one word each, one mapping to HTTP and gRPC.

use http::StatusCode;
use tonic::Code;

use super::Outcome;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $status:ident, $grpc:ident;)*) => {
        /// Why a submission was held or refused. The [`code`](Reason::code) is the metric label, the JSON `code` and,
        /// in upper case as google.rpc wants it, the gRPC `ErrorInfo.reason`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[doc = $doc])* $name,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable word.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status of an answer with this reason.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The gRPC code of an answer with this reason.
            pub const fn grpc(self) -> Code {
                match self { $(Self::$name => Code::$grpc,)* }
            }
        }
    };
}

reasons! {
    // Held, not refused.
    /// A given answer was changed later than the edit window allows.
    Late = "late", ACCEPTED, Ok;
    /// The link was genuine but past its expiry.
    LinkExpired = "link_expired", ACCEPTED, Ok;
    /// A person's answer came while the brand's or survey's quota was used up.
    OverLimit = "over_limit", ACCEPTED, Ok;
    /// It looks like a machine's.
    Suspicious = "suspicious", ACCEPTED, Ok;

    // The request cannot be read.
    /// The request or its body is not what the route takes.
    Malformed = "malformed", BAD_REQUEST, InvalidArgument;
    /// There is no such page or route.
    NotFound = "not_found", NOT_FOUND, NotFound;
    /// The route does not take this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, Unimplemented;
    /// The body did not arrive in time.
    BodyTimeout = "body_timeout", REQUEST_TIMEOUT, DeadlineExceeded;
    /// The client went away before its request was whole.
    ClientGone = "client_gone", BAD_REQUEST, Cancelled;
    /// The body, or the number of items in it, is larger than the route takes.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, InvalidArgument;
    /// The content type or encoding is none that the route takes.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, Unimplemented;

    // Who speaks is not proven, or may not.
    /// There is no API key, or none that is known.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, Unauthenticated;
    /// The API key is not for this brand or action.
    Forbidden = "forbidden", FORBIDDEN, PermissionDenied;
    /// The signature is missing or wrong.
    BadSignature = "bad_signature", FORBIDDEN, PermissionDenied;
    /// The page's origin is none of the brand's.
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN, PermissionDenied;
    /// The link token cannot be read.
    BadToken = "bad_token", NOT_FOUND, NotFound;

    // What it speaks of is not there.
    /// There is no such brand.
    UnknownBrand = "unknown_brand", NOT_FOUND, NotFound;
    /// The brand has no such survey.
    UnknownSurvey = "unknown_survey", NOT_FOUND, NotFound;
    /// The survey does not take answers through this channel.
    ChannelClosed = "channel_closed", FORBIDDEN, PermissionDenied;
    /// The survey takes no answers at present.
    SurveyClosed = "survey_closed", FORBIDDEN, PermissionDenied;

    // What it says is wrong; each problem by its pointer.
    /// One or more values are wrong; the problems say which.
    Invalid = "invalid", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A field that must be there is not.
    Missing = "missing", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A field is of another type.
    WrongType = "wrong_type", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A reference is not of the form `[A-Za-z0-9._:-]{1,64}`.
    BadReference = "bad_reference", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A mail address or telephone number is none.
    BadContact = "bad_contact", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A language tag is none.
    BadLocale = "bad_locale", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A country code is none.
    BadCountry = "bad_country", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A time is none, or out of range.
    BadTime = "bad_time", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A submission key is empty, too long or has control characters.
    BadKey = "bad_key", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// An attribute is too long, or there are too many.
    BadAttribute = "bad_attribute", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// There is no answer in it.
    NoAnswers = "no_answers", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// The survey has no such question.
    UnknownQuestion = "unknown_question", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// The question has no such choice.
    UnknownChoice = "unknown_choice", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A score is no number.
    NotANumber = "not_a_number", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A score is no whole number.
    NotWhole = "not_whole", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A score is outside the question's scale.
    OffScale = "off_scale", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// A text is longer than the configuration allows.
    TextTooLong = "text_too_long", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// Neither references nor a key: a retry could not be told from a new answer.
    NoIdentity = "no_identity", UNPROCESSABLE_ENTITY, InvalidArgument;
    /// The same idempotency key came before with another payload.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, InvalidArgument;

    // Not now.
    /// Too many from this source, link or call.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, ResourceExhausted;
    /// The quota of the API key, brand or survey is used up.
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, ResourceExhausted;
    /// The gateway has all the work it can hold.
    Busy = "busy", SERVICE_UNAVAILABLE, Unavailable;
    /// The spool has reached its budget, or the disk its floor.
    SpoolFull = "spool_full", SERVICE_UNAVAILABLE, Unavailable;
    /// The disk did not take the record.
    SpoolFailed = "spool_failed", SERVICE_UNAVAILABLE, Unavailable;
    /// The store has to be asked, and cannot be.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, Unavailable;
    /// The gateway is shutting down.
    Draining = "draining", SERVICE_UNAVAILABLE, Unavailable;
}

impl Reason {
    /// How a submission with this reason ends.
    pub const fn outcome(self) -> Outcome {
        match self.status() {
            StatusCode::ACCEPTED => Outcome::Quarantined,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Outcome::Limited,
            _ => Outcome::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_codes_is_frozen() {
        let codes: Vec<_> = Reason::ALL
            .iter()
            .map(|reason| format!("{} {}", reason.status().as_u16(), reason.code()))
            .collect();
        insta::assert_snapshot!(codes.join("\n"));
    }
}
