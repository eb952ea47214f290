//! Scores and their intervals.
//!
//! - nps: 100·(promoters − detractors)/n (Reichheld 2003); ces: 100·(easy − hard)/n. Their interval is the adjusted
//!   Wald for a difference of two shares of one sample: n + 3, and ¾ more on either side (Sauro and Lewis, "Quantifying
//!   the User Experience", chapter 5; Bonett and Price 2012 for the paired form).
//! - csat and stars: the share of 4 and 5 in per cent; smiley: of happy; thumbs: of up. Their interval is the adjusted
//!   Wald of Agresti and Coull (The American Statistician 52, 1998): n + z², and z²/2 more of those who agree.
//!
//! Nothing is rounded here. Ends are kept within the scale, and an interval that the adjustment has pulled off its own
//! score (a few answers that all agree) is widened to hold it.

use std::collections::BTreeMap;

use crate::survey::{Kind, Segment};

/// Of the standard normal distribution: 95 % lie within.
const Z_95: f64 = 1.959_963_984_540_054;

/// A score and the interval around it, in the score's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    /// −100 to 100 for nps and ces, 0 to 100 for the others.
    pub score: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The score of some answers to a question, with its 95 % interval; none for texts, choices and no answers.
///
/// `scores` counts the answers by score.
pub(crate) fn interval(kind: Kind, scores: &BTreeMap<i32, u64>) -> Option<Interval> {
    let n: u64 = scores.values().sum();
    if n == 0 {
        return None;
    }
    let count = |segment| {
        let of_segment = scores.iter().filter(|(score, _)| kind.segment(**score) == Some(segment));
        of_segment.map(|(_, count)| count).sum::<u64>()
    };
    match kind {
        Kind::Nps => Some(balance(n, count(Segment::Promoter), count(Segment::Detractor), Z_95)),
        Kind::Ces => Some(balance(n, count(Segment::Easy), count(Segment::Hard), Z_95)),
        Kind::Csat | Kind::Stars => Some(share(n, count(Segment::Satisfied), Z_95)),
        Kind::Smiley => Some(share(n, count(Segment::Happy), Z_95)),
        Kind::Thumbs => Some(share(n, count(Segment::Up), Z_95)),
        Kind::Choice | Kind::Text => None,
    }
}

/// The mean of the scores, on the question's own scale.
pub(super) fn mean(scores: &BTreeMap<i32, u64>) -> Option<f64> {
    let n: u64 = scores.values().sum();
    let sum: f64 = scores.iter().map(|(score, count)| f64::from(*score) * float(*count)).sum();
    (n > 0).then(|| sum / float(n))
}

fn balance(n: u64, up: u64, down: u64, z: f64) -> Interval {
    let score = (float(up) - float(down)) / float(n);
    let n = float(n) + 3.0;
    let (up, down) = ((float(up) + 0.75) / n, (float(down) + 0.75) / n);
    let (centre, variance) = (up - down, up + down - (up - down).powi(2));
    around(score, centre, z * (variance / n).sqrt(), -100.0)
}

fn share(n: u64, yes: u64, z: f64) -> Interval {
    let score = float(yes) / float(n);
    let n = float(n) + z * z;
    let centre = (float(yes) + z * z / 2.0) / n;
    around(score, centre, z * (centre * (1.0 - centre) / n).sqrt(), 0.0)
}

fn around(score: f64, centre: f64, margin: f64, least: f64) -> Interval {
    let score = 100.0 * score;
    Interval {
        score,
        low: (100.0 * (centre - margin)).max(least).min(score),
        high: (100.0 * (centre + margin)).min(100.0).max(score),
    }
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 answers")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const Z_90: f64 = 1.644_853_626_951_472_2;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 0.05
    }

    #[test]
    fn the_published_nps_example_is_35_9_within_16_8_and_55_0_at_90_percent() {
        let nps = balance(36, 19, 5, Z_90);
        assert!(close(nps.low, 16.8) && close(nps.high, 55.0), "{nps:?}");
        assert!(close((nps.low + nps.high) / 2.0, 35.9), "{nps:?}");
        assert!(close(nps.score, 100.0 * 14.0 / 36.0), "{nps:?}");
    }

    #[test]
    fn the_agresti_coull_interval_of_8_in_10_is_that_of_the_paper_s_formula() {
        // p~ = (8 + 1.9207) / (10 + 3.8415) = 0.71674, margin 1.96 · sqrt(p~ q~ / 13.8415) = 0.23737
        let csat = share(10, 8, Z_95);
        assert!(close(csat.score, 80.0) && close(csat.low, 47.94) && close(csat.high, 95.41), "{csat:?}");
    }

    #[test]
    fn one_answer_has_a_wide_interval_that_stays_on_the_scale() {
        let one = |kind, score| interval(kind, &BTreeMap::from([(score, 1)])).unwrap();
        let promoter = one(Kind::Nps, 10);
        assert!(
            close(promoter.score, 100.0) && close(promoter.high, 100.0) && promoter.low < 0.0,
            "{promoter:?}"
        );
        let down = one(Kind::Thumbs, 0);
        assert!(close(down.score, 0.0) && close(down.low, 0.0) && down.high > 50.0, "{down:?}");
    }

    #[test]
    fn each_kind_scores_the_segments_that_the_field_scores() {
        let all = |kind: Kind| kind.scale().unwrap().scores().map(|score| (score, 1)).collect();
        let scores: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.scale().is_some())
            .map(|kind| (kind.word(), interval(kind, &all(kind)).unwrap().score.round()))
            .collect();
        assert_eq!(
            scores,
            [
                ("nps", -45.0),
                ("ces", -14.0),
                ("csat", 40.0),
                ("stars", 40.0),
                ("smiley", 33.0),
                ("thumbs", 50.0)
            ]
        );
        assert_eq!(interval(Kind::Nps, &BTreeMap::new()), None);
        assert_eq!(interval(Kind::Text, &BTreeMap::from([(1, 1)])), None);
    }

    #[test]
    fn a_mean_is_not_rounded() {
        let mean = mean(&BTreeMap::from([(1, 2), (7, 1)])).unwrap();
        assert!((mean - 3.0).abs() < 1e-12);
        assert_eq!(super::mean(&BTreeMap::new()), None);
    }
}
