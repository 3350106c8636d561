//! Reminders as they are asked for: `reminders` of `conference/create` and `conference/update`.

use domain::company::Company;
use domain::conference::{Channel, MOST_REMINDERS, Reminder};
use domain::host::Host;
use domain::{Error as Refusal, plan};

use super::later::absent;
use crate::texts::Texts;

/// Refuses what cannot be, before anything is read.
///
/// # Errors
///
/// `invalid_field` on `reminders`: more than five.
pub(super) fn check(asked: &[Reminder]) -> Result<(), Refusal> {
    if asked.len() > MOST_REMINDERS {
        return Err(Refusal::invalid("reminders", "must be at most 5"));
    }
    Ok(())
}

/// Refuses text messages where none go.
///
/// # Errors
///
/// `invalid_field` on `reminders`: the installation sends none, or the host's plans do not hold them.
pub(super) fn check_texts(asked: &[Reminder], texts: &Texts, host: &Host, company: &Company) -> Result<(), Refusal> {
    let text = asked.iter().find(|reminder| reminder.channel == Channel::Sms);
    absent("reminders", text.filter(|_| !texts.are_sent()))?;
    let allowed = plan::most(plan::held(host, company)).is_none_or(|allows| allows.sms);
    if text.is_some() && !allowed {
        return Err(Refusal::invalid(
            "reminders",
            "text messages are not in the host's plan",
        ));
    }
    Ok(())
}

/// As they are kept: each once, in order.
pub(super) fn planned(asked: &[Reminder]) -> Vec<Reminder> {
    let mut reminders = asked.to_vec();
    reminders.sort_unstable();
    reminders.dedup();
    reminders
}
