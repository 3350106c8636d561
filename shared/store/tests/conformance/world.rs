//! A reseller with a company, a host and relays, made new for each check.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Reason;
use domain::Role;
use domain::code::{AccessCode, Fqdn};
use domain::company::{Company, CompanySettings, Images, Reseller};
use domain::conference::{CodeKind, Conference, Kind, Minutes, Rule, Series};
use domain::host::Host;
use domain::id::{ConferenceId, Occurrence, ParticipantNumber, RelayId, RoomName};
use domain::jws::SigningKey;
use domain::relay::{Enter, Entered, Event, EventKind, Events, Leave, OccurrenceState, Register};
use domain::room::MuteMode;
use domain::sealed::{Sealed, SealingKey, token_hash};
use domain::time::Zone;
use jiff::{SignedDuration, Timestamp};
use store::{Actor, EndedConference, LiveRoom, RoomTarget, Scope, Store, Write};

/// Counts worlds of this process; the start tells processes apart on a table that lives on.
static WORLDS: AtomicU64 = AtomicU64::new(0);

/// Noon.
pub fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("a time")
}

/// So many minutes after noon.
pub fn minute(minutes: i64) -> Timestamp {
    noon()
        .saturating_add(SignedDuration::from_mins(minutes))
        .expect("a time")
}

/// A secret as it is kept.
pub fn sealed() -> Sealed {
    SealingKey::derive(&[1; 32], "test").seal("somewhere", b"hush-hush", [2; 12])
}

/// What an operator writes.
pub fn operator(action: &str) -> Write<'_> {
    Write {
        at: noon(),
        by: Actor::Operator,
        action,
        claim: None,
    }
}

pub struct World {
    pub store: Store,
    pub name: String,
    pub reseller: Reseller,
    pub company: Company,
    pub host: Host,
}

fn unique() -> String {
    static START: std::sync::OnceLock<i128> = std::sync::OnceLock::new();
    let start = START.get_or_init(|| Timestamp::now().as_nanosecond());
    format!("w{start}x{}", WORLDS.fetch_add(1, Ordering::Relaxed))
}

impl World {
    pub async fn new(store: &Store) -> Self {
        let name = unique();
        let domain: Fqdn = format!("{name}.example").parse().expect("a domain");
        let reseller = Reseller {
            id: store.new_reseller_id().await.expect("an id"),
            name: "Partner".parse().expect("a name"),
            domain: domain.clone(),
            leave_event_type: None,
            openid: None,
            openid_secret: None,
            daily_mails: None,
            created: noon(),
        };
        store
            .reseller_create(&reseller, &operator("init"))
            .await
            .expect("a reseller");
        let company = Self::company_of(store, &reseller, "acme").await;
        store
            .company_create(&company, &operator("company-create"), &[])
            .await
            .expect("a company");
        let host = Self::host_of(store, &company, &format!("ann@{name}.example")).await;
        store
            .host_create(&host, &operator("host-create"))
            .await
            .expect("a host");
        Self {
            store: store.clone(),
            name,
            reseller,
            company,
            host,
        }
    }

    pub async fn company_of(store: &Store, reseller: &Reseller, subdomain: &str) -> Company {
        let subdomain = subdomain.parse().expect("a subdomain");
        Company {
            id: store.new_company_id().await.expect("an id"),
            reseller: reseller.id,
            fqdn: reseller.domain.below(&subdomain).expect("a name"),
            subdomain,
            name: "Acme".parse().expect("a name"),
            subscriptions: Vec::new(),
            own_domains: Vec::new(),
            images: Images::default(),
            deleting: None,
            version: 0,
            created: noon(),
            settings: CompanySettings::default(),
        }
    }

