//! Companies, and which tenant a host name belongs to.

use domain::code::Fqdn;
use domain::company::Company;
use domain::id::{CompanyId, ResellerId};
use serde::{Deserialize, Serialize};

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::value::from_item;
use crate::{Error, Result, Scope, Store, Unique, Write, keys};

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
        let tenant = Tenant {
            reseller: company.reseller,
            company: Some(company.id),
        };
        let mut ops = vec![
            Op::check(keys::reseller(company.reseller)).when_there(Failure::NotFound("reseller")),
            Op::put(keys::fqdn(&company.fqdn), &tenant).when_new(Failure::Taken(Unique::Subdomain)),
            Op::put(keys::company(company.reseller, company.id), company)
                .indexed(keys::company_list(company.reseller, company.created, company.id))
                .when_new(Failure::Raced),
        ];
        let change = Change::created(format!("company/{}", company.id), company);
        ops.extend(write.ops(Some(company.reseller), Some(company.id), change, &company.id));
        self.commit(ops).await
    }

    /// A company in the caller's scope.
    pub async fn company(&self, scope: &Scope, id: CompanyId) -> Result<Company> {
        let item = self
            .get(keys::company(scope.reseller, id))
            .await?
            .ok_or(Error::NotFound("company"))?;
        scope.check(id, None)?;
        from_item("company", &item)
    }

    /// Whom this host name belongs to, if to anybody. One read.
    pub async fn tenant(&self, name: &Fqdn) -> Result<Option<Tenant>> {
        self.get(keys::fqdn(name))
            .await?
            .map(|item| from_item("host name", &item))
            .transpose()
    }
}
