//! One client's DTLS association. Whichever part is ours:
//!
//! `rtc`'s handshake does not send a lost flight again once the client repeats itself, and then both wait for ever.
//! So the datagrams of the last flight are kept here and sent again, byte for byte: when the client repeats itself,
//! and by a timer until the handshake is complete. What the client has received already, its replay window drops.

use std::{
    collections::VecDeque,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use relay_core::types::{DtlsRole, Fingerprint, SrtpChoice};
use rtc::{
    crypto::RTCCryptoProvider,
    dtls::{
        config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
        endpoint::{Endpoint, EndpointEvent},
        extension::extension_use_srtp::SrtpProtectionProfile,
        state::State,
    },
    shared::{TransportProtocol, error::Error},
};

use super::{
    MTU,
    identity::{Identity, IdentityError, fingerprint},
};
use crate::engine::{Keys, Profile};

/// The address that the endpoint knows the client by; the true one may change.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const RECORD_HEADER: usize = 13;
/// Header of a fragment of a handshake message.
const FRAGMENT_HEADER: usize = 12;
/// What encryption adds to a record: nonce and tag of AES-128-GCM (RFC 5288).
const RECORD_OVERHEAD: usize = RECORD_HEADER + 8 + 16;
/// Longest data of the application that fits a datagram.
pub(super) const MAX_DATA: usize = MTU - RECORD_OVERHEAD;
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// How long a handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// A flight of ours that is not answered goes a second time so soon, lost or not: it is small, and until it is there nothing is
/// seen or heard.
const RESEND_EARLY: Duration = Duration::from_millis(25);
/// Wait before it goes a third time; half as long again each time.
const RESEND_FIRST: Duration = Duration::from_millis(60);
const RESEND_LONGEST: Duration = Duration::from_millis(1_600);
/// Least time between two times of sending a flight: a client's flight may come in several datagrams.
const RESEND_SPACING: Duration = Duration::from_millis(20);
/// Times that flights are sent again in one association.
const RESENDS: u32 = 60;
/// Times that the library sends one flight again before it gives the handshake up. Not ours: then copies go on.
const ANEW: u32 = 7;
/// Bytes of datagrams taken before the handshake is complete: the library keeps what it cannot use yet. A client says some 2 kB,
/// with a certificate of RSA 3 kB, and again after 50, 100, 200… milliseconds while we are not heard.
const HANDSHAKE_BYTES: usize = 32 * 1024;
/// Parts of messages taken in that time: with each one the library goes through all that it has, and through these for each of
/// them. Two or three messages are longer than a datagram.
const MAX_FRAGMENTS: usize = 64;

/// What all associations share.
#[derive(Clone)]
pub(crate) struct DtlsConfig {
    best: Roles,
    any: Roles,
}

#[derive(Clone)]
struct Roles {
    client: Arc<HandshakeConfig>,
    server: Arc<HandshakeConfig>,
}

impl fmt::Debug for DtlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DtlsConfig")
    }
}

impl DtlsConfig {
    /// AES-128-GCM is the only SRTP profile offered to most: the DTLS server takes the client's first choice of ours, and
    /// Chromium's first choice would be another. Some encoders have no other than counter mode.
    pub(crate) fn new(identity: &Identity, crypto: &Arc<dyn RTCCryptoProvider>) -> Result<Self, IdentityError> {
        let gcm = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
        let roles = |profiles: &[SrtpProtectionProfile]| -> Result<Roles, IdentityError> {
            Ok(Roles {
                client: Self::of(DtlsRole::Client, profiles, identity, crypto)?,
                server: Self::of(DtlsRole::Server, profiles, identity, crypto)?,
            })
        };
        Ok(Self {
            best: roles(&[gcm])?,
            any: roles(&[gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80])?,
        })
    }

    fn of(
        role: DtlsRole,
        profiles: &[SrtpProtectionProfile],
        identity: &Identity,
        crypto: &Arc<dyn RTCCryptoProvider>,
    ) -> Result<Arc<HandshakeConfig>, IdentityError> {
        ConfigBuilder::default()
            .with_crypto_provider(crypto.clone())
            .with_certificates(vec![identity.certificate()])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // Of a fragment's content: what is around it is not counted there.
            .with_mtu(MTU - RECORD_HEADER - FRAGMENT_HEADER)
            .build(role == DtlsRole::Client, (role == DtlsRole::Client).then_some(PEER))
            .map(Arc::new)
            .map_err(|error| IdentityError::new(&error))
    }
}

