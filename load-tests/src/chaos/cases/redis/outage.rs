//! A load with Redis away for a part of it: what that costs an answer, and that it ends by itself.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tonic::transport::Endpoint;
use voxgate::proto::store::v1::{Claim, ListResponsesRequest, store_service_client::StoreServiceClient};

use crate::{
    chaos::{
        case::Case,
        driver::{Driver, Pace},
        history::{History, Sent},
        rig::{Machine, Rig, Setup, Standstills},
        verdict::Verdict,
    },
    process::LOOK_EVERY,
    redis::Redis,
};

/// What an answer may wait for Redis, ms: the default, 40, where the build is optimized. Without that, among all other
/// tests, the cores alone take longer than that now and then, and every such answer would look like a fault.
const TIMEOUT_MS: u64 = if cfg!(debug_assertions) { 300 } else { 40 };
/// What Redis may cost an answer, whatever it does: 100 ms with the default.
const COST: Duration = Duration::from_millis(TIMEOUT_MS + 60);
/// How many of a thousand answers are held to it, and what may be added. An optimized build is held to it with its
/// slowest answer. In the short form, which shares the cores with all other tests, the slowest says more of the cores:
/// there it is every second answer, which shows that answers do not go on waiting for a Redis that is away.
const PARTS: &[(usize, Duration)] =
    if cfg!(debug_assertions) { &[(500, Duration::from_millis(250))] } else { &[(1000, Duration::ZERO)] };
/// The breaker opens, or a connection is made again, within this.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

/// A load, and when the fault began.
pub(super) struct Outage {
    pub(super) rig: Rig,
    pub(super) load: Driver,
    machine: Machine,
    /// Connections are open by then, and everything was done once.
    warm: Duration,
    began: Duration,
    calm: u64,
    held: u64,
}

impl Outage {
    /// Starts it all, and lets answers come in while all is well.
    pub(super) async fn begin(case: &Case, setup: Setup) -> anyhow::Result<Self> {
        let rig = setup.set("redis.timeout", format!("{TIMEOUT_MS} ms")).start(case).await?;
        let load = rig.load(Pace::default(), Duration::from_secs(case.pick(90, 300)))?;
        let machine = Machine::watch(&case.work)?;
        let (calm, held) = (case.pick(200, 1500), case.pick(200, 3000));
        let mut outage = Self { rig, load, machine, warm: Duration::ZERO, began: Duration::ZERO, calm, held };
        outage.is_calm().await?;
        Ok(outage)
    }

    /// Lets answers come in while all is well: what they take is what the fault is held to.
    pub(super) async fn is_calm(&mut self) -> anyhow::Result<()> {
        self.load.acknowledges(100, Duration::from_secs(60)).await?;
        self.warm = self.load.elapsed();
        self.load.acknowledges(self.calm, Duration::from_secs(60)).await?;
        self.began = self.load.elapsed();
        self.redis_is_up(true).await
    }

    /// The nodes of the cluster.
    pub(super) fn nodes(&mut self) -> anyhow::Result<&mut [Redis]> {
        Ok(self.rig.cluster.as_mut().context("there is no cluster")?.nodes())
    }

    /// Waits for answers while the fault lasts.
    pub(super) async fn goes_on(&self) -> anyhow::Result<()> {
        self.load.acknowledges(self.held, Duration::from_secs(120)).await
    }

