//! The client offers: a publisher connection, or the one connection for both directions.

use std::collections::HashSet;

use super::api::{Role, Sections, SendState};
use super::error::SdpError;
use super::negotiator::{Negotiator, number, remote_transport};
use super::parse::{Description, Direction, Section, SectionKind, Setup};
use super::slot::{Slot, Usage};
use super::write::{MediaSection, Writer};
use super::{MAX_SECTIONS, MAX_TEXT};
use crate::types::{DtlsRole, MediaKind, Mid};

/// Bytes of a section of sound and of one of pictures, with room for browsers to come: Chromium 156 writes 940 and 4,975.
const SOUND: usize = 1_200;
const PICTURE: usize = 6_000;

impl Negotiator {
    /// Takes the client's offer (`Role::ClientOffers`). Then [`answer`](Self::answer).
    ///
    /// # Errors
    /// When the text is not a description that we can answer; nothing has changed then.
    pub fn accept_offer(&mut self, text: &str) -> Result<(), SdpError> {
        if self.role != Role::ClientOffers {
            return Err(SdpError::Unexpected);
        }
        let description = Description::parse(text)?;
        if description.sections.len() < self.slots.len() {
            return Err(SdpError::SectionsChanged);
        }
        let mids = mids(&description)?;
        let bundle: Option<HashSet<&str>> = description
            .bundle
            .as_ref()
            .map(|bundle| bundle.iter().copied().collect());
        let mut alone = bundle.is_none();
        let mut open = |section: &Section<'_>, mid: Option<Mid>| {
            let offered = section.port != 0 || section.bundle_only;
            let bundled = match &bundle {
                Some(bundle) => mid.is_some_and(|mid| bundle.contains(mid.as_str())),
                // Without a bundle only one section can be had, for there is one transport.
                None => offered && std::mem::take(&mut alone),
            };
            offered && bundled && section.kind != SectionKind::Other
        };
        let open: Vec<Option<Mid>> = description
            .sections
            .iter()
            .zip(&mids)
            .map(|(section, mid)| mid.filter(|_| open(section, *mid)))
            .collect();

        let opened = description.sections.iter().zip(&open);
        let opened = opened.filter(|(_, mid)| mid.is_some()).map(|(section, _)| section);
        let remote = remote_transport(&description, opened, |setup| match setup {
            Some(Setup::ActPass | Setup::Passive) => Ok(DtlsRole::Client),
            // Who says nothing begins (RFC 4145 §4).
            Some(Setup::Active) | None => Ok(DtlsRole::Server),
        })?;

