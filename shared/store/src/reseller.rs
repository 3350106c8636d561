//! Resellers: made by an operator, found by their domain.

use domain::code::Fqdn;
use domain::company::Reseller;
use domain::id::ResellerId;

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::value::from_item;
use crate::{Error, Result, Store, Tenant, Unique, Write, keys};

impl Store {
    /// Makes a reseller; its domain must be unique.
    pub async fn reseller_create(&self, reseller: &Reseller, write: &Write<'_>) -> Result<()> {
        let tenant = Tenant {
            reseller: reseller.id,
            company: None,
            until: None,
            claimed: false,
        };
        let mut ops = vec![
            Op::put(keys::fqdn(&reseller.domain), &tenant).when_new(Failure::Taken(Unique::Domain)),
            Op::put(keys::reseller(reseller.id), reseller).when_new(Failure::Raced),
        ];
        let change = Change::created(format!("reseller/{}", reseller.id), reseller);
        ops.extend(write.ops(Some(reseller.id), None, change, &reseller.id));
        self.commit(ops).await
    }

    /// Changes what an operator sets of a reseller; its domain stays.
    pub async fn reseller_update(&self, before: &Reseller, after: &Reseller, write: &Write<'_>) -> Result<()> {
        let change = Change::difference(format!("reseller/{}", before.id), before, after);
        let mut ops =
            vec![Op::change(keys::reseller(before.id), before, after).when_there(Failure::NotFound("reseller"))];
        ops.extend(write.ops(Some(before.id), None, change, &before.id));
        self.commit(ops).await
    }

    /// A reseller.
    pub async fn reseller(&self, id: ResellerId) -> Result<Reseller> {
        let item = self.get(keys::reseller(id)).await?.ok_or(Error::NotFound("reseller"))?;
        from_item("reseller", &item)
    }

    /// The reseller of this domain, if there is one. Two sequential reads.
    pub async fn reseller_by_domain(&self, domain: &Fqdn) -> Result<Option<Reseller>> {
        match self.tenant(domain).await? {
            Some(Tenant {
                reseller,
                company: None,
                ..
            }) => self.reseller(reseller).await.map(Some),
            _ => Ok(None),
        }
    }
}
