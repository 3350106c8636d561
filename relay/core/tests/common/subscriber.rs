//! A subscriber: counts, asks again, decodes in a model of a decoder, reports as browsers do.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use relay_core::{
    rtcp::{Compound, ReportBlock, RtcpPacket, twcc, write},
    rtp::{ExtendedSeq, RtpPacket},
    types::{Codec, ExtKind},
};

use super::{Datagram, MS, SECOND, sink_exts};

/// Depth of the play-out buffer.
const PLAY_OUT: Duration = Duration::from_millis(120);

/// A picture that came whole and could be decoded.
#[derive(Debug, Clone, Copy)]
pub struct Decoded {
    pub at: Instant,
    pub layer: u8,
    pub frame: u32,
    pub timestamp: u32,
}

/// One packet as it came.
#[derive(Debug, Clone)]
pub struct Packet {
    pub at: Instant,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
    pub level: Option<u8>,
    pub dependency: Option<Vec<u8>>,
    pub again: bool,
}

/// One stream.
pub struct Received {
    pub codec: Codec,
    /// Pictures have several layers, each predicted from the one below in keyframes only.
    pub svc: bool,
    pub seq: ExtendedSeq,
    pub packets: BTreeMap<u64, Packet>,
    pub decoded: Vec<Decoded>,
    pub mid: Option<Vec<u8>>,
    pub since: Instant,
    pub first: u64,
    pub reports: Vec<(Instant, u64, u32)>,
    /// Copies of earlier sound that came along.
    pub copies: u64,
    /// The next number to decode.
    pub(super) next: u64,
    pub(super) last: Option<(u8, u32)>,
    /// The last picture decoded of each spatial layer.
    pub(super) have: [Option<u32>; 4],
    pub(super) broken: Option<u32>,
    missing: BTreeMap<u64, (Instant, Option<Instant>, u32)>,
    stuck_since: Option<Instant>,
    told: (u64, u64),
    received: u64,
}

pub struct Subscriber {
    pub streams: HashMap<u32, Received>,
    pub padding: u64,
    pub nacks: u64,
    pub plis: u64,
    pub bytes: u64,
    /// SSRCs whose packets carry no transport-wide numbers.
    pub unnumbered: Vec<u32>,
    /// Asks for what is missing.
    pub repairs: bool,
    /// Tells what arrived under which transport-wide number.
    pub tells: bool,
    /// How long it waits for a picture before it asks for a keyframe.
    pub patience: Duration,
    arrivals: BTreeMap<u64, u64>,
    transport_seq: ExtendedSeq,
    feedback_number: u8,
    /// Behind the highest number that feedback spoke of.
    told_until: Option<u64>,
    start: Instant,
    next_feedback: Instant,
    next_report: Instant,
    next_nack: Instant,
}

impl Subscriber {
    pub fn new(now: Instant) -> Self {
        Self {
            streams: HashMap::new(),
            padding: 0,
            nacks: 0,
            plis: 0,
            unnumbered: Vec::new(),
            bytes: 0,
            repairs: true,
            tells: true,
            patience: 300 * MS,
            arrivals: BTreeMap::new(),
            transport_seq: ExtendedSeq::default(),
            feedback_number: 0,
            told_until: None,
            start: now,
            next_feedback: now + 50 * MS,
            next_report: now + SECOND,
            next_nack: now + 10 * MS,
        }
    }

    pub fn expect(&mut self, now: Instant, ssrc: u32, codec: Codec) {
        self.streams.insert(
            ssrc,
            Received {
                codec,
                svc: false,
                seq: ExtendedSeq::default(),
                packets: BTreeMap::new(),
                decoded: Vec::new(),
                mid: None,
                since: now,
                first: 0,
                reports: Vec::new(),
                copies: 0,
                next: 0,
                last: None,
                have: [None; 4],
                broken: None,
                missing: BTreeMap::new(),
                stuck_since: None,
                told: (0, 0),
                received: 0,
            },
        );
    }

    pub fn next_event(&self) -> Instant {
        self.next_feedback.min(self.next_report).min(self.next_nack)
    }

    pub fn handle(&mut self, now: Instant, datagram: &Datagram) {
        match datagram {
            Datagram::Rtp(bytes) => self.handle_rtp(now, bytes),
            Datagram::Rtcp(bytes) => {
                for packet in Compound::new(bytes) {
                    if let RtcpPacket::SenderReport {
                        ssrc, ntp, timestamp, ..
                    } = packet
                        && let Some(stream) = self.streams.get_mut(&ssrc)
                    {
                        stream.reports.push((now, ntp, timestamp));
                    }
                }
            }
        }
    }

