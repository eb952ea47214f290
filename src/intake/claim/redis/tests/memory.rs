//! What a claim costs in memory, on a real server.

use super::*;

/// Claims that many responses with one NPS score each; gives Redis's bytes a claim.
async fn bytes_a_claim(claims: u32, answers_per_day: u64) -> f64 {
    let server = Server::start();
    let redis = settings::Redis { timeout: Duration::from_secs(5), ..settings(vec![server.url()]) };
    let gateway = Arc::new(Gateway::with(&redis, answers_per_day, &clock(), "fingerprint").await.unwrap());
    let used = || -> u64 {
        let info = server.cli(&["INFO", "memory"]);
        info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()).unwrap()
    };
    let before = used();
    let workers = 64;
    let mut claiming = tokio::task::JoinSet::new();
    for worker in 0..workers {
        let gateway = Arc::clone(&gateway);
        claiming.spawn(async move {
            for number in (worker..claims).step_by(workers as usize) {
                assert_eq!(gateway.says(id(number), &[("recommend", 9)]).await, Verdict::Fresh);
            }
        });
    }
    while let Some(claimed) = claiming.join_next().await {
        claimed.unwrap();
    }
    let bytes = (used() - before) as f64 / f64::from(claims);
    println!("{claims} claims at {answers_per_day} answers a day: {bytes:.1} bytes a claim");
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_takes_at_most_48_bytes_at_the_configured_volume() {
    let claims = std::env::var("VOXGATE_TEST_CLAIMS").map_or(100_000, |text| text.parse().unwrap());
    // A period of 64 days holds them all.
    let bytes = bytes_a_claim(claims, u64::from(claims) / 64).await;
    assert!(bytes <= 48.0, "{bytes}");
    assert!(bytes >= 30.0, "{bytes}: they are not all there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_takes_at_most_64_bytes_at_a_quarter_and_at_four_times_of_the_volume() {
    let claims = std::env::var("VOXGATE_TEST_CLAIMS").map_or(20_000, |text| text.parse().unwrap());
    let configured = u64::from(claims) / 64;
    let quarter = bytes_a_claim(claims, configured * 4).await;
    let four_times = bytes_a_claim(claims, configured / 4).await;
    assert!(quarter <= 64.0 && four_times <= 64.0, "{quarter} at a quarter, {four_times} at four times");
}
