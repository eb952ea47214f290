//! Which core runs what, and what a process spent.

use std::{fs, process::Command};

use anyhow::{Context as _, bail};

/// Cores by their number; empty where nothing can be pinned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cores {
    /// The server that is measured: floor or gateway, one at a time.
    pub(crate) server: String,
    /// The load.
    pub(crate) load: String,
    /// Redis and the store: cores of their own where there are more than two, else the load's.
    pub(crate) others: String,
}

impl Cores {
    /// Shares out the cores that this process may use.
    pub(crate) fn share() -> anyhow::Result<Self> {
        let has_taskset = Command::new("taskset").arg("--version").output().is_ok();
        let status = fs::read_to_string("/proc/self/status").context("/proc is needed: run this on Linux")?;
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let allowed = listed(allowed.unwrap_or_default().trim())?;
        Ok(match allowed.as_slice() {
            [server, load, rest @ ..] if has_taskset => {
                let (server, load) = (server.to_string(), load.to_string());
                let rest: Vec<_> = rest.iter().map(u32::to_string).collect();
                let others = if rest.is_empty() { load.clone() } else { rest.join(",") };
                Self { server, load, others }
            }
            _ => Self::default(),
        })
    }

    /// Whether servers and load have cores of their own.
    pub(crate) fn are_pinned(&self) -> bool {
        !self.server.is_empty()
    }

    /// Moves all threads of this process, which makes the load, to its core; those that they start follow.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        if !self.are_pinned() {
            return Ok(());
        }
        let me = std::process::id().to_string();
        let moved = Command::new("taskset").args(["-a", "-c", "-p", &self.load, &me]).output()?;
        if !moved.status.success() {
            bail!("taskset cannot move the load to core {}", self.load);
        }
        Ok(())
    }
}

/// `0-2,5` as numbers.
fn listed(list: &str) -> anyhow::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        numbers.extend(first.parse::<u32>()?..=last.parse::<u32>()?);
    }
    Ok(numbers)
}

/// Reads what processes spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuClock {
    us_per_tick: f64,
}

impl CpuClock {
    /// Asks how long a tick is.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let asked = Command::new("getconf").arg("CLK_TCK").output().context("getconf is needed")?;
        let ticks_per_sec: f64 = String::from_utf8_lossy(&asked.stdout).trim().parse()?;
        Ok(Self { us_per_tick: 1e6 / ticks_per_sec })
    }

    /// CPU of all of a process's threads since it started, user and kernel, µs (proc_pid_stat(5), fields 14 and 15).
    pub(crate) fn spent_us(self, pid: u32) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("a measured process is gone")?;
        let ticks = ticks(&stat).context("/proc/<pid>/stat cannot be read")?;
        Ok(ticks * self.us_per_tick)
    }
}

/// The name in field 2 may hold anything, also spaces and parentheses.
fn ticks(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let kernel: f64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_is_read() {
        assert_eq!(listed("0-2,5").unwrap(), [0, 1, 2, 5]);
        assert_eq!(listed("3").unwrap(), [3]);
        assert!(listed("").is_err());
    }

    #[test]
    fn user_and_kernel_time_are_read_whatever_the_process_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 1000";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (cut) S 1"), None);
    }
}
