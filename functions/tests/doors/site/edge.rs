//! An edge that does as a test tells it. The real ones are tested where they run: a laptop's in `local/tests`, that of AWS on
//! the emulator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use domain::own_domain::{DnsRecord, OwnName};
use functions::own_domains::{Asked, Certificate, Edge, EdgeError, Place};

/// What the edge and its authority hold, and what they are to say.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Certificates by the token that they were asked for with.
    pub(crate) certificates: BTreeMap<String, String>,
    /// What the authority says of all of them; by itself that they are issued.
    pub(crate) says: Option<Certificate>,
    /// Names that are answered.
    pub(crate) attached: BTreeSet<String>,
    /// How often the edge will still say that it is letting a name go.
    pub(crate) lingers: u32,
    /// Every request fails with this.
    pub(crate) down: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TestEdge(Arc<Mutex<Held>>);

impl TestEdge {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.0.lock().expect("not poisoned"))
    }

    fn asked<'a, T: Send + 'a>(&'a self, answer: impl FnOnce(&mut Held) -> T + Send + 'a) -> Asked<'a, T> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.with(|held| match &held.down {
                Some(why) => Err(EdgeError(why.clone())),
                None => Ok(answer(held)),
            })
        })
    }
}

pub(crate) fn record(name: &str) -> DnsRecord {
    DnsRecord {
        kind: "CNAME".into(),
        name: format!("_authority.{name}"),
        value: "proof.authority.test".into(),
    }
}

impl Edge for TestEdge {
    fn request<'a>(&'a self, name: &'a OwnName, token: &'a str) -> Asked<'a, String> {
        self.asked(move |held| {
            let next = format!("certificate-of-{name}-{}", held.certificates.len());
            held.certificates.entry(token.to_owned()).or_insert(next).clone()
        })
    }

    fn certificate<'a>(&'a self, certificate: &'a str) -> Asked<'a, Certificate> {
        self.asked(
            move |held| match held.certificates.values().any(|known| known == certificate) {
                true => held.says.clone().unwrap_or(Certificate::Issued),
                false => Certificate::Unknown,
            },
        )
    }

    fn attach<'a>(&'a self, name: &'a OwnName, _: &'a str) -> Asked<'a, Place> {
        self.asked(move |held| {
            held.attached.insert(name.to_string());
            Place {
                id: format!("place-of-{name}"),
                target: Some("edge.test".into()),
            }
        })
    }

    fn detach<'a>(&'a self, name: &'a OwnName) -> Asked<'a, bool> {
        self.asked(move |held| {
            if held.lingers > 0 {
                held.lingers -= 1;
                return false;
            }
            held.attached.remove(name.as_str());
            true
        })
    }

    fn forget<'a>(&'a self, certificate: &'a str) -> Asked<'a, bool> {
        self.asked(move |held| {
            held.certificates.retain(|_, known| known != certificate);
            true
        })
    }
}
