//! Who writes, when and by which request: what every admin write carries, so that its audit item and the mark on its
//! idempotency record are part of the same transaction.

use domain::Role;
use domain::id::{CompanyId, HostId, ResellerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Change;
use crate::keys;
use crate::op::{Failure, Op};
use crate::retry::random;
use crate::{AuditEntry, Claim};

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// An operator with cloud credentials.
    Operator,
    /// An account.
    Host {
        /// Which.
        host: HostId,
        /// With which role.
        role: Role,
    },
    /// The platform itself: the sweeper, a relay's report.
    System,
}

/// What every admin write carries.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// The endpoint's id, such as `company-create`.
    pub action: &'a str,
    /// The request's idempotency claim: marked as applied in the same transaction.
    pub claim: Option<&'a Claim>,
}

impl Write<'_> {
    /// The audit item of a change, and the mark on the idempotency record where there is a claim. `reference` is what a
    /// repeat finds the object again by.
    pub(crate) fn ops(
        &self,
        reseller: Option<ResellerId>,
        company: Option<CompanyId>,
        change: Change,
        reference: &impl ToString,
    ) -> Vec<Op> {
        let about = reseller.zip(change.about);
        // What is removed is answered by its id alone: nothing in such an answer tells about anybody.
        let tells = change.after.is_some();
        let entry = AuditEntry {
            at: self.at,
            by: self.by,
            action: self.action.into(),
            object: change.object,
            before: change.before,
            after: change.after,
        };
        let unique = hex::encode(random::<8>());
        let mut audited = Op::put(keys::audit(reseller, company, self.at, &unique), &entry);
        if let Some((reseller, host)) = about {
            audited = audited.indexed(keys::audit_about(reseller, host, self.at, &unique));
        }
        let mut ops = vec![audited];
        if let Some(claim) = self.claim {
            let mut set = "SET #applied = :reference".to_owned();
            if claim.answer.is_some() {
                set.push_str(", #answer = :answer");
            }
            let found = about.filter(|_| tells && claim.answer.is_some());
            if found.is_some() {
                set.push_str(", #gs1pk = :about, #gs1sk = :unique");
            }
            let mut mark = Op::update(keys::idempotency(&claim.key), &set)
                .value(":reference", &reference.to_string())
                .value(":nonce", &claim.nonce);
            if let Some(answer) = &claim.answer {
                mark = mark.value(":answer", answer);
            }
            if let Some((reseller, host)) = found {
                let place = keys::idempotency_about(reseller, host, &unique);
                mark = mark.value(":about", &place.pk).value(":unique", &place.sk);
            }
            ops.push(mark.when("#nonce = :nonce AND attribute_not_exists(#applied)", Failure::ClaimLost));
        }
        ops
    }
}