/// What happened in an association.
#[derive(Debug)]
pub(super) enum DtlsEvent {
    /// The handshake is complete. Whether the certificate is the right one is the owner's question.
    Connected {
        /// Fingerprint of the client's certificate; it has proved to hold its key.
        certificate: Fingerprint,
        /// Keys of SRTP.
        keys: Box<Keys>,
    },
    /// Data of the application: SCTP.
    Data(Bytes),
    /// The client closed it.
    Closed,
    /// The handshake failed.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshaking,
    Connected,
    Over,
}

/// One association.
pub(super) struct Dtls {
    endpoint: Endpoint,
    /// What begins it, until it does.
    client: Arc<HandshakeConfig>,
    role: DtlsRole,
    phase: Phase,
    /// Datagrams of our last flight.
    flight: Vec<Bytes>,
    resends: u32,
    /// How often the library sent it again.
    anew: u32,
    last_sent: Option<Instant>,
    resend_at: Option<Instant>,
    backoff: Duration,
    deadline: Option<Instant>,
    /// Bytes of handshake that the client may still send.
    allowance: usize,
    /// The same of parts of messages.
    fragments: usize,
    /// Datagrams that the library did not get to see.
    refused: u64,
    events: VecDeque<DtlsEvent>,
    out: VecDeque<Bytes>,
}

impl fmt::Debug for Dtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dtls")
            .field("phase", &self.phase)
            .field("flight", &self.flight.len())
            .field("resends", &self.resends)
            .finish_non_exhaustive()
    }
}

impl Dtls {
    /// Waits for the client's first datagram, unless it is to [`begin`](Self::begin).
    pub(super) fn new(config: &DtlsConfig, srtp: SrtpChoice) -> Self {
        let roles = match srtp {
            SrtpChoice::Best => &config.best,
            SrtpChoice::Any => &config.any,
        };
        Self {
            endpoint: Endpoint::new(PEER, TransportProtocol::UDP, Some(roles.server.clone())),
            client: roles.client.clone(),
            role: DtlsRole::Server,
            phase: Phase::Handshaking,
            flight: Vec::new(),
            resends: 0,
            anew: 0,
            last_sent: None,
            resend_at: None,
            backoff: RESEND_EARLY,
            deadline: None,
            allowance: HANDSHAKE_BYTES,
            fragments: MAX_FRAGMENTS,
            refused: 0,
            events: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// Begins the handshake, if it has not begun.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.phase != Phase::Handshaking || self.deadline.is_some() {
            return;
        }
        self.role = DtlsRole::Client;
        self.deadline = Some(now + HANDSHAKE_LIMIT);
        match self.endpoint.connect(now, PEER, self.client.clone(), None) {
            Ok(()) => {
                let flight = self.drain_transmits();
                self.take_flight(now, flight);
            }
            Err(error) => self.handle_error(&error),
        }
    }

    /// Our part.
    pub(super) fn role(&self) -> DtlsRole {
        self.role
    }

    /// What is sent again from now on.
    fn take_flight(&mut self, now: Instant, flight: Vec<Bytes>) {
        self.flight = flight;
        self.anew = 0;
        self.last_sent = Some(now);
        self.backoff = RESEND_EARLY;
        self.resend_at = (self.phase == Phase::Handshaking).then(|| now + self.backoff);
    }

    /// Takes a datagram of the client.
    pub(super) fn handle(&mut self, now: Instant, data: BytesMut) {
        let Some(is_handshake) = inspect(&data) else {
            return;
        };
        if self.phase == Phase::Handshaking && !self.allow(&data) {
            self.refused += 1;
            return;
        }
        let data = match self.phase {
            Phase::Over => return,
            // No handshake is news any more: who speaks of it again asks for our last flight.
            Phase::Connected if is_handshake => without(&data, is_of_handshake),
            Phase::Connected => data,
            // A client that has answered these messages knows them. The library would stop its timer for them, for good.
            Phase::Handshaking if self.awaits_last() => without(&data, is_in_clear),
            Phase::Handshaking => data,
        };
        if data.is_empty() {
            if self.phase == Phase::Connected && self.role == DtlsRole::Server {
                self.resend(now);
            }
            return;
        }
        if self.phase == Phase::Handshaking {
            self.deadline.get_or_insert(now + HANDSHAKE_LIMIT);
        }
        let result = self.endpoint.read(now, PEER, None, data);
        let flight = self.drain_transmits();
        match result {
            Ok(events) => {
                for event in events {
                    self.handle_event(event);
                }
            }
            Err(error) => self.handle_error(&error),
        }
        if !flight.is_empty() {
            self.take_flight(now, flight);
        } else if is_handshake && self.role == DtlsRole::Server && self.phase != Phase::Over {
            // The last flight is the server's. What comes to a client may be a part of a flight: its timer tells.
            self.resend(now);
        }
    }

