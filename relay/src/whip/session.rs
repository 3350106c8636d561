//! One session of WHIP or WHEP: a connection to the rooms that is kept until the client ends it or the room does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderValue;
use livekit_protocol::{
    IceServer, LeaveRequest, ParticipantUpdate, SessionDescription, participant_info::State, signal_request,
    signal_response::Message,
};
use rand::Rng as _;
use ring::digest;
use tokio::sync::{mpsc, oneshot};

use super::text::{self, BadText, Fragment, Offer};
use crate::{
    control::{Connection, ToClient},
    orders::SessionName,
};

/// Orders that may wait for a session.
const ORDERS: usize = 4;

/// What a client wants of its session.
#[derive(Debug)]
pub(super) enum Order {
    /// Candidates, or new credentials of ICE.
    Change {
        /// The tag of the ICE session that is meant, or `*`.
        if_match: String,
        fragment: Fragment,
        answer: oneshot::Sender<Patched>,
    },
    End,
}

/// The way to a session.
pub(super) type Orders = mpsc::Sender<Order>;

/// What came of a change.
#[derive(Debug)]
pub(super) enum Patched {
    /// It says nothing that we need.
    Known,
    /// It is about another ICE session.
    Stale,
    /// It makes no offer that can be answered.
    Malformed(BadText),
    /// ICE begins anew.
    Restarted { etag: String, fragment: String },
}

/// Why a session is over, or does not begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The room does not let it.
    Refused(String),
    /// The room is over, or has put it out.
    Gone,
}

/// The room's answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) sdp: String,
    /// Names the ICE session.
    pub(super) etag: String,
    /// Something is sent to the client.
    pub(super) has_tracks: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    /// The last offer.
    offer: Offer,
    etag: String,
    /// Whom the client watches: the session is over when that one publishes no more.
    watched: Option<String>,
    ice_servers: Vec<IceServer>,
}

impl Session {
    /// On a connection whose join, with this offer, was accepted.
    pub(super) fn new(connection: Connection, offer: Offer, watched: Option<String>) -> Self {
        Self {
            connection,
            offer,
            etag: String::new(),
            watched,
            ice_servers: Vec::new(),
        }
    }

    /// The answer to the offer that it joined with.
    pub(super) async fn begin(&mut self) -> Result<Answer, Ending> {
        let description = self.next_answer().await?;
        self.etag = text::etag(&description.sdp);
        Ok(Answer {
            has_tracks: !description.mid_to_track_id.is_empty(),
            etag: self.etag.clone(),
            sdp: description.sdp,
        })
    }

    /// Takes what the room says until it answers an offer. Nothing is lost when this is given up in between.
    async fn next_answer(&mut self) -> Result<SessionDescription, Ending> {
        loop {
            let response = match self.connection.from_rooms.recv().await {
                Some(ToClient::Message(response)) => response,
                Some(ToClient::Accept) => continue,
                Some(ToClient::Refuse(_) | ToClient::Close) | None => return Err(Ending::Gone),
            };
            match &response.message {
                Some(Message::Join(join)) => {
                    self.ice_servers.clone_from(&join.ice_servers);
                    let me = join.participant.as_ref().and_then(|me| me.permission.as_ref());
                    let may = me.is_some_and(|may| self.watched.is_none() || may.can_subscribe);
                    if !may {
                        return Err(Ending::Refused("not allowed in this room now".to_owned()));
                    }
                }
                Some(Message::RequestResponse(refused)) => return Err(Ending::Refused(refused.message.clone())),
                Some(Message::Answer(answer)) => return Ok(answer.clone()),
                Some(Message::Leave(_)) => return Err(Ending::Gone),
                Some(Message::Update(update)) if self.has_lost(update) => return Err(Ending::Gone),
                _ => {}
            }
        }
    }

