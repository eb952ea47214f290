use tokio::time::timeout;

use super::*;

/// Longer than anything takes that is not held back.
const SOON: Duration = Duration::from_secs(5);
/// Long enough to see that nothing comes.
const A_WHILE: Duration = Duration::from_millis(100);

/// A client and a server with the proxy between them.
async fn connected() -> (Proxy, TcpStream, TcpStream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::to(listener.local_addr().unwrap()).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    let (server, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    (proxy, client, server, listener)
}

/// Sends a byte through, and waits for it.
async fn passes(from: &mut TcpStream, to: &mut TcpStream, byte: u8) {
    from.write_u8(byte).await.unwrap();
    assert_eq!(timeout(SOON, to.read_u8()).await.unwrap().unwrap(), byte);
}

async fn hears_nothing(stream: &mut TcpStream) {
    assert!(timeout(A_WHILE, stream.read_u8()).await.is_err());
}

#[tokio::test]
async fn a_network_that_is_well_passes_both_ways() {
    let (_proxy, mut client, mut server, _listener) = connected().await;
    passes(&mut client, &mut server, 1).await;
    passes(&mut server, &mut client, 2).await;
    drop(client);
    assert_eq!(timeout(SOON, server.read(&mut [0])).await.unwrap().unwrap(), 0, "an end is passed on too");
}

#[tokio::test]
async fn what_a_half_open_network_swallowed_never_comes_and_its_connection_stays_dead() {
    let (proxy, mut client, mut server, listener) = connected().await;
    passes(&mut client, &mut server, 1).await;
    proxy.set(Network::HalfOpen);
    client.write_u8(2).await.unwrap();
    hears_nothing(&mut server).await;
    proxy.set(Network::Pass);
    client.write_u8(3).await.unwrap();
    hears_nothing(&mut server).await;
    let mut another = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut its_server, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    passes(&mut another, &mut its_server, 4).await;
}

#[tokio::test]
async fn what_is_delayed_when_the_network_is_cut_is_dropped() {
    let (proxy, mut client, mut server, _listener) = connected().await;
    proxy.set(Network::Delay(A_WHILE));
    client.write_u8(1).await.unwrap();
    tokio::time::sleep(A_WHILE / 4).await;
    proxy.set(Network::Cut);
    assert_eq!(timeout(SOON, server.read(&mut [0])).await.unwrap().unwrap(), 0);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(timeout(SOON, refused.read_u8()).await.unwrap().is_err(), "new connections end at once");
}

#[tokio::test]
async fn a_reset_is_a_reset_to_both_sides() {
    let (proxy, mut client, mut server, _listener) = connected().await;
    passes(&mut client, &mut server, 1).await;
    proxy.set(Network::Reset);
    for stream in [&mut client, &mut server] {
        let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_slow_network_drips_and_is_fast_again_when_it_is_well() {
    let (proxy, mut client, mut server, _listener) = connected().await;
    proxy.set(Network::Slow(20));
    client.write_all(&[7; 1000]).await.unwrap();
    let started = Instant::now();
    assert_eq!(timeout(SOON, server.read_u8()).await.unwrap().unwrap(), 7);
    assert!(started.elapsed() >= Duration::from_millis(45), "a byte takes 50 ms");
    proxy.set(Network::Pass);
    timeout(SOON, server.read_exact(&mut [0; 999])).await.unwrap().unwrap();
}
