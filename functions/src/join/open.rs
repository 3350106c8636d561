//! Making a meeting live in its room, and taking a number in it.

use domain::company::Company;
use domain::conference::{Conference, Invited, Kind, Minutes, ModeratorToken, Opens};
use domain::host::Host;
use domain::id::{Occurrence, ParticipantNumber, RelayId};
use domain::join_token::JoinToken;
use domain::text::Subject;
use domain::time::Zone;
use domain::{Code, Error as Refusal};
use store::{LiveRoom, Relay, RoomTarget, RoomView};

use super::look::Look;
use crate::context::Context;
use crate::error::Error;

/// A room that was opened, and the number taken in its meeting.
pub(super) type Opened = (LiveRoom, ParticipantNumber);

/// Confirms a live meeting and takes a number in it while the meeting itself is still being read: most people join what
/// is live, and so wait for two round trips. Whoever is then refused leaves a gap in the numbers, no more.
pub(super) async fn ahead(
    context: &Context<'_>,
    look: &Look,
    opens: &Opens<'_>,
    earlier: Option<&JoinToken>,
) -> Result<Option<Opened>, Error> {
    let Opens::Live(live) = opens else { return Ok(None) };
    let room = domain::id::RoomName {
        reseller: look.view.room.reseller,
        conference: live.conference,
        occurrence: live.occurrence,
    };
    let known = earlier
        .filter(|token| token.room() == Some(room))
        .and_then(|token| token.convoke.as_ref())
        .map(|grant| grant.participant);
    place(context, (&look.view, &look.relays), RoomTarget::Live(live), room, known).await
}

/// Makes the meeting live, or confirms that it is. `None`: the room changed under the decision.
pub(super) async fn open(
    context: &Context<'_>,
    look: &Look,
    target: RoomTarget<'_>,
    room: domain::id::RoomName,
    known: Option<ParticipantNumber>,
) -> Result<Option<Opened>, Error> {
    place(context, (&look.view, &look.relays), target, room, known).await
}

/// The same, of what a code leads to and the relays that live, best first.
pub(super) async fn place(
    context: &Context<'_>,
    (view, relays): (&RoomView, &[Relay]),
    target: RoomTarget<'_>,
    room: domain::id::RoomName,
    known: Option<ParticipantNumber>,
) -> Result<Option<Opened>, Error> {
    let store = &context.app.store;
    // A relay that drains keeps the meetings that run on it, and gets no other.
    let runs_at = |relay: &Relay| {
        let live = view.room.live.as_ref();
        live.is_some_and(|held| held.home == relay.id && held.live.lease.is_none())
    };
    let open: Vec<&Relay> = relays
        .iter()
        .filter(|relay| !relay.draining || runs_at(relay))
        .collect();
    let alive: Vec<RelayId> = open.iter().map(|relay| relay.id.clone()).collect();
    let free = open
        .iter()
        .find(|relay| relay.participants < relay.capacity)
        .or(open.first());
    let Some(free) = free else {
        return Err(Refusal::new(Code::Unavailable, "No relay is available")
            .with_retry_after(5)
            .into());
    };
    let number = async {
        match known {
            Some(known) => Ok(known),
            None => store.participant_number(room.reseller, room.conference).await,
        }
    };
    let (opened, number) = tokio::join!(store.room_open(view, target, &free.id, &alive, context.now), number);
    match opened {
        Ok(live) => Ok(Some((live, number?))),
        Err(store::Error::Raced) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A new meeting on a host's own code, started by the host or a moderator.
pub(super) async fn ad_hoc(
    context: &Context<'_>,
    view: &RoomView,
    host: &Host,
    company: &Company,
) -> Result<Conference, Error> {
    let (app, now, room) = (context.app, context.now, &view.room);
    let id = app.store.new_conference_id().await?;
    let subject = format!("{}'s Meeting", host.name);
    let token = ModeratorToken::random(app.random());
    let policy = &company.settings.media_policy;
    Ok(Conference {
        id,
        reseller: room.reseller,
        company: room.company,
        host: room.host,
        kind: Kind::AdHoc,
        subject: Subject::lossy(&subject).ok_or(Error::Broken("a host has no name"))?,
        agenda: None,
        start: now,
        occurrence: Occurrence::new(now.as_second()),
        zone: host.time_zone.clone().unwrap_or_else(Zone::utc),
        duration: Minutes::RESERVATIONLESS,
        code: room.code,
        code_kind: room.kind,
        secure_url: host.defaults.secure_url,
        host_initiated_recording: host.defaults.host_initiated_recording,
        security_pin: None,
        mute_mode: host.defaults.mute_mode,
        waiting_room: host.defaults.waiting_room,
        registration: false,
        moderator_token: app.seal(&format!("conference/{id}/moderator_token"), token.as_str()),
        invited: vec![invited(host)],
        reminders: Vec::new(),
        ics_uid: format!("{}@{}", app.uuid(), company.fqdn),
        sequence: 0,
        times_since: domain::conference::TimesSince::default(),
        max_participants: crate::api::meeting::most_participants(host, company),
        h264: policy.h264,
        created: now,
        series: None,
        version: 0,
        deleted: false,
    })
}

fn invited(host: &Host) -> Invited {
    Invited {
        contact: host.own_contact,
        name: Some(host.name.clone()),
        email: host.email.clone(),
        phone: host.phone.clone(),
        moderator: true,
    }
}
