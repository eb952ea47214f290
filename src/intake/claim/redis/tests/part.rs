//! A part of a cluster is away: the others go on.

use super::*;

/// The master that serves a key.
fn master_of<'a>(cluster: &'a Cluster, key: &str) -> &'a Server {
    let slot = cluster.servers[0].cli(&["CLUSTER", "KEYSLOT", key]);
    let count = |server: &&Server| server.cli(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0";
    cluster.servers.iter().filter(|server| !server.is_replica()).find(count).unwrap()
}

/// A master that does not serve the identity, without which there is no connection.
fn other_master(cluster: &Cluster) -> &Server {
    let needed = master_of(cluster, "vg:identity").port();
    let other = |server: &&Server| !server.is_replica() && server.port() != needed;
    cluster.servers.iter().find(other).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_starts_on_the_masters_that_answer() {
    let cluster = Cluster::start();
    Gateway::start(cluster.urls(), &clock()).await.stop().await;
    for replica in cluster.replicas() {
        assert_eq!(replica.cli(&["CONFIG", "SET", "cluster-replica-no-failover", "yes"]), "OK");
    }
    let silent = other_master(&cluster);
    silent.freeze();
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    assert!(gateway.claims.is_up());
    let (mut verified, mut slowest) = (0, Duration::ZERO);
    for number in 0..60 {
        let begun = Wall::now();
        verified += u32::from(gateway.answer(id(number), &[("q", 9)]).await.verified);
        slowest = slowest.max(begun.elapsed());
    }
    assert!(verified > 0, "the other two masters serve");
    assert!(slowest < TIMEOUT + Duration::from_millis(100), "{slowest:?}");
    silent.thaw();
    wait(|| cluster.servers.iter().all(Server::is_whole));
    for number in 100..160 {
        until(async || gateway.answer(id(number), &[("q", 9)]).await.verified.then_some(())).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_master_is_no_reason_to_connect_anew() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    let full = other_master(&cluster);
    assert_eq!(full.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let generation = gateway.shared().link.generation();
    let (begun, mut number, mut refused) = (Wall::now(), 0, 0);
    let mut pace = tokio::time::interval(Duration::from_millis(2));
    // A node that is silent for two seconds would be connected to anew.
    while begun.elapsed() < Duration::from_secs(3) {
        pace.tick().await;
        number += 1;
        refused += u32::from(!gateway.answer(id(number), &[("q", 9)]).await.verified);
    }
    assert!(refused > 0, "a third of all buckets lie there");
    assert!(number > 2 * refused, "the others serve: {refused} of {number} refused");
    assert_eq!(
        gateway.shared().link.generation(),
        generation,
        "all claims would be older than the connection"
    );
    assert_eq!(full.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    for number in 0..60 {
        assert!(gateway.answer(id(100_000 + number), &[("q", 9)]).await.verified);
    }
    gateway.stop().await;
}
