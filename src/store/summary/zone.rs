//! Days, weeks and months as people in a time zone count them.
//!
//! SQL groups answers by quarter of an hour, UTC, because every zone in use since 1972 has offsets that are whole
//! quarters; so a quarter lies in one local day, and its days are looked up once.

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};

use super::query::Group;

/// A quarter of an hour.
pub(super) const BUCKET_US: i64 = 15 * 60 * 1_000_000;

/// The local day, Monday or month (all as ISO 8601) in which a quarter of an hour lies.
pub(super) fn label(group: &Group, bucket: i64, zone: &TimeZone) -> String {
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
        [Group::Day, Group::Week, Group::Month].map(|group| label(&group, bucket, &zone))
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
