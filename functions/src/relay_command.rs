//! Commands to relays: signed by the control plane, sent to a relay's public address, harmless when repeated.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::error::ErrorBody;
use domain::id::RelayId;
use domain::jws::{SigningKey, body_hash};
use domain::relay::{COMMAND_SECONDS, Command, CommandClaims};
use jiff::Timestamp;

/// How long a relay is waited for. A mark in the table reaches it at its next heartbeat anyway.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a relay did not take a command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be sent (also where the process has no TLS provider), or no answer came.
    #[error("sending failed")]
    Sending(#[source] reqwest::Error),
    /// The room, or somebody of this number, is not there.
    #[error("the relay knows no such room or participant")]
    NotThere,
    /// The room is not in a state for it; the text is for people.
    #[error("the relay says: {0}")]
    Conflict(String),
    /// The relay answered with another status.
    #[error("the relay answered {0}")]
    Refused(u16),
}

/// Sends commands to relays. Relays hold only the public key of what signs them.
#[derive(Clone, Debug)]
pub struct RelayCommands {
    /// Made with the first command: it reads the system's certificates, which every start would wait for.
    client: Arc<OnceLock<reqwest::Client>>,
    signing: Arc<SigningKey>,
}

impl RelayCommands {
    /// With a client of its own that follows no redirect.
    #[must_use]
    pub fn new(signing: Arc<SigningKey>) -> Self {
        Self {
            client: Arc::default(),
            signing,
        }
    }

    fn client(&self) -> Result<&reqwest::Client, CommandError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(CommandError::Sending)?;
        Ok(self.client.get_or_init(|| made))
    }

    /// Signs `command` for `relay` and sends it to `url`, the relay's public base. `nonce` names the command: a relay
    /// that saw it answers as before, without effect.
    ///
    /// # Errors
    ///
    /// The relay did not confirm within three seconds, or what is meant is not there. An end must have left a durable mark before.
    pub async fn send(
        &self,
        relay: &RelayId,
        url: &str,
        nonce: &str,
        now: Timestamp,
        command: &Command,
    ) -> Result<(), CommandError> {
        let body = serde_json::to_vec(command).expect("a command is plain data");
        let claims = CommandClaims {
            aud: relay.clone(),
            jti: nonce.to_owned(),
            iat: now.as_second(),
            exp: now.as_second() + COMMAND_SECONDS,
            body: body_hash(&body),
        };
        let token = self.signing.sign(&claims);
        let answer = self
            .client()?
            .post(format!("{}/command", url.trim_end_matches('/')))
            .header("authorization", format!("Command {token}"))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .map_err(|error| CommandError::Sending(error.without_url()))?;
        match answer.status().as_u16() {
            200 => Ok(()),
            404 => Err(CommandError::NotThere),
            409 => {
                let told = answer.bytes().await.map_err(CommandError::Sending)?;
                let told = serde_json::from_slice::<ErrorBody>(&told).map(|body| body.message);
                Err(CommandError::Conflict(
                    told.unwrap_or_else(|_| "The meeting does not allow it now".to_owned()),
                ))
            }
            status => Err(CommandError::Refused(status)),
        }
    }
}