        let mut data_taken = false;
        let mut slots = Vec::with_capacity(description.sections.len());
        for (section, mid) in description.sections.iter().zip(&open) {
            let second_data = section.kind == SectionKind::Data && data_taken;
            slots.push(match mid {
                Some(mid) if !second_data => self.slot(&description, section, *mid, slots.len()),
                _ => Slot::refuse(section),
            });
            data_taken |= section.kind == SectionKind::Data && mid.is_some();
        }
        self.note_new_sections(&slots);
        self.mixed_exts = description.mixed_exts;
        self.slots = slots;
        self.take_remote(remote);
        self.offer_open = true;
        Ok(())
    }

    fn slot(&self, description: &Description<'_>, section: &Section<'_>, mid: Mid, place: usize) -> Slot {
        let direction = section.direction.or(description.direction);
        let former = self.slots.get(place).filter(|slot| slot.bundled_mid() == Some(mid));
        Slot::offered(
            section,
            mid,
            direction.unwrap_or(Direction::SendRecv),
            former,
            &self.local.codecs,
            |cid| self.hints.get(cid).copied().unwrap_or_default(),
        )
    }

    /// Sections that we asked for have come.
    fn note_new_sections(&mut self, slots: &[Slot]) {
        for slot in &slots[self.slots.len().min(slots.len())..] {
            if let Slot::Send(send) = slot {
                let asked = number(&mut self.asked, send.kind);
                *asked = asked.saturating_sub(1);
            }
        }
    }

    /// The answer to the last offer. Sends that wait are put into free `recvonly` sections of the client here.
    #[must_use]
    pub fn answer(&mut self) -> String {
        if self.offer_open {
            self.park_removed();
            self.place_waiting(SendState::Active);
            self.sort_out_undecodable();
            self.offer_open = false;
            self.offer_asked = false;
            self.version += 1;
        }
        let text = self.write_answer();
        for slot in Self::send_slots_mut(&mut self.slots) {
            if slot.usage == Usage::Parked {
                slot.usage = Usage::Free;
            }
        }
        text
    }

    /// Sends that found no section although there are free ones of their kind.
    fn sort_out_undecodable(&mut self) {
        let free = |kind: MediaKind| {
            self.send_slots()
                .any(|slot| slot.kind == kind && slot.usage == Usage::Free)
        };
        let (audio, video) = (free(MediaKind::Audio), free(MediaKind::Video));
        let waiting = self.waiting().filter(|(_, track)| match track.codec.kind() {
            MediaKind::Audio => audio,
            MediaKind::Video => video,
        });
        let keys: Vec<_> = waiting.map(|(key, _)| key).collect();
        self.undecodable.extend(keys);
    }

    fn write_answer(&self) -> String {
        let mids = self.slots.iter().filter_map(Slot::bundled_mid);
        let dtls = self.remote.as_ref().map_or(DtlsRole::Client, |remote| remote.dtls);
        let mut writer = Writer::new(&self.local, dtls, self.version, self.mixed_exts, mids);
        for slot in &self.slots {
            match slot {
                Slot::Data { mid } => writer.data(*mid),
                Slot::Refused {
                    mid,
                    media,
                    protocol,
                    format,
                } => {
                    writer.refused(media, protocol, format, *mid);
                }
                Slot::Receive(receive) => writer.media(&MediaSection {
                    kind: receive.receiving.kind,
                    mid: receive.receiving.mid,
                    direction: if receive.receiving.active {
                        Direction::RecvOnly
                    } else {
                        Direction::Inactive
                    },
                    formats: std::slice::from_ref(&receive.format),
                    exts: &receive.exts,
                    track: None,
                    rids: &receive.receiving.rids,
                    simulcast: receive.simulcast,
                }),
                Slot::Send(send) => self.write_send(&mut writer, send),
            }
        }
        writer.finish()
    }

    /// `Role::ClientOffers`: the sections to ask the client for with `MediaSectionsRequirement`, once per need:
    /// `Some` with zeros means "just offer again". A client that does not follow is not asked again and again.
    pub fn poll_sections_request(&mut self) -> Option<Sections> {
        if self.role != Role::ClientOffers || self.offer_open || self.slots.is_empty() {
            return None;
        }
        let missing = self.missing_sections();
        let more = Sections {
            audios: missing.audios.saturating_sub(self.asked.audios),
            videos: missing.videos.saturating_sub(self.asked.videos),
        };
        let fills = self.has_removed() || self.could_place();
        if more == Sections::default() && (!fills || self.offer_asked) {
            return None;
        }
        self.asked.audios += more.audios;
        self.asked.videos += more.videos;
        self.offer_asked = true;
        Some(more)
    }

    /// `Role::ClientOffers`: what was asked for may not have arrived, and is asked for again.
    pub fn ask_again(&mut self) {
        self.asked = Sections::default();
        self.offer_asked = false;
    }

    /// `Role::ClientOffers`: sections missing for the sends that wait, those already asked for included.
    #[must_use]
    pub fn missing_sections(&self) -> Sections {
        let mut missing = Sections::default();
        for (_, track) in self.waiting() {
            *number(&mut missing, track.codec.kind()) += 1;
        }
        for slot in self.send_slots().filter(|slot| slot.usage == Usage::Free) {
            let missing = number(&mut missing, slot.kind);
            *missing = missing.saturating_sub(1);
        }
        // Those of an offer that may have as many as it can, and be as long.
        let mut sections = MAX_SECTIONS.saturating_sub(self.slots.len());
        let mut bytes = MAX_TEXT.saturating_sub(self.slots.iter().map(length).sum());
        let mut fit = |wanted: u32, length: usize| {
            let fits = sections.min(bytes / length);
            let fit = wanted.min(u32::try_from(fits).unwrap_or(u32::MAX));
            let taken = usize::try_from(fit).unwrap_or(fits);
            (sections, bytes) = (sections - taken, bytes - taken * length);
            fit
        };
        missing.audios = fit(missing.audios, SOUND);
        missing.videos = fit(missing.videos, PICTURE);
        missing
    }

    /// Whether a send that waits would find a section in the next answer.
    fn could_place(&self) -> bool {
        let free = |kind| {
            let mut slots = self.send_slots();
            slots.any(|slot| slot.kind == kind && slot.usage == Usage::Free)
        };
        self.waiting().any(|(_, track)| free(track.codec.kind()))
    }
}

/// How long a section may be in an offer.
fn length(slot: &Slot) -> usize {
    let kind = match slot {
        Slot::Data { .. } | Slot::Refused { .. } => return SOUND,
        Slot::Receive(receive) => receive.receiving.kind,
        Slot::Send(send) => send.kind,
    };
    match kind {
        MediaKind::Audio => SOUND,
        MediaKind::Video => PICTURE,
    }
}

/// The mid of each section; refused ones may go without.
fn mids(description: &Description<'_>) -> Result<Vec<Option<Mid>>, SdpError> {
    let mut seen = HashSet::new();
    let sections = description.sections.iter().enumerate();
    sections
        .map(|(index, section)| match section.mid {
            Some(mid) if seen.insert(mid) => Ok(Some(mid)),
            None if section.port == 0 => Ok(None),
            _ => Err(SdpError::Mid(index)),
        })
        .collect()
}
