//! The state of one peer connection's negotiation.

use std::collections::{BTreeMap, HashMap};

use super::api::{Local, Receiving, Remote, Role, Sections, SendKey, SendTrack, Sending};
use super::error::SdpError;
use crate::types::{Codec, IceCredentials};

/// One peer connection's negotiation: pure text and state, without time or chance.
///
/// With [`Role::ClientOffers`]: [`accept_offer`](Self::accept_offer), look at [`receiving`](Self::receiving), add
/// sends, [`answer`](Self::answer), look at [`sending`](Self::sending). Tracks added later wait for the client's next
/// offer, for which [`poll_sections_request`](Self::poll_sections_request) says when and how to ask.
///
/// With [`Role::ServerOffers`]: while [`needs_negotiation`](Self::needs_negotiation),
/// [`create_offer`](Self::create_offer), then [`accept_answer`](Self::accept_answer), and look again.
#[derive(Debug)]
pub struct Negotiator {
    local: Local,
    role: Role,
    remote: Option<Remote>,
    remote_restarted: bool,
    sends: BTreeMap<SendKey, SendTrack>,
}

impl Negotiator {
    /// A connection about which nothing is known but our own side.
    #[must_use]
    pub fn new(local: Local, role: Role) -> Self {
        Self {
            local,
            role,
            remote: None,
            remote_restarted: false,
            sends: BTreeMap::new(),
        }
    }

    /// Takes the client's offer (`Role::ClientOffers`). Then [`answer`](Self::answer).
    ///
    /// # Errors
    /// When the text is not a description that we can answer; nothing has changed then.
    pub fn accept_offer(&mut self, _text: &str) -> Result<(), SdpError> {
        Err(SdpError::Unexpected)
    }

    /// The answer to the last offer. Sends that wait are put into free `recvonly` sections of the client here.
    #[must_use]
    pub fn answer(&mut self) -> String {
        String::new()
    }

    /// A new offer (`Role::ServerOffers`), with a data section first. May be called again before the answer came
    /// (it may have been lost with the signalling connection); only the answer to the last offer counts.
    #[must_use]
    pub fn create_offer(&mut self) -> String {
        String::new()
    }

    /// Takes the client's answer to the last offer (`Role::ServerOffers`).
    ///
    /// # Errors
    /// When the text is not an answer to that offer; nothing has changed then.
    pub fn accept_answer(&mut self, _text: &str) -> Result<(), SdpError> {
        Err(SdpError::Unexpected)
    }

    /// Adds a track to send, from the next negotiation on.
    pub fn add_send(&mut self, _track: SendTrack) -> SendKey {
        SendKey(0)
    }

    /// Stops sending a track, from the next negotiation on. Its section is used again after that.
    pub fn remove_send(&mut self, key: SendKey) {
        self.sends.remove(&key);
    }

    /// The codec to answer for the client's track `cid` where it offers that codec; before [`answer`](Self::answer).
    pub fn prefer(&mut self, _cid: &str, _codec: Codec) {}

    /// Whether something changed that the client does not know yet. False while an answer is awaited from it.
    #[must_use]
    pub fn needs_negotiation(&self) -> bool {
        false
    }

    /// `Role::ClientOffers`: the sections to ask the client for with `MediaSectionsRequirement`, once per need:
    /// `Some` with zeros means "just offer again". Asks again only after the next answer.
    pub fn poll_sections_request(&mut self) -> Option<Sections> {
        None
    }

    /// `Role::ClientOffers`: sections missing for the sends that wait.
    #[must_use]
    pub fn missing_sections(&self) -> Sections {
        Sections::default()
    }

    /// The client's tracks, one per section that carries or carried one.
    pub fn receiving(&self) -> impl Iterator<Item = &Receiving> {
        [].into_iter()
    }

    /// Our tracks that have a section.
    pub fn sending(&self) -> impl Iterator<Item = Sending> {
        [].into_iter()
    }

    /// Track ids by mid of what we send, for the message that carries our description.
    #[must_use]
    pub fn mid_to_track_id(&self) -> HashMap<String, String> {
        HashMap::new()
    }

    /// The client's side, once its first description was accepted.
    #[must_use]
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Whether the last accepted description brought other ICE credentials than the one before: an ICE restart. In
    /// `Role::ClientOffers` call [`restart_ice`](Self::restart_ice) then, before [`answer`](Self::answer).
    #[must_use]
    pub fn remote_restarted(&self) -> bool {
        self.remote_restarted
    }

    /// New local ICE credentials, from the next description on. In `Role::ServerOffers` this is how we restart ICE.
    pub fn restart_ice(&mut self, ice: IceCredentials) {
        self.local.ice = ice;
    }

    /// Our current ICE credentials.
    #[must_use]
    pub fn local_ice(&self) -> &IceCredentials {
        &self.local.ice
    }

    /// Who makes the offers.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}
