//! Where a claim lies, and for how long.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_found_across_the_boundary_of_two_buckets() {
    let server = Server::start();
    let clock = clock();
    // The last minute of a 64-day period.
    clock.advance(Duration::from_hours(24 * 64) - Duration::from_hours(12) - Duration::from_secs(70));
    let gateway = Gateway::of_one_bucket(vec![server.url()], &clock).await;
    for number in 1..=3 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, SAME);
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, SAME, "the claim was carried over");
    let changed = gateway.answer(id(2), &[("q", 3)]).await;
    assert_eq!(changed.verdict, REVISED);
    assert_eq!(gateway.says(id(2), &[("q", 9)]).await, REVISED);
    clock.advance(WINDOW);
    assert_eq!(
        gateway.says(id(2), &[("q", 4)]).await,
        Verdict::Revised { late: true },
        "since the first answer"
    );
    clock.advance(Duration::from_hours(24 * 3));
    assert_eq!(gateway.says(id(3), &[("q", 9)]).await, Verdict::Fresh, "older than the span");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_expires_and_a_lost_bucket_only_makes_answers_fresh() {
    let server = Server::start();
    let gateway = Gateway::of_one_bucket(vec![server.url()], &clock()).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    gateway.published().await;
    let (key, _) = raw(&gateway, id(1)).await;
    let kept: i64 = server.cli(&["TTL", &key]).parse().unwrap();
    let days = kept / 86_400;
    assert!((78..=79).contains(&days), "the rest of 64 days and a span of 16: {days}");
    for key in server.cli(&["--raw", "KEYS", "vg:*"]).lines().filter(|key| key.starts_with("vg:{")) {
        assert!(server.cli(&["TTL", key]).parse::<i64>().unwrap() > 0, "{key}");
    }
    assert_eq!(
        server
            .cli(&[
                "EVAL",
                "for _, k in ipairs(redis.call('KEYS', 'vg:r:*')) do return redis.call('TTL', k) end",
                "0"
            ])
            .parse::<i64>()
            .unwrap()
            / 86_400,
        81
    );
    server.cli(&["DEL", &key]);
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_begin_their_periods_one_after_the_other_and_claims_are_found_across_each_boundary() {
    let server = Server::start();
    let clock = clock();
    let gateway = Gateway::with(&settings(vec![server.url()]), 20, &clock, "fingerprint").await.unwrap();
    let place = |number| {
        let shared = gateway.shared();
        shared.buckets.place(id(number), clock.now(), WINDOW, shared.link.generation())
    };
    let mut written = Vec::new();
    let mut looked_at = Vec::new();
    for day in 0..64 {
        let today: Vec<_> = (day * 10..day * 10 + 10).collect();
        for number in &today {
            assert_eq!(gateway.says(id(*number), &[("q", 9)]).await, Verdict::Fresh);
        }
        looked_at.push(today.iter().filter(|number| place(**number).previous.is_some()).count());
        written.extend(today);
        clock.advance(Duration::from_hours(24));
        // Fourteen days are the window; a span is sixteen.
        for number in written.iter().rev().take(150).step_by(15) {
            let claimed = gateway.answer(id(*number), &[("q", 9)]).await;
            assert!(matches!(claimed.verdict, Verdict::Same { .. }), "{number} on day {day}: {claimed:?}");
        }
    }
    let all: usize = looked_at.iter().sum();
    assert!((40..320).contains(&all), "{all} of 640 looked at two buckets");
    gateway.stop().await;
}
