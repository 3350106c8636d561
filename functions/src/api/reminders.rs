//! Reminders as they are asked for: `reminders` of `conference/create` and `conference/update`.

use domain::Error as Refusal;
use domain::conference::{Channel, MOST_REMINDERS, Reminder};

use super::later::absent;

/// Refuses what cannot be, before anything is read.
///
/// # Errors
///
/// `invalid_field` on `reminders`: more than five, or by a way that is not there.
pub(super) fn check(asked: &[Reminder]) -> Result<(), Refusal> {
    if asked.len() > MOST_REMINDERS {
        return Err(Refusal::invalid("reminders", "must be at most 5"));
    }
    let text = asked.iter().find(|reminder| reminder.channel == Channel::Sms);
    absent("reminders", text)
}

/// As they are kept: each once, in order.
pub(super) fn planned(asked: &[Reminder]) -> Vec<Reminder> {
    let mut reminders = asked.to_vec();
    reminders.sort_unstable();
    reminders.dedup();
    reminders
}
