//! Several telephony accounts of one brand, each proven by its own keys.

use reqwest::Method;
use url::Url;

use crate::support::{Gateway, PUBLIC_BASE, Plan, Reply, form, parameters, signature};

const PATH: &str = "/ivr/twilio/acme/support-nps?interaction=t-1";
const TWILIO: &str = "AC0123456789abcdef0123456789abcdef";
const SIGNALWIRE: &str = "b08dacad-47e6-4b1c-b3b7-54a5b1d6b0b4";

async fn with_accounts() -> Gateway {
    let tables = format!(
        "[[telephony]]\naccount = \"{TWILIO}\"\ntokens = [\"old-token\", \"new-token\"]\n\n\
         [[telephony]]\naccount = \"{SIGNALWIRE}\"\ntokens = [\"PSK_4f3c0ffee\"]\n"
    );
    Plan::new().config(|config| config.append("brands/acme.toml", &tables)).start().await
}

async fn status(gateway: &Gateway, account: &str, header: &str, token: &str) -> u16 {
    let mut fields = parameters("CA1", "+41446681800");
    fields.retain(|(name, _)| *name != "AccountSid");
    fields.push(("AccountSid", account));
    let url = Url::parse(&format!("{PUBLIC_BASE}{PATH}")).unwrap();
    let request = gateway.request(Method::POST, PATH);
    let request = request.header(header, signature(url.as_str(), &fields, token));
    Reply::of(form(request, &fields)).await.status
}

#[tokio::test]
async fn an_account_is_proven_by_either_of_its_own_tokens_and_by_no_other() {
    let gateway = with_accounts().await;
    for (account, token, expected) in [
        (TWILIO, "old-token", 200),
        (TWILIO, "new-token", 200),
        (TWILIO, "dev-twilio-token", 403),
        (TWILIO, "PSK_4f3c0ffee", 403),
        (SIGNALWIRE, "PSK_4f3c0ffee", 200),
        (SIGNALWIRE, "new-token", 403),
        ("AC99999999999999999999999999999999", "dev-twilio-token", 200),
        ("AC99999999999999999999999999999999", "new-token", 403),
    ] {
        for header in ["x-twilio-signature", "x-signalwire-signature"] {
            assert_eq!(
                status(&gateway, account, header, token).await,
                expected,
                "{account} {token} {header}"
            );
        }
    }
}

/// A rotation: the new token is added, then the old one taken away; calls go on.
#[tokio::test]
async fn a_token_that_is_rotated_out_is_no_proof_after_the_reload() {
    let gateway = with_accounts().await;
    assert_eq!(status(&gateway, TWILIO, "x-twilio-signature", "old-token").await, 200);
    gateway.plan.config.replace("brands/acme.toml", "[\"old-token\", \"new-token\"]", "[\"new-token\"]");
    gateway.ask_to_reload();
    gateway.logs_a_line("the reload", |line| line.contains("\"reloaded\"")).await;
    assert_eq!(status(&gateway, TWILIO, "x-twilio-signature", "old-token").await, 403);
    assert_eq!(status(&gateway, TWILIO, "x-twilio-signature", "new-token").await, 200);
}
