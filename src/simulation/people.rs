//! People and programs that answer: they change their mind, say it twice, try again elsewhere when no reply comes.
//!
//! Some insist: they say the same so often that their doubles are dropped from then on. They do not go back to what
//! they said before, which the claims cannot tell from a double then (`docs/decisions/claim-protocol.md`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    dice::Dice,
    machine::{Machine, Reply},
    trace::Trace,
};
use crate::{
    catalog::{Action, ApiKey},
    intake::{Given, Proof, Reference, Submission, SubmissionKey},
    outcome::Outcome,
    proto::store::v1::Touched,
    survey::Channel,
};

/// How long a person waits who does not hang up.
const PATIENCE: Duration = Duration::from_secs(8);
/// A comment that is long: some of them fill a segment.
const LONG_CHARS: usize = 3_000;

/// From then on doubles are dropped, and twice more for those that Redis did not take.
const INSISTS: usize = 40;
/// What is delivered stays on a gateway's disk for longer than this.
const KEPT: Duration = Duration::from_secs(8);

/// A value that was given; a score as text.
pub(super) type Values = BTreeMap<&'static str, String>;

/// What was sent, however often.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) values: Values,
    /// A reply came.
    pub(super) acknowledged: bool,
    /// When it was sent first.
    pub(super) at: Instant,
}

/// Someone with one thing to rate.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    /// In their own order.
    pub(super) sent: Vec<Sent>,
    /// What must not have happened.
    pub(super) complaints: Vec<String>,
    dice: Dice,
    insists: bool,
    machines: Vec<Arc<Machine>>,
    trace: Trace,
}

impl Person {
    pub(super) fn new(
        name: String,
        dice: Dice,
        insists: bool,
        machines: Vec<Arc<Machine>>,
        trace: Trace,
    ) -> Self {
        Self { name, sent: Vec::new(), complaints: Vec::new(), dice, insists, machines, trace }
    }

    /// Answers again and again. Between two answers lies more than the clocks are apart.
    pub(super) async fn live(mut self, until: Instant) -> Self {
        if self.insists {
            self.insist().await;
        }
        while Instant::now() < until {
            sleep(self.dice.millis(1_200..5_000)).await;
            self.answer().await;
        }
        self
    }

    /// Says the same again and again, here and there.
    async fn insist(&mut self) {
        let (values, marker) = self.begin();
        let submission = submission(&self.name, &values, &marker, None);
        for _ in 0..INSISTS {
            let machine = self.dice.place(self.machines.len());
            let heard = self.try_at(machine, &submission, &marker, None).await;
            if let Some(sent) = self.sent.last_mut() {
                sent.acknowledged |= heard;
            }
            sleep(self.dice.millis(5..60)).await;
        }
    }

    /// What is said next, and what it is known by on a disk.
    fn begin(&mut self) -> (Values, String) {
        let values = self.choose();
        let marker = format!("{}.{};", self.name, self.sent.len());
        self.sent.push(Sent { values: values.clone(), acknowledged: false, at: Instant::now() });
        (values, marker)
    }

    async fn answer(&mut self) {
        if self.dice.permille(150) {
            let machine = &self.machines[self.dice.place(self.machines.len())];
            let score = self.dice.within(0..11) as i32;
            let touched = Touched { question: "recommend".to_owned(), score, head: self.dice.permille(300) };
            machine.touch(submission(&self.name, &Values::new(), "a touch", None), touched);
        }
        if self.dice.permille(30) {
            // Many open a link and never answer.
            return;
        }
        let (values, marker) = self.begin();
        let key = self.dice.permille(250).then(|| format!("key-{marker}"));
        let submission = submission(&self.name, &values, &marker, key.clone());
        for _ in 0..4 {
            let heard = match self.dice.permille(120) {
                true => self.twice_at_once(&submission, &marker, key.as_deref()).await,
                false => {
                    let machine = self.dice.place(self.machines.len());
                    self.try_at(machine, &submission, &marker, key.as_deref()).await
                }
            };
            if let Some(sent) = self.sent.last_mut() {
                sent.acknowledged |= heard;
            }
            if (heard && self.dice.permille(850)) || self.dice.permille(200) {
                return;
            }
            sleep(self.dice.millis(5..800)).await;
        }
    }

    async fn twice_at_once(&mut self, submission: &Submission, marker: &str, key: Option<&str>) -> bool {
        let machines = [0, 1].map(|_| Arc::clone(&self.machines[self.dice.place(self.machines.len())]));
        let [one, two] = &machines;
        let sending = (one.submit(submission.clone(), PATIENCE), two.submit(submission.clone(), PATIENCE));
        let replies = tokio::join!(sending.0, sending.1);
        let heard = [self.hear(one, replies.0, marker, key), self.hear(two, replies.1, marker, key)];
        heard.contains(&true)
    }

