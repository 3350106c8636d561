//! Looking for the proof of a name in the DNS.

use std::net::SocketAddr;
use std::time::Duration;

use domain::own_domain::DnsRecord;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};

/// How long a server is waited for, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(3);
const TRIES: usize = 2;

/// Asks the DNS. What it answers is not kept: whoever corrects a record wants to see it seen.
#[derive(Clone, Debug)]
pub struct Dns(TokioResolver);

/// Why the DNS could not be asked, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the DNS gives no answer")]
pub struct DnsError(#[from] NetError);

impl Dns {
    /// The servers that this machine asks.
    ///
    /// # Errors
    /// When the system does not say which they are.
    pub fn system() -> Result<Self, DnsError> {
        let mut builder = TokioResolver::builder_tokio()?;
        options(builder.options_mut());
        Ok(Self(builder.build()?))
    }

    /// This server alone.
    ///
    /// # Errors
    /// None in practice.
    pub fn at(server: SocketAddr) -> Result<Self, DnsError> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        options(builder.options_mut());
        Ok(Self(builder.build()?))
    }

    /// Whether a TXT record is there, alone or among others of its name. A text may come in several parts.
    ///
    /// # Errors
    /// When no server answered. A name without such records is an answer.
    pub async fn has(&self, record: &DnsRecord) -> Result<bool, DnsError> {
        // With a dot at the end, so that no search domain is tried.
        let Ok(name) = Name::from_ascii(format!("{}.", record.name)) else {
            return Ok(false);
        };
        let found = match self.0.txt_lookup(name).await {
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => return Ok(false),
            found => found?,
        };
        Ok(found.answers().iter().any(|answer| match &answer.data {
            RData::TXT(text) => text.txt_data.concat() == record.value.as_bytes(),
            _ => false,
        }))
    }
}

fn options(options: &mut hickory_resolver::config::ResolverOpts) {
    options.cache_size = 0;
    options.timeout = PATIENCE;
    options.attempts = TRIES;
}