    /// Whether a datagram is within what a handshake may take.
    fn allow(&mut self, datagram: &[u8]) -> bool {
        let Some(fragments) = count_fragments(datagram) else {
            return false;
        };
        let allowed = datagram.len() <= self.allowance && fragments <= self.fragments;
        self.allowance = self.allowance.saturating_sub(datagram.len());
        self.fragments = self.fragments.saturating_sub(fragments);
        allowed
    }

    /// Queues what the endpoint wants sent; returns those of its datagrams that belong to a handshake flight.
    fn drain_transmits(&mut self) -> Vec<Bytes> {
        let mut flight = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let datagram = transmit.message.freeze();
            if matches!(datagram.first(), Some(&(CHANGE_CIPHER_SPEC | HANDSHAKE))) {
                flight.push(datagram.clone());
            }
            self.out.push_back(datagram);
        }
        flight
    }

    fn handle_event(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::HandshakeComplete => {
                self.resend_at = None;
                self.deadline = None;
                let role = self.role;
                let state = self.endpoint.get_connection_state(PEER);
                match state.and_then(|state| export(state, role)) {
                    Some(connected) => {
                        self.phase = Phase::Connected;
                        self.events.push_back(connected);
                    }
                    None => self.fail(),
                }
            }
            EndpointEvent::ApplicationData(data) => {
                // The client has our last flight, or it could not have sent this.
                self.flight.clear();
                self.events.push_back(DtlsEvent::Data(data.freeze()));
            }
            EndpointEvent::PeerClosed => {
                self.over(DtlsEvent::Closed);
            }
            _ => {}
        }
    }

    fn handle_error(&mut self, error: &Error) {
        if self.phase == Phase::Handshaking {
            tracing::debug!(%error, "DTLS handshake failed");
            self.fail();
        } else if matches!(error, Error::ErrAlertFatalOrClose) {
            self.over(DtlsEvent::Closed);
        }
    }

    fn fail(&mut self) {
        self.over(DtlsEvent::Failed);
    }

    fn over(&mut self, event: DtlsEvent) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            self.flight.clear();
            self.resend_at = None;
            self.deadline = None;
            self.events.push_back(event);
        }
    }

    fn resend(&mut self, now: Instant) {
        let too_soon = self
            .last_sent
            .is_some_and(|last| now.duration_since(last) < RESEND_SPACING);
        if self.flight.is_empty() || too_soon || self.resends >= RESENDS {
            return;
        }
        self.resends += 1;
        self.last_sent = Some(now);
        self.out.extend(self.flight.iter().cloned());
    }

    /// As client, we have said all: what is missing is the server's last flight.
    fn awaits_last(&self) -> bool {
        let is_last = |datagram: &Bytes| records(datagram).any(|record| record[0] == CHANGE_CIPHER_SPEC);
        self.role == DtlsRole::Client && self.phase == Phase::Handshaking && self.flight.iter().any(is_last)
    }

    /// Has the library send its flight once more. As client, copies do not do: a server that has our last flight sends its own
    /// again when it hears of ours again, and takes a record with a number that it knows for a replay. Where seven of them were lost,
    /// a copy of the eighth is not known.
    fn send_anew(&mut self, now: Instant) {
        let Some(at) = self.endpoint.poll_timeout(&PEER).filter(|_| self.anew < ANEW) else {
            return self.resend(now);
        };
        if self.resends >= RESENDS {
            return;
        }
        self.anew += 1;
        // Its timer is due whenever ours is.
        if let Err(error) = self.endpoint.handle_timeout(PEER, at) {
            return self.handle_error(&error);
        }
        let flight = self.drain_transmits();
        if !flight.is_empty() {
            self.flight = flight;
            self.resends += 1;
            self.last_sent = Some(now);
        }
    }

    /// When [`Dtls::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.resend_at, self.deadline].into_iter().flatten().min()
    }

    /// Sends the last flight again, or gives up.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.fail();
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            match self.role {
                DtlsRole::Client => self.send_anew(now),
                DtlsRole::Server => self.resend(now),
            }
            self.backoff = (self.backoff * 3 / 2).clamp(RESEND_FIRST, RESEND_LONGEST);
            let goes_on = self.resends < RESENDS && self.phase == Phase::Handshaking;
            self.resend_at = goes_on.then(|| now + self.backoff);
        }
    }

    /// Encrypts data of the application.
    pub(super) fn write(&mut self, now: Instant, data: &[u8]) {
        if self.phase == Phase::Connected && self.endpoint.write(now, PEER, data).is_ok() {
            self.drain_transmits();
        }
    }

    /// Says good-bye.
    pub(super) fn close(&mut self, now: Instant) {
        if self.phase != Phase::Over {
            self.endpoint.stop(now, PEER);
            self.drain_transmits();
            self.phase = Phase::Over;
        }
    }

    /// The next thing that happened.
    pub(super) fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    /// The next datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// Datagrams that were refused since this was asked last.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Times that flights were sent again.
    pub(super) fn resends(&self) -> u32 {
        self.resends
    }
}

