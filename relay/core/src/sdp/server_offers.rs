//! We offer: a subscriber connection, with a data section first and then one section per track that we send.

use super::MAX_SECTIONS;
use super::api::{Role, SendState, SendTrack};
use super::error::SdpError;
use super::format::{Format, own_exts};
use super::negotiator::{Negotiator, remote_transport};
use super::parse::{Description, Direction, Section, SectionKind, Setup};
use super::slot::{SendSlot, Slot, Usage};
use super::write::{MediaSection, Writer, media_name};
use crate::types::{DtlsRole, Mid, Pt};

impl Negotiator {
    /// A new offer (`Role::ServerOffers`), with a data section first. May be called again before the answer came
    /// (it may have been lost with the signalling connection); only the answer to the last offer counts.
    #[must_use]
    pub fn create_offer(&mut self) -> String {
        if self.slots.is_empty() {
            let mid = self.mint_mid();
            self.slots.push(Slot::Data { mid });
        }
        self.park_removed();
        self.place_waiting(SendState::Offered);
        self.place_in_stopped();
        let waiting: Vec<_> = self.waiting().map(|(key, track)| (key, track.codec)).collect();
        let room = MAX_SECTIONS.saturating_sub(self.slots.len());
        for (key, codec) in waiting.into_iter().take(room) {
            let mid = self.mint_mid();
            self.slots.push(Slot::Send(SendSlot {
                mid,
                kind: codec.kind(),
                formats: vec![Format::own(codec)],
                exts: own_exts(codec),
                usage: Usage::Track(key, SendState::Offered),
                stopped: false,
            }));
        }
        self.version += 1;
        self.offer_open = true;
        self.changed = false;

        let mids = self.slots.iter().filter_map(Slot::bundled_mid);
        let mut writer = Writer::new(&self.local, DtlsRole::Client, self.version, true, mids);
        for slot in &self.slots {
            match slot {
                Slot::Data { mid } => writer.data(*mid),
                Slot::Send(send) => self.write_send(&mut writer, send),
                Slot::Refused { .. } | Slot::Receive(_) => {}
            }
        }
        writer.finish()
    }

    fn mint_mid(&mut self) -> Mid {
        let mid = self.next_mid.to_string();
        self.next_mid += 1;
        mid.parse().expect("a decimal number of 32 bits is a mid")
    }

    /// Sections that the client stopped come back under a new mid, when nothing of their former track is left.
    fn place_in_stopped(&mut self) {
        let mut waiting = self.waiting().map(|(key, track)| (key, track.codec));
        let mut taken = Vec::new();
        for slot in self.send_slots() {
            if slot.stopped && slot.usage == Usage::Free {
                let Some((key, codec)) = waiting.next() else {
                    break;
                };
                taken.push((slot.mid, key, codec));
            }
        }
        drop(waiting);
        for (former, key, codec) in taken {
            let mid = self.mint_mid();
            let mut slots = Self::send_slots_mut(&mut self.slots);
            if let Some(slot) = slots.find(|slot| slot.mid == former) {
                *slot = SendSlot {
                    mid,
                    kind: codec.kind(),
                    formats: vec![Format::own(codec)],
                    exts: own_exts(codec),
                    usage: Usage::Track(key, SendState::Offered),
                    stopped: false,
                };
            }
        }
    }

    /// Writes a section of ours. Its direction and track follow from its usage.
    pub(super) fn write_send(&self, writer: &mut Writer<'_>, slot: &SendSlot) {
        if slot.stopped {
            let pt = slot.formats.first().map_or(Pt(0), |format| format.pt);
            let (media, pt) = (media_name(slot.kind), pt.to_string());
            writer.refused(media, "UDP/TLS/RTP/SAVPF", &pt, Some(slot.mid));
            return;
        }
        let track = slot.key().and_then(|key| self.sends.get(&key));
        let format = track.and_then(|track: &SendTrack| slot.format(track.codec));
        let mut format = format.or(slot.formats.first()).cloned();
        if let Some(format) = format.as_mut()
            && track.is_some_and(|track| track.stereo)
        {
            // RFC 7587 §6.1; without it clients play one channel.
            format.fmtp.push_str(";sprop-stereo=1");
        }
        writer.media(&MediaSection {
            kind: slot.kind,
            mid: slot.mid,
            direction: match track {
                Some(_) => Direction::SendOnly,
                None => Direction::Inactive,
            },
            formats: format.as_slice(),
            exts: &slot.exts,
            track,
            rids: &[],
            simulcast: false,
        });
    }

    /// Takes the client's answer to the last offer (`Role::ServerOffers`).
    ///
    /// # Errors
    /// When the text is not an answer to that offer; nothing has changed then.
    pub fn accept_answer(&mut self, text: &str) -> Result<(), SdpError> {
        if self.role != Role::ServerOffers || !self.offer_open {
            return Err(SdpError::Unexpected);
        }
        let description = Description::parse(text)?;
        if description.sections.len() != self.slots.len() {
            return Err(SdpError::SectionsChanged);
        }
        for (index, (slot, section)) in self.slots.iter().zip(&description.sections).enumerate() {
            let same_kind = match slot {
                Slot::Send(send) => section.kind == SectionKind::Media(send.kind),
                _ => section.kind == SectionKind::Data,
            };
            let mid = slot.bundled_mid();
            if section.port != 0 && !(same_kind && section.mid.is_some() && section.mid == mid) {
                return Err(SdpError::Mid(index));
            }
        }
        let open = description.sections.iter().filter(|section| section.port != 0);
        let remote = remote_transport(&description, open, |setup| match setup {
            Some(Setup::Passive) => Ok(DtlsRole::Client),
            _ => Err(SdpError::Setup),
        })?;

        for (slot, section) in self.slots.iter_mut().zip(&description.sections) {
            if let Slot::Send(send) = slot {
                let direction = section.direction.or(description.direction);
                send.answered(section, direction.unwrap_or(Direction::SendRecv));
            }
        }
        self.take_remote(remote);
        self.offer_open = false;
        Ok(())
    }
}

impl SendSlot {
    fn answered(&mut self, section: &Section<'_>, direction: Direction) {
        self.stopped = section.port == 0;
        self.usage = match self.usage {
            Usage::Track(key, _) => {
                let wanted = !self.stopped && direction.receives() && self.agree(section);
                let state = if wanted { SendState::Active } else { SendState::Refused };
                Usage::Track(key, state)
            }
            _ => Usage::Free,
        };
    }

    /// Keeps of our formats and extensions what the client took; whether a format is left.
    fn agree(&mut self, section: &Section<'_>) -> bool {
        let listed = |pt: Pt| {
            let mut formats = section.formats.split_ascii_whitespace();
            formats.any(|format| format.parse() == Ok(pt.0))
        };
        let Some(format) = self.formats.iter_mut().find(|format| listed(format.pt)) else {
            return false;
        };
        format.rtx_pt = format.rtx_pt.filter(|rtx| listed(*rtx));
        format.red_pt = format.red_pt.filter(|red| listed(*red));
        self.exts.retain(|ext| {
            let mut answered = section.exts.iter();
            answered.any(|other| other.kind == ext.kind && other.id == ext.id)
        });
        true
    }
}
