//! Keys that Redis evicts while they still matter.

use super::*;

/// Takes away every key of a pattern.
fn evict(server: &Server, pattern: &str) {
    let script = "local n = 0 for _, k in ipairs(redis.call('KEYS', ARGV[1])) do n = n + redis.call('DEL', k) end \
                  return n";
    assert_ne!(server.cli(&["EVAL", script, "0", pattern]), "0", "{pattern}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_number_is_evicted_has_its_doubles_spooled_once_more_each() {
    let server = Server::start();
    let clock = clock();
    let one = Gateway::start(vec![server.url()], &clock).await;
    let two = Gateway::start(vec![server.url()], &clock).await;
    for number in 0..10 {
        assert_eq!(one.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    one.published().await;
    evict(&server, "vg:r:*");
    for number in 0..10 {
        assert_eq!(two.says(id(number), &[("q", 9)]).await, AGAIN, "nobody says that it is on disk");
        assert_eq!(two.says(id(number), &[("q", 9)]).await, SAME, "its own record is");
        assert_eq!(two.says(id(number), &[("q", 3)]).await, REVISED);
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_that_is_evicted_is_new_and_its_answer_a_double_all_the_same() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    let answer = (id(1), Timestamp::from_secs(1));
    let used = async || {
        let ticket = gateway.claims.ticket();
        let found =
            gateway.claims.idempotent(&[5; 16], [1; 8], answer, &ticket, Instant::now() + TIMEOUT).await;
        ticket.settle();
        found
    };
    assert_eq!(used().await, Idempotency::New);
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    assert_eq!(used().await, Idempotency::Same { id: id(1), stamp: answer.1, settled: true });
    evict(&server, "vg:i:*");
    assert_eq!(used().await, Idempotency::New);
    assert!(matches!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Same { .. }));
    evict(&server, "vg:{*");
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh, "storage knows better");
    gateway.stop().await;
}
