//! What each figure must reach and what we want, and the table that says whether it does.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::figure::Figure;

/// What a figure must reach, and what we want.
#[derive(Clone, Copy, Debug)]
struct Goal {
    name: &'static str,
    side: Side,
    must: f64,
    goal: f64,
}

/// On which side of its bounds a figure is to lie.
#[derive(Clone, Copy, Debug)]
enum Side {
    AtMost,
    AtLeast,
}

const fn at_most(name: &'static str, must: f64, goal: f64) -> Goal {
    Goal { name, side: Side::AtMost, must, goal }
}

const fn at_least(name: &'static str, must: f64, goal: f64) -> Goal {
    Goal { name, side: Side::AtLeast, must, goal }
}

const GOALS: [Goal; 14] = [
    at_most("http_json_cpu_ratio", 3.0, 2.0),
    at_most("email_post_cpu_ratio", 3.5, 2.4),
    at_most("twilio_turn_cpu_ratio", 3.4, 2.3),
    at_most("beacon_cpu_ratio", 3.0, 2.0),
    at_most("http_batch_item_cpu_ratio", 1.0, 0.7),
    at_most("grpc_stream_item_cpu_ratio", 1.0, 0.7),
    at_least("http_json_throughput_ratio", 0.33, 0.5),
    at_most("redis_cpu_ratio", 1.6, 1.2),
    at_most("redis_bytes_per_claim", 64.0, 48.0),
    at_least("spool_vs_append", 1.3, 1.5),
    at_least("store_records_vs_floor", 0.3, 0.5),
    at_most("accept_p99_ms", 10.0, 3.0),
    at_most("stored_p99_ms", 200.0, 50.0),
    at_most("node_peer_cpu_ratio", 0.6, 0.45),
];

/// The figures by name, each beside what it must reach; those without a goal are shown as they are.
pub(crate) fn table(figures: &BTreeMap<&'static str, Figure>) -> String {
    let mut table = String::new();
    let header = ["median", "min", "max", "must", "goal"];
    let [median, min, max, must, goal] = header;
    _ = writeln!(table, "{:<28}{median:>9}{min:>9}{max:>9}{must:>9}{goal:>9}", "");
    for (name, Figure { median, min, max }) in figures {
        _ = write!(table, "{name:<28}{median:>9.2}{min:>9.2}{max:>9.2}");
        if let Some(goal) = GOALS.iter().find(|goal| goal.name == *name) {
            let (must, wanted) = (goal.bound(goal.must), goal.bound(goal.goal));
            _ = write!(table, "{must:>9}{wanted:>9}  {}", goal.verdict(*median));
        }
        table.push('\n');
    }
    table
}

impl Goal {
    fn bound(self, value: f64) -> String {
        match self.side {
            Side::AtMost => format!("≤ {value}"),
            Side::AtLeast => format!("≥ {value}"),
        }
    }

    fn verdict(self, median: f64) -> &'static str {
        let reaches = |bound| match self.side {
            Side::AtMost => median <= bound,
            Side::AtLeast => median >= bound,
        };
        if reaches(self.goal) {
            "meets the goal"
        } else if reaches(self.must) {
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
    fn a_median_at_its_bound_meets_it_and_one_beyond_does_not() {
        let most = at_most("x", 3.0, 2.0);
        assert_eq!(most.verdict(2.0), "meets the goal");
        assert_eq!(most.verdict(2.01), "meets the must");
        assert_eq!(most.verdict(3.0), "meets the must");
        assert_eq!(most.verdict(3.01), "does not meet the must");
        let least = at_least("y", 0.3, 0.5);
        assert_eq!(least.verdict(0.5), "meets the goal");
        assert_eq!(least.verdict(0.49), "meets the must");
        assert_eq!(least.verdict(0.29), "does not meet the must");
        assert_eq!((most.bound(3.0), least.bound(0.3)), ("≤ 3".to_owned(), "≥ 0.3".to_owned()));
    }
}
