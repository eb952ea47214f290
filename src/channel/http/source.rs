//! Where a request came from. `X-Forwarded-For` is believed from trusted proxies only.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// What proxies say of where a request came from.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word is taken.
#[derive(Debug)]
pub(super) struct Proxies {
    trusted: Vec<IpNet>,
    warned: AtomicBool,
}

impl Proxies {
    pub(super) const fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, warned: AtomicBool::new(false) }
    }

    /// The nearest address that is no trusted proxy, read from the right.
    pub(super) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !headers.contains_key(FORWARDED_FOR) {
            return peer;
        }
        if !self.trusts(peer) {
            self.warn_once(peer);
            return peer;
        }
        let mut source = peer;
        for hop in hops(headers) {
            let Some(hop) = hop else { return source };
            source = hop;
            if !self.trusts(hop) {
                return source;
            }
        }
        source
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    fn warn_once(&self, peer: IpAddr) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = %peer,
                "X-Forwarded-For is ignored: if this is your proxy, add its address to `trusted_proxies` in gateway.toml"
            );
        }
    }
}

/// The addresses that the proxies saw, last first; none for what is no address.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    lines.into_iter().rev().flat_map(|line| {
        let hops: Vec<_> = line.to_str().unwrap_or("?").rsplit(',').map(|hop| address(hop.trim())).collect();
        hops
    })
}

/// Some proxies add a port, and brackets to an IPv6 address.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    plain.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted = trusted.iter().map(|net| net.parse().unwrap()).collect();
        Proxies::new(trusted).source(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_as_far_as_proxies_go() {
        let lan = &["10.0.0.0/8"];
        assert_eq!(source(&[], "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(source(lan, "10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(source(lan, "10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(source(lan, "10.0.0.1", &["6.6.6.6", "1.2.3.4:5678"]), "1.2.3.4");
        assert_eq!(source(lan, "10.0.0.1", &["nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(source(lan, "10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(source(lan, "::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
    }
}
