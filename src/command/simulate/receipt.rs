//! What storage holds of a call when it has ended.

use std::{io::Write, time::Duration};

use tokio::time::Instant;

use super::{Setting, line::Line, stage::Stage};
use crate::{
    command::{
        store_access::{StoreAccess, StoreFailure},
        unprinted,
    },
    lifecycle::Failure,
    proto::store::v1::{CurrentAnswer, ListResponsesRequest, Response, current_answer::Content},
    store::words,
};

/// How long an answer may take to storage before we stop waiting for it.
const DELIVERED_WITHIN: Duration = Duration::from_secs(5);
/// How often storage is asked.
const ASKED_EVERY: Duration = Duration::from_millis(150);

/// Waits until storage holds what was answered, and shows it.
///
/// # Errors
/// Nothing can be printed. A store that is away is told, and is no error of the call.
pub(super) async fn show(
    store: &StoreAccess,
    setting: Setting<'_>,
    line: &Line<'_>,
    pressed: bool,
    stage: &mut Stage<'_, impl Write>,
) -> Result<(), Failure> {
    let printed = match stored(store, setting, line, pressed).await {
        Ok(Some(response)) => print(&response, stage),
        Ok(None) if pressed => stage.happens(
            "nothing is stored of this call: either no key was an answer, or the gateway's log says what became of it",
        ),
        Ok(None) => stage.happens("nothing was answered, and nothing stored"),
        Err(why) => stage.happens(&format!(
            "what was answered is safe in the gateway; it cannot be shown, because the store does not answer: {why} \
             (--store URL)"
        )),
    };
    printed.map_err(unprinted)
}

/// The response, when two looks at it agree: a `1` may be on its way to 10.
async fn stored(
    store: &StoreAccess,
    setting: Setting<'_>,
    line: &Line<'_>,
    pressed: bool,
) -> Result<Option<Response>, StoreFailure> {
    if !pressed {
        return Ok(None);
    }
    let mut client = store.connect().await?;
    let until = Instant::now() + DELIVERED_WITHIN;
    let mut before = None;
    loop {
        let listed = client.list_responses(asked(setting, line)).await?.into_inner().responses;
        let found = listed.into_iter().next_back();
        if found.is_some() && found == before {
            return Ok(found);
        }
        if Instant::now() >= until {
            return Ok(found);
        }
        before = found;
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

fn asked(setting: Setting<'_>, line: &Line<'_>) -> ListResponsesRequest {
    ListResponsesRequest {
        survey: setting.survey.id.clone(),
        brand: setting.brand.id.clone(),
        // The gateway's clock need not be ours.
        updated_since: Some(line.began.before(Duration::from_secs(60)).to_proto()),
        interaction: setting.args.interaction.clone().unwrap_or_else(|| line.call_id().to_owned()),
        ..ListResponsesRequest::default()
    }
}

fn print(response: &Response, stage: &mut Stage<'_, impl Write>) -> std::io::Result<()> {
    stage.receipt(&response.id, &words::identity(response.identity))?;
    for answer in &response.answers {
        stage.answer(&answer.question, &value(answer), &answer.segment)?;
    }
    Ok(())
}

fn value(answer: &CurrentAnswer) -> String {
    match &answer.content {
        None => String::new(),
        Some(Content::Value(score)) => score.to_string(),
        Some(Content::Choice(text) | Content::Text(text)) => text.clone(),
    }
}
