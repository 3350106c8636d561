//! Webhooks of companies, and the token that all deliveries of a company carry.

use domain::hook::{Hook, MOST_HOOKS, SigningToken};
use domain::id::{CompanyId, HookId, ResellerId};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::table::beginning_with;
use crate::value::from_item;
use crate::{Actor, Error, Job, Result, Store, Work, Write, keys};

/// What a change of a webhook writes.
#[derive(Debug, Clone, Copy)]
pub struct HookChange<'a> {
    /// As it was read.
    pub before: &'a Hook,
    /// As it becomes.
    pub after: &'a Hook,
    /// The company's signing token as it was read, and as it becomes, where it is replaced.
    pub token: Option<(&'a SigningToken, &'a SigningToken)>,
}

fn there(reseller: ResellerId, company: CompanyId) -> Op {
    Op::check(keys::company(reseller, company)).when(
        "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
        Failure::NotFound("company"),
    )
}

/// What the audit shows: neither the secret nor the URL, which may hold one.
fn shown(hook: &Hook) -> Value {
    json!({"owner": hook.owner, "events": hook.events, "disabled": hook.disabled.map(Timestamp::as_millisecond)})
}

fn put(hook: &Hook) -> Op {
    Op::put(keys::hook(hook.reseller, hook.company, hook.id), hook)
}

fn put_token(reseller: ResellerId, company: CompanyId, token: &SigningToken) -> Op {
    Op::put(keys::signing_token(reseller, company), token)
}

impl Store {
    /// A company's webhooks by their ids, at most [`MOST_HOOKS`]. One read.
    pub async fn hooks(&self, reseller: ResellerId, company: CompanyId) -> Result<Vec<Hook>> {
        let list = keys::hook_list(reseller, company);
        let items = self.query(&beginning_with(list.pk, &list.sk)).await?;
        items.iter().map(|item| from_item("webhook", item)).collect()
    }

    /// One webhook of a company. One read.
    pub async fn hook(&self, reseller: ResellerId, company: CompanyId, id: HookId) -> Result<Hook> {
        let item = self.get(keys::hook(reseller, company, id)).await?;
        from_item("webhook", &item.ok_or(Error::NotFound("webhook"))?)
    }

    /// What a company's deliveries carry, if it has ever had a webhook.
    pub async fn signing_token(&self, reseller: ResellerId, company: CompanyId) -> Result<Option<SigningToken>> {
        let item = self.get(keys::signing_token(reseller, company)).await?;
        item.map(|item| from_item("signing token", &item)).transpose()
    }

    /// Makes a webhook beside these, which were read before it, and the company's token where it has none yet. Fails with
    /// [`Error::Raced`] when one was made or deleted meanwhile, and with [`Error::TooLarge`] when there are enough.
    pub async fn hook_create(
        &self,
        hook: &Hook,
        known: &[Hook],
        token: (Option<&SigningToken>, &SigningToken),
        write: &Write<'_>,
    ) -> Result<()> {
        if known.len() >= MOST_HOOKS {
            return Err(Error::TooLarge("webhooks"));
        }
        let (before, after) = token;
        // Each new webhook writes the token's item, so that two made at once are not more than there may be.
        let counted = SigningToken {
            version: before.map_or(0, |before| before.version + 1),
            ..after.clone()
        };
        let counted = put_token(hook.reseller, hook.company, &counted);
        let mut ops = vec![
            there(hook.reseller, hook.company),
            put(hook).when_new(Failure::Raced),
            match before {
                None => counted.when_new(Failure::Raced),
                Some(before) => counted
                    .value(":version", &before.version)
                    .when("#version = :version", Failure::Raced),
            },
        ];
        let change = Change::created(format!("webhook/{}", hook.id), &shown(hook));
        ops.extend(write.ops(Some(hook.reseller), Some(hook.company), change, &hook.id));
        self.commit(ops).await
    }

