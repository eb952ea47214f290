//! Programs that send one answer each, at a rate, whatever is outstanding: cheap to make, so that one core makes more
//! than another can take.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{sync::oneshot, task::JoinSet, time::timeout};

use super::probe::Probe;
use crate::{
    chaos::{
        history::{Fate, Gaps, History, Refused, Sent},
        plan::{Answer, Person, Proof, Way},
    },
    identity::API_KEY,
    load::Connection,
};

/// A reply that is not there by then is given up.
const REPLY_WITHIN: Duration = Duration::from_secs(20);
/// Niceness.
const LOWEST: i32 = 19;

/// One answer that was sent, and by whom.
pub(super) type Sample = (Person, Sent);

/// The programs, and what they sent.
#[derive(Debug)]
pub(super) struct Flood {
    address: SocketAddr,
    /// Connections of a run.
    most: usize,
    next_person: u32,
    began: Instant,
    sent: Vec<Sample>,
    not_sent: u64,
    /// Whether a probe is under way.
    is_probed: bool,
}

/// What one run sent.
#[derive(Debug, Default)]
pub(super) struct Sends {
    /// After the run's begin, how long it took, whether it was taken.
    sends: Vec<(Duration, Duration, bool)>,
    not_sent: u64,
    length: Duration,
}

/// What one connection has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) first: Instant,
    pub(super) every: Duration,
    pub(super) end: Instant,
    pub(super) person: u32,
    pub(super) people_step: u32,
}

/// What one connection did.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) sent: Vec<Sample>,
    not_sent: u64,
}

/// Connections that take turns, one each `each`; one that still waits for its reply leaves its turn out.
#[derive(Clone, Copy, Debug)]
struct Round {
    address: SocketAddr,
    began: Instant,
    connections: u32,
    each: Duration,
    length: Duration,
    first_person: u32,
    gives_way: bool,
}

impl Flood {
    /// So many connections at the most.
    pub(super) fn new(address: SocketAddr, most: usize) -> Self {
        let (began, sent) = (Instant::now(), Vec::new());
        Self { address, most, next_person: 0, began, sent, not_sent: 0, is_probed: false }
    }

    /// Programs beside the flood, for as long.
    pub(super) fn probe(&mut self, length: Duration) -> anyhow::Result<Probe> {
        self.is_probed = true;
        Probe::start(self.address, self.began, length)
    }

    /// Counts what the probe sent as well.
    pub(super) fn end(&mut self, probe: Probe, length: Duration) -> anyhow::Result<Sends> {
        self.is_probed = false;
        let mut run = Sends { length, ..Sends::default() };
        for sample in probe.end()? {
            run.add(&sample, sample.1.at);
            self.sent.push(sample);
        }
        Ok(run)
    }

    /// How many are taken of connections that ask again as soon as they are answered.
    pub(super) async fn saturate(&mut self, connections: usize, length: Duration) -> anyhow::Result<u32> {
        // So often that every turn is late.
        let sends = self.turns(connections.min(self.most), Duration::from_nanos(1), length).await?;
        Ok(u32::try_from(sends.sends.iter().filter(|(_, _, taken)| *taken).count())?)
    }

    /// So many a second.
    pub(super) async fn run(&mut self, rate: u32, length: Duration) -> anyhow::Result<Sends> {
        let sends = self.turns(self.most, Duration::from_secs(1) / rate.max(1), length).await?;
        self.not_sent += sends.not_sent;
        Ok(sends)
    }

    async fn turns(&mut self, wanted: usize, each: Duration, length: Duration) -> anyhow::Result<Sends> {
        let round = Round {
            address: self.address,
            began: self.began,
            connections: u32::try_from(wanted)?,
            each,
            length,
            first_person: self.next_person,
            gives_way: self.is_probed,
        };
        let (begin, turns) = round.on_a_thread().await?;
        let mut run = Sends { length, ..Sends::default() };
        for done in turns {
            run.not_sent += done.not_sent;
            for sample in done.sent {
                run.add(&sample, (self.began + sample.1.at).saturating_duration_since(begin));
                self.next_person = self.next_person.max(sample.0.number + 1);
                self.sent.push(sample);
            }
        }
        Ok(run)
    }

    /// All that was sent, as the oracle reads it.
    pub(super) fn history(mut self) -> History {
        let mut history = History::default();
        let received = |sent: &Sent| sent.at + sent.took;
        self.sent.sort_by_key(|(_, sent)| received(sent));
        let mut gaps = Gaps::since(self.began);
        for (person, sent) in self.sent {
            if sent.fate.is_acknowledged() {
                history.counts.longest_gap = gaps.mark(self.began + received(&sent));
            }
            history.note(person, sent);
        }
        history.counts.not_sent = self.not_sent;
        history
    }
}

impl Round {
    /// One thread, since several would spend much of the one core on waking each other. It gives way to a probe, which
    /// would otherwise measure how long it waits for the flood's slice of the core to end.
    async fn on_a_thread(self) -> anyhow::Result<(Instant, Vec<Done>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (reply, done) = oneshot::channel();
        std::thread::Builder::new().name("flood".to_owned()).spawn(move || {
            let ready = if self.gives_way { give_way() } else { Ok(()) };
            drop(reply.send(ready.and_then(|()| runtime.block_on(self.take_turns()))));
        })?;
        done.await.context("the flood panicked")?
    }

