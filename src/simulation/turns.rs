//! Runs blocking code on a thread of its own, never at the same time as the runtime: wherever the code would wait for
//! the disk it gives the turn back, for as long as the disk takes in simulated time.

use std::{
    any::Any,
    cell::RefCell,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use tokio::runtime::Handle;

/// In real time; no turn computes for so long, so it waits for what only another turn could give.
const STUCK: Duration = Duration::from_secs(60);

type Work = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

enum Told {
    /// Waits for so long.
    Paused(Duration),
    Done(Box<dyn Any + Send>),
}

thread_local! {
    static TURN: RefCell<Option<(SyncSender<Told>, Receiver<()>)>> = const { RefCell::new(None) };
}

/// Lets simulated time go by. On the runtime's own thread nothing happens.
pub(super) fn pause(span: Duration) {
    TURN.with_borrow(|turn| {
        let Some((told, go)) = turn else { return };
        told.send(Told::Paused(span)).unwrap();
        go.recv().unwrap();
    });
}

/// A thread that takes turns with the runtime.
#[derive(Debug)]
pub(super) struct Turns {
    work: SyncSender<Work>,
    told: Receiver<Told>,
    go: SyncSender<()>,
}

impl Turns {
    /// Starts the thread; it ends with the value.
    pub(super) fn start() -> Self {
        let (work, works) = sync_channel::<Work>(1);
        let (tell, told) = sync_channel(1);
        let (go, gone) = sync_channel(1);
        let runtime = Handle::current();
        thread::spawn(move || {
            // The runtime's clock is that of the code that runs here, too.
            let _runtime = runtime.enter();
            TURN.set(Some((tell.clone(), gone)));
            while let Ok(work) = works.recv() {
                let done = work();
                if tell.send(Told::Done(done)).is_err() {
                    return;
                }
            }
        });
        Self { work, told, go }
    }

    /// Runs `work` to its end. When this is dropped before, the rest of it runs at once, without pauses.
    pub(super) async fn run<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.work.send(Box::new(move || Box::new(work()))).unwrap();
        let mut running = Running { turns: self, done: false };
        loop {
            match running.turns.wait() {
                Told::Paused(span) => tokio::time::sleep(span).await,
                Told::Done(done) => {
                    running.done = true;
                    return *done.downcast::<T>().unwrap();
                }
            }
            running.turns.go.send(()).unwrap();
        }
    }

    fn wait(&self) -> Told {
        match self.told.recv_timeout(STUCK) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => panic!("a turn waits for what only another turn could give"),
            Err(RecvTimeoutError::Disconnected) => panic!("a turn ended by a panic"),
        }
    }
}

/// Work that has begun; on an early end it is paused.
struct Running<'a> {
    turns: &'a mut Turns,
    done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        while !self.done && !thread::panicking() {
            self.turns.go.send(()).unwrap();
            self.done = matches!(self.turns.wait(), Told::Done(_));
        }
    }
}
