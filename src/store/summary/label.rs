//! What an answer is grouped under; days, weeks and months as people in a time zone count them.
//!
//! A local day is looked up once for each quarter of an hour, UTC: every zone in use since 1972 has offsets that are
//! whole quarters, so a quarter lies in one local day.

use std::collections::{BTreeMap, HashMap};

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};

use super::query::{Group, Query};
use crate::{proto::store::v1::Subject, store::words};

/// A quarter of an hour.
const BUCKET_US: i64 = 15 * 60 * 1_000_000;

/// What an answer, current or held, can be grouped by.
pub(super) struct Facts<'a> {
    pub(super) brand: &'a str,
    pub(super) country: &'a str,
    pub(super) subject: Option<&'a Subject>,
    pub(super) identity: i32,
    pub(super) attributes: &'a BTreeMap<String, String>,
    pub(super) channel: i32,
    pub(super) locale: &'a str,
    pub(super) at_us: i64,
}

/// Makes labels; remembers those of days.
pub(super) struct Labels<'a> {
    query: &'a Query,
    days: HashMap<(usize, i64), String>,
}

impl<'a> Labels<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        Self { query, days: HashMap::new() }
    }

    /// One for each group that was asked, in that order.
    pub(super) fn of(&mut self, facts: &Facts<'_>) -> Vec<String> {
        let Self { query, days } = self;
        let groups = query.by.iter().enumerate();
        groups
            .map(|(place, group)| match group {
                Group::Channel => words::channel(facts.channel),
                Group::Brand => facts.brand.to_owned(),
                Group::Country => facts.country.to_owned(),
                Group::Language => primary_language(facts.locale).to_owned(),
                Group::Subject => facts.subject.map(subject).unwrap_or_default(),
                Group::Identity => words::identity(facts.identity),
                Group::Attribute(key) => facts.attributes.get(key).cloned().unwrap_or_default(),
                Group::Day | Group::Week | Group::Month => {
                    let bucket = facts.at_us.div_euclid(BUCKET_US);
                    let label = days.entry((place, bucket));
                    label.or_insert_with(|| day(group, bucket, &query.zone)).clone()
                }
            })
            .collect()
    }
}

/// `kind:ref`, as links write it.
fn subject(subject: &Subject) -> String {
    format!("{}:{}", subject.kind, subject.r#ref)
}

/// `de` of `de-CH`; empty when unknown.
fn primary_language(locale: &str) -> &str {
    locale.split(['-', '_']).next().unwrap_or(locale)
}

/// The local day, its week's Monday or its month (all as ISO 8601) in which a quarter of an hour lies.
fn day(group: &Group, bucket: i64, zone: &TimeZone) -> String {
    let Ok(start) = Timestamp::from_microsecond(bucket.saturating_mul(BUCKET_US)) else {
        return String::new();
    };
    let day = start.to_zoned(zone.clone()).date();
    match group {
        Group::Week => {
            let since_monday = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(since_monday.days()).unwrap_or(day).to_string()
        }
        Group::Month => format!("{:04}-{:02}", day.year(), day.month()),
        _ => day.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(at: &str, zone: &str) -> [String; 3] {
        let at: Timestamp = at.parse().unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let bucket = at.as_microsecond().div_euclid(BUCKET_US);
        [Group::Day, Group::Week, Group::Month].map(|group| day(&group, bucket, &zone))
    }

    #[test]
    fn a_day_is_that_of_the_asker_s_zone() {
        assert_eq!(labels("2026-11-30T22:59:59Z", "Europe/Zurich"), ["2026-11-30", "2026-11-30", "2026-11"]);
        assert_eq!(labels("2026-11-30T23:00:00Z", "Europe/Zurich"), ["2026-12-01", "2026-11-30", "2026-12"]);
        assert_eq!(labels("2026-11-30T23:00:00Z", "UTC"), ["2026-11-30", "2026-11-30", "2026-11"]);
    }

    #[test]
    fn a_day_of_the_change_of_clocks_begins_and_ends_at_local_midnight() {
        // 2026-03-29 has 23 hours in Zurich, 2026-10-25 has 25.
        assert_eq!(labels("2026-03-28T22:59:59Z", "Europe/Zurich")[0], "2026-03-28");
        assert_eq!(labels("2026-03-28T23:00:00Z", "Europe/Zurich")[0], "2026-03-29");
        assert_eq!(labels("2026-03-29T21:59:59Z", "Europe/Zurich")[0], "2026-03-29");
        assert_eq!(labels("2026-03-29T22:00:00Z", "Europe/Zurich")[0], "2026-03-30");
        assert_eq!(labels("2026-10-24T22:00:00Z", "Europe/Zurich")[0], "2026-10-25");
        assert_eq!(labels("2026-10-25T22:59:59Z", "Europe/Zurich")[0], "2026-10-25");
        assert_eq!(labels("2026-10-25T23:00:00Z", "Europe/Zurich")[0], "2026-10-26");
    }

    #[test]
    fn a_zone_with_a_quarter_of_an_hour_has_its_own_midnight() {
        // Kathmandu is 5:45 ahead.
        assert_eq!(labels("2026-11-21T18:14:59Z", "Asia/Kathmandu")[0], "2026-11-21");
        assert_eq!(labels("2026-11-21T18:15:00Z", "Asia/Kathmandu")[0], "2026-11-22");
    }

    #[test]
    fn a_week_begins_on_monday() {
        assert_eq!(labels("2026-11-22T12:00:00Z", "UTC")[1], "2026-11-16");
        assert_eq!(labels("2026-11-23T12:00:00Z", "UTC")[1], "2026-11-23");
        assert_eq!(labels("2027-01-01T12:00:00Z", "UTC")[1], "2026-12-28");
    }
}