    /// When it began, and what each connection did. They are opened anew: silent ones would have been closed.
    async fn take_turns(self) -> anyhow::Result<(Instant, Vec<Done>)> {
        let mut open = Vec::new();
        for _ in 0..self.connections {
            open.push(Connection::open(self.address).await?);
        }
        let begin = Instant::now();
        let mut turns = JoinSet::new();
        for (place, connection) in (0..self.connections).zip(open) {
            let turn = Turn {
                first: begin + self.each * place,
                every: self.each * self.connections,
                end: begin + self.length,
                person: self.first_person + place,
                people_step: self.connections,
            };
            turns.spawn(turn.run(self.address, connection, self.began));
        }
        let done = turns.join_all().await.into_iter().collect::<anyhow::Result<_>>()?;
        Ok((begin, done))
    }
}

/// Takes the thread that calls it to the lowest priority.
fn give_way() -> anyhow::Result<()> {
    let this_thread = Some(rustix::thread::gettid());
    rustix::process::setpriority_process(this_thread, LOWEST).context("the flood cannot be made nice")
}

impl Turn {
    pub(super) async fn run(
        mut self,
        address: SocketAddr,
        mut connection: Connection,
        began: Instant,
    ) -> anyhow::Result<Done> {
        let (mut sent, mut not_sent) = (Vec::new(), 0);
        while self.first < self.end {
            tokio::time::sleep_until(self.first.into()).await;
            let at = Instant::now();
            if at >= self.end {
                break;
            }
            let person = Person { number: self.person, proof: Proof::References };
            self.person += self.people_step;
            let answer = Answer { score: i32::try_from(person.number % 11)?, reason: None };
            let fate = ask(&mut connection, person, answer).await;
            if matches!(fate, Fate::Broken | Fate::TimedOut) {
                connection = Connection::open(address).await?;
            }
            let (now, at_of_run) = (Instant::now(), at.duration_since(began));
            let took = now.duration_since(at);
            sent.push((
                person,
                Sent { ordinal: 0, way: Way::Json, gateway: 0, answer, at: at_of_run, took, fate },
            ));
            self.first += self.every;
            // Turns that went by while it waited.
            let missed = now.saturating_duration_since(self.first).as_nanos() / self.every.as_nanos().max(1);
            let missed = u32::try_from(missed).unwrap_or(u32::MAX);
            not_sent += u64::from(missed);
            self.first += self.every.saturating_mul(missed);
        }
        Ok(Done { sent, not_sent })
    }
}

async fn ask(connection: &mut Connection, person: Person, answer: Answer) -> Fate {
    // Not by a serializer: the cheaper a request is made, the more of the core's time is the probe's.
    let body = format!(
        r#"{{"survey":"support-nps","brand":"acme","interaction":"{}","respondent":{{"ref":"{}"}},"locale":"en","country":"CH","answers":{{"recommend":{}}}}}"#,
        person.interaction(),
        person.respondent(),
        answer.score,
    );
    let request = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: Bearer {API_KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    match timeout(REPLY_WITHIN, connection.exchange(request.as_bytes())).await {
        Ok(Ok(reply)) if reply.status < 300 => Fate::Acknowledged { held: reply.status == 202 },
        Ok(Ok(reply)) => Fate::Refused(Refused {
            code: reply.status.to_string(),
            status: reply.status,
            says_when: reply.says_when,
        }),
        Ok(Err(_)) => Fate::Broken,
        Err(_) => Fate::TimedOut,
    }
}

impl Sends {
    fn add(&mut self, (_, sent): &Sample, at: Duration) {
        self.sends.push((at, sent.took, sent.fate.is_acknowledged()));
    }

    /// Those that were sent so long after the begin.
    pub(super) fn since(&self, after: Duration) -> Self {
        let sends = self.sends.iter().filter(|(at, _, _)| *at >= after).copied().collect();
        Self { sends, not_sent: self.not_sent, length: self.length.saturating_sub(after) }
    }

    /// How long a share of the receipts took at the most.
    pub(super) fn taken(&self, share: f64) -> Duration {
        self.quantile(share, true)
    }

    /// How long a share of the refusals took at the most.
    pub(super) fn refused(&self, share: f64) -> Duration {
        self.quantile(share, false)
    }

    /// Whether at least one of so many was refused.
    pub(super) fn refused_one_of(&self, many: usize) -> bool {
        self.sends.iter().filter(|(_, _, taken)| !taken).count() * many >= self.sends.len()
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list of measurements"
    )]
    fn quantile(&self, share: f64, of_taken: bool) -> Duration {
        let of = self.sends.iter().filter(|(_, _, taken)| *taken == of_taken);
        let mut spans: Vec<_> = of.map(|(_, took, _)| *took).collect();
        spans.sort_unstable();
        let place = (spans.len() as f64 * share) as usize;
        spans.get(place.min(spans.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// For the report.
    pub(super) fn told(&self) -> String {
        let taken = self.sends.iter().filter(|(_, _, taken)| *taken).count();
        let refused = self.sends.len() - taken;
        let rate = |count: usize| count as u64 / self.length.as_secs().max(1);
        let ms = |span: Duration| format!("{:.1}", span.as_secs_f64() * 1e3);
        format!(
            "taken {}/s p50 {} p99 {} ms, refused {}/s p50 {} p99 {} ms, not sent {}",
            rate(taken),
            ms(self.taken(0.5)),
            ms(self.taken(0.99)),
            rate(refused),
            ms(self.refused(0.5)),
            ms(self.refused(0.99)),
            self.not_sent,
        )
    }
}
