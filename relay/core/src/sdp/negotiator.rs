//! The state of one peer connection's negotiation, and what can be asked of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::MAX_SECTIONS;
use super::api::{Local, PublishHints, Receiving, Remote, Role, Sections, SendKey, SendState, SendTrack, Sending};
use super::error::SdpError;
use super::format::{ext_map, sent_exts};
use super::parse::{Description, Section, SectionKind, Setup, TransportLines};
use super::slot::{SendSlot, Slot, Usage};
use crate::types::{Codec, DtlsRole, IceCredentials, MediaKind};

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
    pub(super) local: Local,
    pub(super) role: Role,
    pub(super) version: u64,
    pub(super) remote: Option<Remote>,
    pub(super) remote_restarted: bool,
    pub(super) slots: Vec<Slot>,
    pub(super) sends: BTreeMap<SendKey, SendTrack>,
    /// Sends for which the client has sections but no decoder.
    pub(super) undecodable: BTreeSet<SendKey>,
    pub(super) hints: HashMap<String, PublishHints>,
    /// The client's last offer allows header extensions of both forms.
    pub(super) mixed_exts: bool,
    /// An offer of ours waits for its answer, or one of the client's for ours.
    pub(super) offer_open: bool,
    /// Something changed that is in no description yet and that neither sends nor slots show.
    pub(super) changed: bool,
    /// Sections asked for that have not come yet.
    pub(super) asked: Sections,
    /// A new offer was asked for since the last answer.
    pub(super) offer_asked: bool,
    pub(super) next_key: u32,
    pub(super) next_mid: u32,
}

impl Negotiator {
    /// A connection about which nothing is known but our own side.
    #[must_use]
    pub fn new(local: Local, role: Role) -> Self {
        Self {
            local,
            role,
            version: 0,
            remote: None,
            remote_restarted: false,
            slots: Vec::new(),
            sends: BTreeMap::new(),
            undecodable: BTreeSet::new(),
            hints: HashMap::new(),
            mixed_exts: false,
            offer_open: false,
            // We have to make the first offer; a client does so unasked.
            changed: role == Role::ServerOffers,
            asked: Sections::default(),
            offer_asked: false,
            next_key: 0,
            next_mid: 0,
        }
    }

    /// Adds a track to send, from the next negotiation on.
    pub fn add_send(&mut self, track: SendTrack) -> SendKey {
        let key = SendKey(self.next_key);
        self.next_key += 1;
        self.sends.insert(key, track);
        key
    }

    /// Stops sending a track, from the next negotiation on. Its section is used again after that.
    pub fn remove_send(&mut self, key: SendKey) {
        self.sends.remove(&key);
        self.undecodable.remove(&key);
    }

    /// What is known about the client's track `cid`, before its section is offered. Forgotten with
    /// [`forget`](Self::forget).
    pub fn hint(&mut self, cid: &str, hints: PublishHints) {
        self.hints.insert(cid.to_owned(), hints);
    }

    /// Forgets the hints about the client's track `cid`.
    pub fn forget(&mut self, cid: &str) {
        self.hints.remove(cid);
    }

    /// Whether something changed that the client does not know yet. False while an answer is awaited from either
    /// side.
    #[must_use]
    pub fn needs_negotiation(&self) -> bool {
        !self.offer_open && (self.changed || self.has_removed() || self.could_offer())
    }

    /// Whether a send that waits would get a section by another offer.
    fn could_offer(&self) -> bool {
        let has_stopped = || {
            let mut slots = self.send_slots();
            slots.any(|slot| slot.stopped && slot.usage == Usage::Free)
        };
        let mut waiting = self.waiting();
        waiting.any(|(_, track)| self.slots.len() < MAX_SECTIONS || has_stopped() || self.takes(track.codec))
    }

    /// Whether the client has sections for this track but cannot decode it. Such a track is not tried again.
    #[must_use]
    pub fn undecodable(&self, key: SendKey) -> bool {
        self.undecodable.contains(&key)
    }

    /// Whether the client has a section in which a track of this codec could be sent.
    #[must_use]
    pub fn takes(&self, codec: Codec) -> bool {
        let mut free = self
            .send_slots()
            .filter(|slot| slot.usage == Usage::Free && !slot.stopped);
        free.any(|slot| slot.format(codec).is_some())
    }

