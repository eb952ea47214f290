//! What the command line says about settings; wins over everything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

/// A part that the process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// Channels to forward.
    Edge,
    /// The reference storage service.
    Store,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Edge, Self::Store];
}

/// Flags that stand for settings.
#[derive(Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Overrides {
    /// Directory of the spool, the dead letters and the SQLite file
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Role to play; may be given twice [default: all]
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<Role>,
    /// Where to serve HTTP
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
    /// Where to serve gRPC
    #[arg(long, value_name = "ADDR")]
    pub grpc: Option<String>,
    /// Where to serve health, metrics and the ledger
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// Where the store listens (an address), or where it is (a URL)
    #[arg(long, value_name = "ADDR_OR_URL")]
    pub store: Option<String>,
    /// Redis servers, separated by commas; embedded claims without
    #[arg(long, value_name = "URL,…")]
    pub redis: Option<String>,
}

/// Shows no URLs: they may hold passwords.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overrides")
            .field("data", &self.data)
            .field("roles", &self.roles)
            .field("http", &self.http)
            .field("grpc", &self.grpc)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

impl Overrides {
    /// The roles asked for; all when none is.
    pub(super) fn roles(&self) -> BTreeSet<Role> {
        let roles: &[Role] = if self.roles.is_empty() { &Role::ALL } else { &self.roles };
        roles.iter().copied().collect()
    }

    /// By setting: the flag and what was given.
    pub(super) fn by_key(&self) -> BTreeMap<&'static str, (&'static str, String)> {
        let store_key = match &self.store {
            Some(store) if store.parse::<SocketAddr>().is_err() => "store.url",
            _ => "store.listen",
        };
        let data = self.data.as_ref().map(|data| data.to_string_lossy().into_owned());
        [
            ("data", "--data", &data),
            ("http.listen", "--http", &self.http),
            ("grpc.listen", "--grpc", &self.grpc),
            ("admin.listen", "--admin", &self.admin),
            (store_key, "--store", &self.store),
            ("redis.urls", "--redis", &self.redis),
        ]
        .into_iter()
        .filter_map(|(key, flag, text)| Some((key, (flag, text.clone()?))))
        .collect()
    }
}
