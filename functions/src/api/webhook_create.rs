//! `webhook/create`: a company hears of what happens.

use std::collections::BTreeSet;

use domain::hook::{EventName, Hook, MOST_HOOKS, SigningToken};
use domain::id::CompanyId;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scope;

use super::webhook::{self, Desk, WebhookAnswer};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::outbound::Given;
use crate::reply::Json;

/// How often it is made anew where another one was made at the same time.
const TRIES: usize = 4;

/// Makes a webhook.
#[derive(Debug)]
pub struct WebhookCreate;

/// Where it goes and what it is told of.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WebhookCreateParameters {
    /// Whose; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Where it goes: https, at port 443 or 8443 of a public address.
    #[schemars(length(max = 2048), url)]
    pub url: String,
    /// What it is told of; everything when absent.
    pub events: Option<Vec<EventName>>,
}

impl Endpoint for WebhookCreate {
    const ID: &'static str = "webhook_create";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/webhook/create";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Makes a webhook, which must answer a ping with 2xx, and answers its secret once.";
    type Input = Parameters<WebhookCreateParameters>;
    type Output = Json<WebhookAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        webhook::object(asked.company_id)
    }

    fn own_object(own: &Scope) -> Option<String> {
        webhook::own_object(own)
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let desk = Desk::of_caller(context, asked.company_id)?;
        desk.create(asked.url, webhook::events(asked.events)?).await.map(Json)
    }
}

impl Desk<'_> {
    /// Makes a webhook that answers a ping.
    pub(crate) async fn create(
        &self,
        url: String,
        events: Option<BTreeSet<EventName>>,
    ) -> Result<WebhookAnswer, Error> {
        let (app, store) = (self.context.app, self.store());
        let (reseller, company) = (self.reseller(), self.company);
        app.outbound
            .given(&url, Given::Webhook)
            .map_err(|why| Refusal::invalid("url", why))?;
        let kept =
            || async { tokio::try_join!(store.hooks(reseller, company), store.signing_token(reseller, company)) };
        let (known, id, first) = tokio::join!(self.company_known(), store.new_hook_id(), kept());
        let (_, id, mut first) = (known?, id?, Some(first?));
        let secret = hex::encode(app.random::<32>());
        let hook = Hook {
            id,
            reseller,
            company,
            owner: self.host,
            url,
            events,
            secret: app.seal(&Hook::secret_place(id), &secret),
            created: self.context.now,
            era: 0,
            failing: None,
            disabled: None,
            version: 0,
        };
        let mut pinged = false;
        for _ in 0..TRIES {
            let (hooks, before) = match first.take() {
                Some(first) => first,
                None => kept().await?,
            };
            if hooks.len() >= MOST_HOOKS {
                let why = format!("A company has at most {MOST_HOOKS} webhooks");
                return Err(Refusal::new(Code::Conflict, why).into());
            }
            let token = before.clone().unwrap_or_else(|| SigningToken {
                token: app.seal(&SigningToken::place(company), &hex::encode(app.random::<32>())),
                former: None,
                version: 0,
            });
            if !pinged {
                self.context.cleared().await?;
                self.ping(&hook, &token).await?;
                pinged = true;
            }
            let mut answer = self.answer(&hook, &token)?;
            answer.secret = Some(secret.clone());
            let claim = self.context.claim(&answer).await?;
            let write = self.write(claim.as_ref()).await?;
            match store
                .hook_create(&hook, &hooks, (before.as_ref(), &token), &write)
                .await
            {
                // Another one was made meanwhile: looked at again.
                Err(store::Error::Raced) => {}
                done => {
                    done?;
                    return Ok(answer);
                }
            }
        }
        Err(store::Error::Raced.into())
    }
}
