//! Host names of a company's own, such as `meet.acme.example`: proven by a record in the DNS, certified, then served
//! like the company's name below its reseller's domain.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::{Fqdn, Invalid};
use crate::id::{CompanyId, ResellerId, string_on_the_wire};
use crate::time::{millis, millis_option};

/// The label before an own name under which its proof stands in the DNS.
const PROOF_LABEL: &str = "_convoke";

/// A host name that a company may bring: of two labels at least, and no address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnName(Fqdn);

impl OwnName {
    /// The host name.
    pub const fn fqdn(&self) -> &Fqdn {
        &self.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name of the TXT record that proves whose it is: `_convoke.meet.acme.example`.
    pub fn proof_record(&self) -> String {
        format!("{PROOF_LABEL}.{self}")
    }

    /// Whether this is `domain` itself or lies below it.
    pub fn is_within(&self, domain: &Fqdn) -> bool {
        let rest = self.as_str().strip_suffix(domain.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The names that it lies below and its own, the longest first: `meet.acme.example`, `acme.example`, `example`.
    pub fn upwards(&self) -> Vec<Fqdn> {
        let text = self.as_str();
        let starts = std::iter::once(0).chain(text.match_indices('.').map(|(at, _)| at + 1));
        starts.filter_map(|at| text.get(at..)?.parse().ok()).collect()
    }
}

impl fmt::Display for OwnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OwnName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name: Fqdn = text.parse()?;
        let Some((_, last)) = name.as_str().rsplit_once('.') else {
            return Err(Invalid("must have two labels at least, such as meet.example.com"));
        };
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Invalid("must be a host name and no address"));
        }
        if name.as_str().len() + PROOF_LABEL.len() + 1 > 253 {
            return Err(Invalid("is too long: there is no room for the name of its proof"));
        }
        Ok(Self(name))
    }
}

string_on_the_wire!(OwnName, {"type": "string", "maxLength": 244});

/// An own name as its company knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnHost {
    /// The name.
    pub name: OwnName,
    /// Whether requests under it are answered.
    pub serving: bool,
}

/// A record of the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// Its type: `TXT`, `CNAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name, without a dot at the end.
    pub name: String,
    /// What it holds.
    pub value: String,
}

/// How far an own name has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DomainState {
    /// Its proof is looked for in the DNS.
    Unproven,
    /// It is proven; a certificate is about to be asked for.
    Proven,
    /// The authority has been asked for a certificate and looks for its own records in the DNS.
    Validating {
        /// The certificate, as the authority names it.
        certificate: String,
        /// What the authority looks for, as far as it has said so.
        #[serde(default)]
        records: Vec<DnsRecord>,
    },
    /// The certificate is there; the edge is about to be told.
    Issued {
        /// The certificate.
        certificate: String,
    },
    /// The edge answers under the name.
    Serving {
        /// The certificate.
        certificate: String,
        /// The name's place at the edge, as the edge names it.
        place: String,
        /// The host name that the DNS shall lead to, where the edge has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        target: Option<String>,
    },
    /// Given up. Looked at again when an operator says so.
    Failed {
        /// Why.
        reason: String,
    },
    /// It is being taken away: from the edge, then its certificate, then itself.
    Removing {
        /// The certificate, where there is one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        certificate: Option<String>,
        /// The edge has let it go.
        #[serde(default)]
        detached: bool,
    },
}

impl DomainState {
    /// Whether requests under the name are answered.
    pub const fn is_serving(&self) -> bool {
        matches!(self, Self::Serving { .. })
    }

    /// Whether nothing happens to it by itself any more.
    pub const fn rests(&self) -> bool {
        matches!(self, Self::Serving { .. } | Self::Failed { .. })
    }

    /// What begins its removal; the same for one that is being removed.
    #[must_use]
    pub fn removal(&self) -> Self {
        match self {
            Self::Removing { .. } => self.clone(),
            state => Self::Removing {
                certificate: state.certificate().map(str::to_owned),
                // Whether the edge has been told is not known before it is written.
                detached: !matches!(state, Self::Issued { .. } | Self::Serving { .. }),
            },
        }
    }

    /// The certificate, as the authority names it.
    pub fn certificate(&self) -> Option<&str> {
        match self {
            Self::Validating { certificate, .. } | Self::Issued { certificate } | Self::Serving { certificate, .. } => {
                Some(certificate)
            }
            Self::Removing { certificate, .. } => certificate.as_deref(),
            Self::Unproven | Self::Proven | Self::Failed { .. } => None,
        }
    }
}

