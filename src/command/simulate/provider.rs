//! A provider's side of a call: posts a turn, does what the document says, and posts the next.

use std::{io::Write, time::Duration};

use super::{
    Dialect, Setting,
    caller::{Caller, Pressed},
    document::{self, Element},
    line::Line,
    stage::Stage,
};
use crate::{command::unprinted, lifecycle::Failure};

/// A dialogue that takes more turns does not end.
const TURNS: usize = 200;

/// What a verb leads to.
enum Next {
    /// The verb after it.
    Verb,
    /// A document at this URL, asked for with these fields.
    Turn(String, Vec<(String, String)>),
    /// The end, and who ended it.
    End(&'static str),
}

/// Plays a call to its end.
///
/// # Errors
/// The gateway cannot be asked, or does not say what a provider understands.
pub(super) async fn play(
    setting: Setting<'_>,
    line: &Line<'_>,
    caller: &mut Caller,
    stage: &mut Stage<'_, impl Write>,
) -> Result<(), Failure> {
    let mut url = line.webhook(&webhook(setting));
    let mut fields = vec![("CallStatus".to_owned(), "ringing".to_owned())];
    for _ in 0..TURNS {
        let text = line.turn(&url, &form(setting, line, &fields)).await?;
        let response = document::read(&text).map_err(|why| {
            Failure::Internal(format!("the gateway said what is no call document ({why}): {text}"))
        })?;
        match perform(&response, caller, stage).await? {
            Next::Turn(to, with) => (url, fields) = (to, with),
            Next::End(how) => return stage.ended(how).map_err(unprinted),
            Next::Verb => return stage.ended("there is nothing more to do").map_err(unprinted),
        }
    }
    Err(Failure::Internal(format!("the call did not end within {TURNS} turns")))
}

/// Path and query of the webhook, as an operator gives them to the provider.
fn webhook(setting: Setting<'_>) -> String {
    let args = setting.args;
    let provider = if args.dialect == Dialect::Telnyx { "telnyx" } else { "twilio" };
    let mut query = form_urlencoded::Serializer::new(String::new());
    let named = [
        ("lang", &args.lang),
        ("interaction", &args.interaction),
        ("respondent", &args.respondent),
        ("subject", &args.subject),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("/ivr/{provider}/{}/{}{mark}{query}", setting.brand.id, setting.survey.id)
}

/// What a provider says of a call, each in its own words.
fn form(setting: Setting<'_>, line: &Line<'_>, more: &[(String, String)]) -> Vec<(String, String)> {
    let mut pairs = vec![("AccountSid", line.account()), ("CallSid", line.call_id())];
    match setting.args.dialect {
        Dialect::Telnyx => pairs.push(("CallSidLegacy", line.call_id())),
        _ => pairs.extend([("ApiVersion", "2010-04-01"), ("Direction", "inbound")]),
    }
    pairs.extend([("From", setting.args.from.as_str()), ("To", "+41445550100")]);
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.chain(more.iter().cloned()).collect()
}

async fn perform(
    response: &Element,
    caller: &mut Caller,
    stage: &mut Stage<'_, impl Write>,
) -> Result<Next, Failure> {
    for verb in &response.children {
        let next = match verb.name.as_str() {
            "Gather" => gather(verb, caller, stage)?,
            "Record" => record(verb, caller, stage)?,
            "Redirect" => Next::Turn(verb.text.trim().to_owned(), in_progress(&[])),
            "Hangup" => Next::End("the gateway hung up"),
            _ => {
                say(verb, stage)?;
                pause(verb).await;
                Next::Verb
            }
        };
        if !matches!(next, Next::Verb) {
            return Ok(next);
        }
    }
    Ok(Next::Verb)
}

fn say(verb: &Element, stage: &mut Stage<'_, impl Write>) -> Result<(), Failure> {
    let printed = match verb.name.as_str() {
        "Say" => stage.says(verb.attribute("language").unwrap_or(""), &verb.text),
        "Play" => stage.happens(&format!("plays {}", verb.text.trim())),
        "Pause" => stage.happens(&format!("waits {} s", verb.number("length").unwrap_or(1))),
        other => stage.happens(&format!("<{other}> is not played here")),
    };
    printed.map_err(unprinted)
}

async fn pause(verb: &Element) {
    if verb.name == "Pause" {
        tokio::time::sleep(Duration::from_secs(verb.number("length").unwrap_or(1).min(60))).await;
    }
}

/// Silence comes to the verb behind, where the dialect does not ask to be told of it.
fn gather(verb: &Element, caller: &mut Caller, stage: &mut Stage<'_, impl Write>) -> Result<Next, Failure> {
    verb.children.iter().try_for_each(|said| say(said, stage))?;
    stage.asks("keys").map_err(unprinted)?;
    let most = verb.number("numDigits").or(verb.number("maxDigits")).unwrap_or(u64::MAX);
    let finish = verb.attribute("finishOnKey").unwrap_or("#");
    let pressed = caller.press(usize::try_from(most).unwrap_or(usize::MAX), finish).map_err(unread)?;
    let shown = match &pressed {
        Pressed::Keys(keys) => keys,
        Pressed::Silence => "(silence)",
        Pressed::HungUp => "(hangs up)",
    };
    stage.pressed(shown, caller.is_at_terminal()).map_err(unprinted)?;
    let action = || verb.attribute("action").unwrap_or("").to_owned();
    Ok(match pressed {
        Pressed::HungUp => Next::End("the caller hung up"),
        Pressed::Keys(keys) => Next::Turn(action(), in_progress(&[("Digits", &keys)])),
        Pressed::Silence if verb.attribute("actionOnEmptyResult") == Some("true") => {
            Next::Turn(action(), in_progress(&[("Digits", "")]))
        }
        Pressed::Silence => Next::Verb,
    })
}

/// Nothing is recorded: what counts is that there is a recording.
fn record(verb: &Element, caller: &mut Caller, stage: &mut Stage<'_, impl Write>) -> Result<Next, Failure> {
    stage.asks("speak").map_err(unprinted)?;
    let spoken = caller.speak().map_err(unread)?;
    let shown = spoken.as_deref().unwrap_or("(silence)");
    stage.pressed(shown, caller.is_at_terminal()).map_err(unprinted)?;
    let (Some(_), Some(action)) = (spoken, verb.attribute("action")) else { return Ok(Next::Verb) };
    let recording = [
        ("RecordingSid", "RE00000000000000000000000000000001"),
        ("RecordingUrl", "https://recordings.invalid/RE00000000000000000000000000000001"),
        ("RecordingDuration", "3"),
        ("Digits", "#"),
    ];
    Ok(Next::Turn(action.to_owned(), in_progress(&recording)))
}

fn in_progress(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = [&[("CallStatus", "in-progress")], more].concat();
    all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn unread(error: std::io::Error) -> Failure {
    Failure::Internal(format!("the terminal cannot be read: {error}"))
}
