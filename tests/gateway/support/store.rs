//! Reads storage over its own contract.

use tonic::transport::{Channel, Endpoint};
use voxgate::proto::store::v1::{
    CurrentAnswer, Held, HeldState, ListHeldRequest, ListResponsesRequest, Response, current_answer::Content,
    store_service_client::StoreServiceClient,
};

use super::wait::wait_for;

/// A client of one store.
#[derive(Clone)]
pub(crate) struct StoreReader {
    client: StoreServiceClient<Channel>,
}

impl StoreReader {
    pub(crate) fn new(url: &str) -> Self {
        let channel = Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy();
        Self::over(channel)
    }

    /// Over a connection of the test's own.
    pub(crate) fn over(channel: Channel) -> Self {
        Self { client: StoreServiceClient::new(channel) }
    }

    /// The plain client.
    pub(crate) fn client(&self) -> StoreServiceClient<Channel> {
        self.client.clone()
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, mut request: ListResponsesRequest) -> Vec<Response> {
        let mut client = self.client();
        let mut found = Vec::new();
        loop {
            let page = client.list_responses(request.clone()).await.unwrap().into_inner();
            found.extend(page.responses);
            if page.next_page_token.is_empty() {
                return found;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// All responses of all surveys.
    pub(crate) async fn all(&self) -> Vec<Response> {
        self.list(ListResponsesRequest::default()).await
    }

    /// All responses about an interaction.
    pub(crate) async fn about(&self, interaction: &str) -> Vec<Response> {
        self.list(ListResponsesRequest { interaction: interaction.to_owned(), ..Default::default() }).await
    }

    /// Waits until there is exactly one response about an interaction, and it is as wanted.
    pub(crate) async fn one(&self, interaction: &str, wanted: impl Fn(&Response) -> bool) -> Response {
        wait_for(&format!("one wanted response about {interaction} in the store"), async || {
            match <[Response; 1]>::try_from(self.about(interaction).await) {
                Ok([response]) => wanted(&response).then_some(response),
                Err(several) => {
                    assert!(several.is_empty(), "one response per interaction, not {several:#?}");
                    None
                }
            }
        })
        .await
    }

    /// Waits for the one response about an interaction, whatever it says.
    pub(crate) async fn first(&self, interaction: &str) -> Response {
        self.one(interaction, |_| true).await
    }

    /// Waits until a response about an interaction has this score on a question.
    pub(crate) async fn scored(&self, interaction: &str, question: &str, score: i32) -> Response {
        self.one(interaction, |response| score_on(response, question) == Some(score)).await
    }

    /// Waits for so many responses in all.
    pub(crate) async fn count(&self, wanted: usize) -> Vec<Response> {
        wait_for(&format!("{wanted} responses in the store"), async || {
            let all = self.all().await;
            assert!(all.len() <= wanted, "{} responses are more than {wanted}", all.len());
            (all.len() == wanted).then_some(all)
        })
        .await
    }

    /// The held records in a state.
    pub(crate) async fn held(&self, state: HeldState) -> Vec<Held> {
        let request = ListHeldRequest { state: state.into(), page_size: 1000, ..Default::default() };
        self.client().list_held(request).await.unwrap().into_inner().held
    }

    /// Waits for the one held record, and gives it.
    pub(crate) async fn held_one(&self) -> Held {
        wait_for("one held record", async || {
            <[Held; 1]>::try_from(self.held(HeldState::Waiting).await).ok().map(|[held]| held)
        })
        .await
    }
}

/// A response's answer to a question.
pub(crate) fn answer<'a>(response: &'a Response, question: &str) -> Option<&'a CurrentAnswer> {
    response.answers.iter().find(|answer| answer.question == question)
}

/// A response's score on a question.
pub(crate) fn score_on(response: &Response, question: &str) -> Option<i32> {
    match answer(response, question)?.content {
        Some(Content::Value(score)) => Some(score),
        _ => None,
    }
}

/// A response's text on a question.
pub(crate) fn text_on<'a>(response: &'a Response, question: &str) -> Option<&'a str> {
    match answer(response, question)?.content.as_ref()? {
        Content::Text(text) => Some(text),
        _ => None,
    }
}