    fn handle_rtp(&mut self, now: Instant, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let packet = RtpPacket::parse(bytes).expect("the relay sends RTP");
        let ids = sink_exts();
        let ext = |kind| packet.exts.find(ids.id(kind).expect("negotiated"));
        let number = ext(ExtKind::TransportCc);
        if let Some(number) = number {
            let number = self.transport_seq.extend(u16::from_be_bytes([number[0], number[1]]));
            self.arrivals.insert(number, micros(now - self.start));
            assert_eq!(ext(ExtKind::AbsSendTime).map(<[u8]>::len), Some(3));
        }
        assert_eq!(
            number.is_none(),
            self.unnumbered.contains(&packet.ssrc) || self.unnumbered.contains(&(packet.ssrc - 1))
        );
        let (ssrc, again) = match packet.pt {
            121 => (packet.ssrc - 1, true),
            _ => (packet.ssrc, false),
        };
        if again && packet.payload.len() < 2 {
            self.padding += 1;
            return;
        }
        let stream = self.streams.get_mut(&ssrc).expect("only what was subscribed");
        let (seq, payload) = if again {
            (
                u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                &packet.payload[2..],
            )
        } else {
            (packet.seq, packet.payload)
        };
        if let Some(mid) = ext(ExtKind::Mid) {
            stream.mid = Some(mid.to_vec());
        }
        let highest = stream.seq.highest();
        let seq = stream.seq.extend(seq);
        match highest {
            None => {
                stream.first = seq;
                stream.next = seq;
            }
            Some(highest) => {
                for missing in highest + 1..seq {
                    stream.missing.insert(missing, (now, None, 0));
                }
            }
        }
        // What was sent before the first that came counts, as long as nothing was shown.
        if again && stream.decoded.is_empty() {
            stream.next = stream.next.min(seq);
        }
        stream.missing.remove(&seq);
        let payload = if packet.pt == 110 {
            stream.take_copies(now, seq, packet.timestamp, payload)
        } else {
            payload
        };
        if !again {
            stream.received += 1;
        }
        stream.packets.entry(seq).or_insert_with(|| Packet {
            at: now,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: payload.to_vec(),
            level: ext(ExtKind::AudioLevel).map(|level| level[0] & 0x7f),
            dependency: ext(ExtKind::DependencyDescriptor).map(<[u8]>::to_vec),
            again,
        });
        stream.decode(now);
    }

    pub fn send(&mut self, now: Instant) -> Vec<Datagram> {
        let mut out = Vec::new();
        if now >= self.next_nack {
            self.next_nack = now + 10 * MS;
            for (ssrc, stream) in &mut self.streams {
                if stream.codec == Codec::Opus {
                    continue;
                }
                let mut bytes = Vec::new();
                let seqs = if self.repairs { stream.ask(now) } else { Vec::new() };
                if !seqs.is_empty() {
                    self.nacks += seqs.len() as u64;
                    write::nack(&mut bytes, 77, *ssrc, &seqs);
                }
                if stream.is_stuck(now, self.patience) {
                    self.plis += 1;
                    write::pli(&mut bytes, 77, *ssrc);
                }
                if !bytes.is_empty() {
                    out.push(Datagram::Rtcp(bytes));
                }
            }
        }
        if now >= self.next_feedback {
            self.next_feedback = now + 50 * MS;
            if self.tells {
                self.feedback(&mut out);
            }
        }
        if now >= self.next_report {
            self.next_report = now + SECOND;
            let mut blocks = Vec::new();
            for (ssrc, stream) in &mut self.streams {
                blocks.extend(stream.report(now, *ssrc));
            }
            let mut bytes = Vec::new();
            write::receiver_report(&mut bytes, 77, &blocks);
            out.push(Datagram::Rtcp(bytes));
        }
        out
    }

    fn feedback(&mut self, out: &mut Vec<Datagram>) {
        let Some((&first, _)) = self.arrivals.first_key_value() else {
            return;
        };
        // From behind what was told before, as browsers do: what was lost in between is told.
        let first = self.told_until.map_or(first, |told| told.min(first));
        let (&last, _) = self.arrivals.last_key_value().expect("not empty");
        let times: Vec<Option<u64>> = (first..=last)
            .map(|number| self.arrivals.get(&number).copied())
            .collect();
        let mut bytes = Vec::new();
        let base = u16::try_from(first & 0xffff).expect("masked");
        let told = twcc::write(&mut bytes, 77, 0, self.feedback_number, base, &times);
        self.feedback_number = self.feedback_number.wrapping_add(1);
        self.arrivals = self.arrivals.split_off(&(first + told as u64));
        self.told_until = self.told_until.max(Some(first + told as u64));
        if told > 0 {
            out.push(Datagram::Rtcp(bytes));
        }
    }

    /// The highest transport-wide number that came.
    pub fn highest_number(&self) -> u64 {
        self.transport_seq.highest().unwrap_or(0)
    }

    pub fn stream(&self, ssrc: u32) -> &Received {
        &self.streams[&ssrc]
    }
}

