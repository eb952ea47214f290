//! Reads the whole store over its own contract.

use anyhow::Context as _;
use tonic::transport::{Channel, Endpoint};
use voxgate::proto::store::v1::{
    HeldState, ListHeldRequest, ListResponsesRequest, Record, Response, answer::Value as RecordValue,
    current_answer::Content, store_service_client::StoreServiceClient,
};

/// Entries of a page.
const PAGE: u32 = 1000;

/// One response, or one record that is held, as far as the oracle looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The response's id.
    pub(crate) id: String,
    pub(crate) respondent: String,
    pub(crate) interaction: String,
    pub(crate) score: Option<i32>,
    pub(crate) reason: Option<String>,
}

/// All that a store holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Storage {
    pub(crate) responses: Vec<Stored>,
    /// Records that are or were held.
    pub(crate) held: Vec<Stored>,
}

impl Storage {
    /// Reads the store at a `http://` URL.
    pub(crate) async fn read(url: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())?.connect().await;
        let mut store = StoreServiceClient::new(channel.context("the store does not accept")?);
        Ok(Self { responses: responses(&mut store).await?, held: held(&mut store).await? })
    }
}

async fn responses(store: &mut StoreServiceClient<Channel>) -> anyhow::Result<Vec<Stored>> {
    let mut request = ListResponsesRequest { page_size: PAGE, ..ListResponsesRequest::default() };
    let mut found = Vec::new();
    loop {
        let page = store.list_responses(request.clone()).await?.into_inner();
        found.extend(page.responses.into_iter().map(of_response));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn held(store: &mut StoreServiceClient<Channel>) -> anyhow::Result<Vec<Stored>> {
    let mut found = Vec::new();
    for state in [HeldState::Waiting, HeldState::Released, HeldState::Discarded] {
        let mut request =
            ListHeldRequest { state: state.into(), page_size: PAGE, ..ListHeldRequest::default() };
        loop {
            let page = store.list_held(request.clone()).await?.into_inner();
            let records = page.held.into_iter().filter_map(|held| Some((held.response_id, held.record?)));
            found.extend(records.map(|(id, record)| of_record(id, record)));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
    }
    Ok(found)
}

fn of_response(response: Response) -> Stored {
    let content = |question: &str| {
        let answer = response.answers.iter().find(|answer| answer.question == question);
        answer.and_then(|answer| answer.content.clone())
    };
    Stored {
        score: match content("recommend") {
            Some(Content::Value(score)) => Some(score),
            _ => None,
        },
        reason: match content("reason") {
            Some(Content::Text(text)) => Some(text),
            _ => None,
        },
        id: response.id,
        respondent: response.respondent_ref,
        interaction: response.interaction,
    }
}

fn of_record(id: String, record: Record) -> Stored {
    let value = |question: &str| {
        let answer = record.answers.iter().find(|answer| answer.question == question);
        answer.and_then(|answer| answer.value.clone())
    };
    Stored {
        id,
        score: match value("recommend") {
            Some(RecordValue::Score(score)) => Some(score),
            _ => None,
        },
        reason: match value("reason") {
            Some(RecordValue::Text(text)) => Some(text),
            _ => None,
        },
        respondent: record.respondent_ref,
        interaction: record.interaction,
    }
}
