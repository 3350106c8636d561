//! A host account as the partner API shows it.

use domain::Role;
use domain::code::{Email, Phone};
use domain::company::Company;
use domain::host::{Host, MeetingDefaults, StreamPreview};
use domain::id::{CompanyId, HostId, SubscriptionId};
use domain::media::AutoMedia;
use domain::room::MuteMode;
use domain::text::Name;
use domain::time::Zone;
use schemars::JsonSchema;
use serde::Serialize;

use super::digits::Number;
use crate::access::Caller;
use crate::context::Context;
use crate::error::Error;

/// A host account. Secrets are absent where the account is ranked above the caller's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Host")]
pub struct HostAnswer {
    /// What it is.
    #[serde(flatten)]
    pub host: HostFields,
    /// The code of its own room.
    pub access_code: Number,
    /// Where a password is set; answered once, when the account is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_creation_link: Option<String>,
}

/// A host account in a list: the same, with its code as a number.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostEntry")]
pub struct HostListed {
    /// What it is.
    #[serde(flatten)]
    pub host: HostFields,
    /// The code of its own room.
    pub access_code: u32,
}

/// What all answers say about a host account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct HostFields {
    /// Its id.
    pub host_id: HostId,
    /// Its company.
    pub company_id: CompanyId,
    /// Its name.
    pub name: Name,
    /// Its mail address.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// The number to dial in that its invitations name.
    pub primary_dialin_number: Option<Phone>,
    /// Its own room.
    pub meeting_url: String,
    /// Makes whoever types it a moderator of its meetings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderator_pin: Option<Number>,
    /// Its subject at the reseller's identity provider.
    pub openid_sub: Option<String>,
    /// The token of single sign-on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_token_public_key: Option<String>,
    /// Its instances of its company's subscriptions.
    pub subscription_ids: Vec<SubscriptionId>,
    /// Its time zone.
    pub time_zone: Option<Zone>,
    /// Its language.
    pub locale: Option<String>,
    /// For text messages.
    pub phone: Option<Phone>,
    /// What its new meetings are set to.
    #[serde(flatten)]
    pub defaults: DefaultsAnswer,
}

/// What a host's new meetings are set to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DefaultsAnswer {
    /// What is recorded by itself.
    pub auto_record: AutoMedia,
    /// What is streamed by itself.
    pub auto_stream: AutoMedia,
    /// Whether recordings are transcribed.
    pub auto_transcribe: bool,
    /// Recording and streaming start already when the host joins.
    pub host_initiated_recording: bool,
    /// Guests wait until a moderator lets them in.
    pub waiting_room: bool,
    /// A code of their own.
    pub one_time_access_code: bool,
    /// `room_url` hides the code.
    pub secure_url: bool,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// The livestream's preview.
    pub stream_preview: Option<StreamPreview>,
}

impl From<MeetingDefaults> for DefaultsAnswer {
    fn from(defaults: MeetingDefaults) -> Self {
        Self {
            auto_record: defaults.auto.record,
            auto_stream: defaults.auto.stream,
            auto_transcribe: defaults.auto.transcribe,
            host_initiated_recording: defaults.host_initiated_recording,
            waiting_room: defaults.waiting_room,
            one_time_access_code: defaults.one_time_access_code,
            secure_url: defaults.secure_url,
            mute_mode: defaults.mute_mode,
            stream_preview: defaults.stream_preview,
        }
    }
}

/// Makes the answer about a host for this caller.
pub(super) fn answer(context: &Context<'_>, host: Host, company: &Company) -> Result<HostAnswer, Error> {
    Ok(HostAnswer {
        access_code: host.access_code.into(),
        password_creation_link: None,
        host: fields(context, host, company)?,
    })
}

/// The same as an entry of a list.
pub(super) fn entry(context: &Context<'_>, host: Host, company: &Company) -> Result<HostListed, Error> {
    Ok(HostListed {
        access_code: host.access_code.value(),
        host: fields(context, host, company)?,
    })
}

fn fields(context: &Context<'_>, host: Host, company: &Company) -> Result<HostFields, Error> {
    let app = context.app;
    let shown = context.caller()?.sees_secrets_of(host.role);
    let secret = |field: &str, sealed| app.open(&format!("host/{}/{field}", host.id), sealed);
    let (pin, sso) = match shown {
        true => (
            Some(secret("moderator_pin", &host.moderator_pin)?),
            Some(secret("sso_token", &host.sso_token)?),
        ),
        false => (None, None),
    };
    let origin = app.config.origin(company.fqdn.as_str());
    let subscription_ids = domain::plan::held(&host, company).map(|held| held.id).collect();
    Ok(HostFields {
        host_id: host.id,
        company_id: host.company,
        name: host.name,
        email: host.email,
        role: host.role,
        primary_dialin_number: host.primary_dialin_number,
        meeting_url: format!("{origin}/conf/call/{}", host.access_code),
        moderator_pin: pin.map(|number| Number { number }),
        openid_sub: host.openid_sub,
        login_token_public_key: sso,
        subscription_ids,
        time_zone: host.time_zone,
        locale: host.locale,
        phone: host.phone,
        defaults: host.defaults.into(),
    })
}

/// A host and its company, which is known to be this one: in one read.
pub(super) async fn of_company(
    context: &Context<'_>,
    id: HostId,
    company: CompanyId,
) -> Result<(Host, Company), Error> {
    let scope = &context.caller()?.scope;
    Ok(context.store().host_of_company(scope, id, company).await?)
}

/// A host and its company, both in the caller's scope.
pub(super) async fn with_company(context: &Context<'_>, id: HostId) -> Result<(Host, Company), Error> {
    let host = context.host(id).await?;
    let company = context.store().company(&context.caller()?.scope, host.company).await?;
    Ok((host, company))
}

impl Caller {
    /// Nobody can grant a role above the own.
    ///
    /// # Errors
    ///
    /// 403 for a role above the caller's.
    pub(super) fn may_grant(&self, role: Role) -> Result<(), domain::Error> {
        if role <= self.role {
            Ok(())
        } else {
            Err(domain::Error::forbidden().with_field("role"))
        }
    }
}