/// An own name as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDomain {
    /// The name.
    pub name: OwnName,
    /// Whose reseller's.
    pub reseller: ResellerId,
    /// Whose it is.
    pub company: CompanyId,
    /// What makes its proof: nobody else's record has it. No secret.
    pub challenge: String,
    /// How far it has come.
    #[serde(flatten)]
    pub state: DomainState,
    /// Since when it is in this state.
    #[serde(with = "millis")]
    pub since: Timestamp,
    /// When it was looked at last.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub looked: Option<Timestamp>,
    /// What was in its way then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
    /// When it was added.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl OwnDomain {
    /// Most own names of one company.
    pub const MOST: usize = 20;

    /// The TXT record that proves it.
    pub fn proof(&self) -> DnsRecord {
        DnsRecord {
            kind: "TXT".into(),
            name: self.name.proof_record(),
            value: format!("convoke-domain={}", self.challenge),
        }
    }

    /// Every record that its DNS must hold by now.
    pub fn records(&self) -> Vec<DnsRecord> {
        let mut records = vec![self.proof()];
        match &self.state {
            DomainState::Validating { records: more, .. } => records.extend(more.iter().cloned()),
            DomainState::Serving {
                target: Some(target), ..
            } => records.push(DnsRecord {
                kind: "CNAME".into(),
                name: self.name.to_string(),
                value: target.clone(),
            }),
            _ => {}
        }
        records
    }

    /// The same in another state from now on; as it is where that is its state already.
    #[must_use]
    pub fn entered(&self, state: DomainState, now: Timestamp) -> Self {
        if state == self.state {
            return self.clone();
        }
        let same_kind = std::mem::discriminant(&state) == std::mem::discriminant(&self.state);
        Self {
            state,
            since: if same_kind { self.since } else { now },
            problem: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> OwnName {
        text.parse().expect("a name")
    }

    #[test]
    fn only_host_names_of_two_labels_are_taken() {
        assert_eq!(name("Meet.Acme.example").as_str(), "meet.acme.example");
        for refused in [
            "",
            "acme",
            "localhost",
            "192.0.2.7",
            "a..b",
            "-a.b",
            "a_b.c",
            "*.acme.example",
            "ä.example",
        ] {
            assert!(refused.parse::<OwnName>().is_err(), "{refused}");
        }
        let label = "a".repeat(60);
        let long = format!("{label}.{label}.{label}.{label}");
        assert_eq!(long.len(), 243);
        assert!(long.parse::<OwnName>().is_ok());
        assert!(format!("{long}.b").parse::<OwnName>().is_err());
    }

    #[test]
    fn a_name_lies_within_whole_labels_alone() {
        let domain: Fqdn = "demo.test".parse().expect("a domain");
        for within in ["demo.test", "a.demo.test", "a.b.demo.test"] {
            assert!(name(within).is_within(&domain), "{within}");
        }
        for outside in ["xdemo.test", "demo.test.example", "test.demo"] {
            assert!(!name(outside).is_within(&domain), "{outside}");
        }
        let upwards: Vec<String> = name("a.demo.test").upwards().iter().map(Fqdn::to_string).collect();
        assert_eq!(upwards, ["a.demo.test", "demo.test", "test"]);
    }

    #[test]
    fn a_state_survives_the_table_and_keeps_its_beginning() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let domain = OwnDomain {
            name: name("meet.acme.example"),
            reseller: ResellerId::new(1).expect("an id"),
            company: CompanyId::new(2).expect("an id"),
            challenge: "c".into(),
            state: DomainState::Unproven,
            since: at(1),
            looked: None,
            problem: Some("no record".into()),
            version: 3,
            created: at(1),
        };
        let asked = DomainState::Validating {
            certificate: "arn".into(),
            records: Vec::new(),
        };
        let entered = domain.entered(asked, at(5));
        assert_eq!((entered.since, entered.problem.as_deref()), (at(5), None));
        let record = DnsRecord {
            kind: "CNAME".into(),
            name: "_x.meet.acme.example".into(),
            value: "_y.authority.example".into(),
        };
        let told = DomainState::Validating {
            certificate: "arn".into(),
            records: vec![record.clone()],
        };
        let told = entered.entered(told, at(9));
        assert_eq!((told.since, told.records()), (at(5), vec![domain.proof(), record]));
        let kept = serde_json::to_value(&told).expect("plain data");
        assert_eq!(
            (kept["state"].as_str(), kept["certificate"].as_str()),
            (Some("validating"), Some("arn"))
        );
        assert_eq!(serde_json::from_value::<OwnDomain>(kept).expect("read back"), told);
    }

    #[test]
    fn a_removal_keeps_what_is_to_be_undone() {
        let serving = DomainState::Serving {
            certificate: "arn".into(),
            place: "dt_1".into(),
            target: None,
        };
        let removal = DomainState::Removing {
            certificate: Some("arn".into()),
            detached: false,
        };
        assert_eq!(serving.removal(), removal);
        assert_eq!(removal.removal(), removal);
        assert!(serving.is_serving() && serving.rests() && !removal.rests());
        let nothing = DomainState::Removing {
            certificate: None,
            detached: true,
        };
        assert_eq!(DomainState::Unproven.removal(), nothing);
    }
}