/// Fingerprint and keys of a completed handshake; none without a certificate or without SRTP.
fn export(state: &State, role: DtlsRole) -> Option<DtlsEvent> {
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::CounterMode,
        _ => return None,
    };
    let certificate = fingerprint(state.peer_certificates.first()?);
    let material = state
        .export_keying_material("EXTRACTOR-dtls_srtp", &[], profile.material())
        .ok()?;
    let keys = Keys::from_material(profile, material.as_ref(), role)?;
    Some(DtlsEvent::Connected {
        certificate,
        keys: Box::new(keys),
    })
}

/// The whole records of a datagram.
fn records(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..RECORD_HEADER)?;
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (record, after) = rest.split_at_checked(RECORD_HEADER + len)?;
        rest = after;
        Some(record)
    })
}

/// Whether a datagram holds a handshake record; `None` when it is not a row of whole records.
fn inspect(datagram: &[u8]) -> Option<bool> {
    let (mut whole, mut is_handshake) = (0, false);
    for record in records(datagram) {
        whole += record.len();
        is_handshake |= is_of_handshake(record);
    }
    (whole == datagram.len() && whole > 0).then_some(is_handshake)
}

fn is_of_handshake(record: &[u8]) -> bool {
    matches!(record[0], CHANGE_CIPHER_SPEC | HANDSHAKE)
}

/// Whether a record holds handshake messages that are not encrypted: these are of epoch 0.
fn is_in_clear(record: &[u8]) -> bool {
    record[0] == HANDSHAKE && record[3..5] == [0, 0]
}

/// A datagram without some of its records.
fn without(datagram: &[u8], is_out: impl Fn(&[u8]) -> bool) -> BytesMut {
    let left = records(datagram).filter(|record| !is_out(record));
    left.collect::<Vec<_>>().concat().as_slice().into()
}

