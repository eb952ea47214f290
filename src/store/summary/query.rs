//! What is asked: filters, groups, time zone.

use jiff::tz::TimeZone;
use tonic::Status;

use crate::{clock::Timestamp, proto::store::v1::SummarizeRequest};

/// Groups in one summary; each multiplies the rows.
const GROUPS: usize = 16;

/// What a summary is asked for.
#[derive(Clone, Debug)]
pub(in crate::store) struct Query {
    pub(super) survey: String,
    pub(super) brand: String,
    pub(super) since_us: i64,
    pub(super) until_us: i64,
    pub(super) zone: TimeZone,
    pub(super) by: Vec<Group>,
    pub(super) include_test: bool,
}

/// What answers are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Channel,
    Brand,
    Country,
    Language,
    Subject,
    Identity,
    Day,
    Week,
    Month,
    Attribute(String),
}

impl Query {
    pub(in crate::store) fn parse(request: SummarizeRequest) -> Result<Self, Status> {
        if request.by.len() > GROUPS {
            return Err(Status::invalid_argument(format!("by may name {GROUPS} groups at the most")));
        }
        let micros = |time: &prost_types::Timestamp| Timestamp::from_proto(time).as_micros();
        let since_us = request.since.as_ref().map_or(i64::MIN, micros);
        let until_us = request.until.as_ref().map_or(i64::MAX, micros);
        if since_us >= until_us {
            return Err(Status::invalid_argument("until must be later than since"));
        }
        Ok(Self {
            since_us,
            until_us,
            zone: zone(&request.time_zone)?,
            by: request.by.iter().map(|word| Group::parse(word)).collect::<Result<_, _>>()?,
            survey: request.survey,
            brand: request.brand,
            include_test: request.include_test,
        })
    }

    /// Whether an answer of this time is asked for: `since` belongs to the span, `until` does not.
    pub(super) const fn spans(&self, at_us: i64) -> bool {
        self.since_us <= at_us && at_us < self.until_us
    }
}

fn zone(name: &str) -> Result<TimeZone, Status> {
    if name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        Status::invalid_argument(format!("`{name}` is no IANA time zone: write one as Europe/Zurich or UTC"))
    })
}

impl Group {
    fn parse(word: &str) -> Result<Self, Status> {
        Ok(match word {
            "channel" => Self::Channel,
            "brand" => Self::Brand,
            "country" => Self::Country,
            "language" => Self::Language,
            "subject" => Self::Subject,
            "identity" => Self::Identity,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            _ => match word.strip_prefix("attribute:").filter(|key| !key.is_empty()) {
                Some(key) => Self::Attribute(key.to_owned()),
                None => return Err(unknown(word)),
            },
        })
    }
}

fn unknown(word: &str) -> Status {
    Status::invalid_argument(format!(
        "`{word}` is no group: channel, brand, country, language, subject, identity, day, week, month or attribute:KEY"
    ))
}
