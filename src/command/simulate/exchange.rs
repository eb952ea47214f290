//! A call by somebody's own exchange: an event for each answer, the next question back.

use std::io::Write;

use serde_json::{Value as Json, json};

use super::{
    Setting,
    caller::{Caller, Pressed},
    line::Line,
    stage::Stage,
};
use crate::{channel::ivr::keypad, command::unprinted, lifecycle::Failure};

/// A question that is asked.
struct Asked {
    id: String,
    text: String,
}

/// Plays a call to its end, and shows the last receipt.
///
/// # Errors
/// The gateway cannot be asked, or refuses for a reason that another key would not mend.
pub(super) async fn play(
    setting: Setting<'_>,
    line: &Line<'_>,
    caller: &mut Caller,
    stage: &mut Stage<'_, impl Write>,
) -> Result<(), Failure> {
    let mut receipt = None;
    let (_, opening) = taken(line.event(&event(setting, line, json!({}))).await?)?;
    let mut asked = asked(&opening);
    while let Some(question) = asked.take() {
        let Some(digits) = ask(setting, &question, caller, stage)? else {
            line.event(&event(setting, line, json!({"completed": true}))).await?;
            return end("the caller hung up", receipt, stage);
        };
        let answer = json!({"question": question.id, "digits": digits});
        match line.event(&event(setting, line, answer)).await? {
            // The exchange asks again; what is wrong it has to know itself.
            (422, refusal) if is_about_digits(&refusal) => {
                stage.happens(detail(&refusal)).map_err(unprinted)?;
                asked = Some(question);
            }
            reply => {
                let (_, reply) = taken(reply)?;
                asked = self::asked(&reply);
                receipt = Some(reply);
            }
        }
    }
    end("there is nothing more to ask", receipt, stage)
}

fn ask(
    setting: Setting<'_>,
    question: &Asked,
    caller: &mut Caller,
    stage: &mut Stage<'_, impl Write>,
) -> Result<Option<String>, Failure> {
    let two_keys = setting.survey.question(&question.id).is_some_and(keypad::takes_two_keys);
    stage.says(setting.args.lang.as_deref().unwrap_or(""), &question.text).map_err(unprinted)?;
    stage.asks("keys").map_err(unprinted)?;
    let pressed = caller.press(if two_keys { 2 } else { 1 }, "#");
    let pressed =
        pressed.map_err(|error| Failure::Internal(format!("the terminal cannot be read: {error}")))?;
    let (shown, digits) = match pressed {
        Pressed::Keys(keys) => (keys.clone(), Some(keys)),
        Pressed::Silence => ("(silence)".to_owned(), Some(String::new())),
        Pressed::HungUp => ("(hangs up)".to_owned(), None),
    };
    stage.pressed(&shown, caller.is_at_terminal()).map_err(unprinted)?;
    Ok(digits)
}

fn event(setting: Setting<'_>, line: &Line<'_>, more: Json) -> Json {
    let args = setting.args;
    let mut event = json!({
        "brand": args.brand,
        "survey": args.survey,
        "call_id": line.call_id(),
        "from": args.from,
        "locale": args.lang,
        "interaction": args.interaction,
        "respondent": args.respondent.as_ref().map(|reference| json!({"ref": reference})),
        "subject": args.subject.as_ref().and_then(|subject| subject.split_once(':')).map(|(kind, reference)| {
            json!({"kind": kind, "ref": reference})
        }),
    });
    if let (Some(event), Json::Object(more)) = (event.as_object_mut(), more) {
        event.retain(|_, value| !value.is_null());
        event.extend(more);
    }
    event
}

fn asked(reply: &Json) -> Option<Asked> {
    let next = reply.get("next")?;
    let text = |name: &str| Some(next.get(name)?.as_str()?.to_owned());
    Some(Asked { id: text("question")?, text: text("text")? })
}

fn detail(refusal: &Json) -> &str {
    let first = refusal.pointer("/errors/0/detail").or_else(|| refusal.get("detail"));
    first.and_then(Json::as_str).unwrap_or("the gateway does not say why")
}

fn is_about_digits(refusal: &Json) -> bool {
    refusal.pointer("/errors/0/pointer").and_then(Json::as_str) == Some("/digits")
}

fn taken((status, reply): (u16, Json)) -> Result<(u16, Json), Failure> {
    let said = || format!("the gateway answered {status}: {}", detail(&reply));
    match status {
        200..=299 => Ok((status, reply)),
        429 | 500.. => Err(Failure::Unavailable(said())),
        _ => Err(Failure::Configuration(said())),
    }
}

fn end(how: &str, receipt: Option<Json>, stage: &mut Stage<'_, impl Write>) -> Result<(), Failure> {
    stage.ended(how).map_err(unprinted)?;
    let Some(receipt) = receipt else {
        return stage.happens("nothing was answered, and nothing stored").map_err(unprinted);
    };
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let field = |name: &str| receipt.get(name).map(text).unwrap_or_default();
    let words = format!("{} {}", field("outcome"), field("identity"));
    stage.receipt(&field("id"), &words).map_err(unprinted)?;
    for (question, answer) in receipt.get("answers").and_then(Json::as_object).into_iter().flatten() {
        let part = |name: &str| answer.get(name).filter(|part| !part.is_null()).map(text).unwrap_or_default();
        stage.answer(question, &part("value"), &part("segment")).map_err(unprinted)?;
    }
    Ok(())
}