/// How many parts of handshake messages are in a datagram, as far as it can be read; `None` when one of them is no part of
/// its message (RFC 6347 §4.2.3).
fn count_fragments(datagram: &[u8]) -> Option<usize> {
    let mut count = 0;
    for record in records(datagram).filter(|record| is_in_clear(record)) {
        let mut rest = &record[RECORD_HEADER..];
        while !rest.is_empty() {
            let (header, after) = rest.split_at_checked(FRAGMENT_HEADER)?;
            let number = |at: usize| {
                usize::from(header[at]) << 16 | usize::from(header[at + 1]) << 8 | usize::from(header[at + 2])
            };
            let (len, offset, part) = (number(1), number(6), number(9));
            if offset + part > len || part == 0 && len > 0 {
                return None;
            }
            count += usize::from(part < len);
            rest = after.get(part..)?;
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server() -> Dtls {
        let crypto = rtc::crypto::default_provider().expect("a crypto provider");
        let identity = Identity::generate().expect("a certificate");
        Dtls::new(
            &DtlsConfig::new(&identity, &crypto).expect("a configuration"),
            SrtpChoice::Best,
        )
    }

    #[test]
    fn records_are_walked() {
        let record = |kind: u8, len: u8| {
            let mut bytes = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, len];
            bytes.extend(vec![0; usize::from(len)]);
            bytes
        };
        assert_eq!(inspect(&record(23, 5)), Some(false));
        assert_eq!(inspect(&[record(23, 5), record(22, 0)].concat()), Some(true));
        assert_eq!(inspect(&record(22, 5)[..17]), None);
        assert_eq!(inspect(&[]), None);
    }

    #[test]
    fn a_handshake_goes_on_in_the_dark_until_its_limit() {
        let mut dtls = server();
        let start = Instant::now();
        dtls.begin(start);
        let mut sent = Vec::new();
        while let Some(at) = dtls.poll_timeout() {
            dtls.handle_timeout(at);
            while dtls.poll_transmit().is_some() {
                sent.push(at - start);
            }
        }
        // What was sent at the start is taken at the first look.
        assert_eq!(sent[..3], [25, 25, 85].map(Duration::from_millis));
        assert!(
            sent.windows(2).all(|pair| pair[1] - pair[0] <= RESEND_LONGEST),
            "{sent:?}"
        );
        let last = sent.last().expect("sent");
        assert!(
            *last > HANDSHAKE_LIMIT - 2 * RESEND_LONGEST && *last <= HANDSHAKE_LIMIT,
            "{sent:?}"
        );
        assert_eq!(dtls.phase, Phase::Over);
    }

    /// A record in the clear with this part of a handshake message.
    fn part(number: u64, (len, offset, part): (u32, u32, u32), content: &[u8]) -> BytesMut {
        let u24 = |n: u32| n.to_be_bytes()[1..].to_vec();
        let message = [&[1][..], &u24(len), &[0, 0], &u24(offset), &u24(part), content].concat();
        let head = [&[HANDSHAKE, 254, 253, 0, 0][..], &number.to_be_bytes()[2..]].concat();
        let len = (message.len() as u16).to_be_bytes();
        BytesMut::from(&[&head[..], &len, &message].concat()[..])
    }

    #[test]
    fn a_hello_in_a_thousand_parts_costs_no_more_than_its_bytes() {
        let mut dtls = server();
        let begin = Instant::now();
        for n in 0..1_500 {
            dtls.handle(begin, part(u64::from(n), (0xffff, n, 1), &[0]));
        }
        // All of them took 0.3 s before, and twice as many eight times as long.
        assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
        assert_eq!(dtls.take_refused(), 1_500 - MAX_FRAGMENTS as u64);
    }

    #[test]
    fn parts_that_are_none_of_their_message_are_refused() {
        for (numbers, content) in [
            ((100, 0, 100), 10),
            ((100, 95, 10), 10),
            ((100, 0, 0), 0),
            ((0xff_ffff, 0xff_ffff, 0xff_ffff), 1),
        ] {
            let mut dtls = server();
            dtls.handle(Instant::now(), part(0, numbers, &vec![0; content]));
            assert_eq!(dtls.take_refused(), 1, "{numbers:?}");
        }
        assert_eq!(count_fragments(&part(0, (100, 90, 10), &[0; 10])), Some(1));
        assert_eq!(count_fragments(&part(0, (10, 0, 10), &[0; 10])), Some(0));
    }

    #[test]
    fn a_handshake_takes_an_eighth_of_what_it_may_and_once_complete_asks_for_the_last_flight_only() {
        let (mut client, mut server, now) = (server(), server(), Instant::now());
        client.begin(now);
        let (mut said, mut flight) = (0, Vec::new());
        while server.phase == Phase::Handshaking || client.phase == Phase::Handshaking {
            flight = std::iter::from_fn(|| client.poll_transmit()).collect::<Vec<_>>();
            assert!(!flight.is_empty(), "the handshake goes on");
            for datagram in &flight {
                said += datagram.len();
                server.handle(now, datagram[..].into());
            }
            while let Some(datagram) = server.poll_transmit() {
                client.handle(now, datagram[..].into());
            }
        }
        assert!(said * 8 < HANDSHAKE_BYTES, "{said}");
        for times in 1..20 {
            let later = now + RESEND_SPACING * times;
            for datagram in &flight {
                server.handle(later, datagram[..].into());
            }
            let again = std::iter::from_fn(|| server.poll_transmit()).count();
            assert!(again > 0, "what was lost goes again");
        }
    }

    proptest! {
        #[test]
        fn garbage_neither_panics_nor_is_kept(datagrams in proptest::collection::vec(
            (20_u8..64, proptest::collection::vec(any::<u8>(), 0..64)), 1..20,
        )) {
            let mut dtls = server();
            let now = Instant::now();
            for (kind, body) in datagrams {
                let mut bytes = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
                bytes.extend(body);
                dtls.handle(now, BytesMut::from(&bytes[..]));
            }
            while dtls.poll_transmit().is_some() {}
            prop_assert!(dtls.flight.len() < 10);
        }
    }
}
