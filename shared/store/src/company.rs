//! Companies, and which tenant a host name belongs to.

use domain::code::Fqdn;
use domain::company::Company;
use domain::id::{CompanyId, ResellerId};
use serde::{Deserialize, Serialize};

use crate::{Result, Scope, Store, Write};

/// Whom a host name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The reseller.
    pub reseller: ResellerId,
    /// The company; none for the reseller's own domain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub company: Option<CompanyId>,
}

impl Store {
    /// Makes a company; its host name must be unique.
    pub async fn company_create(&self, company: &Company, write: &Write<'_>) -> Result<()> {
        todo!()
    }

    /// A company in the caller's scope.
    pub async fn company(&self, scope: &Scope, id: CompanyId) -> Result<Company> {
        todo!()
    }

    /// Whom this host name belongs to, if to anybody. One read.
    pub async fn tenant(&self, name: &Fqdn) -> Result<Option<Tenant>> {
        todo!()
    }
}
