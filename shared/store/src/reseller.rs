//! Resellers: made by an operator, found by their domain.

use domain::code::Fqdn;
use domain::company::Reseller;
use domain::id::ResellerId;

use crate::{Result, Store, Write};

impl Store {
    /// Makes a reseller; its domain must be unique.
    pub async fn reseller_create(&self, reseller: &Reseller, write: &Write<'_>) -> Result<()> {
        todo!()
    }

    /// A reseller.
    pub async fn reseller(&self, id: ResellerId) -> Result<Reseller> {
        todo!()
    }

    /// The reseller of this domain, if there is one. Two sequential reads.
    pub async fn reseller_by_domain(&self, domain: &Fqdn) -> Result<Option<Reseller>> {
        todo!()
    }
}
