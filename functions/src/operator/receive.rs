//! Mails that come in at the address that invitations go out from: what calendars answer is kept, all else is dropped. They come
//! by a topic of this stack's own, which alone may wake the worker, with what the mail service found out about who sent
//! them. No mail is ever answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::code::{Email, Fqdn};
use domain::conference::{Conference, Reply};
use domain::id::{ContactId, Occurrence};
use jiff::Timestamp;
use notify::{ReplyMail, Unread};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::feedback::told;
use super::letters::SENDER;
use crate::app::App;
use crate::error::Error;

/// How often an answer is tried to be kept while its meeting changes.
const TRIES: usize = 5;

/// What came of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Answers that are kept from now on.
    pub kept: usize,
    /// Answers that are older than what is kept, or the same.
    pub known: usize,
    /// Mails that are no answer, or not to be believed.
    pub dropped: usize,
}

/// A notification of SES about a mail that came in, with the mail.
#[derive(Debug, Deserialize)]
struct Notification {
    receipt: Receipt,
    mail: Sent,
    content: String,
}

/// Whom it is for, and what SES found out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    recipients: Vec<String>,
    #[serde(default)]
    spam_verdict: Verdict,
    #[serde(default)]
    virus_verdict: Verdict,
    #[serde(default)]
    spf_verdict: Verdict,
    #[serde(default)]
    dkim_verdict: Verdict,
    #[serde(default)]
    dmarc_verdict: Verdict,
}

/// `PASS`, `FAIL`, `GRAY` (there is nothing to go by) or `PROCESSING_FAILED`.
#[derive(Debug, Default, Deserialize)]
struct Verdict {
    status: String,
}

impl Verdict {
    fn passes(&self) -> bool {
        self.status == "PASS"
    }

    fn fails(&self) -> bool {
        self.status == "FAIL"
    }
}

/// Who sent it, as SMTP had it.
#[derive(Debug, Deserialize)]
struct Sent {
    source: String,
}

