//! The relay's configuration: one typed tree, from a file, then the environment and flags.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use domain::{id::RelayId, jws::Jwk};
use relay_core::{forward, room};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::secret::Secret;

/// Everything a relay is told at its start. `relay/relay.example.toml` explains each key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of this relay, unique in the installation.
    pub name: RelayId,
    /// Where it is, as participants see it.
    pub region: String,
    /// Address of the HTTP and WebSocket port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Base of the public address, such as `https://r1.eu.relays.example`; absent: made from `listen`.
    pub url: Option<String>,
    /// Participants on this relay.
    pub capacity: u32,
    /// Folder in which the relay keeps its key.
    pub data: PathBuf,
    /// Media ports and threads.
    pub media: Media,
    /// HTTPS and TURN on one TLS port; absent: something in front of the relay speaks TLS.
    pub tls: Option<Tls>,
    /// The operator's door and how the relay ends.
    pub operator: Operator,
    /// The control plane; absent: the relay stands alone and opens rooms of API keys only.
    pub control: Option<ControlPlane>,
    /// Classic API keys (HS256): name to secret. Empty switches them off.
    pub api_keys: BTreeMap<String, Secret<String>>,
    /// Participants in a room of an API key.
    pub max_participants: u32,
    /// Cameras of a room that a client which subscribes to everything gets without asking for them by name.
    pub auto_cameras: u32,
    /// The relay's key pair (PKCS #8), when whoever starts it brings it instead of the data folder.
    #[serde(skip)]
    pub key: Option<Secret<Vec<u8>>>,
}

/// Media ports and threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Address of the UDP port for everybody's media; port 0 takes a free one.
    pub udp: SocketAddr,
    /// Address of the UDP port for STUN and TURN, another one than `udp`; port 0 takes a free one.
    pub stun: SocketAddr,
    /// Address of the TCP port for ICE-TCP and TURN; port 0 takes a free one.
    pub tcp: SocketAddr,
    /// Addresses at which clients reach these ports, best first; empty: that of `udp`, or 127.0.0.1.
    pub addresses: Vec<IpAddr>,
    /// Media threads.
    pub workers: usize,
    /// Participants of one room who share a media thread before the next one takes further ones.
    pub together: u32,
    /// Send and receive buffer asked of the kernel per socket, in bytes.
    pub socket_buffer: usize,
    /// Microphones of one room that are forwarded at once, the loudest; 0 forwards all.
    pub voices: usize,
    /// TCP connections for media (and, with `[tls]`, for HTTPS).
    pub connections: usize,
    /// Of these, of one address (IPv4) or network (IPv6, /64).
    pub connections_per_address: usize,
    /// Allocations of TURN.
    pub allocations: usize,
    /// Of these, of one participant: a browser makes one for each address of its own, each URL, and each connection.
    pub allocations_per_participant: usize,
}

/// HTTPS and TURN on one TLS port, told apart by the name that the client asks for (SNI).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Address of the port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// File with the certificate chain (PEM), good for the relay's name and for `turn_name`; read again every hour.
    pub certificate: PathBuf,
    /// File with its private key (PEM).
    pub key: PathBuf,
    /// The name that is for TURN; every other is for HTTPS.
    pub turn_name: String,
}

/// The operator's door and how the relay ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operator {
    /// Address of the port for metrics, health, drain and the pages of rooms; port 0 takes a free one. Nobody is asked for a
    /// name there.
    pub listen: SocketAddr,
    /// How long running meetings are waited for once the relay was told to end, in seconds.
    pub drain_seconds: u32,
}

