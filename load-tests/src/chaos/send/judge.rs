//! What a reply means for the one who sent: a receipt, or a clear no.

use serde_json::Value;

use crate::{
    chaos::{
        history::{Fate, Refused},
        plan::Way,
    },
    load::Reply,
};

/// What a call's last words are when its answer was taken (`lang=en`).
const GOODBYE: &str = "Thank you for your time.";

/// The fate of each of so many answers.
pub(super) fn fates(way: Way, reply: Reply<'_>, answers: usize) -> Vec<Fate> {
    let body: Option<Value> = serde_json::from_slice(reply.body).ok();
    if way.takes_many() && reply.status == 200 {
        let results = body.as_ref().and_then(|body| body.get("results")).and_then(Value::as_array);
        let fates: Vec<_> = results.into_iter().flatten().map(item).collect();
        // A reply that does not speak of every answer acknowledges none of them.
        return if fates.len() == answers { fates } else { vec![refused(reply, "wrong_results"); answers] };
    }
    let fate = match way {
        Way::Twilio => call(reply),
        _ if matches!(reply.status, 200..=202) => match body.as_ref().and_then(outcome) {
            Some("duplicate") => Fate::Double,
            _ => Fate::Acknowledged { held: reply.status == 202 },
        },
        _ => refused(reply, &code(body.as_ref(), reply.status)),
    };
    vec![fate; answers]
}

fn code(body: Option<&Value>, status: u16) -> String {
    let code = body.and_then(|body| body.get("code")).and_then(Value::as_str);
    code.map_or_else(|| format!("http_{status}"), str::to_owned)
}

fn refused(reply: Reply<'_>, code: &str) -> Fate {
    Fate::Refused(Refused { code: code.to_owned(), status: reply.status, says_when: reply.says_when })
}

fn outcome(receipt: &Value) -> Option<&str> {
    receipt.get("outcome")?.as_str()
}

fn item(result: &Value) -> Fate {
    match outcome(result) {
        Some("duplicate") => Fate::Double,
        Some("accepted" | "revised") => Fate::Acknowledged { held: false },
        Some("quarantined") => Fate::Acknowledged { held: true },
        outcome => {
            let status = if outcome == Some("limited") { 503 } else { 422 };
            Fate::Refused(Refused { code: code(Some(result), status), status, says_when: true })
        }
    }
}

/// A goodbye or the next question is a receipt; a pause is a refusal that says when to come back; an apology is a
/// refusal.
fn call(reply: Reply<'_>) -> Fate {
    let said = String::from_utf8_lossy(reply.body);
    let asks_next = said.contains("vg_step=") && !said.contains("vg_step=recommend");
    if reply.status == 200 && (said.contains(GOODBYE) || asks_next) {
        return Fate::Acknowledged { held: false };
    }
    if said.contains("<Pause") {
        let code = "call_waits".to_owned();
        return Fate::Refused(Refused { code, status: 503, says_when: true });
    }
    refused(reply, "call_apology")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply<'_> {
        Reply { status, says_when: false, is_last: false, body: body.as_bytes() }
    }

    #[test]
    fn each_item_of_a_batch_has_a_fate_of_its_own() {
        let body = r#"{"results":[{"id":"x","outcome":"accepted"},{"outcome":"limited","code":"busy"}]}"#;
        let fates = fates(Way::Batch, reply(200, body), 2);
        assert_eq!(fates[0], Fate::Acknowledged { held: false });
        assert!(
            matches!(&fates[1], Fate::Refused(refused) if refused.code == "busy" && refused.is_for_now())
        );
    }

    #[test]
    fn a_batch_that_forgets_an_item_acknowledges_nothing() {
        let body = r#"{"results":[{"id":"x","outcome":"accepted"}]}"#;
        assert!(fates(Way::Ndjson, reply(200, body), 2).iter().all(|fate| matches!(fate, Fate::Refused(_))));
    }

    #[test]
    fn an_apology_on_the_phone_is_no_receipt() {
        let sorry = "<Response><Say>We are sorry.</Say><Hangup/></Response>";
        let thanks = "<Response><Say>Thank you for your time. Goodbye.</Say><Hangup/></Response>";
        assert!(matches!(fates(Way::Twilio, reply(200, sorry), 1)[0], Fate::Refused(_)));
        assert_eq!(fates(Way::Twilio, reply(200, thanks), 1)[0], Fate::Acknowledged { held: false });
        let again = "<Gather action=\"/ivr?vg_step=recommend\"/>";
        assert!(matches!(fates(Way::Twilio, reply(200, again), 1)[0], Fate::Refused(_)), "asked again");
    }
}
