//! Host names of companies' own. The name's guard is the item that tells whom a host name belongs to: while the name is not
//! served it is claimed, and leads nobody anywhere. The company's own item lists its names, in the same transactions.

use domain::company::Company;
use domain::id::{CompanyId, ResellerId};
use domain::own_domain::{DomainState, OwnDomain, OwnHost, OwnName};
use jiff::Timestamp;

use crate::audit::Change;
use crate::company::Tenant;
use crate::keys;
use crate::op::{Failure, Op};
use crate::table::Query;
use crate::value::from_item;
use crate::{Error, Result, Store, Unique, Write};

fn tenant(domain: &OwnDomain) -> Tenant {
    Tenant {
        reseller: domain.reseller,
        company: Some(domain.company),
        until: None,
        claimed: !domain.state.is_serving(),
    }
}

/// Changes the names that a company has, if nobody has changed the company since it was read.
fn names(company: &Company, own: Vec<OwnHost>) -> Op {
    let next = Company {
        own_domains: own,
        version: company.version + 1,
        ..company.clone()
    };
    Op::change(keys::company(company.reseller, company.id), company, &next)
        .value(":version", &company.version)
        .when("#version = :version", Failure::Raced)
}

impl Store {
    /// Claims a name for a company: nobody else in the installation may have it. The company must be as it was read and
    /// not on its way out.
    pub async fn domain_add(&self, company: &Company, domain: &OwnDomain, write: &Write<'_>) -> Result<()> {
        let mut own = company.own_domains.clone();
        if own.len() >= OwnDomain::MOST {
            return Err(Error::TooLarge("own domains"));
        }
        own.push(OwnHost {
            name: domain.name.clone(),
            serving: false,
        });
        let mut ops = vec![
            Op::put(keys::fqdn(domain.name.fqdn()), &tenant(domain)).when_new(Failure::Taken(Unique::OwnDomain)),
            Op::put(keys::own_domain(&domain.name), domain)
                .indexed(keys::own_domain_due(domain.created))
                .when_new(Failure::Raced),
            names(company, own),
        ];
        let change = Change::created(format!("domain/{}", domain.name), domain);
        ops.extend(write.ops(Some(domain.reseller), Some(domain.company), change, &domain.name));
        self.commit(ops).await
    }

    /// An own name, if a company has claimed it. One read.
    pub async fn domain(&self, name: &OwnName) -> Result<Option<OwnDomain>> {
        self.get(keys::own_domain(name))
            .await?
            .map(|item| from_item("own domain", &item))
            .transpose()
    }

    /// A company's own names. One read.
    pub async fn domains_of(&self, company: &Company) -> Result<Vec<OwnDomain>> {
        let wanted: Vec<_> = company
            .own_domains
            .iter()
            .map(|own| keys::own_domain(&own.name))
            .collect();
        let found = self.get_many(&wanted).await?;
        found
            .iter()
            .flatten()
            .map(|item| from_item("own domain", item))
            .collect()
    }

    /// Whether a name lies in some reseller's domain: those are given by company, not brought. One read.
    pub async fn domain_is_resellers(&self, name: &OwnName) -> Result<bool> {
        let wanted: Vec<_> = name.upwards().iter().map(keys::fqdn).collect();
        for item in self.get_many(&wanted).await?.iter().flatten() {
            let tenant: Tenant = from_item("host name", item)?;
            if tenant.company.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Names that are to be looked at by now, those that have waited longest first. The index may be behind: whoever acts
    /// on one reads it again.
    pub async fn domains_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OwnName>> {
        let last = keys::own_domain_due(now);
        let query = Query {
            index: true,
            pk: last.pk,
            from: "0".into(),
            to: last.sk,
            newest_first: false,
            limit: Some(limit),
        };
        let found = self.query(&query).await?;
        let domains = found.iter().map(|item| from_item("own domain", item));
        domains
            .map(|domain| domain.map(|domain: OwnDomain| domain.name))
            .collect()
    }

    /// Changes a name, if nobody else has since it was read, and looks at it again at `due`; never by itself without.
    /// Where that changes whether it is served, its guard and its company change with it; where it enters another
    /// state, the audit says so. Answers it as it is now.
    pub async fn domain_change(
        &self,
        before: &OwnDomain,
        after: &OwnDomain,
        due: Option<Timestamp>,
        write: &Write<'_>,
    ) -> Result<OwnDomain> {
        let next = OwnDomain {
            version: before.version + 1,
            ..after.clone()
        };
        let put = Op::put(keys::own_domain(&next.name), &next);
        let put = match due {
            Some(due) => put.indexed(keys::own_domain_due(due)),
            None => put,
        };
        let mut ops = vec![
            put.value(":version", &before.version)
                .when("#version = :version", Failure::Raced),
        ];
        if before.state.is_serving() != next.state.is_serving() {
            ops.extend(self.domain_served(&next).await?);
        }
        if std::mem::discriminant(&before.state) != std::mem::discriminant(&next.state) {
            let change = Change::difference(format!("domain/{}", next.name), before, &next);
            ops.extend(write.ops(Some(next.reseller), Some(next.company), change, &next.name));
        }
        self.commit(ops).await?;
        Ok(next)
    }

    /// What else changes when a name begins to be served, or is served no more. One read.
    async fn domain_served(&self, domain: &OwnDomain) -> Result<Vec<Op>> {
        let guard = Op::put(keys::fqdn(domain.name.fqdn()), &tenant(domain))
            .value(":company", &domain.company)
            .when("#company = :company", Failure::Raced);
        let serving = domain.state.is_serving();
        let company = self.company_kept(domain.reseller, domain.company).await?;
        let Some(company) = company.filter(|company| !serving || company.deleting.is_none()) else {
            // It goes, and so do its names; there is nothing to be served any more.
            return if serving {
                Err(Error::NotFound("company"))
            } else {
                Ok(vec![guard])
            };
        };
        let mut own = company.own_domains.clone();
        for own in own.iter_mut().filter(|own| own.name == domain.name) {
            own.serving = serving;
        }
        Ok(vec![guard, names(&company, own)])
    }

    /// Ends the removal of a name: it is free. Harmless when repeated.
    pub async fn domain_forget(&self, domain: &OwnDomain, write: &Write<'_>) -> Result<()> {
        if !matches!(domain.state, DomainState::Removing { .. }) {
            return Err(Error::Raced);
        }
        let mut ops = vec![
            Op::delete(keys::own_domain(&domain.name))
                .value(":version", &domain.version)
                .when("#version = :version", Failure::Raced),
            Op::delete(keys::fqdn(domain.name.fqdn()))
                .value(":company", &domain.company)
                .when("#company = :company", Failure::Raced),
        ];
        if let Some(company) = self.company_kept(domain.reseller, domain.company).await? {
            let mut own = company.own_domains.clone();
            own.retain(|own| own.name != domain.name);
            ops.push(names(&company, own));
        }
        let change = Change::removed(format!("domain/{}", domain.name), domain);
        ops.extend(write.ops(Some(domain.reseller), Some(domain.company), change, &domain.name));
        self.commit(ops).await
    }

    /// A company that may be on its way out.
    pub async fn company_kept(&self, reseller: ResellerId, id: CompanyId) -> Result<Option<Company>> {
        let item = self.get(keys::company(reseller, id)).await?;
        item.map(|item| from_item("company", &item)).transpose()
    }
}