    /// The client's tracks, one per section that carries or carried one.
    pub fn receiving(&self) -> impl Iterator<Item = &Receiving> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Receive(receive) => Some(&receive.receiving),
            _ => None,
        })
    }

    /// Our tracks that have a section.
    pub fn sending(&self) -> impl Iterator<Item = Sending> {
        self.send_slots().filter_map(|slot| {
            let Usage::Track(key, state) = slot.usage else {
                return None;
            };
            let track = self.sends.get(&key)?;
            let format = slot.format(track.codec)?;
            let rtx = format.rtx_pt.zip(track.rtx_ssrc);
            Some(Sending {
                key,
                track_sid: track.track_sid.clone(),
                mid: slot.mid,
                codec: track.codec,
                pt: format.pt,
                rtx_pt: rtx.map(|(pt, _)| pt),
                red_pt: format.red_pt,
                ssrc: track.ssrc,
                rtx_ssrc: rtx.map(|(_, ssrc)| ssrc),
                exts: ext_map(slot.exts.iter().filter(|ext| sent_exts(slot.kind).contains(&ext.kind))),
                state,
            })
        })
    }

    /// Track ids by mid of what we send, for the message that carries our description.
    #[must_use]
    pub fn mid_to_track_id(&self) -> HashMap<String, String> {
        self.send_slots()
            .filter_map(|slot| {
                let track = self.sends.get(&slot.key()?)?;
                Some((slot.mid.to_string(), track.track_sid.clone()))
            })
            .collect()
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

    /// New local ICE credentials, from the next description on. In `Role::ServerOffers` this is how we restart ICE:
    /// the next offer carries them.
    pub fn restart_ice(&mut self, ice: IceCredentials) {
        self.local.ice = ice;
        self.changed |= self.role == Role::ServerOffers;
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

    pub(super) fn send_slots(&self) -> impl Iterator<Item = &SendSlot> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Send(send) => Some(send),
            _ => None,
        })
    }

    pub(super) fn send_slots_mut(slots: &mut [Slot]) -> impl Iterator<Item = &mut SendSlot> {
        slots.iter_mut().filter_map(|slot| match slot {
            Slot::Send(send) => Some(send),
            _ => None,
        })
    }

    /// Sends without a section that could have one, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (SendKey, &SendTrack)> {
        let placed: BTreeSet<SendKey> = self.send_slots().filter_map(SendSlot::key).collect();
        let sends = self.sends.iter().map(|(key, track)| (*key, track));
        sends.filter(move |(key, _)| !placed.contains(key) && !self.undecodable.contains(key))
    }

    /// Whether a section still carries a track that was removed.
    pub(super) fn has_removed(&self) -> bool {
        let mut keys = self.send_slots().filter_map(SendSlot::key);
        keys.any(|key| !self.sends.contains_key(&key))
    }

    /// Parks the sections whose track was removed.
    pub(super) fn park_removed(&mut self) {
        for slot in Self::send_slots_mut(&mut self.slots) {
            if slot.key().is_some_and(|key| !self.sends.contains_key(&key)) {
                slot.usage = Usage::Parked;
            }
        }
    }

    /// Puts sends that wait into free sections of their kind and codec.
    pub(super) fn place_waiting(&mut self, state: SendState) {
        let mut waiting: Vec<_> = self.waiting().map(|(key, track)| (key, track.codec)).collect();
        for slot in Self::send_slots_mut(&mut self.slots) {
            if slot.usage != Usage::Free || slot.stopped {
                continue;
            }
            let fits = |(_, codec): &(_, Codec)| slot.format(*codec).is_some();
            if let Some(place) = waiting.iter().position(fits) {
                let (key, _) = waiting.remove(place);
                slot.usage = Usage::Track(key, state);
            }
        }
    }

    /// Remembers the client's transport.
    pub(super) fn take_remote(&mut self, mut remote: Remote) {
        if let Some(former) = &self.remote {
            remote.dtls = former.dtls;
        }
        let former = self.remote.replace(remote);
        let ice = self.remote.as_ref().map(|remote| &remote.ice);
        self.remote_restarted = former.is_some_and(|former| Some(&former.ice) != ice);
    }
}

/// The client's transport: what the first open section says, completed by the session. `dtls` knows our part by its `setup`.
pub(super) fn remote_transport<'a>(
    description: &Description<'a>,
    mut open: impl Iterator<Item = &'a Section<'a>> + Clone,
    dtls: impl FnOnce(Option<Setup>) -> Result<DtlsRole, SdpError>,
) -> Result<Remote, SdpError> {
    let channels = open.clone().any(|section| section.kind == SectionKind::Data);
    let section = open.next().ok_or(SdpError::NoIce)?;
    let TransportLines {
        ufrag,
        pwd,
        fingerprint,
        setup,
    } = section.transport.or(description.transport);
    let (ufrag, pwd) = ufrag.zip(pwd).ok_or(SdpError::NoIce)?;
    let ice = IceCredentials {
        ufrag: ufrag.to_owned(),
        pwd: pwd.to_owned(),
    };
    let fingerprint = fingerprint.ok_or(SdpError::NoFingerprint)?;
    let dtls = dtls(setup)?;
    Ok(Remote {
        ice,
        fingerprint,
        dtls,
        channels,
    })
}

/// The number for a kind.
pub(super) fn number(sections: &mut Sections, kind: MediaKind) -> &mut u32 {
    match kind {
        MediaKind::Audio => &mut sections.audios,
        MediaKind::Video => &mut sections.videos,
    }
}
