//! One session of WHIP or WHEP: a connection to the rooms that is kept until the client ends it or the room does.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderValue;
use livekit_protocol::{
    IceServer, LeaveRequest, ParticipantInfo, SessionDescription, signal_request, signal_response::Message,
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

/// The room is over, has put the client out, or carries nothing of it or for it any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// The room's answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) sdp: String,
    /// Names the ICE session.
    pub(super) etag: String,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    /// The last offer.
    offer: Offer,
    etag: String,
    /// Whom the client watches, by identity.
    watched: Option<String>,
    /// The sids of the tracks that it publishes or gets. There is no second offer: without any the session is over.
    carried: HashSet<String>,
    /// The client's own sid in the room.
    me: String,
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
            carried: HashSet::new(),
            me: String::new(),
            ice_servers: Vec::new(),
        }
    }

    /// The answer to the offer that it joined with.
    pub(super) async fn begin(&mut self) -> Result<Answer, Gone> {
        let description = self.next_answer().await?;
        self.etag = text::etag(&description.sdp);
        self.carried.extend(description.mid_to_track_id.into_values());
        Ok(Answer {
            etag: self.etag.clone(),
            sdp: description.sdp,
        })
    }

    /// Takes what the room says until it answers an offer. Nothing is lost when this is given up in between.
    async fn next_answer(&mut self) -> Result<SessionDescription, Gone> {
        loop {
            let response = match self.connection.from_rooms.recv().await {
                Some(ToClient::Message(response)) => response,
                Some(ToClient::Accept) => continue,
                Some(ToClient::Refuse(_) | ToClient::Close) | None => return Err(Gone),
            };
            match &response.message {
                Some(Message::Join(join)) => {
                    self.ice_servers.clone_from(&join.ice_servers);
                    self.me = join.participant.as_ref().map(|me| me.sid.clone()).unwrap_or_default();
                }
                Some(Message::Answer(answer)) => return Ok(answer.clone()),
                Some(Message::Leave(_)) => return Err(Gone),
                Some(message) => {
                    let carried = !self.carried.is_empty();
                    self.note(message);
                    if carried && self.carried.is_empty() {
                        return Err(Gone);
                    }
                }
                None => {}
            }
        }
    }

    /// Takes note of what the session carries from now on, or does not any more.
    fn note(&mut self, message: &Message) {
        match message {
            Message::TrackPublished(published) => {
                self.carried
                    .extend(published.track.as_ref().map(|track| track.sid.clone()));
            }
            Message::TrackUnpublished(gone) => {
                self.carried.remove(&gone.track_sid);
            }
            Message::SubscriptionPermissionUpdate(update) if !update.allowed => {
                self.carried.remove(&update.track_sid);
            }
            Message::Update(update) if self.watched.is_some() => {
                for one in &update.participants {
                    self.note_participant(one);
                }
            }
            _ => {}
        }
    }

    fn note_participant(&mut self, one: &ParticipantInfo) {
        if self.watched.as_ref() == Some(&one.identity) {
            let has = |sid: &String| one.tracks.iter().any(|track| track.sid == *sid);
            self.carried.retain(has);
        } else if one.sid == self.me && !one.permission.as_ref().is_some_and(|may| may.can_subscribe) {
            self.carried.clear();
        }
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

    async fn change(&mut self, if_match: &str, fragment: &Fragment) -> Result<Patched, Gone> {
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
