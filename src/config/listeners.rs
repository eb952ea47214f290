//! What may listen where: sample secrets and a store without a key stay on loopback.

use std::net::SocketAddr;

use super::{layers::Layers, overrides::Role, settings::Settings};

/// Checks the listeners of the roles that are played.
pub(super) fn check(layers: &Layers<'_>, settings: &Settings) {
    let edge = settings.roles.contains(&Role::Edge);
    let store = settings.roles.contains(&Role::Store);
    let listeners = [
        ("http.listen", edge, settings.http.listen),
        ("grpc.listen", edge, settings.grpc.listen),
        ("store.listen", store, settings.store.listen),
        ("admin.listen", true, settings.admin.listen),
    ];
    let open =
        |(_, played, address): &&(&'static str, bool, SocketAddr)| *played && !address.ip().is_loopback();
    for (key, ..) in listeners.iter().filter(open) {
        let Some(value) = layers.get(key) else { continue };
        if settings.sample_secrets {
            value.problem(
                "is not on loopback while sample secrets are in use, which everyone knows; replace those \
 that the warnings name",
            );
        }
        if *key == "store.listen" && settings.store.key.is_none() {
            value.problem("is not on loopback, and the store has no key; set [store] key");
        }
    }
}
