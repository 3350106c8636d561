//! Setting a password by a link: valid for some days, once.

use std::collections::BTreeSet;

use domain::conference::later;
use domain::host::{Host, PasswordLink};
use domain::sealed::token_hash;
use jiff::SignedDuration;
use serde_json::json;

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::{Handoff, HandoffKind, Result, Session, Store, Write, keys};

/// What a link changes.
#[derive(Debug)]
pub struct PasswordSet<'a> {
    /// The account.
    pub host: &'a Host,
    /// The link's token.
    pub link: &'a str,
    /// The new password as PHC string.
    pub password_hash: &'a str,
    /// The session that begins with it, under the hash of its token.
    pub session: (&'a str, &'a Session),
}

/// Keeps the link of a new account, so that it is found by its token.
pub(crate) fn link_op(host: &Host) -> Option<Op> {
    host.password_link.as_ref().map(|link| handoff(host, link))
}

fn handoff(host: &Host, link: &PasswordLink) -> Op {
    let handoff = Handoff {
        kind: HandoffKind::PasswordLink,
        reseller: host.reseller,
        company: host.company,
        host: host.id,
        after_call_url: None,
        remote_logout_url: None,
        session_ends: None,
        sso_token_hash: None,
        expires: link.expires,
    };
    handoff.op(&link.hash)
}

impl Store {
    /// Gives an account a link for whoever forgot the password, in place of the one of these that it has; that one is dead then.
    /// The link of a new account stays good: anybody may ask for this one. Harmless when repeated. Refused with [`crate::Error::NotFound`] once the account is going.
    pub async fn password_reset(&self, host: &Host, link: &PasswordLink, write: &Write<'_>) -> Result<()> {
        let Host {
            id, reseller, company, ..
        } = *host;
        let change = Change {
            object: format!("host/{id}"),
            before: None,
            after: Some(json!({"password_link_until": link.expires.to_string()})),
            about: Some(id),
        };
        let mut ops = vec![
            Op::update(
                keys::host(reseller, id),
                "SET #reset_link = :link, #version = if_not_exists(#version, :zero) + :one",
            )
            .value(":link", link)
            .value(":zero", &0)
            .value(":one", &1)
            .when(
                "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
                Failure::NotFound("host"),
            ),
        ];
        ops.push(handoff(host, link));
        if let Some(former) = host.reset_link.as_ref().filter(|former| former.hash != link.hash) {
            ops.push(Op::delete(keys::handoff(&former.hash)));
        }
        ops.extend(write.ops(Some(reseller), Some(company), change, &id));
        self.commit(ops).await
    }

    /// Sets the password of an account by its link, which is spent with it, ends its sessions and begins one. Refused with
    /// [`crate::Error::NotFound`] once the link was used, is too old or was replaced.
    pub async fn password_set(&self, set: &PasswordSet<'_>, write: &Write<'_>) -> Result<()> {
        let Host {
            id, reseller, company, ..
        } = *set.host;
        let link = token_hash(set.link);
        let change = Change {
            object: format!("host/{id}"),
            before: None,
            after: Some(json!({"password": "set by its link"})),
            about: Some(id),
        };
        let mut ops = vec![
            Op::update(
                keys::host(reseller, id),
                // Whoever changes the account at the same time reads it again.
                "SET #password_hash = :password, #signed_out = :before, #version = if_not_exists(#version, :zero) + :one \
                 REMOVE #password_link, #reset_link",
            )
            .value(":zero", &0)
            .value(":one", &1)
            .value(":password", &set.password_hash)
            // All sessions but the one that begins now.
            .value(":before", &later(write.at, SignedDuration::from_millis(-1)).as_millisecond())
            .value(":link", &link)
            .value(":now", &write.at.as_millisecond())
            .when(
                "(#password_link.#hash = :link AND #password_link.#expires > :now) \
                 OR (#reset_link.#hash = :link AND #reset_link.#expires > :now)",
                Failure::NotFound("password link"),
            ),
            set.session.1.op(set.session.0),
        ];
        // The other link, if there is one, is spent as well.
        let links: BTreeSet<&str> = set
            .host
            .password_links()
            .map(|link| link.hash.as_str())
            .chain([link.as_str()])
            .collect();
        ops.extend(links.into_iter().map(|hash| Op::delete(keys::handoff(hash))));
        ops.extend(write.ops(Some(reseller), Some(company), change, &id));
        self.commit(ops).await
    }
}
