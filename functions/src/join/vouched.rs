//! Letting somebody in whom a partner's server vouches for: no PIN is asked, the caller says who leads.
//!
//! Round trips: (1) the meeting, or what its code leads to, beside the session; (2) what is left of these, the relays, the
//! host and the company, all at once; (3) the write that makes the meeting live beside the participant's number; one more
//! where an own identity comes for the first time.

use domain::code::AccessCode;
use domain::company::Company;
use domain::conference::{Conference, Opens};
use domain::host::Host;
use domain::id::{ConferenceId, Occurrence, ParticipantNumber};
use domain::join::RelayAddress;
use domain::join_token::JoinToken;
use domain::room::RoomRole;
use domain::text::Name;
use domain::{Code, Error as Refusal};
use store::{Relay, RoomTarget, RoomView, Scope};

use super::admit::{self, Seat};
use super::open;
use crate::context::Context;
use crate::error::Error;

/// How often a decision is taken anew when others change the room meanwhile.
const TRIES: u32 = 5;

/// Which meeting somebody shall be let into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Into {
    /// This one, where its code opens it now.
    Conference(ConferenceId),
    /// What this code opens now.
    Code(AccessCode),
}

/// Who shall be let in.
#[derive(Clone, Debug)]
pub(crate) struct Vouched {
    /// Its name as shown.
    pub(crate) name: Name,
    /// Whether it leads.
    pub(crate) moderator: bool,
    /// The partner's own name for it: the same person comes back under the same number.
    pub(crate) identity: Option<String>,
    /// How long the token may wait for its first use, in seconds.
    pub(crate) first_use: i64,
}

/// How somebody is let in.
#[derive(Debug)]
pub(crate) struct Let {
    /// The token's claims.
    pub(crate) token: JoinToken,
    /// The meeting.
    pub(crate) conference: Conference,
    /// Which occurrence of it.
    pub(crate) occurrence: Occurrence,
    /// The relay that it lives on.
    pub(crate) relay: RelayAddress,
}

/// Lets somebody into a meeting of a host in the caller's reach.
pub(crate) async fn join(context: &Context<'_>, into: Into, who: &Vouched) -> Result<Let, Error> {
    for _ in 0..TRIES {
        if let Some(done) = once(context, into, who).await? {
            return Ok(done);
        }
    }
    let busy = Refusal::new(Code::Unavailable, "Many people are joining, please try again");
    Err(busy.with_retry_after(1).into())
}

/// What is known before anything is decided.
struct Scene {
    view: RoomView,
    relays: Vec<Relay>,
    host: Host,
    company: Company,
    /// The meeting asked for, or the one that the code opens.
    conference: Option<Conference>,
    /// The number that the partner's own identity has in it.
    number: Option<ParticipantNumber>,
}

async fn once(context: &Context<'_>, into: Into, who: &Vouched) -> Result<Option<Let>, Error> {
    let (store, now) = (context.store(), context.now);
    let scene = match into {
        Into::Conference(id) => by_conference(context, id, who).await?,
        Into::Code(code) => by_code(context, code, who).await?,
    };
    context.caller()?.check_rank(scene.host.role)?;
    let Scene {
        view,
        relays,
        host,
        company,
        conference,
        number: known,
    } = scene;
    // Only what a code opens may be a meeting that does not exist yet.
    let leads = who.moderator && matches!(into, Into::Code(_));
    let opens = view.opens(now, leads);
    let conference = match (conference, &opens) {
        (Some(conference), Opens::Live(live)) if live.conference != conference.id => {
            let why = "Another meeting is running under this meeting's code";
            return Err(Refusal::new(Code::Conflict, why).into());
        }
        (Some(conference), Opens::Live(_) | Opens::Planned { .. }) => conference,
        (_, Opens::AdHoc) => open::ad_hoc(context, &view, &host, &company).await?,
        _ => return Err(admit::refusal(&opens)),
    };
    let (target, occurrence) = match &opens {
        Opens::Live(live) => (RoomTarget::Live(live), live.occurrence),
        Opens::Planned { planned, .. } => (RoomTarget::Planned(planned), planned.occurrence),
        _ => (RoomTarget::AdHoc(&conference), conference.occurrence),
    };
    let room = conference.room_of(occurrence);
    context.cleared().await?;
    let Some((live, number)) = open::place(context, (&view, &relays), target, room, known).await? else {
        return Ok(None);
    };
    let number = match &who.identity {
        Some(identity) if known.is_none() => {
            let of = (conference.reseller, conference.id);
            store.participant_identity(of, identity, number).await?
        }
        _ => number,
    };
    let role = if who.moderator {
        RoomRole::Moderator
    } else {
        RoomRole::Guest
    };
    let seat = Seat {
        conference: &conference,
        live: &live,
        number,
        contact: None,
        role,
        name: who.name.clone(),
    };
    let mut token = seat.token(context, false, None);
    token.first_use_by = Some(now.as_second() + who.first_use);
    if let Some(identity) = &who.identity {
        token.attributes.insert(admit::IDENTITY.to_owned(), identity.clone());
    }
    let relay = seat.home(&relays)?;
    Ok(Some(Let {
        token,
        occurrence,
        relay,
        conference,
    }))
}

/// The number that somebody has in a meeting by the partner's own identity.
async fn number_of(
    context: &Context<'_>,
    id: Option<ConferenceId>,
    who: &Vouched,
) -> store::Result<Option<ParticipantNumber>> {
    let (Some(id), Some(identity), Some(caller)) = (id, &who.identity, context.known_caller()) else {
        return Ok(None);
    };
    context
        .store()
        .participant_identified((caller.reseller, id), identity)
        .await
}

async fn by_conference(context: &Context<'_>, id: ConferenceId, who: &Vouched) -> Result<Scene, Error> {
    let (store, scope) = (context.store(), &context.caller()?.scope);
    let conference = context.conference(id).await?.conference;
    let place = (conference.code, conference.host, conference.company);
    let ((view, host, company), relays, number) = tokio::try_join!(
        store.room_of(scope, place, context.now),
        store.relays_alive(None, context.now),
        number_of(context, Some(id), who)
    )?;
    // A one-time code's room goes some time after its meeting.
    let mut view = view.ok_or_else(|| admit::refusal(&Opens::Ended))?;
    view.planned.retain(|planned| planned.conference == id);
    Ok(Scene {
        view,
        relays,
        host,
        company,
        conference: Some(conference),
        number,
    })
}

async fn by_code(context: &Context<'_>, code: AccessCode, who: &Vouched) -> Result<Scene, Error> {
    let (store, scope) = (context.store(), &context.caller()?.scope);
    let view = context.room(code).await?;
    let view = view.filter(|view| view.room.reseller == scope.reseller);
    let view = view.ok_or_else(|| Refusal::not_found("access_code"))?;
    scope.check(view.room.company, Some(view.room.host))?;
    let id = match view.opens(context.now, who.moderator) {
        Opens::Live(live) => Some(live.conference),
        Opens::Planned { planned, .. } => Some(planned.conference),
        _ => None,
    };
    let all = Scope::company(view.room.reseller, view.room.company);
    let conference = async {
        match id {
            Some(id) => Ok(Some(store.conference(&all, id).await?.conference)),
            None => Ok(None),
        }
    };
    let account = store.host_of_company(scope, view.room.host, view.room.company);
    let ((host, company), conference, relays, number) = tokio::try_join!(
        account,
        conference,
        store.relays_alive(None, context.now),
        number_of(context, id, who)
    )?;
    Ok(Scene {
        view,
        relays,
        host,
        company,
        conference,
        number,
    })
}
