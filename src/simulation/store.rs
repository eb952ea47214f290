//! The real store in a process that can be killed: its service, its ledger, its merge. Its file outlives it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{io::DuplexStream, sync::mpsc, task::JoinHandle, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::codegen::Service as _;

use super::{dice::Dice, network::Network, trace::Trace};
use crate::{
    clock::Clock,
    store::{
        Store,
        stepped::{self, WriterTurns},
    },
};

/// Where the store runs.
#[derive(Debug)]
pub(super) struct StoreHost {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    pub(super) dice: Dice,
    pub(super) network: Arc<Network>,
    pub(super) tasks: TaskTracker,
    pub(super) trace: Trace,
    /// How long a commit may take.
    pub(super) commit_ms: u64,
    pub(super) running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl StoreHost {
    pub(super) fn start(&mut self) {
        let (store, turns) = stepped::open(&self.path, self.clock.clone());
        let process = CancellationToken::new();
        self.tasks.spawn(accept(store, self.network.listen(), self.tasks.clone(), process.clone()));
        let (dice, trace, longest_ms) = (self.dice.clone(), self.trace.clone(), self.commit_ms);
        let writing = process.clone();
        let writer = self.tasks.spawn(async move {
            writing.run_until_cancelled(write(turns, dice, trace, longest_ms)).await;
        });
        self.trace.note("store starts");
        self.running = Some((process, writer));
    }

    /// Ends the process at once.
    pub(super) async fn kill(&mut self) {
        let Some((process, writer)) = self.running.take() else { return };
        self.trace.note("store is killed");
        process.cancel();
        self.network.close();
        writer.await.unwrap();
    }
}

/// Commits take their time; a kill comes before one or after it.
async fn write(mut turns: WriterTurns, dice: Dice, trace: Trace, longest_ms: u64) {
    while turns.wait().await {
        sleep(dice.millis(0..longest_ms)).await;
        turns.turn();
        trace.note("store commits");
    }
}

async fn accept(
    store: Store,
    mut accepted: mpsc::Receiver<DuplexStream>,
    tasks: TaskTracker,
    process: CancellationToken,
) {
    let accepting = async {
        while let Some(stream) = accepted.recv().await {
            let serving = serve(store.clone(), stream, Tasks(tasks.clone(), process.clone()));
            let process = process.clone();
            tasks.spawn(async move { process.run_until_cancelled(serving).await });
        }
    };
    process.run_until_cancelled(accepting).await;
}

async fn serve(store: Store, stream: DuplexStream, tasks: Tasks) {
    let service = stepped::service(store, None, tasks.0.clone());
    let service = hyper::service::service_fn(move |request| {
        let mut service = service.clone();
        async move { service.call(request).await }
    });
    let served = http2::Builder::new(tasks)
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .serve_connection(TokioIo::new(stream), service);
    // A gateway that goes away is no error here.
    drop(served.await);
}

/// Tasks that end with their process.
#[derive(Clone)]
struct Tasks(TaskTracker, CancellationToken);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let process = self.1.clone();
        self.0.spawn(async move { drop(process.run_until_cancelled(task).await) });
    }
}
