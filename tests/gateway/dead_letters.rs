//! A store of another maker, which refuses single records: they become dead letters, the rest goes on.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::Stream;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use voxgate::proto::store::v1::{self as proto, store_service_server as server};

use crate::support::{
    Gateway, Plan, nps,
    planted::{Planted, assert_none},
    voxgate, wait_for,
};

/// What stands in each record, and nowhere else.
const PERSONAL: [Planted; 2] = [
    Planted { what: "a respondent", text: "crm-planted-0815" },
    Planted { what: "a comment", text: "planted comment" },
];

/// Refuses what is about the interaction `poison` while it is strict.
struct Picky {
    strict: Arc<AtomicBool>,
    stored: mpsc::Sender<String>,
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Unary<T> = Result<Response<T>, Status>;

fn not_here<T>() -> Unary<T> {
    Err(Status::unimplemented("this store only appends"))
}

#[tonic::async_trait]
impl server::StoreService for Picky {
    type AppendStream = Replies<proto::AppendResponse>;
    type WatchStream = Replies<proto::WatchResponse>;

    async fn append(&self, batches: Request<Streaming<proto::AppendRequest>>) -> Unary<Self::AppendStream> {
        let (strict, stored) = (Arc::clone(&self.strict), self.stored.clone());
        let replies = batches.into_inner().map(move |batch| {
            let batch = batch?;
            let mut refused = Vec::new();
            for (index, record) in (0..).zip(&batch.records) {
                if record.interaction == "poison" && strict.load(Ordering::SeqCst) {
                    let (code, detail) = ("unwanted".to_owned(), "this store does not like it".to_owned());
                    refused.push(proto::Refused { index, code, detail });
                } else {
                    stored.try_send(record.interaction.clone()).unwrap();
                }
            }
            Ok(proto::AppendResponse { sequence: batch.sequence, refused })
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn put_links(&self, _: Request<proto::PutLinksRequest>) -> Unary<proto::PutLinksResponse> {
        not_here()
    }

    async fn find_opt_outs(
        &self,
        _: Request<proto::FindOptOutsRequest>,
    ) -> Unary<proto::FindOptOutsResponse> {
        not_here()
    }

    async fn get_link(&self, _: Request<proto::GetLinkRequest>) -> Unary<proto::GetLinkResponse> {
        not_here()
    }

    async fn get_response(&self, _: Request<proto::GetResponseRequest>) -> Unary<proto::GetResponseResponse> {
        not_here()
    }

    async fn list_responses(
        &self,
        _: Request<proto::ListResponsesRequest>,
    ) -> Unary<proto::ListResponsesResponse> {
        not_here()
    }

    async fn summarize(&self, _: Request<proto::SummarizeRequest>) -> Unary<proto::SummarizeResponse> {
        not_here()
    }

    async fn watch(&self, _: Request<proto::WatchRequest>) -> Unary<Self::WatchStream> {
        not_here()
    }

    async fn list_held(&self, _: Request<proto::ListHeldRequest>) -> Unary<proto::ListHeldResponse> {
        not_here()
    }

    async fn release_held(&self, _: Request<proto::ReleaseHeldRequest>) -> Unary<proto::ReleaseHeldResponse> {
        not_here()
    }

    async fn discard_held(&self, _: Request<proto::DiscardHeldRequest>) -> Unary<proto::DiscardHeldResponse> {
        not_here()
    }

    async fn erase(&self, _: Request<proto::EraseRequest>) -> Unary<proto::EraseResponse> {
        not_here()
    }
}

#[tokio::test]
async fn a_refused_record_becomes_a_dead_letter_the_rest_goes_on_and_a_retry_delivers_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let strict = Arc::new(AtomicBool::new(true));
    let (stored, received) = mpsc::channel(100);
    let mut received = ReceiverStream::new(received);
    let store = server::StoreServiceServer::new(Picky { strict: Arc::clone(&strict), stored });
    let mut tasks = JoinSet::new();
    let serve = tonic::transport::Server::builder().add_service(store);
    tasks.spawn(serve.serve_with_incoming(TcpListenerStream::new(listener)));

    let edge = Plan::new().only_edge(&url).start().await;
    for interaction in ["before", "poison", "after"] {
        let mut answer = nps(interaction, 9);
        answer["respondent"] = json!({"ref": PERSONAL[0].text});
        answer["answers"]["reason"] = PERSONAL[1].text.into();
        edge.submit(&answer).await.receipt(201, "accepted");
    }
    assert_eq!(received.next().await.as_deref(), Some("before"));
    assert_eq!(received.next().await.as_deref(), Some("after"), "the rest go on");
    let ledger = edge.settled_ledger().await;
    assert_eq!((&ledger["delivered"], &ledger["dead_lettered"]), (&json!(2), &json!(1)), "{ledger}");
    assert_eq!(edge.metric("voxgate_dead_letters").await, Some(1.0));

    let listed = on_admin(&edge, &["dead-letters", "list"]);
    assert!(listed.contains("unwanted"), "with the reason: {listed}");
    assert_none(&PERSONAL, "the list of dead letters", &listed);
    assert_none(&PERSONAL, "the logs", &edge.logs());
    strict.store(false, Ordering::SeqCst);
    on_admin(&edge, &["dead-letters", "retry"]);
    assert_eq!(received.next().await.as_deref(), Some("poison"));
    let ledger = wait_for("the books to know it as delivered", async || {
        let ledger = edge.settled_ledger().await;
        (ledger["delivered"] == 3).then_some(ledger)
    })
    .await;
    assert_eq!(ledger["spooled"], 0, "{ledger}");
    assert_eq!(edge.metric("voxgate_dead_letters").await, Some(0.0), "none is left: {ledger}");
    assert!(!on_admin(&edge, &["dead-letters", "list"]).contains("unwanted"));
    tasks.shutdown().await;
}

fn on_admin(gateway: &Gateway, arguments: &[&str]) -> String {
    let url = gateway.admin_url();
    let arguments: Vec<_> = arguments.iter().copied().chain(["--admin", &url]).collect();
    voxgate(gateway.plan.config.path(), &arguments).ok()
}
