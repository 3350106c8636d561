//! Moves an own name on, step by step, as far as the world lets it now. Each step is written before the next, on condition
//! that nobody else has changed the name since it was read; what a step did outside and could not write, it takes back.

use domain::conference::later;
use domain::own_domain::{DomainState, OwnDomain};
use domain::sealed::token_hash;
use jiff::{SignedDuration, Timestamp};
use store::Write;

use super::{Certificate, OwnDomains};
use crate::app::App;
use crate::error::Error;

/// A name that is not proven by then is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How soon and how late a name is looked at again.
const SOONEST: SignedDuration = SignedDuration::from_secs(10);
const LATEST: SignedDuration = SignedDuration::from_hours(1);
/// More steps than there are from the proof to serving.
const STEPS: usize = 8;
/// How often a change is tried while others change the company.
const TRIES: usize = 8;
/// How long what names a request for a certificate may be.
const TOKEN: usize = 32;

/// What one look at a name found.
enum Look {
    /// It is in this state now.
    In(DomainState),
    /// It stays as it is, for this reason.
    Stays(String),
    /// Nothing is left of it.
    Gone,
}

/// Moves a name on. `None`: it is there no more, or others work at it.
pub(crate) async fn advance(app: &App, means: &OwnDomains, mut domain: OwnDomain) -> Result<Option<OwnDomain>, Error> {
    for _ in 0..STEPS {
        let now = app.now();
        let write = Write {
            at: now,
            by: store::Actor::System,
            action: "domain_advance",
            claim: None,
        };
        let look = match look(means, &domain, now).await {
            Ok(look) => look,
            Err(problem) => {
                tracing::warn!(domain = %domain.name, problem, "a company's own host name is held up");
                Look::Stays(problem)
            }
        };
        let (after, rests) = match look {
            Look::Gone => {
                return match app.store.domain_forget(&domain, &write).await {
                    Ok(()) | Err(store::Error::Raced) => Ok(None),
                    Err(error) => Err(error.into()),
                };
            }
            Look::In(state) => {
                let stays = state == domain.state;
                (domain.entered(state, now), stays)
            }
            Look::Stays(problem) => {
                let after = OwnDomain {
                    problem: Some(problem),
                    ..domain.clone()
                };
                (after, true)
            }
        };
        let after = OwnDomain {
            looked: Some(now),
            ..after
        };
        let Some(written) = write_down(app, &domain, &after, &write).await? else {
            take_back(app, means, &after).await?;
            return Ok(None);
        };
        domain = written;
        if rests || domain.state.rests() {
            break;
        }
    }
    Ok(Some(domain))
}

/// Writes what a name has become. `None`: somebody else has changed it, or its company is on its way out, which takes
/// its names away itself. That the company alone was changed is no hindrance.
async fn write_down(
    app: &App,
    before: &OwnDomain,
    after: &OwnDomain,
    write: &Write<'_>,
) -> Result<Option<OwnDomain>, Error> {
    let due = (!after.state.rests()).then(|| later(write.at, wait(after, write.at)));
    for _ in 0..TRIES {
        match app.store.domain_change(before, after, due, write).await {
            Ok(written) => return Ok(Some(written)),
            Err(store::Error::NotFound(_)) => return Ok(None),
            Err(store::Error::Raced) => {}
            Err(error) => return Err(error.into()),
        }
        let now = app.store.domain(&before.name).await?;
        if now.is_none_or(|now| now.version != before.version) {
            return Ok(None);
        }
    }
    Err(store::Error::Raced.into())
}

/// Ten seconds at first, then a tenth of the time that it has been waiting.
fn wait(domain: &OwnDomain, now: Timestamp) -> SignedDuration {
    let waiting = now.duration_since(domain.since);
    (waiting / 10).clamp(SOONEST, LATEST)
}

