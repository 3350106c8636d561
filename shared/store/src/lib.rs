//! The one table: every key, item and query. No other crate knows the SDK's types or a key's text.
//!
//! Every function is one read of at most two round trips, or one write that happens wholly or not at all. Times, random
//! bytes and new ids are arguments; new ids come from the `new_*_id` functions, which claim them in blocks.

mod api_token;
mod attempt;
mod audit;
mod company;
mod conference;
mod conference_change;
mod conference_list;
mod contact;
mod due;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "embedded")]
pub mod emulator;
mod erase;
mod error;
mod events;
pub mod fault;
mod handoff;
mod hook;
mod host;
mod idempotency;
mod ids;
mod image;
mod job;
pub mod keys;
mod line;
mod list;
mod mails;
mod membership;
mod news;
mod oauth;
mod occurrence;
mod op;
mod own_domain;
mod partition;
mod password;
mod plan;
mod presence;
mod quality;
mod rate;
mod relay;
mod reminders;
mod reply;
mod report;
mod reseller;
mod retry;
mod room;
mod scope;
mod series;
mod session;
mod suppression;
mod sweep;
mod table;
mod text;
mod told;
mod usage;
mod value;
mod write;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

pub use self::api_token::ApiToken;
pub use self::attempt::{Attempt, Attempts};
pub use self::audit::AuditEntry;
pub use self::company::Tenant;
pub use self::conference::{ConferenceState, EndedConference, OccurrenceView, Surroundings};
pub use self::conference_list::{ConferencePage, ListStart};
pub use self::contact::NewContact;
pub use self::erase::{HostRemains, MeetingPlace};
pub use self::error::{Error, Result, Unique};
pub use self::handoff::{Handoff, HandoffKind};
pub use self::hook::HookChange;
pub use self::host::GoneHost;
pub use self::idempotency::{Claim, Claimed, IdempotencyKey};
pub use self::image::{Image, LARGEST_IMAGE};
pub use self::job::{Erasure, Job, Work};
pub use self::line::{Delivery, DeliveryState, Line, Rest};
pub use self::list::{Page, Paging};
pub use self::mails::MailsLeft;
pub use self::news::{News, Told};
pub use self::oauth::{OauthAccess, OauthClient, OauthGrant, OauthState, access_hash};
pub use self::partition::Partition;
pub use self::password::PasswordSet;
pub use self::presence::{Attendance, Behind, Stay};
pub use self::quality::{QualityAsked, QualityHistory, QualityPlace};
pub use self::rate::Rate;
pub use self::relay::Relay;
pub use self::reminders::OWED;
pub use self::room::{LiveRoom, Room, RoomTarget, RoomView};
pub use self::scope::Scope;
pub use self::session::{Session, SessionUse};
pub use self::suppression::{Suppressed, SuppressedMails};
pub use self::sweep::{Swept, SweptRoom};
pub use self::text::{TextAnswer, TextNote};
pub use self::told::ToldMeeting;
pub use self::usage::Usage;
pub use self::write::{Actor, Write};

/// The table, as the rest of the platform sees it. Cheap to clone; clones share their blocks of ids and what they remember.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    ids: Arc<ids::Blocks>,
    ends: Arc<list::Ends>,
}

impl Store {
    /// The table of this name, reached by this client. Nothing is read or written yet; retries and time-outs are the
    /// store's own, whatever the client's.
    #[must_use]
    pub fn new(client: &Client, table: impl Into<Arc<str>>) -> Self {
        Self {
            client: table::configured(client),
            table: table.into(),
            ids: Arc::default(),
            ends: Arc::default(),
        }
    }
}
