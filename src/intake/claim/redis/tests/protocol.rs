//! What must hold on one server, on a cluster, and between gateways that race.

use super::*;

/// What must hold on one server and on a cluster alike.
async fn the_protocol(urls: Vec<String>) {
    let clock = clock();
    let gateway = Gateway::start(urls.clone(), &clock).await;
    let other = Gateway::start(urls, &clock).await;

    let (first, ticket) = gateway.claim(id(1), &[("q", 9)]).await;
    assert_eq!(first, Claimed { verdict: Verdict::Fresh, verified: true, stamp: clock.now() });
    let (double, again) = gateway.claim(id(1), &[("q", 9)]).await;
    assert_eq!(double.verdict, AGAIN, "the first is not on disk");
    assert!(double.stamp > first.stamp);
    ticket.settle();
    again.settle();
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, SAME);

    gateway.published().await;
    assert_eq!(other.says(id(1), &[("q", 9)]).await, SAME, "as the other gateway knows");
    let changed = other.answer(id(1), &[("q", 3)]).await;
    assert_eq!(changed.verdict, REVISED);
    assert!(changed.stamp > double.stamp);
    assert_eq!(gateway.says(id(1), &[("p", 5)]).await, REVISED);
    clock.advance(WINDOW + Duration::from_secs(1));
    assert_eq!(gateway.says(id(1), &[("q", 4)]).await, Verdict::Revised { late: true });

    // A gateway dies between claim and fsync; the retry comes to the other one.
    let (lost, ticket) = gateway.claim(id(2), &[("q", 9)]).await;
    assert_eq!(lost.verdict, Verdict::Fresh);
    drop(ticket);
    assert_eq!(other.says(id(2), &[("q", 9)]).await, AGAIN);
    assert_eq!(other.says(id(2), &[("q", 9)]).await, SAME);
    gateway.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_holds_on_one_server() {
    let server = Server::start();
    the_protocol(vec![server.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_holds_on_a_cluster_and_through_its_failovers() {
    let mut cluster = Cluster::start();
    the_protocol(cluster.urls()).await;
    a_takeover_makes_older_claims_uncertain(&cluster).await;
    a_frozen_master_delays_only_its_own(&cluster).await;
    a_lost_master_is_survived(&mut cluster).await;
}

/// `CLUSTER FAILOVER TAKEOVER` promotes a replica without asking anyone: no connection is lost, writes may be.
async fn a_takeover_makes_older_claims_uncertain(cluster: &Cluster) {
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    for number in 100..130 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    gateway.clock.advance(Duration::from_secs(60));
    for number in 100..115 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, SAME, "{number}");
    }
    let replicas: Vec<_> = cluster.replicas().collect();
    for replica in &replicas {
        assert_eq!(replica.cli(&["CLUSTER", "FAILOVER", "TAKEOVER"]), "OK");
    }
    wait(|| replicas.iter().all(|replica| replica.cli(&["ROLE"]).starts_with("master")));
    gateway.clock.advance(Duration::from_secs(60));
    for number in 115..130 {
        let claimed =
            until(async || Some(gateway.answer(id(number), &[("q", 9)]).await).filter(|one| one.verified))
                .await;
        assert_ne!(claimed.verdict, SAME, "{number}");
    }
    gateway.stop().await;
}

/// One master hangs: what lies on the others is verified all the time, and the cluster promotes its replica.
async fn a_frozen_master_delays_only_its_own(cluster: &Cluster) {
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    let master = cluster.servers.iter().find(|server| server.cli(&["ROLE"]).starts_with("master")).unwrap();
    master.freeze();
    for number in 400..430 {
        let begun = Wall::now();
        gateway.answer(id(number), &[("q", 9)]).await;
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
    }
    for number in 500..530 {
        until(async || gateway.answer(id(number), &[("q", 9)]).await.verified.then_some(())).await;
    }
    master.thaw();
    wait(|| cluster.servers.iter().all(Server::is_whole));
    gateway.stop().await;
}

async fn a_lost_master_is_survived(cluster: &mut Cluster) {
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    let master =
        cluster.servers.iter_mut().find(|server| server.cli(&["ROLE"]).starts_with("master")).unwrap();
    master.kill();
    for number in 200..230 {
        let begun = Wall::now();
        gateway.answer(id(number), &[("q", 9)]).await;
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
    }
    for number in 300..330 {
        until(async || gateway.answer(id(number), &[("q", 9)]).await.verified.then_some(())).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_that_race_leave_the_newest_value_in_the_claim() {
    let server = Server::start();
    let clock = clock();
    let one = Gateway::start(vec![server.url()], &clock).await;
    let two = Gateway::start(vec![server.url()], &clock).await;
    for round in 0..100 {
        let (mine, yours) =
            tokio::join!(one.answer(id(round), &[("q", 1)]), two.answer(id(round), &[("q", 2)]));
        assert!(mine.verified && yours.verified);
        assert_ne!(mine.stamp, yours.stamp);
        assert_eq!(
            [mine.verdict, yours.verdict].iter().filter(|verdict| **verdict == Verdict::Fresh).count(),
            1,
            "{mine:?} {yours:?}"
        );
        let (older, newer) = if mine.stamp > yours.stamp { (2, 1) } else { (1, 2) };
        let double = one.answer(id(round), &[("q", newer)]).await;
        assert!(matches!(double.verdict, Verdict::Same { .. }));
        assert_eq!(one.answer(id(round), &[("q", older)]).await.verdict, REVISED);
    }
    one.stop().await;
    two.stop().await;
}
