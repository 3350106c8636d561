//! Where people enter: addresses that answers and mails hold.

use domain::company::Company;
use domain::conference::Conference;

use crate::app::App;

/// Where people enter a meeting.
pub(crate) fn room(app: &App, company: &Company, conference: &Conference) -> String {
    let origin = app.config.origin(company.fqdn.as_str());
    match conference.secure_url {
        true => {
            let hidden = app.keys.codes.hide(conference.company, conference.code);
            format!("{origin}/conf/call/{hidden}?encrypted_pin=true")
        }
        false => format!("{origin}/conf/call/{}", conference.code),
    }
}

/// The same for one guest of a meeting with registration.
pub(crate) fn guest(room: &str, pass: &str) -> String {
    with(room, "pass", pass)
}

/// The same for a moderator.
pub(crate) fn moderator(room: &str, token: &str) -> String {
    with(room, "moderator_token", token)
}

fn with(room: &str, name: &str, value: &str) -> String {
    let before = if room.contains('?') { '&' } else { '?' };
    format!("{room}{before}{name}={value}")
}
