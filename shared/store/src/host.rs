//! Hosts: accounts, found by id, mail address or code.

use domain::code::Email;
use domain::conference::CodeKind;
use domain::host::Host;
use domain::id::{HostId, ResellerId};

use serde::{Deserialize, Serialize};

use crate::audit::Change;
use crate::contact::contact_ops;
use crate::op::{Failure, Op};
use crate::value::from_item;
use crate::{Error, Result, Room, Scope, Store, Unique, Write, keys, password};

/// What a guard points to.
#[derive(Serialize, Deserialize)]
struct Guard {
    host: HostId,
}

impl Store {
    /// Makes a host, its room, and its own entry in its address book. Mail address, access code and OpenID subject must be
    /// unique; the company must exist.
    pub async fn host_create(&self, host: &Host, write: &Write<'_>) -> Result<()> {
        let Host {
            id, reseller, company, ..
        } = *host;
        let guard = Guard { host: id };
        let room = Room {
            code: host.access_code,
            kind: CodeKind::Host,
            reseller,
            company,
            host: id,
            conference: None,
            live: None,
            version: 0,
        };
        let mut ops = vec![
            Op::check(keys::company(reseller, company)).when_there(Failure::NotFound("company")),
            Op::put(keys::host_email(reseller, &host.email), &guard).when_new(Failure::Taken(Unique::Email)),
            Op::put(keys::room(host.access_code), &room).when_new(Failure::Taken(Unique::AccessCode)),
            Op::put(keys::host(reseller, id), host)
                .indexed(keys::host_list(reseller, company, host.created, id))
                .when_new(Failure::Raced),
        ];
        if let Some(sub) = &host.openid_sub {
            ops.push(Op::put(keys::host_openid(reseller, sub), &guard).when_new(Failure::Taken(Unique::OpenIdSub)));
        }
        ops.extend(password::link_op(host));
        ops.extend(contact_ops(reseller, &host.contact()));
        ops.extend(write.ops(
            Some(reseller),
            Some(company),
            Change::created(format!("host/{id}"), host),
            &id,
        ));
        self.commit(ops).await
    }

    /// A host in the caller's scope.
    pub async fn host(&self, scope: &Scope, id: HostId) -> Result<Host> {
        let item = self
            .get(keys::host(scope.reseller, id))
            .await?
            .ok_or(Error::NotFound("host"))?;
        let host: Host = from_item("host", &item)?;
        scope.check(host.company, Some(id))?;
        Ok(host)
    }

    /// The host of this mail address in this reseller, if there is one. Two sequential reads.
    pub async fn host_by_email(&self, reseller: ResellerId, email: &Email) -> Result<Option<Host>> {
        let Some(guard) = self.get(keys::host_email(reseller, email)).await? else {
            return Ok(None);
        };
        let Guard { host } = from_item("mail address", &guard)?;
        self.get(keys::host(reseller, host))
            .await?
            .map(|item| from_item("host", &item))
            .transpose()
    }
}
