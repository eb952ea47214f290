//! What a process writes, line by line, as it writes it.

use std::{
    io::{BufRead, BufReader, Read},
    sync::Arc,
    thread,
};

use serde_json::Value;
use tokio::sync::watch;

use super::wait::DEADLINE;

/// All lines so far, of stdout and stderr alike. Clones see the same lines.
#[derive(Clone)]
pub(crate) struct Logs {
    lines: Arc<watch::Sender<Vec<String>>>,
    /// Pipes that have not come to their end.
    open: Arc<watch::Sender<usize>>,
}

impl Logs {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::new(watch::Sender::new(Vec::new())), open: Arc::new(watch::Sender::new(0)) }
    }

    /// Reads a pipe to its end, on a thread of its own.
    pub(crate) fn follow(&self, pipe: impl Read + Send + 'static) {
        let (lines, open) = (Arc::clone(&self.lines), Arc::clone(&self.open));
        open.send_modify(|open| *open += 1);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.send_modify(|lines| lines.push(line));
            }
            open.send_modify(|open| *open -= 1);
        });
    }

    /// Waits until all pipes have been read to their end: what a process wrote last may still be on its way when it is
    /// gone.
    pub(crate) async fn whole(&self) -> String {
        let mut open = self.open.subscribe();
        let read = open.wait_for(|open| *open == 0);
        tokio::time::timeout(DEADLINE, read).await.expect("the pipes of an ended process end").unwrap();
        self.text()
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// Drops what was read, before a restart.
    pub(crate) fn clear(&self) {
        self.lines.send_modify(Vec::clear);
    }

    /// Waits for a line in which `find` finds something.
    pub(crate) async fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let mut lines = self.lines.subscribe();
        let found = tokio::time::timeout(DEADLINE, async {
            let mut seen = 0;
            loop {
                {
                    let lines = lines.borrow_and_update();
                    let next = lines.iter().skip(seen).find_map(|line| find(line));
                    seen = lines.len();
                    if let Some(found) = next {
                        return found;
                    }
                }
                lines.changed().await.unwrap();
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("waited {DEADLINE:?} in vain for a log line: {what}\n{}", self.text()),
        }
    }

    /// Waits for the address that a listener logs once it accepts.
    pub(crate) async fn listening(&self, listener: &str) -> String {
        let what = format!(r#"{{"message":"listening","listener":"{listener}","addr":…}}"#);
        self.wait_for(&what, |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["message"] == "listening" && event["listener"] == listener)
                .then(|| event["addr"].as_str().map(str::to_owned))?
        })
        .await
    }
}
