//! One client as the transport thread knows it: DTLS, the check of its certificate, and SCTP inside.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use relay_core::types::{DisconnectReason, DtlsRole, Fingerprint, SrtpChoice};

use super::{
    channels::{ChannelEvent, Channels},
    dtls::{Dtls, DtlsConfig, DtlsEvent},
};
use crate::engine::{Keys, Way};

/// SCTP packets kept while DTLS is up and the client's description is not known yet.
const MAX_EARLY: usize = 32;

/// What happened to a client.
#[derive(Debug)]
pub(super) enum PeerEvent {
    /// It is who it should be; these keys open and seal its media.
    Connected(Box<Keys>),
    /// It is gone.
    Disconnected(DisconnectReason),
    /// Something about its data channels.
    Channel(ChannelEvent),
}

/// One client.
#[derive(Debug)]
pub(super) struct Peer {
    dtls: Dtls,
    channels: Channels,
    to: Option<Way>,
    /// Our part in DTLS by the descriptions, once it is known.
    role: Option<DtlsRole>,
    /// Data channels were negotiated.
    has_channels: bool,
    expected: Option<Fingerprint>,
    /// The certificate it showed, with the keys, until the expected one is known.
    shown: Option<(Fingerprint, Box<Keys>)>,
    early: Vec<Bytes>,
    connected: bool,
    over: bool,
    events: Vec<PeerEvent>,
}

impl Peer {
    pub(super) fn new(config: &DtlsConfig, role: Option<DtlsRole>, srtp: SrtpChoice) -> Self {
        Self {
            dtls: Dtls::new(config, srtp),
            channels: Channels::new(),
            to: None,
            role,
            has_channels: false,
            expected: None,
            shown: None,
            early: Vec::new(),
            connected: false,
            over: false,
            events: Vec::new(),
        }
    }

    /// The client's description names this certificate, and our part. A later one does not replace them: DTLS goes on as it is.
    pub(super) fn expect(&mut self, now: Instant, known: (Fingerprint, DtlsRole, bool), hold: bool) {
        let (fingerprint, role, channels) = known;
        self.has_channels |= channels;
        if self.expected.is_none() {
            self.expected = Some(fingerprint);
            self.role.get_or_insert(role);
            self.begin(now, hold);
            self.verify(now, hold);
        }
        self.begin_channels(now);
    }

    /// Begins SCTP, if the client does not, once it may.
    fn begin_channels(&mut self, now: Instant) {
        if self.connected && self.has_channels && self.dtls.role() == DtlsRole::Client {
            self.channels.begin(now);
        }
    }

    /// The client is sent to by this way from now on.
    pub(super) fn select(&mut self, now: Instant, to: Way, hold: bool) {
        self.to = Some(to);
        self.begin(now, hold);
    }

    /// Where to send to.
    pub(super) fn way(&self) -> Option<&Way> {
        self.to.as_ref()
    }

    /// Begins the handshake if that is our part, once there is a way.
    fn begin(&mut self, now: Instant, hold: bool) {
        if self.role == Some(DtlsRole::Client) && self.to.is_some() {
            self.dtls.begin(now);
            self.handle_dtls_events(now, hold);
        }
    }

    /// Takes a datagram of DTLS.
    pub(super) fn handle(&mut self, now: Instant, datagram: BytesMut, hold: bool) {
        self.dtls.handle(now, datagram);
        self.handle_dtls_events(now, hold);
    }

    fn handle_dtls_events(&mut self, now: Instant, hold: bool) {
        while let Some(event) = self.dtls.poll_event() {
            match event {
                DtlsEvent::Connected { certificate, keys } => {
                    self.shown = Some((certificate, keys));
                    self.verify(now, hold);
                }
                DtlsEvent::Data(packet) if self.connected => {
                    self.channels.handle(now, packet, hold);
                }
                DtlsEvent::Data(packet) => {
                    if self.early.len() < MAX_EARLY {
                        self.early.push(packet);
                    }
                }
                DtlsEvent::Closed => self.end(now, DisconnectReason::ClosedByPeer),
                DtlsEvent::Failed => self.end(now, DisconnectReason::DtlsFailed),
            }
        }
        self.handle_channel_events(now);
    }

    fn verify(&mut self, now: Instant, hold: bool) {
        let Some(expected) = self.expected else {
            return;
        };
        let Some((certificate, keys)) = self.shown.take() else {
            return;
        };
        if certificate != expected {
            self.end(now, DisconnectReason::DtlsFailed);
            return;
        }
        self.connected = true;
        self.channels.set_role(self.dtls.role());
        self.begin_channels(now);
        self.events.push(PeerEvent::Connected(keys));
        for packet in std::mem::take(&mut self.early) {
            self.channels.handle(now, packet, hold);
        }
        self.handle_channel_events(now);
    }

    fn handle_channel_events(&mut self, now: Instant) {
        while let Some(event) = self.channels.poll_event() {
            if event == ChannelEvent::Lost {
                self.end(now, DisconnectReason::ClosedByPeer);
            } else {
                self.events.push(PeerEvent::Channel(event));
            }
        }
    }

    fn end(&mut self, now: Instant, why: DisconnectReason) {
        if !self.over {
            self.over = true;
            self.early.clear();
            self.dtls.close(now);
            self.events.push(PeerEvent::Disconnected(why));
        }
    }

    /// Says good-bye; what is queued then is the last.
    pub(super) fn close(&mut self, now: Instant) {
        self.over = true;
        self.dtls.close(now);
    }

    /// Opens a data channel from our side.
    pub(super) fn channels(&mut self) -> &mut Channels {
        &mut self.channels
    }

    /// Reads messages that were left in SCTP.
    pub(super) fn read(&mut self, now: Instant) {
        self.channels.read(now);
        self.handle_channel_events(now);
    }

    /// What happened, in order.
    pub(super) fn take_events(&mut self, now: Instant) -> Vec<PeerEvent> {
        self.handle_channel_events(now);
        std::mem::take(&mut self.events)
    }

    /// Gives every datagram that waits to `send`.
    pub(super) fn transmit(&mut self, now: Instant, mut send: impl FnMut(&[u8])) {
        if self.connected {
            while let Some(packets) = self.channels.poll_transmit(now) {
                for packet in packets {
                    self.dtls.write(now, &packet);
                }
            }
        }
        while let Some(datagram) = self.dtls.poll_transmit() {
            send(&datagram);
        }
    }

    /// When [`Peer::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let channels = if self.over { None } else { self.channels.poll_timeout() };
        [self.dtls.poll_timeout(), channels].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, hold: bool) {
        self.dtls.handle_timeout(now);
        self.handle_dtls_events(now, hold);
        if self.channels.poll_timeout().is_some_and(|at| at <= now) {
            self.channels.handle_timeout(now, hold);
            self.handle_channel_events(now);
        }
    }

    /// What was refused of the client since this was asked last.
    pub(super) fn take_refused(&mut self) -> u64 {
        self.dtls.take_refused() + self.channels.take_refused()
    }

    /// Times that DTLS flights were sent again.
    pub(super) fn resends(&self) -> u32 {
        self.dtls.resends()
    }
}