    /// Whether who is watched left or publishes no more.
    fn has_lost(&self, update: &ParticipantUpdate) -> bool {
        let is_watched = |identity: &str| self.watched.as_deref() == Some(identity);
        let mut news = update.participants.iter().filter(|one| is_watched(&one.identity));
        news.any(|one| one.state() == State::Disconnected || one.tracks.is_empty())
    }

    /// Our STUN and TURN servers, as headers name them (RFC 9725 §4.6).
    pub(super) fn links(&self) -> Vec<HeaderValue> {
        let servers = self.ice_servers.iter().flat_map(|server| {
            server.urls.iter().map(move |url| {
                if server.username.is_empty() {
                    format!("<{url}>; rel=\"ice-server\"")
                } else {
                    format!(
                        "<{url}>; rel=\"ice-server\"; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                        server.username, server.credential
                    )
                }
            })
        });
        servers.filter_map(|link| HeaderValue::try_from(link).ok()).collect()
    }

    /// Leaves the room.
    pub(super) fn leave(&self) {
        self.connection
            .signal(signal_request::Message::Leave(LeaveRequest::default()));
    }

    /// Until one side ends it.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                // An answer that nobody waits for is of no use.
                said = self.next_answer() => if said.is_err() {
                    break;
                },
                order = orders.recv() => match order {
                    Some(Order::Change { if_match, fragment, answer }) => {
                        let Ok(patched) = self.change(&if_match, &fragment).await else {
                            break;
                        };
                        // Who asked may be gone.
                        let _ = answer.send(patched);
                    }
                    Some(Order::End) | None => break,
                },
            }
        }
        self.leave();
    }

    async fn change(&mut self, if_match: &str, fragment: &Fragment) -> Result<Patched, Ending> {
        let is_ours = if_match == "*" || if_match == self.etag;
        if !is_ours {
            return Ok(Patched::Stale);
        }
        if fragment.ufrag() == self.offer.ufrag() {
            return Ok(Patched::Known);
        }
        // Other credentials begin another ICE session, whatever the client took this one for.
        if if_match != "*" {
            return Ok(Patched::Stale);
        }
        let offer = match self.offer.restarted(fragment) {
            Ok(offer) => offer,
            Err(why) => return Ok(Patched::Malformed(why)),
        };
        self.connection
            .signal(signal_request::Message::Offer(SessionDescription {
                r#type: "offer".to_owned(),
                sdp: offer.text().to_owned(),
                ..SessionDescription::default()
            }));
        let answer = self.next_answer().await?;
        self.offer = offer;
        self.etag = text::etag(&answer.sdp);
        Ok(Patched::Restarted {
            etag: self.etag.clone(),
            fragment: text::fragment(&answer.sdp),
        })
    }
}

/// Why somebody may not touch a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotYours {
    /// There is none of that name.
    Unknown,
    /// It was begun with another token.
    Token,
}

#[derive(Debug)]
struct Held {
    /// A hash of the token that it was begun with.
    token: [u8; 32],
    /// Whose it is.
    name: SessionName,
    orders: Orders,
}

/// The sessions there are, by the names in their addresses. A participant has one at most: another replaces it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, Held>>>);

impl Sessions {
    /// Keeps a session until it is over, and names it.
    pub(super) fn keep(&self, session: Session, token: &str, name: SessionName) -> String {
        let id = hex::encode(rand::rng().random::<[u8; 16]>());
        let (orders, received) = mpsc::channel(ORDERS);
        let token = hash(token);
        self.lock().insert(id.clone(), Held { token, name, orders });
        let (sessions, address) = (self.clone(), id.clone());
        tokio::spawn(async move {
            session.run(received).await;
            sessions.lock().remove(&address);
        });
        id
    }

    /// The way to a session, and whose it is, for the holder of its token.
    pub(super) fn find(&self, id: &str, token: &str) -> Result<(Orders, SessionName), NotYours> {
        let sessions = self.lock();
        let held = sessions.get(id).ok_or(NotYours::Unknown)?;
        if held.token == hash(token) {
            Ok((held.orders.clone(), held.name.clone()))
        } else {
            Err(NotYours::Token)
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
