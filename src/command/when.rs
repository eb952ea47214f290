//! Times as people write them on a command line.

use jiff::{civil::Date, tz::TimeZone};

use crate::clock::Timestamp;

/// Reads a time: RFC 3339; a date, which begins at midnight in the zone; or a span back from now, as `7d` or `12h`.
pub(super) fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Some(time) = Timestamp::parse(text) {
        return Ok(time);
    }
    if let Ok(date) = text.parse::<Date>() {
        let midnight = date.to_zoned(zone.clone())?;
        return Ok(Timestamp::from_micros(midnight.timestamp().as_microsecond()));
    }
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(now.before(span));
    }
    anyhow::bail!(
        "`{text}` is no time: write 2026-11-21T20:00:00Z, 2026-11-21, or a span back such as 7d or 12h"
    )
}

/// Reads an IANA time zone.
pub(super) fn zone(name: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(name)
        .map_err(|_| anyhow::anyhow!("`{name}` is no IANA time zone: write one as Europe/Zurich or UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let now = Timestamp::parse("2026-11-21T20:00:00Z").unwrap();
        parse(text, &zone("Europe/Zurich").unwrap(), now).ok().map(|time| time.to_string())
    }

    #[test]
    fn a_time_is_a_point_a_day_or_a_span_back() {
        assert_eq!(read("2026-11-20T01:00:00+01:00").as_deref(), Some("2026-11-20T00:00:00Z"));
        assert_eq!(read("2026-11-20").as_deref(), Some("2026-11-19T23:00:00Z"));
        assert_eq!(read("2026-07-01").as_deref(), Some("2026-06-30T22:00:00Z"));
        assert_eq!(read("7d").as_deref(), Some("2026-11-14T20:00:00Z"));
        assert_eq!(read("1h 30m").as_deref(), Some("2026-11-21T18:30:00Z"));
        for bad in ["", "yesterday", "2026-13-01", "7", "-7d"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_zone_that_is_none_is_refused() {
        assert!(zone("Europe/Zuerich").is_err());
    }
}