impl Received {
    /// Takes the copies of earlier sound out of RED (RFC 2198); returns the primary block.
    fn take_copies<'a>(&mut self, now: Instant, seq: u64, timestamp: u32, payload: &'a [u8]) -> &'a [u8] {
        let mut blocks = Vec::new();
        let mut rest = payload;
        while rest[0] & 0x80 != 0 {
            let header = u32::from_be_bytes([0, rest[1], rest[2], rest[3]]);
            blocks.push((header >> 10, (header & 0x3ff) as usize));
            rest = &rest[4..];
        }
        rest = &rest[1..];
        let places = (0..blocks.len() as u64).rev();
        for ((age, len), place) in blocks.into_iter().zip(places) {
            let (block, behind) = rest.split_at(len);
            rest = behind;
            self.copies += 1;
            // Those right before it, as libwebrtc takes them: time may have gone on without packets.
            let seq = seq - 1 - place;
            if seq < self.first {
                continue;
            }
            let copy = self.packets.entry(seq).or_insert_with(|| Packet {
                at: now,
                timestamp: timestamp.wrapping_sub(age),
                marker: false,
                payload: block.to_vec(),
                level: None,
                dependency: None,
                again: true,
            });
            assert_eq!(
                (copy.payload.as_slice(), copy.timestamp),
                (block, timestamp.wrapping_sub(age))
            );
        }
        rest
    }

    /// What is missing and worth asking for now.
    fn ask(&mut self, now: Instant) -> Vec<u16> {
        self.missing
            .retain(|_, (since, _, tries)| now < *since + SECOND && *tries < 10);
        let due = self
            .missing
            .iter_mut()
            .filter(|(_, (since, asked, _))| asked.map_or(now >= *since + 10 * MS, |asked| now >= asked + 60 * MS));
        due.map(|(seq, (_, asked, tries))| {
            *asked = Some(now);
            *tries += 1;
            u16::try_from(seq & 0xffff).expect("masked")
        })
        .collect()
    }

    /// Whether nothing could be decoded for so long though packets come.
    fn is_stuck(&mut self, now: Instant, patience: Duration) -> bool {
        let fresh = self
            .packets
            .last_key_value()
            .is_some_and(|(_, packet)| now < packet.at + 200 * MS);
        let last = self.decoded.last().map_or(self.since, |decoded| decoded.at);
        let since = self.stuck_since.unwrap_or(last).max(last);
        if fresh && now > since + patience {
            self.stuck_since = Some(now);
            return true;
        }
        false
    }

    fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReportBlock> {
        let highest = self.seq.highest()?;
        let expected = highest + 1 - self.first;
        let (told_expected, told_received) = std::mem::replace(&mut self.told, (expected, self.received));
        let (expected, received) = (expected - told_expected, self.received - told_received);
        let lost = expected.saturating_sub(received);
        let (last_report, delay) = self.reports.last().map_or((0, 0), |(at, ntp, _)| {
            let delay = (now - *at).as_micros() * 65_536 / 1_000_000;
            (
                u32::try_from(ntp >> 16 & 0xffff_ffff).expect("masked"),
                u32::try_from(delay).expect("small"),
            )
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from((lost * 256).checked_div(expected).unwrap_or(0).min(255)).expect("bounded"),
            lost: 0,
            highest: u32::try_from(highest & 0xffff_ffff).expect("masked"),
            jitter: 0,
            last_report,
            delay,
        })
    }

    /// The longest time without a new picture from `from` on, until `to`.
    pub fn longest_freeze(&self, from: Instant, to: Instant) -> Duration {
        let times = self
            .decoded
            .iter()
            .map(|decoded| decoded.at)
            .filter(|at| *at > from && *at < to);
        let mut last = from;
        let mut longest = Duration::ZERO;
        for at in times.chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    /// Time spent in gaps above 200 ms, as seen behind a play-out buffer like that of a browser on a lossy link.
    pub fn frozen(&self, from: Instant, to: Instant) -> Duration {
        let Some(first) = self.decoded.first() else {
            return to - from;
        };
        let due = |decoded: &Decoded| {
            let ticks = decoded.timestamp.wrapping_sub(first.timestamp);
            first.at + Duration::from_secs_f64(f64::from(ticks) / 90_000.0) + PLAY_OUT
        };
        let times = self.decoded.iter().map(|decoded| decoded.at.max(due(decoded)));
        let times = times.filter(|at| *at > from && *at < to);
        let mut last = from;
        let mut frozen = Duration::ZERO;
        for at in times.chain([to]) {
            if at.saturating_duration_since(last) > 200 * MS {
                frozen += at - last;
            }
            last = last.max(at);
        }
        frozen
    }

    /// The layer of the pictures decoded last.
    pub fn layer(&self) -> Option<u8> {
        self.decoded.last().map(|decoded| decoded.layer)
    }

    /// Pictures come under rising numbers with rising times, and without holes in the numbers.
    pub fn assert_ordered(&self) {
        let mut last: Option<(u64, &Packet)> = None;
        for (seq, packet) in &self.packets {
            if let Some((before, other)) = last {
                let step = packet.timestamp.wrapping_sub(other.timestamp).cast_signed();
                assert!(step >= 0, "time goes back by {step} at {seq}, after {before}");
                // A packet without content only takes a number.
                if other.marker && seq == &(before + 1) && !packet.payload.is_empty() {
                    assert!(step > 0, "two pictures with one time at {seq}");
                }
            }
            last = Some((*seq, packet));
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).expect("a test does not last for ages") + 1_000
}
