//! From a look to an admission: which meeting, in which role, at which relay, under which number.

use domain::company::Company;
use domain::conference::{Conference, HARD_STOP, Opens, later};
use domain::host::Host;
use domain::id::{ContactId, Occurrence, ParticipantNumber};
use domain::join::{JoinAnswer, JoinRequest, JoinedConference, MediaSettings, RelayAddress};
use domain::join_token::{Admission, ConvokeGrant, JoinToken};
use domain::room::RoomRole;
use domain::text::Name;
use domain::time::iso;
use domain::{Code, Error as Refusal, Reason};
use store::{LiveRoom, Relay, RoomTarget, Scope};

use super::look::Look;
use super::{open, role};
use crate::context::Context;
use crate::error::Error;
use crate::guest_pass;

/// The attribute that holds the partner's own name for a person.
pub(super) const IDENTITY: &str = "identity";

/// How often a decision is taken anew when others change the room meanwhile.
const TRIES: u32 = 5;

pub(super) async fn join(context: &Context<'_>, asked: &JoinRequest) -> Result<JoinAnswer, Error> {
    let shown = earlier(context, asked)?;
    for _ in 0..TRIES {
        let (mut look, stands) = tokio::try_join!(Look::at(context, asked), has_begun(context, shown.as_ref()))?;
        let earlier = shown.as_ref().filter(|_| stands);
        let mut decided = once(context, asked, &look, earlier).await?;
        if matches!(decided, Decided::SessionOver) {
            // Whoever shows a session that is over comes like anybody else.
            look.session = None;
            decided = once(context, asked, &look, earlier).await?;
        }
        if let Decided::Admitted(answer) = decided {
            return Ok(*answer);
        }
    }
    Err(
        Refusal::new(Code::Unavailable, "Many people are joining, please try again")
            .with_retry_after(1)
            .into(),
    )
}

/// An earlier token of ours. One that has run out is worth nothing, a forged one is refused.
fn earlier(context: &Context<'_>, asked: &JoinRequest) -> Result<Option<JoinToken>, Error> {
    let Some(token) = asked.token.as_deref().filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let read = context.app.keys.signing.verifying_key().verify::<JoinToken>(token);
    let token = read.map_err(|_| Refusal::new(Code::Unauthenticated, "Invalid token").with_field("token"))?;
    Ok(Some(token).filter(|token| token.check_time(context.now.as_second(), true).is_ok()))
}

/// Whether the session of an earlier token has begun, or may still begin: a link that nobody used in its time opens nothing.
async fn has_begun(context: &Context<'_>, earlier: Option<&JoinToken>) -> Result<bool, Error> {
    let Some(token) = earlier.filter(|token| token.check_time(context.now.as_second(), false).is_err()) else {
        return Ok(true);
    };
    let (Some(room), Some(grant)) = (token.room(), &token.convoke) else {
        return Ok(false);
    };
    let was_in = context
        .app
        .store
        .participant(&room, grant.participant, context.now)
        .await?;
    Ok(was_in.is_some())
}

/// What came of a look.
enum Decided {
    Admitted(Box<JoinAnswer>),
    /// The room changed under it.
    Raced,
    /// The session of the room's host does not stand any more: nothing was decided by it.
    SessionOver,
}

