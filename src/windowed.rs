//! Work on the items of a stream, with results that a slow or stalled client reads at its own pace.
//!
//! A future that nobody polls keeps what it holds: a turn, a lock, a place in a queue. As part of a reply's body, the
//! work would stand still as soon as the client stops reading, and others would wait for what it holds. So a task of
//! its own drives it, and a place for an item's result is reserved before the item is begun: what is begun comes to its
//! end whatever the client does. Begun items and unread results are at most the window; then no more is read, and
//! HTTP/2's flow control holds the sender.

use std::pin::pin;

use futures_util::{FutureExt as _, Stream, StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;

/// The results of `work` on each item, as they come to their end; at most `window` begun or unread at once. Ends after
/// the last item, or once `stop` is done, with the results of all that was begun.
pub(crate) fn windowed<T, R, Work>(
    items: impl Stream<Item = T> + Send + 'static,
    window: usize,
    work: impl Fn(T) -> Work + Send + Sync + 'static,
    tasks: &TaskTracker,
    stop: impl Future<Output = ()> + Send + 'static,
) -> ReceiverStream<R>
where
    T: Send + 'static,
    R: Send + 'static,
    Work: Future<Output = R> + Send + 'static,
{
    let (results, unread) = mpsc::channel(window.max(1));
    let items = items.take_until(stop);
    tasks.spawn(drive(items, work, results));
    ReceiverStream::new(unread)
}

async fn drive<T, R, Work: Future<Output = R>>(
    items: impl Stream<Item = T>,
    work: impl Fn(T) -> Work,
    results: mpsc::Sender<R>,
) {
    let (mut items, mut abandoned) = (pin!(items.fuse()), pin!(results.closed()));
    let mut begun = FuturesUnordered::new();
    loop {
        let next = async { Some((results.reserve().await.ok()?, items.next().await?)) };
        tokio::select! {
            next = next => match next {
                // Boxed where it is made: it is moved as often as it is handed on.
                Some((place, item)) => begun.push(Box::pin(async { place.send(work(item).await) })),
                None => break,
            },
            // Many end by one write to the disk: the stream is not asked for more in between.
            Some(()) = begun.next() => while let Some(Some(())) = begun.next().now_or_never() {},
            // Nobody will read: what is begun still ends.
            () = &mut abandoned => break,
        }
    }
    begun.collect::<()>().await;
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use futures_util::stream;
    use tokio::sync::Semaphore;
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Items that each need a go, and count when they have ended.
    fn counted(
        ended: &Arc<AtomicUsize>,
        go: &Arc<Semaphore>,
    ) -> impl Fn(usize) -> futures_util::future::BoxFuture<'static, usize> + use<> {
        let (ended, go) = (Arc::clone(ended), Arc::clone(go));
        move |item| {
            let (ended, go) = (Arc::clone(&ended), Arc::clone(&go));
            Box::pin(async move {
                go.acquire().await.unwrap().forget();
                ended.fetch_add(1, Ordering::SeqCst);
                item
            })
        }
    }

    #[tokio::test]
    async fn what_is_begun_ends_though_nobody_reads_and_no_more_than_the_window_is_begun() {
        let (ended, go) = (Arc::default(), Arc::new(Semaphore::new(100)));
        let tasks = TaskTracker::new();
        let items = stream::iter(0..100);
        let mut results = windowed(items, 8, counted(&ended, &go), &tasks, pending());
        while ended.load(Ordering::SeqCst) < 8 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ended.load(Ordering::SeqCst), 8, "a full window begins nothing more");
        assert!(results.next().await.is_some());
        while ended.load(Ordering::SeqCst) < 9 {
            tokio::task::yield_now().await;
        }
        assert_eq!(results.count().await, 99);
    }

    #[tokio::test]
    async fn what_is_begun_ends_though_the_reader_is_gone() {
        let (ended, go) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let tasks = TaskTracker::new();
        let items = stream::iter(0..4).chain(stream::pending());
        let results = windowed(items, 8, counted(&ended, &go), &tasks, pending());
        tokio::task::yield_now().await;
        drop(results);
        go.add_permits(4);
        tasks.close();
        tasks.wait().await;
        assert_eq!(ended.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn a_stop_ends_the_stream_with_the_results_of_what_was_begun() {
        let (ended, go) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let items = stream::iter(0..4).chain(stream::pending());
        let results = windowed(items, 8, counted(&ended, &go), &tasks, stop.clone().cancelled_owned());
        tokio::task::yield_now().await;
        stop.cancel();
        go.add_permits(4);
        assert_eq!(results.count().await, 4);
    }
}