    pub async fn host_of(store: &Store, company: &Company, email: &str) -> Host {
        let id = store.new_host_id().await.expect("an id");
        Host {
            id,
            reseller: company.reseller,
            company: company.id,
            name: "Ann".parse().expect("a name"),
            email: email.parse().expect("an address"),
            role: Role::Host,
            password_hash: Some("$argon2id$hush".into()),
            password_link: None,
            reset_link: None,
            openid_sub: None,
            // Ids are never given twice, so neither are these.
            access_code: AccessCode::new(u32::try_from(1_000_000 + id.value()).expect("few")).expect("a code"),
            moderator_pin: sealed(),
            sso_token: sealed(),
            sso_token_hash: token_hash("hush"),
            primary_dialin_number: None,
            phone: None,
            time_zone: None,
            locale: None,
            defaults: domain::host::MeetingDefaults::default(),
            own_contact: store.new_contact_id().await.expect("an id"),
            subscriptions: Vec::new(),
            signed_out: None,
            deleting: None,
            version: 0,
            created: noon(),
        }
    }

    pub fn scope(&self) -> Scope {
        Scope::host(self.reseller.id, self.company.id, self.host.id)
    }

    /// A meeting on the host's code, an hour long.
    pub async fn conference(&self, start: Timestamp) -> Conference {
        let id = self.store.new_conference_id().await.expect("an id");
        Conference {
            id,
            reseller: self.reseller.id,
            company: self.company.id,
            host: self.host.id,
            kind: Kind::Scheduled,
            subject: "Talk".parse().expect("a subject"),
            agenda: None,
            start,
            occurrence: Occurrence::new(start.as_second()),
            zone: Zone::utc(),
            duration: Minutes::new(60).expect("minutes"),
            code: self.host.access_code,
            code_kind: CodeKind::Host,
            secure_url: false,
            host_initiated_recording: false,
            security_pin: Some(sealed()),
            mute_mode: MuteMode::Conversation,
            waiting_room: false,
            registration: false,
            moderator_token: sealed(),
            invited: Vec::new(),
            reminders: Vec::new(),
            ics_uid: format!("{id}@world.test"),
            sequence: 0,
            times_since: domain::conference::TimesSince::default(),
            max_participants: 100,
            h264: true,
            created: noon(),
            series: None,
            version: 0,
            deleted: false,
        }
    }

    /// A planned meeting, made.
    pub async fn planned(&self, start: Timestamp) -> Conference {
        let conference = self.conference(start).await;
        self.store
            .conference_create(&conference, &operator("conference-create"))
            .await
            .expect("a conference");
        conference
    }

    /// A meeting at the same time on several days, made.
    pub async fn daily(&self, start: Timestamp, days: u32) -> Conference {
        let rule: Rule = format!("FREQ=DAILY;COUNT={days}").parse().expect("a rule");
        let starts = rule.starts(start, &Zone::utc()).expect("starts");
        let conference = Conference {
            series: Some(Series::new(rule, &starts)),
            ..self.conference(start).await
        };
        self.store
            .conference_create(&conference, &operator("conference-create"))
            .await
            .expect("a conference");
        conference
    }

    /// Ends a conference, as an operator.
    pub async fn end(&self, id: ConferenceId) -> EndedConference {
        let state = self.store.conference(&self.scope(), id).await.expect("found");
        let around = self.store.surroundings(&state).await.expect("read");
        let write = operator("conference-end");
        let ended = self.store.conference_end(&state, &around, Reason::Ended, &write).await;
        ended.expect("ends")
    }

    /// A relay, registered and living.
    pub async fn relay(&self, name: &str, now: Timestamp) -> TestRelay {
        let id: RelayId = format!("{name}-{}", self.name).parse().expect("a name");
        let key = SigningKey::from_pkcs8(&SigningKey::generate())
            .expect("own key")
            .verifying_key()
            .to_jwk();
        self.store
            .relay_add(&id, &key, &operator("relay-add"))
            .await
            .expect("a relay");
        let relay = TestRelay {
            store: self.store.clone(),
            id,
            epoch: 1,
        };
        relay.register(now).await;
        relay
    }