async fn look(means: &OwnDomains, domain: &OwnDomain, now: Timestamp) -> Result<Look, String> {
    let edge = means.edge.as_ref();
    let said = |error: super::EdgeError| error.to_string();
    Ok(match &domain.state {
        DomainState::Unproven => {
            let proof = domain.proof();
            if means.dns.has(&proof).await.map_err(|error| error.to_string())? {
                Look::In(DomainState::Proven)
            } else if now.duration_since(domain.since) > PATIENCE {
                let reason = format!("no proof at {} in 14 days", proof.name);
                Look::In(DomainState::Failed { reason })
            } else {
                Look::Stays(format!("no TXT record at {} has the value asked for", proof.name))
            }
        }
        DomainState::Proven => {
            // Whoever else looks at the name now asks for the same one.
            let mut token = token_hash(&format!("{}/{}", domain.challenge, domain.since));
            token.truncate(TOKEN);
            let certificate = edge.request(&domain.name, &token).await.map_err(said)?;
            let records = Vec::new();
            Look::In(DomainState::Validating { certificate, records })
        }
        DomainState::Validating { certificate, .. } => {
            let certificate = certificate.clone();
            match edge.certificate(&certificate).await.map_err(said)? {
                Certificate::Validating(records) => Look::In(DomainState::Validating { certificate, records }),
                Certificate::Issued => Look::In(DomainState::Issued { certificate }),
                Certificate::Refused(reason) => {
                    edge.forget(&certificate).await.map_err(said)?;
                    Look::In(DomainState::Failed { reason })
                }
                Certificate::Unknown => Look::In(DomainState::Proven),
            }
        }
        DomainState::Issued { certificate } => {
            let place = edge.attach(&domain.name, certificate).await.map_err(said)?;
            Look::In(DomainState::Serving {
                certificate: certificate.clone(),
                place: place.id,
                target: place.target,
            })
        }
        rests @ (DomainState::Serving { .. } | DomainState::Failed { .. }) => Look::In(rests.clone()),
        DomainState::Removing { certificate, detached } => {
            if *detached {
                let given_up = match certificate {
                    Some(certificate) => edge.forget(certificate).await.map_err(said)?,
                    None => true,
                };
                return Ok(match given_up {
                    true => Look::Gone,
                    false => Look::Stays("the certificate is still in use".into()),
                });
            }
            if edge.detach(&domain.name).await.map_err(said)? {
                Look::In(DomainState::Removing {
                    certificate: certificate.clone(),
                    detached: true,
                })
            } else {
                Look::Stays("the edge is letting the name go".into())
            }
        }
    })
}

/// What was made outside for a name that somebody else has changed meanwhile is undone, unless the name has it all the
/// same: two that looked at once have made one and the same thing.
async fn take_back(app: &App, means: &OwnDomains, made: &OwnDomain) -> Result<(), Error> {
    let now = app.store.domain(&made.name).await?;
    // One that is being removed may have been let go already, just before this look attached it.
    let attached = now
        .as_ref()
        .is_some_and(|now| matches!(now.state, DomainState::Issued { .. } | DomainState::Serving { .. }));
    let certificate = made.state.certificate();
    let undone = async {
        if made.state.is_serving() && !attached {
            means.edge.detach(&made.name).await?;
        }
        if let Some(certificate) = certificate
            && now.as_ref().and_then(|now| now.state.certificate()) != Some(certificate)
        {
            means.edge.forget(certificate).await?;
        }
        Ok::<_, super::EdgeError>(())
    };
    if let Err(error) = undone.await {
        tracing::warn!(domain = %made.name, %error, "what a lost race had made for a host name stays behind");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_at_less_often_with_time() {
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).expect("a time");
        let domain = OwnDomain {
            name: "meet.acme.example".parse().expect("a name"),
            reseller: domain::id::ResellerId::new(1).expect("an id"),
            company: domain::id::CompanyId::new(1).expect("an id"),
            challenge: String::new(),
            state: DomainState::Unproven,
            since: at(0),
            looked: None,
            problem: None,
            version: 0,
            created: at(0),
        };
        let seconds: Vec<i64> = [0, 9, 60, 600, 6_000]
            .map(|now| wait(&domain, at(now)).as_secs())
            .into();
        assert_eq!(seconds, [10, 54, 360, 3_600, 3_600]);
    }
}