    /// Waits until every gateway says so.
    pub(super) async fn redis_is_up(&self, wanted: bool) -> anyhow::Result<()> {
        let started = Instant::now();
        for gateway in &self.rig.gateways {
            while (gateway.server.metric("voxgate_redis_up").await? > 0.5) != wanted {
                let name = &gateway.server.name;
                ensure!(started.elapsed() < NOTICED_WITHIN, "voxgate_redis_up of {name} is not {wanted}");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// The fault is over: waits until every gateway has Redis back by itself, and judges all of it.
    pub(super) async fn end(self) -> anyhow::Result<Verdict> {
        self.redis_is_up(true).await?;
        let mended = self.load.elapsed();
        self.load.acknowledges(150, Duration::from_secs(60)).await?;
        let started = self.load.started();
        let history = self.load.stop().await?;
        let standstills = self.machine.end()?;
        let mut verdict = self.rig.judge_history(&history).await?;
        let waited = |sent: &Sent| {
            let at = started + sent.at;
            sent.took.saturating_sub(standstills.within(at..at + sent.took))
        };
        judge_cost(&history, waited, [self.warm, self.began, mended], &mut verdict);
        note_standstills(&standstills, &mut verdict);
        judge_claims(&self.rig.store_url()?, &history, mended, &mut verdict).await?;
        Ok(verdict)
    }
}

/// No acknowledgement waited much longer than while all was well.
fn judge_cost(
    history: &History,
    waited: impl Fn(&Sent) -> Duration,
    [warm, began, mended]: [Duration; 3],
    verdict: &mut Verdict,
) {
    let took = |of: &dyn Fn(&&Sent) -> bool| {
        let all = history.people.values().flatten().filter(|sent| sent.fate.is_acknowledged());
        let mut took: Vec<_> = all.filter(of).map(&waited).collect();
        took.sort_unstable();
        took
    };
    let before = took(&|sent| sent.at >= warm && sent.at + sent.took < began);
    let during = took(&|sent| sent.at + sent.took >= began && sent.at < mended);
    for (part, margin) in PARTS {
        let [calm, faulty] = [&before, &during].map(|took| quantile(took, *part));
        let bound = calm + COST + *margin;
        verdict.must(faulty <= bound, || {
            format!("{part} ‰ of all answers took up to {faulty:?}, more than {bound:?} ({calm:?} before)")
        });
    }
    let [calm, faulty] = [&before, &during].map(|took| quantile(took, 1000).as_millis());
    verdict.note(format!("slowest {faulty} ms, {calm} ms while all was well"));
}

/// Worth a line where it was as long as what is looked for.
fn note_standstills(standstills: &Standstills, verdict: &mut Verdict) {
    let longest = standstills.longest();
    if longest > Duration::from_millis(TIMEOUT_MS) {
        verdict.note(format!("the machine itself stood still for up to {} ms", longest.as_millis()));
    }
}

/// The longest of so many in a thousand.
fn quantile(sorted: &[Duration], permille: usize) -> Duration {
    let place = (sorted.len() * permille / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or_default()
}

/// Whoever answered only after Redis was back has a verified answer.
async fn judge_claims(
    store_url: &str,
    history: &History,
    mended: Duration,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let later = |sent: &[Sent]| sent.iter().all(|one| one.at > mended && one.fate.is_acknowledged());
    let people = history.people.iter().filter(|(_, sent)| later(sent));
    let people: BTreeSet<_> = people.map(|(person, _)| person.respondent()).collect();
    let (mut verified, mut unverified) = (0_usize, 0_usize);
    for claim in claims(store_url, &people).await? {
        *(if claim == Claim::Verified { &mut verified } else { &mut unverified }) += 1;
    }
    // A machine that is busy lets some of them wait for too long.
    let bound = if cfg!(debug_assertions) { verified } else { verified / 10 };
    verdict.must(verified >= 10 && unverified <= bound, || {
        format!("after Redis was back {verified} answers were verified and {unverified} were not")
    });
    Ok(())
}

/// How the answers of these people are known.
pub(in crate::chaos::cases) async fn claims(
    store_url: &str,
    people: &BTreeSet<String>,
) -> anyhow::Result<Vec<Claim>> {
    let mut store = StoreServiceClient::new(Endpoint::from_shared(store_url.to_owned())?.connect().await?);
    let mut request = ListResponsesRequest { page_size: 1000, ..ListResponsesRequest::default() };
    let mut found = Vec::new();
    loop {
        let page = store.list_responses(request.clone()).await?.into_inner();
        let theirs = page.responses.iter().filter(|response| people.contains(&response.respondent_ref));
        found.extend(theirs.flat_map(|response| &response.answers).map(|answer| answer.claim()));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}