/// One decision.
async fn once(
    context: &Context<'_>,
    asked: &JoinRequest,
    look: &Look,
    earlier: Option<&JoinToken>,
) -> Result<Decided, Error> {
    let (store, now, room) = (&context.app.store, context.now, &look.view.room);
    let scope = Scope::company(room.reseller, room.company);
    let first = look.view.opens(now, look.is_host());
    let (host, company, conference, ahead) = tokio::try_join!(
        async { Ok::<_, Error>(store.host(&scope, room.host).await?) },
        async { Ok::<_, Error>(store.company(&scope, room.company).await?) },
        meeting(context, look, &first),
        open::ahead(context, look, &first, earlier)
    )?;
    let stands = |session: &store::Session| host.admits(session.role, session.created);
    if look.is_host() && !look.session.as_ref().is_some_and(stands) {
        return Ok(Decided::SessionOver);
    }
    let by_pin = role::shows_moderator_pin(context, look, &host, asked).await?;
    let leads = look.is_host() || by_pin;
    let opens = if by_pin {
        look.view.opens(now, true)
    } else {
        first.clone()
    };

    let conference = match (conference, opens == first) {
        (Some(conference), true) => conference,
        _ => match meeting(context, look, &opens).await? {
            Some(conference) => conference,
            None if opens == Opens::AdHoc => {
                if comes_back(context, look, earlier).await? {
                    return Err(refusal(&Opens::Ended));
                }
                open::ad_hoc(context, &look.view, &host, &company).await?
            }
            None => return Err(refusal(&opens)),
        },
    };
    let room = conference.room_of(occurrence(&opens, &conference));
    let earlier = earlier.filter(|token| token.room() == Some(room));
    let name = name(asked, earlier, look, &host)?;
    let role = role::role(context, look, &conference, asked, (leads, earlier)).await?;

    let known = earlier
        .and_then(|token| token.convoke.as_ref())
        .map(|grant| grant.participant);
    let placed = match ahead.filter(|_| opens == first) {
        Some(done) => done,
        None => {
            let target = match &opens {
                Opens::Live(live) => RoomTarget::Live(live),
                Opens::Planned { planned, .. } => RoomTarget::Planned(planned),
                _ => RoomTarget::AdHoc(&conference),
            };
            match open::open(context, look, target, room, known).await? {
                Some(done) => done,
                None => return Ok(Decided::Raced),
            }
        }
    };
    let (live, number) = placed;
    let seat = Seat {
        conference: &conference,
        live: &live,
        number: known.unwrap_or(number),
        contact: contact(context, asked, earlier, look, (&host, &conference)),
        role,
        name,
    };
    let answer = seat.answer(context, asked, look, (&host, &company), earlier)?;
    Ok(Decided::Admitted(Box::new(answer)))
}

/// Whether somebody was in an earlier meeting of this code, which is over: who comes back to it begins nothing new.
async fn comes_back(context: &Context<'_>, look: &Look, earlier: Option<&JoinToken>) -> Result<bool, Error> {
    let room = &look.view.room;
    let Some(was_in) = earlier
        .and_then(JoinToken::room)
        .filter(|was_in| was_in.reseller == room.reseller)
    else {
        return Ok(false);
    };
    let scope = Scope::company(room.reseller, room.company);
    match context.app.store.conference(&scope, was_in.conference).await {
        Ok(found) => Ok(found.conference.code == room.code),
        Err(store::Error::NotFound(_) | store::Error::Forbidden) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Which occurrence of the meeting the code opens.
fn occurrence(opens: &Opens<'_>, conference: &Conference) -> Occurrence {
    match opens {
        Opens::Live(live) => live.occurrence,
        Opens::Planned { planned, .. } => planned.occurrence,
        _ => conference.occurrence,
    }
}

async fn meeting(context: &Context<'_>, look: &Look, opens: &Opens<'_>) -> Result<Option<Conference>, Error> {
    let id = match opens {
        Opens::Live(live) => live.conference,
        Opens::Planned { planned, .. } => planned.conference,
        _ => return Ok(None),
    };
    let scope = Scope::company(look.view.room.reseller, look.view.room.company);
    Ok(Some(context.app.store.conference(&scope, id).await?.conference))
}

pub(super) fn refusal(opens: &Opens<'_>) -> Error {
    let refusal = match opens {
        Opens::NotStarted(next) => Refusal {
            upcoming: next.map(|next| {
                Box::new(domain::error::Upcoming {
                    starts_at: Some(iso(next.start)),
                    subject: Some(next.subject.to_string()),
                })
            }),
            ..Refusal::new(Code::NotStarted, "The meeting has not started").with_reason(Reason::NotStarted)
        },
        Opens::Ended => Refusal::new(Code::Expired, "The meeting has ended").with_reason(Reason::Ended),
        _ => Refusal::new(Code::Expired, "This code is not valid any more").with_reason(Reason::Expired),
    };
    refusal.into()
}

fn name(asked: &JoinRequest, earlier: Option<&JoinToken>, look: &Look, host: &Host) -> Result<Name, Error> {
    match asked.name.as_deref().filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name.parse().map_err(|why| Refusal::invalid("name", why))?),
        None if look.is_host() => Ok(host.name.clone()),
        None => {
            let before = earlier.and_then(|token| Name::lossy(&token.name));
            Ok(before.ok_or_else(|| Refusal::missing("name"))?)
        }
    }
}

