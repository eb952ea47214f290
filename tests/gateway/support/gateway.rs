//! The real binary, started as an operator starts it.

use std::{
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::Duration,
};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{
    http::{Reply, client},
    logs::Logs,
    plan::{ADMIN_TOKEN, Plan},
    store::StoreReader,
    wait::wait_for,
};

/// Where a gateway listens, as `host:port`; empty for roles that it does not run.
#[derive(Default)]
struct Addresses {
    http: String,
    grpc: String,
    store: String,
    admin: String,
}

/// A running gateway; killed when the test ends.
pub(crate) struct Gateway {
    pub(crate) plan: Plan,
    child: Child,
    logs: Logs,
    addresses: Addresses,
    client: reqwest::Client,
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) logs: String,
}

impl Gateway {
    /// All roles, embedded claims, the sample configuration.
    pub(crate) async fn start() -> Self {
        Plan::new().start().await
    }

    /// Starts as planned, and waits until it is ready.
    pub(super) async fn of(plan: Plan) -> Self {
        let logs = Logs::new();
        let child = plan.spawn(&logs);
        let mut gateway = Self { plan, child, logs, addresses: Addresses::default(), client: client() };
        gateway.ready().await;
        gateway
    }

    async fn ready(&mut self) {
        self.addresses.admin = self.logs.listening("admin").await;
        if self.plan.has_role("edge") {
            self.addresses.http = self.logs.listening("http").await;
            self.addresses.grpc = self.logs.listening("grpc").await;
        }
        if self.plan.has_role("store") {
            self.addresses.store = self.logs.listening("store").await;
        }
        wait_for("readyz to answer 200", async || (self.readyz().await.status == 200).then_some(())).await;
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub(crate) fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// SIGKILL, without waiting.
    pub(crate) fn strike(&self) {
        self.signal("KILL");
    }

    /// SIGTERM; waits for the end.
    pub(crate) async fn terminate(&mut self) -> Ended {
        self.ask_to_end();
        self.ended().await
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> Ended {
        let code = exit_code(&mut self.child).await;
        Ended { code, logs: self.logs.whole().await }
    }

    /// SIGHUP.
    pub(crate) fn ask_to_reload(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills it if it still runs, and starts it again on the same configuration and data. Its ports are new.
    pub(crate) async fn restart(&mut self) {
        self.restart_without_waiting();
        self.ready().await;
    }

    fn restart_without_waiting(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().unwrap();
        self.logs.clear();
        self.child = self.plan.spawn(&self.logs);
    }

    /// Makes a restart listen for gateways where it listens now.
    pub(crate) fn keep_store_address(&mut self) {
        self.plan.store_at(&self.addresses.store);
    }

    pub(crate) fn data_path(&self) -> PathBuf {
        self.plan.data_path().to_owned()
    }

    /// Everything it logged since it was started last.
    pub(crate) fn logs(&self) -> String {
        self.logs.text()
    }

    /// Waits for a log line.
    pub(crate) async fn logs_a_line(&self, what: &str, find: impl Fn(&str) -> bool) -> String {
        self.logs.wait_for(what, |line| find(line).then(|| line.to_owned())).await
    }

    /// `host:port` of the HTTP listener.
    pub(crate) fn http_addr(&self) -> &str {
        &self.addresses.http
    }

    /// `host:port` of the gRPC listener.
    pub(crate) fn grpc_addr(&self) -> &str {
        &self.addresses.grpc
    }

    /// `host:port` of the store's listener.
    pub(crate) fn store_addr(&self) -> &str {
        &self.addresses.store
    }

    /// `host:port` of the admin listener.
    pub(crate) fn admin_addr(&self) -> &str {
        &self.addresses.admin
    }

    /// `http://host:port` of the gRPC listener.
    pub(crate) fn grpc_url(&self) -> String {
        format!("http://{}", self.addresses.grpc)
    }

    /// `http://host:port` of the admin listener.
    pub(crate) fn admin_url(&self) -> String {
        format!("http://{}", self.addresses.admin)
    }

    /// `http://host:port` of the store's listener.
    pub(crate) fn store_url(&self) -> String {
        format!("http://{}", self.addresses.store)
    }

    /// Reads the store of this gateway.
    pub(crate) fn store(&self) -> StoreReader {
        StoreReader::new(&self.store_url())
    }

    /// A request to the HTTP listener.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addresses.http))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// A form, urlencoded.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let request = self.request(Method::POST, path);
        Reply::of(super::form(request, fields)).await
    }

    /// A program's request with the sample key of `acme`.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request(Method::POST, path).bearer_auth(super::ACME_KEY).json(body)).await
    }

    /// `POST /v1/responses` with the sample key of `acme`.
    pub(crate) async fn submit(&self, body: &Value) -> Reply {
        self.post_json("/v1/responses", body).await
    }

    /// A read on the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> Reply {
        Reply::of(self.client.get(format!("{}{path}", self.admin_url()))).await
    }

    /// A write on the admin listener, with its token.
    pub(crate) async fn admin_post(&self, path: &str) -> Reply {
        let request = self.client.post(format!("{}{path}", self.admin_url()));
        Reply::of(request.bearer_auth(ADMIN_TOKEN)).await
    }

    pub(crate) async fn readyz(&self) -> Reply {
        self.admin("/readyz").await
    }

    /// The books as they stand.
    pub(crate) async fn ledger(&self) -> Value {
        self.admin("/ledger").await.json()
    }

    /// Waits until nothing is in flight or undelivered, and checks that the books balance.
    pub(crate) async fn settled_ledger(&self) -> Value {
        let ledger = wait_for("the spool to be delivered and nothing in flight", async || {
            let ledger = self.ledger().await;
            (ledger["in_flight"] == 0 && ledger["spooled"] == 0).then_some(ledger)
        })
        .await;
        assert_books_balance(&ledger);
        ledger
    }

    /// What of its memory is resident.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// One line of `/metrics`, by its beginning.
    pub(crate) async fn metric(&self, beginning: &str) -> Option<f64> {
        let metrics = self.admin("/metrics").await.text;
        metrics.lines().find(|line| line.starts_with(beginning))?.rsplit(' ').next()?.parse().ok()
    }
}

/// Invariant 6, both books.
fn assert_books_balance(ledger: &Value) {
    let count = |name: &str| {
        ledger[name].as_u64().unwrap_or_else(|| panic!("the ledger names {name} (contract 4): {ledger}"))
    };
    let sum = |names: &[&str]| names.iter().map(|name| count(name)).sum::<u64>();
    let ends = ["accepted", "revised", "duplicate", "quarantined", "limited", "rejected", "in_flight"];
    assert_eq!(count("received"), sum(&ends), "invariant 6, since start: {ledger}");
    let places = ["delivered", "spooled", "dead_lettered", "set_aside"];
    assert_eq!(count("appended"), sum(&places), "invariant 6, from the log: {ledger}");
    assert_eq!(ledger["balanced"], true, "{ledger}");
}

pub(super) async fn exit_code(child: &mut Child) -> Option<i32> {
    wait_for("the process to end", async || child.try_wait().unwrap()).await.code()
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            // Lines still on their way through the pipe.
            thread::sleep(Duration::from_millis(50));
            eprintln!("--- logs of a gateway ---\n{}\n---", self.logs.text());
        }
    }
}
