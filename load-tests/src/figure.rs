//! A measured value with its spread.

use anyhow::bail;
use serde::Serialize;

/// What rounds gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figure {
    /// # Errors
    /// There are none, or one is no number: a round was too short to be measured.
    pub(crate) fn of(values: &[f64]) -> anyhow::Result<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        let figure = Self {
            median: f64::midpoint(at(low), at(high)),
            min: at(0),
            max: at(sorted.len().saturating_sub(1)),
        };
        if !(figure.median.is_finite() && figure.min.is_finite() && figure.max.is_finite()) {
            bail!("nothing could be measured: make the rounds longer (--round-ms)");
        }
        Ok(figure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Figure::of(&[4.0, 1.0, 2.0, 3.0]).unwrap(), Figure { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Figure::of(&[3.0, 1.0, 2.0]).unwrap(), Figure { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Figure::of(&[7.0]).unwrap(), Figure { median: 7.0, min: 7.0, max: 7.0 });
    }

    #[test]
    fn nothing_and_no_number_are_no_figure() {
        assert!(Figure::of(&[]).is_err());
        assert!(Figure::of(&[1.0, f64::INFINITY]).is_err());
        assert!(Figure::of(&[f64::NAN]).is_err());
    }
}