    /// Changes a webhook, if nobody else has since it was read.
    pub async fn hook_update(&self, change: HookChange<'_>, write: &Write<'_>) -> Result<()> {
        let HookChange { before, after, token } = change;
        let next = Hook {
            version: before.version + 1,
            ..after.clone()
        };
        let mut ops = vec![
            put(&next)
                .value(":version", &before.version)
                .when("#version = :version", Failure::Raced),
        ];
        let mut shown_after = shown(&next);
        if before.url != next.url {
            shown_after["address"] = "changed".into();
        }
        if let Some((known, token)) = token {
            shown_after["signing_token"] = "replaced".into();
            let token = SigningToken {
                version: known.version + 1,
                ..token.clone()
            };
            ops.push(
                put_token(next.reseller, next.company, &token)
                    .value(":version", &known.version)
                    .when("#version = :version", Failure::Raced),
            );
        }
        let change = Change::changed(format!("webhook/{}", next.id), &shown(before), &shown_after);
        ops.extend(write.ops(Some(next.reseller), Some(next.company), change, &next.id));
        self.commit(ops).await
    }

    /// Deletes a webhook: nothing that waits for it is sent any more.
    pub async fn hook_delete(&self, hook: &Hook, write: &Write<'_>) -> Result<()> {
        let mut ops =
            vec![Op::delete(keys::hook(hook.reseller, hook.company, hook.id)).when_there(Failure::NotFound("webhook"))];
        let change = Change::removed(format!("webhook/{}", hook.id), &shown(hook));
        ops.extend(write.ops(Some(hook.reseller), Some(hook.company), change, &hook.id));
        self.commit(ops).await
    }

    /// Takes away the webhooks of a company that goes. Harmless when repeated.
    pub async fn hooks_forget(&self, reseller: ResellerId, company: CompanyId) -> Result<()> {
        let hooks = self.hooks(reseller, company).await?;
        let mut ops: Vec<Op> = hooks
            .iter()
            .map(|hook| Op::delete(keys::hook(reseller, company, hook.id)))
            .collect();
        ops.push(Op::delete(keys::signing_token(reseller, company)));
        self.commit(ops).await
    }

    /// Notes whether a webhook takes what it is sent. `since`: the first failure after the last success.
    pub async fn hook_health(&self, hook: &Hook, since: Option<Timestamp>) -> Result<()> {
        let key = keys::hook(hook.reseller, hook.company, hook.id);
        let op = match since {
            Some(at) => Op::update(
                key,
                "SET #failing = if_not_exists(#failing, :at), #version = #version + :one",
            )
            .value(":at", &at.as_millisecond()),
            None => Op::update(key, "SET #version = #version + :one REMOVE #failing"),
        };
        let op = op.value(":one", &1).when_there(Failure::Raced);
        self.update(op).await.map(drop)
    }

    /// Disables a webhook that has failed for too long, and leaves the mail to whoever made it. Harmless when it is done
    /// already, or has been changed since it was read; answers whether it was done here.
    pub async fn hook_disable(&self, hook: &Hook, now: Timestamp) -> Result<bool> {
        let next = Hook {
            disabled: Some(now),
            version: hook.version + 1,
            ..hook.clone()
        };
        let work = Work::HookDisabled { hook: hook.id };
        let write = Write {
            at: now,
            by: Actor::System,
            action: "webhook_disable",
            claim: None,
        };
        let mut ops = vec![
            put(&next)
                .value(":version", &hook.version)
                .when("#version = :version", Failure::Raced),
            Job::new(hook.reseller, hook.company, work, now).create(),
        ];
        let change = Change::changed(format!("webhook/{}", hook.id), &shown(hook), &shown(&next));
        ops.extend(write.ops(Some(hook.reseller), Some(hook.company), change, &hook.id));
        match self.commit(ops).await {
            Ok(()) => Ok(true),
            Err(Error::Raced) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