/// Which of the host's contacts comes: the host itself by its session, a guest by its own link. Who was in already stays who it
/// was: number and contact are one person's.
fn contact(
    context: &Context<'_>,
    asked: &JoinRequest,
    earlier: Option<&JoinToken>,
    look: &Look,
    (host, conference): (&Host, &Conference),
) -> Option<ContactId> {
    if let Some(earlier) = earlier {
        return earlier.convoke.as_ref()?.contact;
    }
    let guest = || guest_pass::guest(context.app, conference, asked.pass.as_deref()).map(|guest| guest.contact);
    look.is_host().then_some(host.own_contact).or_else(guest)
}

/// A participant's place in a meeting.
pub(super) struct Seat<'a> {
    pub(super) conference: &'a Conference,
    pub(super) live: &'a LiveRoom,
    pub(super) number: ParticipantNumber,
    /// Which of the host's contacts it is, where that is known.
    pub(super) contact: Option<ContactId>,
    pub(super) role: RoomRole,
    pub(super) name: Name,
}

impl Seat<'_> {
    /// When the meeting ends in any case, in Unix seconds.
    fn hard_stop(&self, context: &Context<'_>) -> i64 {
        later(self.live.live.first_join.unwrap_or(context.now), HARD_STOP).as_second()
    }

    /// The claims that let the participant in.
    pub(super) fn token(&self, context: &Context<'_>, observer: bool, jti: Option<String>) -> JoinToken {
        let conference = self.conference;
        JoinToken::new(Admission {
            room: conference.room_of(self.live.live.occurrence),
            name: self.name.to_string(),
            jti: jti.unwrap_or_else(|| context.app.uuid()),
            issued_at: context.now.as_second(),
            grant: ConvokeGrant {
                participant: self.number,
                contact: self.contact,
                role: self.role,
                observer,
                company: conference.company,
                max_participants: conference.max_participants,
                mute_mode: conference.mute_mode,
                h264: conference.h264,
                hard_stop: self.hard_stop(context),
            },
        })
    }

    /// The relay that the meeting lives on.
    pub(super) fn home(&self, relays: &[Relay]) -> Result<RelayAddress, Error> {
        let home = relays.iter().find(|relay| relay.id == self.live.home);
        let home = home.ok_or(Error::Broken("a room was opened at a relay that is not alive"))?;
        Ok(RelayAddress {
            url: home.url.clone(),
            region: home.region.clone(),
        })
    }

    fn answer(
        self,
        context: &Context<'_>,
        asked: &JoinRequest,
        look: &Look,
        (host, company): (&Host, &Company),
        earlier: Option<&JoinToken>,
    ) -> Result<JoinAnswer, Error> {
        let home = self.home(&look.relays)?;
        let mut token = self.token(context, asked.observer, earlier.and_then(|token| token.jti.clone()));
        // Who a partner has vouched for stays who they are to it.
        if let Some(identity) = earlier.and_then(|token| token.attributes.get(IDENTITY)) {
            token.attributes.insert(IDENTITY.to_owned(), identity.clone());
        }
        let hard_stop = self.hard_stop(context);
        let Self {
            conference,
            number,
            role,
            name,
            ..
        } = self;
        Ok(JoinAnswer {
            token: context.app.keys.signing.sign(&token),
            identity: number.identity(),
            participant: number,
            name: name.to_string(),
            role,
            relays: vec![home],
            conference: JoinedConference {
                id: conference.id,
                subject: conference.subject.to_string(),
                mute_mode: conference.mute_mode,
                waiting_room: conference.waiting_room,
                host_name: host.name.to_string(),
                hard_stop,
            },
            media: MediaSettings {
                h264: conference.h264,
                max_resolution: company.settings.media_policy.max_resolution,
            },
        })
    }
}