    async fn try_at(
        &mut self,
        machine: usize,
        submission: &Submission,
        marker: &str,
        key: Option<&str>,
    ) -> bool {
        let machine = Arc::clone(&self.machines[machine]);
        let patience = if self.dice.permille(100) { self.dice.micros(0..20_000) } else { PATIENCE };
        let reply = machine.submit(submission.clone(), patience).await;
        self.hear(&machine, reply, marker, key)
    }

    /// Whether it was acknowledged; if so, it must be on disk.
    fn hear(&mut self, machine: &Machine, reply: Reply, marker: &str, key: Option<&str>) -> bool {
        let told = match &reply {
            Reply::Receipt(receipt) => format!("{:?}", receipt.outcome),
            Reply::Refusal(refusal) => format!("{:?}", refusal.reason),
            Reply::Nothing => "nothing".to_owned(),
        };
        let values = self.sent.last().map(|sent| brief(&sent.values)).unwrap_or_default();
        self.trace.note(format!("{marker} {values} at gateway {}: {told}", machine.index));
        let Reply::Receipt(receipt) = reply else { return false };
        let is_written = matches!(receipt.outcome, Outcome::Accepted | Outcome::Revised);
        if is_written && self.dice.permille(60) && !machine.platter.holds(marker.as_bytes()) {
            self.complaints.push(format!("{marker} was acknowledged and is not on disk"));
        }
        if receipt.outcome == Outcome::Duplicate && !self.is_on_a_disk(machine, marker, key) {
            self.complaints.push(format!("{marker} was taken for a double of what is on no disk"));
        }
        true
    }

    /// Whether a double is one of something that is durable: the same words where they were never said before, or the
    /// same submission where its key tells. Others can only be judged in the end.
    fn is_on_a_disk(&self, machine: &Machine, marker: &str, key: Option<&str>) -> bool {
        let Some(sent) = self.sent.last().filter(|sent| sent.at.elapsed() < KEPT) else { return true };
        let bytes = match sent.values.get("reason") {
            Some(words) if self.insists => words.as_bytes(),
            _ if key.is_some() && machine.redis.is_some() => marker.as_bytes(),
            _ => return true,
        };
        self.machines.iter().any(|machine| machine.platter.holds(bytes))
    }

    /// Something new, the same again, or back to what was said before.
    fn choose(&self) -> Values {
        let back = match self.dice.within(0..100) {
            0..50 => 0,
            50..75 => 1,
            _ if self.insists => 0,
            _ => 2,
        };
        if let Some(before) = self.sent.len().checked_sub(back).and_then(|place| self.sent.get(place)) {
            return before.values.clone();
        }
        if self.insists {
            return [("reason", format!("{} insists on {}.", self.name, self.sent.len()))].into();
        }
        let mut values = Values::new();
        if self.dice.permille(800) {
            values.insert("recommend", self.dice.within(0..3).to_string());
        }
        if values.is_empty() || self.dice.permille(400) {
            let text = ["slow", "rude", "long"][self.dice.place(3)];
            let repeat = if text == "long" { LONG_CHARS / text.len() } else { 1 };
            values.insert("reason", text.repeat(repeat));
        }
        values
    }
}

/// Values in a few letters.
pub(super) fn brief(values: &Values) -> String {
    let short = |(question, text): (&&str, &String)| format!("{question}={}", text.get(..5).unwrap_or(text));
    values.iter().map(short).collect::<Vec<_>>().join(",")
}

fn submission(name: &str, values: &Values, marker: &str, key: Option<String>) -> Submission {
    let program =
        ApiKey { name: "test".into(), brand: "acme".into(), actions: [Action::Submit].into(), quota: None };
    let proof = Proof::Key(Arc::new(program));
    let mut submission = Submission::new(Channel::Api, "acme", "support-nps", proof);
    submission.interaction = Reference::parse(name);
    submission.attributes.insert("marker".to_owned(), marker.to_owned());
    submission.key = key.map(|text| SubmissionKey { text, strict: true });
    let given = |(question, text): (&&str, &String)| {
        let value = match *question {
            "recommend" => Given::Whole(text.parse().unwrap()),
            _ => Given::Text(text.clone()),
        };
        ((*question).to_owned(), value)
    };
    submission.answers = values.iter().map(given).collect();
    submission
}
