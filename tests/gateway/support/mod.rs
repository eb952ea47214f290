//! What the tests start and speak with: the real binary, real Redis servers, and the clients of its users.

mod certificates;
mod cli;
mod config;
pub(crate) mod description;
mod frames;
mod gateway;
mod host_page;
mod http;
mod links;
mod logs;
mod plan;
pub(crate) mod planted;
mod redis;
mod store;
mod submissions;
mod telnyx;
mod twilio;
mod wait;
mod wire;

pub(crate) use self::{
    certificates::{Authority, Issued},
    cli::{Cli, voxgate, voxgate_alone},
    frames::{Frames, Kind, frame, head},
    gateway::Gateway,
    host_page::HostPage,
    http::{Reply, client, form},
    links::{MailLink, make_link, path_of, plain_link},
    plan::Plan,
    redis::{Redis, RedisCluster, free_port},
    store::{StoreReader, answer, score_on, text_on},
    submissions::{collector, nps, nps_message, with_key},
    telnyx::{TelnyxCall, TelnyxWebhook},
    twilio::{Call, PUBLIC_BASE, parameters, signature, signed_post},
    wait::{DEADLINE, wait_for},
    wire::{Answer, Wire, exchange},
};

/// The sample configuration's API key of the brand `acme`.
pub(crate) const ACME_KEY: &str = "vg_dev_acme";

/// The same of `globex`.
pub(crate) const GLOBEX_KEY: &str = "vg_dev_globex";

/// The sample configuration's link secret.
pub(crate) const LINK_SECRET: &str = "dev-link-secret";