/// Why a mail changes nothing. Names nobody.
#[derive(Debug, thiserror::Error)]
enum Dropped {
    #[error("{0}")]
    Unread(#[from] Unread),
    #[error("it is unwanted or dangerous")]
    Unwanted,
    #[error("nothing shows that its sender sent it")]
    Forged,
    #[error("somebody else answers in it than sent it")]
    Another,
    #[error("it is for nobody here")]
    Nobody,
    #[error("there is no such meeting")]
    Meeting,
    #[error("whoever answers is not invited")]
    Uninvited,
    #[error("there is no such occurrence")]
    Occurrence,
    #[error("its meeting keeps changing")]
    Changing,
}

/// Takes in an event of the topic. Harmless when repeated.
///
/// # Errors
/// When the table failed: the topic tells it again.
pub async fn receive(app: &App, event: &Value) -> Result<Received, Error> {
    let mut received = Received::default();
    for notification in told(event) {
        let Some(notification): Option<Notification> = notification else {
            received.dropped += 1;
            continue;
        };
        match take(app, &notification).await? {
            Ok(true) => received.kept += 1,
            Ok(false) => received.known += 1,
            Err(why) => {
                tracing::warn!(%why, "a mail that came in was dropped");
                received.dropped += 1;
            }
        }
    }
    Ok(received)
}

/// Keeps what a mail says; answers whether that is new.
async fn take(app: &App, notification: &Notification) -> Result<Result<bool, Dropped>, Error> {
    let reply = match read(notification) {
        Ok(reply) => reply,
        Err(why) => return Ok(Err(why)),
    };
    let domains = notification
        .receipt
        .recipients
        .iter()
        .filter_map(|to| sender_domain(to));
    let mut reseller = None;
    for domain in domains {
        reseller = reseller.or(app.store.reseller_by_domain(&domain).await?);
    }
    let Some(reseller) = reseller else {
        return Ok(Err(Dropped::Nobody));
    };
    for _ in 0..TRIES {
        let Some(conference) = app.store.conference_by_uid(reseller.id, &reply.uid).await? else {
            return Ok(Err(Dropped::Meeting));
        };
        let Some(contact) = invited_as(app, &conference, &reply.attendee).await? else {
            return Ok(Err(Dropped::Uninvited));
        };
        let Some(said) = said(&reply, &conference, app.now()) else {
            return Ok(Err(Dropped::Occurrence));
        };
        match app.store.replies_take(&conference, contact, &said).await {
            Err(store::Error::Raced) => {}
            kept => {
                let kept = kept?;
                tracing::info!(conference = %conference.id, %contact, kept, "an invitation was answered");
                return Ok(Ok(kept));
            }
        }
    }
    Ok(Err(Dropped::Changing))
}

/// Who of those who are invited has that mail address by now, or had it when invited.
async fn invited_as(app: &App, conference: &Conference, email: &Email) -> Result<Option<ContactId>, Error> {
    let invited = &conference.invited;
    let entry = app
        .store
        .contact_by_email(conference.reseller, conference.host, email)
        .await?;
    let by_now = invited.iter().find(|person| Some(person.contact) == entry);
    let then = || invited.iter().find(|person| person.email.folded() == email.folded());
    Ok(by_now.or_else(then).map(|person| person.contact))
}

/// The answer in a mail, where it is to be believed.
fn read(notification: &Notification) -> Result<ReplyMail, Dropped> {
    let Notification { receipt, mail, content } = notification;
    if receipt.spam_verdict.fails() || receipt.virus_verdict.fails() {
        return Err(Dropped::Unwanted);
    }
    // In base64 as the rule has it; a rule of an operator's own may hand it on as it is.
    let decoded = STANDARD.decode(content.trim());
    let raw = decoded.as_deref().unwrap_or(content.as_bytes());
    let reply = ReplyMail::read(raw)?;
    if reply.from.folded() != reply.attendee.folded() {
        return Err(Dropped::Another);
    }
    match is_from(receipt, &mail.source, &reply) {
        true => Ok(reply),
        false => Err(Dropped::Forged),
    }
}

/// Whether the mail service has found that a mail is from whom it says (RFC 7489 §3.1): its domain's own rule for that holds;
/// where it has none, whoever sent or signed it stands for that domain.
fn is_from(receipt: &Receipt, source: &str, reply: &ReplyMail) -> bool {
    if receipt.dmarc_verdict.passes() {
        return true;
    }
    if receipt.dmarc_verdict.fails() {
        return false;
    }
    let domain = domain_of(reply.from.as_str());
    let stands_for = |other: &str| other == domain || other.ends_with(&format!(".{domain}"));
    let sent = receipt.spf_verdict.passes() && stands_for(&domain_of(source));
    // Of several signatures the verdict does not say which one is right.
    let signed = match reply.signed.as_slice() {
        [signer] => receipt.dkim_verdict.passes() && stands_for(signer),
        _ => false,
    };
    sent || signed
}

/// The domain of an address, as it is compared.
fn domain_of(address: &str) -> String {
    let domain = address.rsplit('@').next().unwrap_or_default();
    domain.trim_end_matches('>').to_ascii_lowercase()
}

/// The domain of a reseller whose mails are sent from this address.
fn sender_domain(address: &str) -> Option<Fqdn> {
    let address: Email = address.parse().ok()?;
    let (local, domain) = address.as_str().rsplit_once('@')?;
    local.eq_ignore_ascii_case(SENDER).then(|| domain.parse().ok())?
}

/// What an answer says about a meeting as it is; `None` where that has no such occurrence.
fn said(reply: &ReplyMail, conference: &Conference, now: Timestamp) -> Option<Vec<(Option<Occurrence>, Reply)>> {
    let mut said = Vec::with_capacity(reply.parts.len());
    for part in &reply.parts {
        let of = match &part.instance {
            Some(instance) => Some(instance.occurrence(conference)?),
            None => None,
        };
        let kept = Reply {
            sequence: part.sequence,
            // A clock that is ahead would keep later answers out.
            at: part.at.min(now),
            status: part.status,
        };
        said.push((of, kept));
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(signed: &[&str]) -> ReplyMail {
        ReplyMail {
            from: "anna@guest.test".parse().expect("an address"),
            attendee: "anna@guest.test".parse().expect("an address"),
            uid: "uid".into(),
            parts: Vec::new(),
            signed: signed.iter().map(|domain| (*domain).to_owned()).collect(),
        }
    }

    fn believed([dmarc, spf, dkim]: [&str; 3], source: &str, signed: &[&str]) -> bool {
        let verdict = |status: &str| json!({"status": status});
        let receipt = json!({"recipients": [], "dmarcVerdict": verdict(dmarc), "spfVerdict": verdict(spf), "dkimVerdict": verdict(dkim)});
        let receipt: Receipt = serde_json::from_value(receipt).expect("a receipt");
        is_from(&receipt, source, &reply(signed))
    }

    #[test]
    fn a_mail_is_believed_by_its_domains_rule() {
        assert!(believed(["PASS", "FAIL", "FAIL"], "x@elsewhere.test", &[]));
        let all = ["FAIL", "PASS", "PASS"];
        assert!(!believed(all, "anna@guest.test", &["guest.test"]));
    }

    #[test]
    fn without_a_rule_whoever_sent_or_signed_it_stands_for_the_domain() {
        for unknown in ["GRAY", "PROCESSING_FAILED", ""] {
            assert!(believed([unknown, "PASS", "GRAY"], "bounces@mail.Guest.test", &[]));
            assert!(believed([unknown, "FAIL", "PASS"], "x@elsewhere.test", &["guest.test"]));
            // Right, but of somebody else; or said of the domain, and not found to be right.
            assert!(!believed([unknown, "PASS", "GRAY"], "anna@elsewhere.test", &[]));
            assert!(!believed([unknown, "PASS", "GRAY"], "anna@evilguest.test", &[]));
            assert!(!believed([unknown, "PASS", "GRAY"], "anna@test", &[]));
            assert!(!believed([unknown, "GRAY", "GRAY"], "anna@guest.test", &["guest.test"]));
            assert!(!believed([unknown, "GRAY", "PASS"], "", &["elsewhere.test"]));
            assert!(!believed(
                [unknown, "GRAY", "PASS"],
                "",
                &["elsewhere.test", "guest.test"]
            ));
        }
    }

    #[test]
    fn only_the_senders_own_address_takes_mail_in() {
        let domain = |address: &str| sender_domain(address).map(|domain| domain.to_string());
        assert_eq!(domain("No-Reply@demo.test").as_deref(), Some("demo.test"));
        assert_eq!(domain("support@demo.test"), None);
        assert_eq!(domain("no-reply"), None);
    }
}
