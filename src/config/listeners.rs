//! What may listen where: sample secrets, a store that lets everyone in, and what is plain without being meant to, stay
//! on loopback.

use super::{
    layers::Layers,
    overrides::Role,
    settings::Settings,
    tls_files::{ADMIN, GRPC, HTTP, ListenerKeys, STORE},
};

/// Checks the listeners of the roles that are played.
pub(super) fn check(layers: &Layers<'_>, settings: &Settings) {
    let edge = settings.roles.contains(&Role::Edge);
    let store = settings.roles.contains(&Role::Store);
    let listeners = [
        ("http.listen", edge, settings.http.listen, &HTTP),
        ("grpc.listen", edge, settings.grpc.listen, &GRPC),
        ("store.listen", store, settings.store.listen, &STORE),
        ("admin.listen", true, settings.admin.listen, &ADMIN),
    ];
    for (key, played, address, tls) in listeners {
        if !played || address.ip().is_loopback() {
            continue;
        }
        let Some(value) = layers.get(key) else { continue };
        if settings.sample_secrets {
            value.problem(
                "is not on loopback while sample secrets are in use, which everyone knows; replace those \
 that the warnings name",
            );
        }
        let asks_clients = tls.client_ca.is_some_and(|key| layers.find(key).is_some());
        if key == "store.listen" && settings.store.key.is_none() && !asks_clients {
            value.problem(
                "is not on loopback, and the store has no key; set [store] key, or tls_client_ca for mutual TLS",
            );
        }
        if is_plain_unsaid(layers, tls) {
            let ListenerKeys { cert, key, plain, .. } = tls;
            value.problem(format!(
                "is not on loopback and has no TLS; set {cert} and {key}, or {plain} = true where a proxy or a mesh \
                 before it encrypts"
            ));
        }
    }
}

/// Whether there is no TLS, and nobody said that there should be none.
fn is_plain_unsaid(layers: &Layers<'_>, tls: &ListenerKeys) -> bool {
    let said = || layers.get(tls.plain).and_then(|value| value.yes_or_no());
    layers.find(tls.cert).is_none() && said() == Some(false)
}
