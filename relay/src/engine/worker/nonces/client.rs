//! One client: its connections, with real sockets and real SRTP, and what it publishes and receives.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::UdpSocket,
    time::{Duration, Instant},
};

use relay_core::{
    link::{Link, LinkConfig},
    rtcp::{ReportBlock, twcc, write},
    rtp::{ExtendedSeq, RtpPacket},
    types::{IceCredentials, TransportId},
};
use rtc::{
    crypto::RTCCryptoProvider,
    stun::{
        attributes::{ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE, ATTR_USERNAME},
        fingerprint::FINGERPRINT,
        integrity::MessageIntegrity,
        message::{BINDING_REQUEST, Message, Setter},
        textattrs::TextAttribute,
    },
};

use super::{Chance, Datagram, MS, SECOND, description::Section, publisher::Publisher};
use crate::engine::{
    srtp::{Keys, Opener, Sealer},
    window,
};

/// How a client's link is at first.
pub(super) const LINK: LinkConfig = LinkConfig {
    delay: Duration::from_millis(15),
    jitter: Duration::from_millis(5),
    loss: 0.03,
    burst: 2.0,
    reorder: 0.01,
    reorder_by: Duration::from_millis(20),
    rate: None,
    queue_bytes: 40_000,
    overhead_bytes: 28,
    black_out: false,
};

/// SRTP of a connection, once its DTLS is up.
pub(super) struct Secured {
    pub(super) keys: Keys,
    sealer: Sealer,
    opener: Opener,
    /// The last index that was sent, per SSRC.
    sent: HashMap<u32, u64>,
}

impl Secured {
    pub(super) fn new(keys: Keys, crypto: &dyn RTCCryptoProvider) -> Self {
        Self {
            sealer: Sealer::new(keys.profile, &keys.theirs, crypto.crypto()),
            opener: Opener::new(keys.profile, &keys.ours, crypto.crypto()),
            sent: HashMap::new(),
            keys,
        }
    }

    fn seal(&mut self, datagram: Datagram) -> Vec<u8> {
        match datagram {
            Datagram::Rtp(mut bytes) => {
                let packet = RtpPacket::parse(&bytes).expect("our own packet");
                let header = bytes.len() - packet.payload.len();
                let index = window::estimate(self.sent.get(&packet.ssrc).copied(), packet.seq);
                self.sent.insert(packet.ssrc, index);
                bytes.resize(bytes.len() + self.keys.profile.rtp_overhead(), 0);
                self.sealer
                    .seal_rtp(&mut bytes, header, index)
                    .expect("numbers of a client's own");
                bytes
            }
            Datagram::Rtcp(mut bytes) => {
                bytes.resize(bytes.len() + self.keys.profile.rtcp_overhead(), 0);
                self.sealer.seal_rtcp(&mut bytes).expect("a compound");
                bytes
            }
        }
    }
}

/// One connection.
pub(super) struct Leg {
    pub(super) id: TransportId,
    /// The relay's credentials.
    pub(super) ice: IceCredentials,
    pub(super) socket: UdpSocket,
    pub(super) secured: Option<Secured>,
    pub(super) down: Link<Vec<u8>>,
    pub(super) receiver: Receiver,
    pub(super) next_check: Instant,
    /// Packets that could not be opened.
    pub(super) unopened: u64,
    checks: u64,
}

impl Leg {
    pub(super) fn new(id: TransportId, ice: IceCredentials, now: Instant) -> Self {
        Self {
            id,
            ice,
            socket: socket(),
            secured: None,
            down: Link::new(u64::from(id.0), LINK),
            receiver: Receiver::new(now),
            next_check: now,
            unopened: 0,
            checks: 0,
        }
    }

    /// The client is somewhere else now.
    pub(super) fn move_away(&mut self, now: Instant) {
        self.socket = socket();
        self.next_check = now;
    }

    /// A nominating connectivity check.
    pub(super) fn check(&mut self) -> Vec<u8> {
        self.checks += 1;
        let mut message = Message::new();
        message.transaction_id.0[..8].copy_from_slice(&self.checks.to_be_bytes());
        message.transaction_id.0[8..].copy_from_slice(&self.id.0.to_be_bytes());
        message.set_type(BINDING_REQUEST);
        message.write_header();
        TextAttribute::new(ATTR_USERNAME, format!("{}:theirs", self.ice.ufrag))
            .add_to(&mut message)
            .expect("a user name");
        message.add(ATTR_ICE_CONTROLLING, &[1; 8]);
        message.add(ATTR_USE_CANDIDATE, &[]);
        let provider = rtc::crypto::default_provider().expect("a crypto provider");
        MessageIntegrity::new_short_term_integrity_with_provider(self.ice.pwd.clone(), provider.crypto())
            .add_to(&mut message)
            .expect("a signature");
        FINGERPRINT.add_to(&mut message).expect("a fingerprint");
        message.raw
    }

