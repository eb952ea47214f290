//! Slots that move from one node of a cluster to another while claims in them are asked for.

use super::*;

/// One bucket of each period, in one slot; the slot half way from its node to another one.
struct Moving<'a> {
    cluster: &'a Cluster,
    slot: String,
    from: usize,
    to: usize,
}

impl<'a> Moving<'a> {
    /// Begins to move the slot of a key, as `redis-cli --cluster reshard` does.
    fn begin(cluster: &'a Cluster, key: &str) -> Self {
        let slot = cluster.servers[0].cli(&["CLUSTER", "KEYSLOT", key]);
        let masters: Vec<_> = (0..6).filter(|place| !cluster.servers[*place].is_replica()).collect();
        let holds =
            |place: &&usize| cluster.servers[**place].cli(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0";
        let from = *masters.iter().find(holds).unwrap();
        let to = *masters.iter().find(|place| **place != from).unwrap();
        let moving = Self { cluster, slot, from, to };
        let id = |place: usize| cluster.servers[place].cli(&["CLUSTER", "MYID"]);
        moving.set(to, &["IMPORTING", &id(from)]);
        moving.set(from, &["MIGRATING", &id(to)]);
        moving
    }

    fn set(&self, place: usize, arguments: &[&str]) {
        let command = [&["CLUSTER", "SETSLOT", &self.slot], arguments].concat();
        assert_eq!(self.cluster.servers[place].cli(&command), "OK", "{arguments:?}");
    }

    /// Without REPLACE, as the tool does: it stops where the other node has the key already.
    fn move_key(&self, key: &str) {
        let to = self.cluster.servers[self.to].port().to_string();
        let moved = self.cluster.servers[self.from].cli(&["MIGRATE", "127.0.0.1", &to, key, "0", "5000"]);
        assert_eq!(moved, "OK", "{key}");
    }

    fn end(self) {
        let id = self.cluster.servers[self.to].cli(&["CLUSTER", "MYID"]);
        self.set(self.to, &["NODE", &id]);
        self.set(self.from, &["NODE", &id]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_never_made_on_both_nodes_while_its_slot_moves() {
    let cluster = Cluster::start();
    let clock = clock();
    // The last minute of a 64-day period.
    clock.advance(Duration::from_hours(24 * 64) - Duration::from_hours(12) - Duration::from_secs(70));
    let gateway = Gateway::of_one_bucket(cluster.urls(), &clock).await;
    let place = |number| {
        let shared = gateway.shared();
        shared.buckets.place(id(number), clock.now(), WINDOW, shared.link.generation())
    };
    for number in 0..10 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(gateway.says(id(100), &[("q", 9)]).await, Verdict::Fresh);
    let (now, before) = (place(0).key, place(0).previous.unwrap());

    let moving = Moving::begin(&cluster, &now);
    moving.move_key(&before);
    for number in 0..5 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, SAME, "{number} lies on the other node");
        assert_eq!(gateway.says(id(200 + number), &[("q", 9)]).await, Verdict::Fresh);
    }
    moving.move_key(&now);
    for number in 5..10 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, SAME, "{number}, all on the other node");
        assert_eq!(gateway.says(id(200 + number), &[("q", 9)]).await, Verdict::Fresh);
    }
    moving.end();
    for number in (0..10).chain(200..210) {
        let claimed = gateway.answer(id(number), &[("q", 9)]).await;
        assert!(claimed.verified && matches!(claimed.verdict, Verdict::Same { .. }), "{number}: {claimed:?}");
    }
    gateway.stop().await;
}

/// What asking for claims over and over came to.
#[derive(Debug, Default)]
struct Asked {
    times: u32,
    unverified: u32,
    slowest: Duration,
}

/// Sends doubles of all answers until the slots are moved; a claim that is forgotten would be fresh.
async fn ask_while_moving(gateway: &Gateway, worker: u32, moved: &CancellationToken) -> Asked {
    let mut asked = Asked::default();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    while !moved.is_cancelled() {
        for number in (worker..600).step_by(8) {
            pace.tick().await;
            let begun = Wall::now();
            let claimed = gateway.answer(id(number), &[("q", 9)]).await;
            asked.slowest = asked.slowest.max(begun.elapsed());
            asked.times += 1;
            match claimed.verified {
                true => assert!(matches!(claimed.verdict, Verdict::Same { .. }), "{number}: {claimed:?}"),
                false => asked.unverified += 1,
            }
        }
    }
    asked
}

/// `redis-cli --cluster reshard` moves slots from one master to another.
fn reshard(cluster: &Cluster, slots: &str) -> impl FnOnce() -> std::process::Output + Send + 'static {
    let masters = cluster.servers.iter().filter(|server| !server.is_replica());
    let ids: Vec<_> = masters.map(|server| server.cli(&["CLUSTER", "MYID"])).collect();
    let (address, slots) = (cluster.servers[0].address(), slots.to_owned());
    move || {
        std::process::Command::new("redis-cli")
            .args(["--cluster", "reshard", &address, "--cluster-from", &ids[0], "--cluster-to", &ids[1]])
            .args(["--cluster-slots", &slots, "--cluster-yes"])
            .output()
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resharding_while_in_use_forgets_no_claim_and_delays_no_answer() {
    let cluster = Cluster::start();
    // What waits for longer than the cluster client itself would is seen whatever else the machine has to do.
    let redis = settings::Redis { timeout: Duration::from_millis(300), ..settings(cluster.urls()) };
    let gateway = Arc::new(Gateway::with(&redis, 1_000, &clock(), "fingerprint").await.unwrap());
    for number in 0..600 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    let moved = CancellationToken::new();
    let mut asking = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let (gateway, moved) = (Arc::clone(&gateway), moved.clone());
        asking.spawn(async move { ask_while_moving(&gateway, worker, &moved).await });
    }
    let output = tokio::task::spawn_blocking(reshard(&cluster, "1500")).await.unwrap();
    moved.cancel();
    for asked in asking.join_all().await {
        assert!(asked.slowest < redis.timeout + Duration::from_millis(100), "{asked:?}");
        // Most are verified; a command that is redirected several times, or a busy machine, uses up what it may wait.
        assert!(asked.unverified * 4 < asked.times, "{asked:?}");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for number in 0..600 {
        let claimed = gateway.answer(id(number), &[("q", 9)]).await;
        assert!(claimed.verified && matches!(claimed.verdict, Verdict::Same { .. }), "{number}: {claimed:?}");
    }
}