    /// Makes what the code opens live at a relay, as joining does.
    pub async fn open(&self, relay: &TestRelay, now: Timestamp, leads: bool) -> LiveRoom {
        self.try_open(relay, now, leads)
            .await
            .expect("opens")
            .expect("something to open")
    }

    /// The same, where it may not open; only the host opens an ad-hoc meeting.
    pub async fn try_open(&self, relay: &TestRelay, now: Timestamp, leads: bool) -> store::Result<Option<LiveRoom>> {
        let view = self.store.room(self.host.access_code, now).await?.expect("a room");
        let ad_hoc = Conference {
            kind: Kind::AdHoc,
            ..self.conference(now).await
        };
        let target = match view.opens(now, leads) {
            domain::conference::Opens::Live(live) => RoomTarget::Live(live),
            domain::conference::Opens::Planned { planned, .. } => RoomTarget::Planned(planned),
            domain::conference::Opens::AdHoc => RoomTarget::AdHoc(&ad_hoc),
            _ => return Ok(None),
        };
        self.store
            .room_open(&view, target, &relay.id, std::slice::from_ref(&relay.id), now)
            .await
            .map(Some)
    }

    pub fn room_name(&self, live: &LiveRoom) -> RoomName {
        RoomName {
            reseller: self.reseller.id,
            conference: live.live.conference,
            occurrence: live.live.occurrence,
        }
    }
}

pub struct TestRelay {
    pub store: Store,
    pub id: RelayId,
    pub epoch: u64,
}

impl TestRelay {
    pub fn registration(&self) -> Register {
        Register {
            relay: self.id.clone(),
            region: "eu".into(),
            url: "http://127.0.0.1:7880".into(),
            version: "1".into(),
            capacity: 100,
            epoch: self.epoch,
        }
    }

    pub async fn register(&self, now: Timestamp) {
        self.store
            .relay_register(&self.registration(), now)
            .await
            .expect("registered");
    }

    pub async fn enter(&self, room: RoomName, now: Timestamp) -> store::Result<Entered> {
        let enter = Enter {
            relay: self.id.clone(),
            epoch: self.epoch,
            room,
            participant: None,
            jti: None,
        };
        self.store.relay_enter(&enter, now).await
    }

    pub async fn leave(&self, room: RoomName, now: Timestamp) -> store::Result<OccurrenceState> {
        self.close(room, false, now).await
    }

    /// Closes a room, with people in it who come again or without.
    pub async fn close(&self, room: RoomName, reconnecting: bool, now: Timestamp) -> store::Result<OccurrenceState> {
        let leave = Leave {
            relay: self.id.clone(),
            epoch: self.epoch,
            room,
            reconnecting,
        };
        self.store.relay_leave(&leave, now).await
    }

    pub async fn report(&self, n: u64, events: Vec<Event>, now: Timestamp) -> store::Result<()> {
        let batch = Events {
            relay: self.id.clone(),
            epoch: self.epoch,
            n,
            events,
        };
        self.store.relay_events(&batch, now).await
    }
}

pub fn joins(room: RoomName, number: u32, moderator: bool) -> Event {
    let kind = EventKind::ParticipantJoin {
        participant: ParticipantNumber::new(number).expect("a number"),
        jti: format!("j{number}"),
        name: format!("P{number}"),
        contact: None,
        moderator,
        region: "eu".into(),
    };
    Event {
        room,
        at: noon().as_millisecond(),
        kind,
    }
}

pub fn leaves(room: RoomName, number: u32) -> Event {
    let kind = EventKind::ParticipantLeave {
        participant: ParticipantNumber::new(number).expect("a number"),
        jti: format!("j{number}"),
        reason: Reason::Left,
        duration_ms: 1,
    };
    Event {
        room,
        at: noon().as_millisecond(),
        kind,
    }
}
