//! What `host/create` and `host/update` take of an account, in one list.

use domain::Error as Refusal;
use domain::Role;
use domain::code::{AccessCode, Phone, Pin};
use domain::company::Company;
use domain::host::{Automatic, MeetingDefaults, StreamPreview};
use domain::id::SubscriptionId;
use domain::media::AutoMedia;
use domain::room::MuteMode;
use domain::text::Line;
use domain::time::Zone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::digits::Digits;
use super::words::is_locale;
use crate::auth::Password;

/// The longest preview of a livestream, and the longest pause between two, in seconds.
const LONGEST_PREVIEW: u32 = 3_600;

/// How an account is, beside its name and mail address.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct AccountParameters {
    /// Its password; an account made without one is entered by the link that sets one.
    pub password: Option<Password>,
    /// What it may do; nobody can grant a role above the own. Its sessions of a higher role end.
    pub role: Option<Role>,
    /// Its subject at the reseller's identity provider, unique in the reseller; null for none.
    pub openid_sub: Option<Line<255>>,
    /// Its company's subscriptions that it has instances of.
    pub subscription_ids: Option<Vec<SubscriptionId>>,
    /// The code of its own room, unique in the installation; generated for an account made without one. What is planned on
    /// a former code still opens by that.
    pub access_code: Option<Digits<AccessCode>>,
    /// Makes whoever types it a moderator; generated for an account made without one.
    pub moderator_pin: Option<Digits<Pin>>,
    /// One of the company's numbers, the first one for an account made without one; null for none.
    pub primary_dialin_number: Option<Phone>,
    /// For text messages; null for none.
    pub phone: Option<Phone>,
    /// Its time zone, the company's for an account made without one; null for none.
    pub time_zone: Option<Zone>,
    /// Its language, the company's for an account made without one; null for none.
    pub locale: Option<String>,
}

impl AccountParameters {
    /// Refuses what no account of this company can be.
    pub(super) fn check(&self, company: &Company) -> Result<(), Refusal> {
        if self.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
            return Err(Refusal::invalid("locale", "must be a language such as en or pt-BR"));
        }
        let mut numbers = company.settings.dialin_numbers.iter().map(|dialin| &dialin.number);
        match &self.primary_dialin_number {
            Some(wanted) if !numbers.any(|number| number == wanted) => Err(Refusal::invalid(
                "primary_dialin_number",
                "is none of the company's numbers",
            )),
            _ => Ok(()),
        }
    }
}

/// What an account's new meetings are set to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct DefaultsParameters {
    /// What is recorded by itself; true says `video`. It is kept, and meetings made now say `none`: nothing is recorded yet.
    pub auto_record: Option<AutoMedia>,
    /// What is streamed by itself, kept like `auto_record`, which it must equal where both are on.
    pub auto_stream: Option<AutoMedia>,
    /// Whether recordings are transcribed, kept like `auto_record`, which it needs.
    pub auto_transcribe: Option<bool>,
    /// Recording and streaming start already when the host joins.
    pub host_initiated_recording: Option<bool>,
    /// Guests wait until a moderator lets them in.
    pub waiting_room: Option<bool>,
    /// A code of their own.
    pub one_time_access_code: Option<bool>,
    /// `room_url` hides the code.
    pub secure_url: Option<bool>,
    /// Who is heard.
    pub mute_mode: Option<MuteMode>,
    /// The livestream's preview; null for none.
    pub stream_preview: Option<StreamPreview>,
}

impl DefaultsParameters {
    /// What meetings are set to that were set to `former` before.
    pub(super) fn over(self, former: MeetingDefaults) -> Result<MeetingDefaults, Refusal> {
        let auto = Automatic {
            record: self.auto_record.unwrap_or(former.auto.record),
            stream: self.auto_stream.unwrap_or(former.auto.stream),
            transcribe: self.auto_transcribe.unwrap_or(former.auto.transcribe),
        };
        check(auto)?;
        if let Some(preview) = &self.stream_preview {
            let times = [
                ("stream_preview.duration", preview.duration),
                ("stream_preview.interval", preview.interval),
            ];
            let wrong = |seconds: u32| !(1..=LONGEST_PREVIEW).contains(&seconds);
            if let Some((field, _)) = times.into_iter().find(|(_, seconds)| seconds.is_some_and(wrong)) {
                return Err(Refusal::invalid(
                    field,
                    format_args!("must be 1 to {LONGEST_PREVIEW} seconds"),
                ));
            }
        }
        Ok(MeetingDefaults {
            auto,
            one_time_access_code: self.one_time_access_code.unwrap_or(former.one_time_access_code),
            secure_url: self.secure_url.unwrap_or(former.secure_url),
            host_initiated_recording: self.host_initiated_recording.unwrap_or(former.host_initiated_recording),
            mute_mode: self.mute_mode.unwrap_or(former.mute_mode),
            waiting_room: self.waiting_room.unwrap_or(former.waiting_room),
            stream_preview: self.stream_preview.or(former.stream_preview),
        })
    }
}

/// Refuses what recording, streaming and transcribing by themselves cannot be together.
pub(super) fn check(auto: Automatic) -> Result<(), Refusal> {
    let both = auto.record != AutoMedia::None && auto.stream != AutoMedia::None;
    if both && auto.record != auto.stream {
        return Err(Refusal::invalid(
            "auto_stream",
            "must equal auto_record when both are on",
        ));
    }
    if auto.transcribe && auto.record == AutoMedia::None {
        return Err(Refusal::invalid("auto_transcribe", "needs auto_record"));
    }
    Ok(())
}
