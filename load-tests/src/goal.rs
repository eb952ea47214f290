//! What each figure must reach and what we want, and the table that says whether it does.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::figure::Figure;

/// The upper bounds of a figure.
#[derive(Clone, Copy, Debug)]
struct Goal {
    name: &'static str,
    must: f64,
    goal: f64,
}

const fn at_most(name: &'static str, must: f64, goal: f64) -> Goal {
    Goal { name, must, goal }
}

const GOALS: [Goal; 6] = [
    at_most("http_json_cpu_ratio", 3.0, 2.0),
    at_most("email_post_cpu_ratio", 3.5, 2.4),
    at_most("beacon_cpu_ratio", 3.0, 2.0),
    at_most("http_batch_item_cpu_ratio", 1.0, 0.7),
    at_most("grpc_stream_item_cpu_ratio", 1.0, 0.7),
    at_most("redis_bytes_per_claim", 64.0, 48.0),
];

/// The figures by name, each beside what it must reach; those without a goal are shown as they are.
pub(crate) fn table(figures: &BTreeMap<&'static str, Figure>) -> String {
    let mut table = String::new();
    let header = ["median", "min", "max", "must", "goal"];
    let [median, min, max, must, goal] = header;
    _ = writeln!(table, "{:<28}{median:>9}{min:>9}{max:>9}{must:>9}{goal:>9}", "");
    for (name, Figure { median, min, max }) in figures {
        _ = write!(table, "{name:<28}{median:>9.2}{min:>9.2}{max:>9.2}");
        if let Some(bounds) = GOALS.iter().find(|goal| goal.name == *name) {
            let (must, goal) = (format!("≤ {}", bounds.must), format!("≤ {}", bounds.goal));
            _ = write!(table, "{must:>9}{goal:>9}  {}", bounds.verdict(*median));
        }
        table.push('\n');
    }
    table
}

impl Goal {
    fn verdict(self, median: f64) -> &'static str {
        if median <= self.goal {
            "meets the goal"
        } else if median <= self.must {
            "meets the must"
        } else {
            "does not meet the must"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_at_its_bound_meets_it_and_one_above_does_not() {
        let goal = at_most("x", 3.0, 2.0);
        assert_eq!(goal.verdict(2.0), "meets the goal");
        assert_eq!(goal.verdict(2.01), "meets the must");
        assert_eq!(goal.verdict(3.0), "meets the must");
        assert_eq!(goal.verdict(3.01), "does not meet the must");
    }
}
