//! What companies' own host names need of the world: their proof in the DNS, a certificate, and a place at the edge. On AWS
//! that is ACM and CloudFront ([`aws`]), on a laptop its own authority and its own listener.

mod advance;
pub mod aws;
mod dns;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use domain::own_domain::{DnsRecord, OwnName};

pub(crate) use advance::advance;
pub use dns::{Dns, DnsError};

/// What an installation that serves own names has for it.
#[derive(Clone)]
pub struct OwnDomains {
    /// Where proofs are looked for.
    pub dns: Dns,
    /// Who certifies names and answers under them.
    pub edge: Arc<dyn Edge>,
}

impl fmt::Debug for OwnDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnDomains").finish_non_exhaustive()
    }
}

/// What became of a certificate that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// The authority looks for these records in the DNS; none where it has not said yet which.
    Validating(Vec<DnsRecord>),
    /// It is there.
    Issued,
    /// It will not be: why.
    Refused(String),
    /// There is no such certificate (any more).
    Unknown,
}

/// A name's place at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As the edge names it.
    pub id: String,
    /// The host name that the name's DNS shall lead to, where the edge has one.
    pub target: Option<String>,
}

/// Why the edge or its authority did not do what was asked. The text is for operators, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EdgeError(pub String);

/// A future of an [`Edge`].
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, EdgeError>> + Send + 'a>>;

/// Who certifies own names and answers under them. Everything may be asked again: a repeat has no second effect.
pub trait Edge: Send + Sync {
    /// Asks for a certificate for a name. `token` names the asking: of one token there is one certificate. Answers what the
    /// authority calls it.
    fn request<'a>(&'a self, name: &'a OwnName, token: &'a str) -> Asked<'a, String>;

    /// What became of a certificate.
    fn certificate<'a>(&'a self, certificate: &'a str) -> Asked<'a, Certificate>;

    /// Answers under a name from now on, with a certificate that was issued for it.
    fn attach<'a>(&'a self, name: &'a OwnName, certificate: &'a str) -> Asked<'a, Place>;

    /// Answers under a name no more. `false`: that has begun, and must be asked again.
    fn detach<'a>(&'a self, name: &'a OwnName) -> Asked<'a, bool>;

    /// Gives a certificate up. `false`: it is still used, and must be asked again.
    fn forget<'a>(&'a self, certificate: &'a str) -> Asked<'a, bool>;
}
