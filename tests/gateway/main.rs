//! Whole-gateway tests: the real binary on free ports, spoken to as its users do, read back from its store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test's helpers fail loudly, as tests do"
)]

#[path = "../support/browser.rs"]
#[allow(dead_code, clippy::print_stdout, reason = "shared with the widget's own tests, which use the rest")]
mod browser;
mod support;

mod bad_input;
mod bounds;
mod channel_batch;
mod channel_beacon;
mod channel_email;
mod channel_form;
mod channel_grpc;
mod channel_ivr_events;
mod channel_json;
mod channel_mail_tool;
mod channel_short;
mod channel_telnyx;
mod channel_twilio;
mod channel_voice;
mod commands;
mod dead_letters;
mod hostile;
mod hostile_http;
mod identity;
mod lifecycle;
mod limits;
mod mail_snippet;
mod network;
mod one_response;
mod openapi;
mod operating;
mod opt_out;
mod pages;
mod people;
mod phone_accounts;
mod phone_retries;
mod phone_samples;
mod redis;
mod secrecy;
mod simulate;
mod storage;
mod store_service;
mod time;
mod tls;