    /// What has arrived, opened.
    pub(super) fn receive(&mut self, now: Instant) -> Vec<Datagram> {
        let mut buffer = [0; 2_048];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            self.down.send(now, len, buffer[..len].to_vec());
        }
        let mut out = Vec::new();
        while let Some(mut bytes) = self.down.receive(now) {
            let Some(secured) = self.secured.as_mut().filter(|_| bytes[0] >= 128) else {
                continue;
            };
            let report = (192..=223).contains(&bytes[1]);
            let opened = if report {
                secured
                    .opener
                    .open_rtcp(&mut bytes)
                    .map(|bytes| Datagram::Rtcp(bytes.to_vec()))
            } else {
                secured
                    .opener
                    .open_rtp(&mut bytes)
                    .map(|bytes| Datagram::Rtp(bytes.to_vec()))
            };
            match opened {
                Ok(datagram) => out.push(datagram),
                Err(_) => self.unopened += 1,
            }
        }
        out
    }

    /// Seals what is to be sent; nothing before DTLS is up.
    pub(super) fn seal(&mut self, datagram: Datagram) -> Option<Vec<u8>> {
        Some(self.secured.as_mut()?.seal(datagram))
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

/// A track as it is published.
pub(super) struct Published {
    /// Place in [`Client::sections`].
    pub(super) section: usize,
    pub(super) sid: Option<String>,
    pub(super) model: Publisher,
}

/// See the module.
pub(super) struct Client {
    pub(super) identity: String,
    /// `None` while its signalling is away.
    pub(super) connection: Option<u64>,
    pub(super) sid: String,
    pub(super) legs: Vec<Leg>,
    pub(super) sections: Vec<Section>,
    pub(super) published: Vec<Published>,
    /// Tracks of the others.
    pub(super) tracks: BTreeSet<String>,
    pub(super) version: u32,
    /// Numbers its own ICE credentials.
    pub(super) ice: u32,
}

/// What a client does with what it receives: reports, and asks again, not always for what is missing.
pub(super) struct Receiver {
    /// Id of the transport-wide number.
    pub(super) number_ext: Option<u8>,
    pub(super) rtx: Vec<u8>,
    start: Instant,
    numbers: ExtendedSeq,
    arrivals: BTreeMap<u64, u64>,
    streams: HashMap<u32, Stream>,
    next_feedback: Instant,
    next_report: Instant,
    feedbacks: u8,
}

#[derive(Default)]
struct Stream {
    seq: ExtendedSeq,
    missing: BTreeSet<u64>,
}

impl Receiver {
    fn new(now: Instant) -> Self {
        Self {
            number_ext: None,
            rtx: Vec::new(),
            start: now,
            numbers: ExtendedSeq::default(),
            arrivals: BTreeMap::new(),
            streams: HashMap::new(),
            next_feedback: now,
            next_report: now,
            feedbacks: 0,
        }
    }

    pub(super) fn handle_rtp(&mut self, now: Instant, bytes: &[u8]) {
        let packet = RtpPacket::parse(bytes).expect("the relay sends RTP");
        if let Some(number) = self.number_ext.and_then(|id| packet.exts.find(id)) {
            let number = self.numbers.extend(u16::from_be_bytes([number[0], number[1]]));
            let micros = (now - self.start).as_micros();
            self.arrivals
                .insert(number, u64::try_from(micros).expect("a short test") + 1_000);
        }
        if self.rtx.contains(&packet.pt) {
            return;
        }
        let stream = self.streams.entry(packet.ssrc).or_default();
        let highest = stream.seq.highest();
        let seq = stream.seq.extend(packet.seq);
        stream.missing.remove(&seq);
        if let Some(highest) = highest {
            stream.missing.extend((highest + 1..seq).take(50));
        }
    }

    pub(super) fn send(&mut self, now: Instant, chance: &mut Chance) -> Vec<Datagram> {
        let mut out = Vec::new();
        for (ssrc, stream) in &mut self.streams {
            let mut bytes = Vec::new();
            let mut seqs: Vec<u16> = Vec::new();
            if !stream.missing.is_empty() && chance.once_in(4) {
                seqs.extend(std::mem::take(&mut stream.missing).into_iter().map(low));
            }
            // Some ask for what they have, again and again.
            if let Some(highest) = stream.seq.highest().filter(|_| chance.once_in(50)) {
                seqs.push(low(highest.saturating_sub(chance.below(300) as u64)));
            }
            if !seqs.is_empty() {
                write::nack(&mut bytes, 77, *ssrc, &seqs);
            }
            if chance.once_in(1_000) {
                write::pli(&mut bytes, 77, *ssrc);
            }
            if !bytes.is_empty() {
                out.push(Datagram::Rtcp(bytes));
            }
        }
        if now >= self.next_feedback {
            self.next_feedback = now + 50 * MS;
            out.extend(self.feedback());
        }
        if now >= self.next_report {
            self.next_report = now + SECOND;
            let block = |(ssrc, stream): (&u32, &Stream)| {
                Some(ReportBlock {
                    ssrc: *ssrc,
                    highest: u32::try_from(stream.seq.highest()? & 0xffff_ffff).expect("masked"),
                    ..ReportBlock::default()
                })
            };
            let blocks: Vec<_> = self.streams.iter().filter_map(block).take(20).collect();
            let mut bytes = Vec::new();
            write::receiver_report(&mut bytes, 77, &blocks);
            out.push(Datagram::Rtcp(bytes));
        }
        out
    }

    fn feedback(&mut self) -> Option<Datagram> {
        let (&first, _) = self.arrivals.first_key_value()?;
        let (&last, _) = self.arrivals.last_key_value()?;
        let times: Vec<Option<u64>> = (first..=last)
            .map(|number| self.arrivals.get(&number).copied())
            .collect();
        let mut bytes = Vec::new();
        let told = twcc::write(&mut bytes, 77, 0, self.feedbacks, low(first), &times);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        self.arrivals = self.arrivals.split_off(&(first + told as u64));
        (told > 0).then_some(Datagram::Rtcp(bytes))
    }
}

fn low(number: u64) -> u16 {
    u16::try_from(number & 0xffff).expect("masked")
}
