//! How far a caller reaches: the tenancy that every function on a tenant's objects takes.

use domain::id::{CompanyId, HostId, ResellerId};

use crate::{Error, Result};

/// How far a caller reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Only objects of this reseller exist for the caller.
    pub reseller: ResellerId,
    /// Only this company's objects may be touched; all of the reseller's where absent.
    pub company: Option<CompanyId>,
    /// Only this host's objects may be touched; all of the company's where absent.
    pub host: Option<HostId>,
}

impl Scope {
    /// All of a reseller.
    pub const fn reseller(reseller: ResellerId) -> Self {
        Self {
            reseller,
            company: None,
            host: None,
        }
    }

    /// One company.
    pub const fn company(reseller: ResellerId, company: CompanyId) -> Self {
        Self {
            reseller,
            company: Some(company),
            host: None,
        }
    }

    /// One account.
    pub const fn host(reseller: ResellerId, company: CompanyId, host: HostId) -> Self {
        Self {
            reseller,
            company: Some(company),
            host: Some(host),
        }
    }

    /// Refuses an object of this company, and of this host where it is one's, that lies outside.
    pub fn check(&self, company: CompanyId, host: Option<HostId>) -> Result<()> {
        let company_fits = self.company.is_none_or(|own| own == company);
        let host_fits = self.host.is_none_or(|own| Some(own) == host || host.is_none());
        if company_fits && host_fits {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }
}