/// How the control plane is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    /// Base of its address, such as `https://api.example`.
    pub url: String,
    /// Its public keys, when they shall be known before it was reached.
    #[serde(default)]
    pub keys: Vec<Jwk>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "relay-1".parse().expect("a plain name"),
            region: "local".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7880)),
            url: None,
            capacity: 2_000,
            data: PathBuf::from("data/relay"),
            media: Media::default(),
            tls: None,
            operator: Operator::default(),
            control: None,
            api_keys: BTreeMap::new(),
            max_participants: 200,
            auto_cameras: 49,
            key: None,
        }
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7884)),
            drain_seconds: 600,
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            udp: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 7882)),
            stun: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            tcp: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            addresses: Vec::new(),
            workers: 1,
            together: room::TOGETHER,
            socket_buffer: 4 * 1024 * 1024,
            voices: forward::VOICES,
            connections: 8_192,
            connections_per_address: 1_024,
            allocations: 8_192,
            allocations_per_participant: 64,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {0}")]
    File(PathBuf, #[source] io::Error),
    /// The file is not what it should be. The line is named and not shown, and no value is: it may be a secret.
    #[error("configuration file {0}, line {1}: {2}")]
    Toml(PathBuf, usize, String),
    /// An API key's secret is too short to be one.
    #[error("the secret of API key {0} is shorter than 32 characters")]
    ShortSecret(String),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown key or a wrong value.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::File(path.to_owned(), error))?;
        toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let lines = text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            ConfigError::Toml(path.to_owned(), lines + 1, without_values(error.message()))
        })
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// When a secret is too short.
    pub fn check(&self) -> Result<(), ConfigError> {
        match self.api_keys.iter().find(|(_, secret)| secret.0.len() < 32) {
            Some((name, _)) => Err(ConfigError::ShortSecret(name.clone())),
            None => Ok(()),
        }
    }

    /// The addresses that clients are told for a port of the relay, whose media port is open at `udp`.
    #[must_use]
    pub fn media_addresses(&self, udp: SocketAddr, port: u16) -> Vec<SocketAddr> {
        let own = if udp.ip().is_unspecified() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            udp.ip()
        };
        let addresses = if self.media.addresses.is_empty() {
            &[own][..]
        } else {
            &self.media.addresses
        };
        addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
    }
}

/// What is said of a wrong value, without the value: serde names it before what it expected.
fn without_values(message: &str) -> String {
    let names_value = ["invalid ", "unknown variant "]
        .iter()
        .any(|start| message.starts_with(start));
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if names_value => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("relay.example.toml")
    }

    #[test]
    fn the_example_file_is_the_default() {
        assert_eq!(
            Config::read(&example()).expect("the example is valid"),
            Config::default()
        );
    }

    #[test]
    fn the_example_file_names_every_key() {
        let text = fs::read_to_string(example()).expect("the example exists");
        let full = Config {
            url: Some("x".to_owned()),
            tls: Some(Tls {
                listen: Media::default().tcp,
                certificate: PathBuf::new(),
                key: PathBuf::new(),
                turn_name: "x".to_owned(),
            }),
            control: Some(ControlPlane {
                url: "x".to_owned(),
                keys: Vec::new(),
            }),
            api_keys: BTreeMap::from([("devkey".to_owned(), Secret("x".to_owned()))]),
            ..Config::default()
        };
        let tree = toml::Table::try_from(full).expect("a table");
        let inner = tree
            .values()
            .filter_map(toml::Value::as_table)
            .flat_map(|table| table.keys());
        for key in tree.keys().chain(inner) {
            assert!(text.contains(key.as_str()), "{key} is missing in the example");
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("regoin = \"eu\"").is_err());
        assert!(toml::from_str::<Config>("[media]\nport = 1").is_err());
    }

    #[test]
    fn secrets_are_never_printed() {
        let config = Config {
            api_keys: BTreeMap::from([("devkey".to_owned(), Secret("hush-hush".to_owned()))]),
            key: Some(Secret(vec![77; 3])),
            ..Config::default()
        };
        let text = format!("{config:?}");
        assert!(
            text.contains("***") && !text.contains("hush") && !text.contains("77"),
            "{text}"
        );
    }

    #[test]
    fn a_mistake_in_the_file_shows_nothing_of_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relay.toml");
        for mistaken in [
            "region = \"eu\"\n[api_keys]\ndevkey = \"hush-hush",
            "region = \"eu\"\n\napi_keys = \"devkey: hush-hush\"",
            "region = \"eu\"\n\nregion = \"hush-hush\"",
            "region = \"eu\"\n[api_keys]\ndevkey = 4711",
        ] {
            fs::write(&path, mistaken).expect("written");
            let error = Config::read(&path).expect_err("a mistake");
            let told = format!("{error} {error:?}");
            assert!(
                told.contains("line 3: ") && !told.contains("hush") && !told.contains("4711"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        let config = Config {
            api_keys: BTreeMap::from([("k".to_owned(), Secret("short".to_owned()))]),
            ..Config::default()
        };
        assert!(matches!(config.check(), Err(ConfigError::ShortSecret(name)) if name == "k"));
    }
}
