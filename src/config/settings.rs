//! What is fixed at start. Every field's default and the reason for it stand in `defaults.toml`.

use std::{collections::BTreeSet, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::Role;
use crate::{
    catalog::{IdentityKey, Secret},
    tls::{ClientTls, ServerTls},
};

/// All sections of `gateway.toml` but what a reload swaps.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base of links and signatures, without a trailing slash.
    pub public_base_url: String,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What this process does.
    pub roles: BTreeSet<Role>,
    /// `[http]`
    pub http: Http,
    /// `[grpc]`
    pub grpc: Grpc,
    /// `[admin]`
    pub admin: Admin,
    /// `[store]`
    pub store: Store,
    /// `[redis]`; embedded claims when there are no URLs.
    pub redis: Redis,
    /// Sizes of the claims, from `[redis]`.
    pub claims: Claims,
    /// `[identity] key`
    pub identity_key: IdentityKey,
    /// `[links]`
    pub links: Links,
    /// `[limits]`
    pub limits: Limits,
    /// `[spool]`
    pub spool: Spool,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// How long each step of a shutdown may take.
    pub shutdown: Shutdown,
    /// Where the spool, the dead letters and the SQLite file live.
    pub data: PathBuf,
    /// Whether any sample secret is in use; then only loopback may be listened on.
    pub sample_secrets: bool,
}

/// `[http]`: bounds of the HTTP listener.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Time for the head of a request.
    pub header_timeout: Duration,
    /// Time for its body.
    pub body_timeout: Duration,
    /// Time a request may take in all.
    pub request_timeout: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Fields in a request's head.
    pub head_fields: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Bytes of a batch body.
    pub batch_bytes: usize,
    /// Items in a batch.
    pub batch_items: usize,
    /// Fields of a form.
    pub form_fields: usize,
    /// Characters of a text answer.
    pub text_chars: usize,
    /// Attributes of a submission.
    pub attributes: usize,
    /// Of the listener; a reload reads it again.
    pub tls: Option<ServerTls>,
}

/// `[grpc]`: bounds of the collector's listener.
#[derive(Clone, Debug)]
pub struct Grpc {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Bytes of a message.
    pub message_bytes: usize,
    /// Calls at once on one connection.
    pub streams: u32,
    /// Items of one stream that wait for their receipt at once.
    pub in_flight: usize,
    /// Of the listener; a reload reads it again.
    pub tls: Option<ServerTls>,
}

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Needed for writes; without one, writes are refused.
    pub token: Option<Secret>,
    /// Of the listener; a reload reads it again.
    pub tls: Option<ServerTls>,
}

/// `[links]`: short links, in the store and in the gateway.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    /// Kept by the store at once.
    pub kept: u64,
    /// How long past its expiry.
    pub kept_after: Duration,
    /// Remembered by a gateway.
    pub cached: usize,
    /// How long it goes by that.
    pub cached_for: Duration,
    /// Time a lookup may take.
    pub timeout: Duration,
    /// Lookups at once.
    pub lookups: usize,
}

/// `[store]`
#[derive(Clone, Debug)]
pub struct Store {
    /// Where the store role listens.
    pub listen: SocketAddr,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Where the edge sends; the local listener when none.
    pub url: Option<String>,
    /// Shared by store and gateways; needed off loopback.
    pub key: Option<Secret>,
    /// Records in one batch.
    pub batch_records: usize,
    /// Bytes in one batch.
    pub batch_bytes: usize,
    /// Time from a batch that is not full to the next one.
    pub linger: Duration,
    /// Batches on the way at once.
    pub window: usize,
    /// Time a batch may wait for its ack.
    pub ack_timeout: Duration,
    /// Longest pause between tries.
    pub backoff_max: Duration,
    /// Dead letters kept; past it delivery waits.
    pub dead_letters: usize,
    /// Of the listener; a reload reads it again.
    pub tls: Option<ServerTls>,
    /// Of the way to the store; a reload reads it again.
    pub client_tls: ClientTls,
}

impl Store {
    /// The URL of the store: the configured one, else that of a local one that listens at `address`.
    pub(crate) fn url_or(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.url.clone().unwrap_or_else(|| format!("{scheme}://{address}"))
    }
}

/// `[redis]`
#[derive(Clone)]
pub struct Redis {
    /// None: embedded claims. Several: a cluster's seeds. They hold user and password: never log them.
    pub urls: Vec<String>,
    /// Single server or cluster.
    pub mode: RedisMode,
    /// Precedes every key.
    pub prefix: String,
    /// What one submission may wait for Redis in all.
    pub timeout: Duration,
    /// Failures in a row that open the breaker.
    pub breaker_failures: u32,
    /// How often an open breaker tries.
    pub breaker_probe: Duration,
    /// Of the way to servers whose URL is `rediss://`.
    pub tls: ClientTls,
}

/// The URLs may hold passwords, so that only their number is shown.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { urls, mode, prefix, timeout, breaker_failures, breaker_probe, tls } = self;
        f.debug_struct("Redis")
            .field("urls", &format_args!("{} [redacted]", urls.len()))
            .field("mode", mode)
            .field("prefix", prefix)
            .field("timeout", timeout)
            .field("breaker_failures", breaker_failures)
            .field("breaker_probe", breaker_probe)
            .field("tls", tls)
            .finish()
    }
}

/// `[redis] mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisMode {
    /// Asks the server.
    Auto,
    /// One server.
    Single,
    /// Redis Cluster.
    Cluster,
}

/// Sizes of the claims, from `[redis]`.
#[derive(Clone, Debug)]
pub struct Claims {
    /// From how many answers a day the bucket hashes are sized.
    pub answers_per_day: u64,
    /// How many embedded claims are held at the most.
    pub embedded: usize,
}

/// `[limits]`: local limits; the shared quotas are in the catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Unproven submissions a minute from one source address (IPv6: one /64).
    pub per_address: u32,
    /// Submissions a minute through one link.
    pub per_link: u32,
    /// Turns a minute of one call.
    pub per_call: u32,
    /// Sources remembered at once.
    pub sources: usize,
    /// Share of a quota that this gateway admits while Redis is away, above 0 to 1.
    pub fallback_share: f64,
    /// Answers of people over a quota that are held, for each brand and source, an hour.
    pub held_per_hour: u32,
    /// Touches of one link that are recorded, an hour.
    pub touches_per_link: u32,
    /// Submissions worked on at once; more are refused as `busy`.
    pub in_flight: usize,
    /// What new work may wait for a core; beyond it programs are refused as `busy`.
    pub queue_delay: Duration,
}

/// `[spool]`
#[derive(Clone, Debug)]
pub struct Spool {
    /// Bytes on disk.
    pub budget: u64,
    /// Bytes that must stay free on the disk.
    pub disk_floor: u64,
    /// How long delivered segments are kept for a replay.
    pub keep_delivered: Duration,
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Records waiting for one group commit at the most.
    pub queue: usize,
}

/// `[telemetry]`
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// A filter as `tracing_subscriber::EnvFilter` reads it.
    pub log: String,
}

/// `[http] drain_delay` and `drain_s`.
#[derive(Clone, Copy, Debug)]
pub struct Shutdown {
    /// Between `readyz` turning 503 and the listeners closing.
    pub drain_delay: Duration,
    /// How long requests in flight and delivery may take.
    pub drain: Duration,
}
