//! One client's data channels: SCTP, and the messages that open channels on it (DCEP, RFC 8832).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use relay_core::types::DtlsRole;
use rtc::{
    datachannel::{
        data_channel::DataChannel,
        message::{Message, message_channel_ack::DataChannelAck, message_channel_open::DataChannelOpen},
    },
    sctp::{
        Association, AssociationHandle, Chunks, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
        PayloadProtocolIdentifier as Ppi, ReliabilityType, ServerConfig, Stream, StreamEvent, StreamId, TimerConfig,
        TransportConfig,
    },
    shared::{
        TransportProtocol,
        error::Error,
        marshal::{Marshal, Unmarshal},
    },
};

use super::{
    dtls::MAX_DATA,
    guard::{self, Guard},
};

/// How long the client may take to begin SCTP.
const PATIENCE: Duration = Duration::from_millis(100);
/// Longest message in either direction, as our descriptions say.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;
/// Bytes that wait in a reliable channel at most.
const MAX_RELIABLE: usize = 2 * 1024 * 1024;
/// Bytes that wait in a lossy channel at most: what waits longer is stale.
const MAX_LOSSY: usize = 64 * 1024;
/// Longest payload of a DATA chunk: with the headers of packet and chunk around it, and DTLS around that, it fits a datagram.
/// Chunks are filled up to a multiple of four.
const MAX_PAYLOAD: u32 = ((MAX_DATA - 12 - 16) & !3) as u32;
/// Channels of one client.
const MAX_CHANNELS: usize = 64;
/// Longest label, in bytes.
const MAX_LABEL: usize = 256;
/// The types of message of DCEP (RFC 8832 §8.2.1).
const DCEP_ACK: u8 = 2;
const DCEP_OPEN: u8 = 3;
/// The address that the endpoint knows the client by.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// What happened on the channels of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChannelEvent {
    /// A channel is open.
    Open(Arc<str>),
    /// A message arrived.
    Data(Arc<str>, Bytes),
    /// Bytes waiting to be sent crossed half of the bound.
    Buffered(Arc<str>, usize),
    /// The client ended SCTP, or broke its rules: no channel works any more.
    Lost,
}

#[derive(Debug)]
struct Channel {
    label: Arc<str>,
    open: bool,
    lossy: bool,
    /// Messages that wait for the client to confirm the channel.
    early: Vec<Bytes>,
    /// Whether more than half of the bound waits, as last told.
    high: bool,
}

impl Channel {
    fn bound(&self) -> usize {
        if self.lossy { MAX_LOSSY } else { MAX_RELIABLE }
    }
}

#[derive(Debug)]
struct Opening {
    label: Arc<str>,
    ordered: bool,
    max_retransmits: Option<u16>,
    early: Vec<Bytes>,
}

/// A client's INIT.
#[derive(Debug)]
struct Init {
    tag: u32,
    /// What we sent on it, until SCTP is up.
    answer: Option<Bytes>,
    /// The answer is to be sent again.
    again: bool,
}

/// The channels of one client; we are the SCTP server.
pub(super) struct Channels {
    endpoint: Endpoint,
    guard: Guard,
    /// Packets that the library did not get to see.
    refused: u64,
    transport: TransportConfig,
    init: Option<Init>,
    association: Option<(AssociationHandle, Association)>,
    /// When to begin one ourselves.
    begin_at: Option<Instant>,
    /// Ours that wait for SCTP.
    opening: Vec<Opening>,
    channels: BTreeMap<StreamId, Channel>,
    /// Streams with messages that were left where they are.
    unread: BTreeSet<StreamId>,
    next: StreamId,
    /// SCTP was up. (Before that the association calls itself closed.)
    established: bool,
    lost: bool,
    events: VecDeque<ChannelEvent>,
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("channels", &self.channels)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

impl Channels {
    /// Waits for the client's SCTP.
    pub(super) fn new() -> Self {
        let transport = TransportConfig::default()
            .with_max_message_size(MAX_MESSAGE as u32)
            .with_max_num_inbound_streams(1024)
            .with_max_num_outbound_streams(1024)
            .with_timer_config(TimerConfig {
                // By default it gives up after a minute, and whoever comes back then hears nothing any more.
                max_t3_rtx_retrans: usize::MAX,
                ..TimerConfig::default()
            });
        Self {
            endpoint: endpoint(&transport),
            guard: Guard::default(),
            refused: 0,
            transport,
            init: None,
            association: None,
            begin_at: None,
            opening: Vec::new(),
            channels: BTreeMap::new(),
            unread: BTreeSet::new(),
            next: 1,
            established: false,
            lost: false,
            events: VecDeque::new(),
        }
    }

    /// Our part in DTLS, before SCTP is up: the server's channels have odd ids, the client's even ones (RFC 8832 §6).
    pub(super) fn set_role(&mut self, role: DtlsRole) {
        self.next = match role {
            DtlsRole::Client => 0,
            DtlsRole::Server => 1,
        };
    }

    /// Begins SCTP in a moment, unless the client does: browsers always do, and at once; some libraries do as DTLS clients only.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.association.is_none() && !self.lost {
            self.begin_at.get_or_insert(now + PATIENCE);
        }
    }

    /// Opens a channel, at once or as soon as SCTP is up.
    pub(super) fn open(&mut self, now: Instant, label: Arc<str>, ordered: bool, max_retransmits: Option<u16>) {
        if self.channels.len() + self.opening.len() >= MAX_CHANNELS {
            return;
        }
        self.opening.push(Opening {
            label,
            ordered,
            max_retransmits,
            early: Vec::new(),
        });
        self.open_waiting(now);
    }

    /// Sends a message on the channel of that label; says whether it was taken.
    pub(super) fn send(&mut self, now: Instant, label: &str, data: Bytes) -> bool {
        if data.len() > MAX_MESSAGE || self.lost {
            return false;
        }
        let found = |open: bool| {
            let mut channels = self.channels.iter();
            channels.find(|(_, c)| c.open == open && *c.label == *label)
        };
        if let Some(id) = found(true).map(|(id, _)| *id) {
            return self.write(now, id, &data);
        }
        let early = match found(false).map(|(id, _)| *id) {
            Some(id) => self.channels.get_mut(&id).filter(|c| !c.lossy).map(|c| &mut c.early),
            None => self
                .opening
                .iter_mut()
                .find(|o| *o.label == *label && o.max_retransmits.is_none())
                .map(|o| &mut o.early),
        };
        let Some(early) = early else {
            return false;
        };
        let waiting: usize = early.iter().map(Bytes::len).sum();
        if waiting + data.len() > MAX_RELIABLE {
            return false;
        }
        early.push(data);
        true
    }

    fn write(&mut self, now: Instant, id: StreamId, data: &Bytes) -> bool {
        let Some((_, association)) = &mut self.association else {
            return false;
        };
        let (Some(channel), Ok(mut stream)) = (self.channels.get_mut(&id), association.stream(id)) else {
            return false;
        };
        let waiting = stream.buffered_amount().unwrap_or(0);
        if waiting + data.len() > channel.bound() {
            return false;
        }
        // SCTP has no empty messages: one byte stands for nothing (RFC 8831 §6.6).
        let written = if data.is_empty() {
            stream.write_chunk_with_ppi(now, &Bytes::from_static(&[0]), Ppi::BinaryEmpty)
        } else {
            stream.write_chunk_with_ppi(now, data, Ppi::Binary)
        };
        let bytes = waiting + data.len();
        if !channel.lossy && !channel.high && bytes > channel.bound() / 2 {
            channel.high = true;
            let event = ChannelEvent::Buffered(channel.label.clone(), bytes);
            self.events.push_back(event);
        }
        written.is_ok()
    }

    /// Takes a packet of SCTP. With `hold`, messages stay in SCTP, which makes the client slow down.
    pub(super) fn handle(&mut self, now: Instant, packet: Bytes, hold: bool) {
        if self.lost {
            return;
        }
        if let Some(tag) = guard::init_tag(&packet)
            && !self.begin_anew(tag)
        {
            return;
        }
        if !self.guard.admit(&packet, self.has_unread()) {
            self.refused += 1;
            return;
        }
        match self.endpoint.handle(now, PEER, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.endpoint.reject_new_associations();
                self.association = Some((handle, association));
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((ours, association)) = &mut self.association
                    && *ours == handle
                {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.handle_events(now, hold);
    }

    /// Makes room for the association that an INIT asks for; says whether there is any. The library makes another one of each INIT:
    /// one that comes again is answered again, from here (RFC 9260 §5.2.2), and a client that begins twice has its second one.
    fn begin_anew(&mut self, tag: u32) -> bool {
        let is_ours = |(_, association): &(_, Association)| association.side().is_client();
        if self.established || self.association.as_ref().is_some_and(is_ours) {
            return false;
        }
        if let Some(init) = self.init.as_mut().filter(|init| init.tag == tag)
            && init.answer.is_some()
        {
            init.again = true;
            return false;
        }
        self.endpoint = endpoint(&self.transport);
        self.guard = Guard::default();
        self.association = None;
        self.init = Some(Init {
            tag,
            answer: None,
            again: false,
        });
        true
    }

    fn handle_events(&mut self, now: Instant, hold: bool) {
        while let Some(event) = self.association.as_mut().and_then(|(_, a)| a.poll()) {
            match event {
                Event::Connected => {
                    self.established = true;
                    self.init = None;
                }
                Event::Stream(StreamEvent::Readable { id }) => {
                    self.unread.insert(id);
                }
                Event::Stream(StreamEvent::BufferedAmountLow { id }) => self.handle_low(id),
                Event::AssociationLost { id, .. } => {
                    self.channels.remove(&id);
                    self.unread.remove(&id);
                }
                _ => {}
            }
        }
        let Some((handle, association)) = &mut self.association else {
            return;
        };
        while let Some(event) = association.poll_endpoint_event() {
            self.endpoint.handle_event(*handle, event);
        }
        // An association of ours is closed until the client's second message, too. A client that opens streams without
        // end would fill memory with their states.
        let is_over = association.is_closed() && !association.is_handshaking();
        if is_over || association.stream_ids().len() > 2 * MAX_CHANNELS {
            self.lost = true;
            self.association = None;
            self.channels.clear();
            self.unread.clear();
            self.events.push_back(ChannelEvent::Lost);
            return;
        }
        self.open_waiting(now);
        if !hold {
            self.read(now);
        }
    }

    fn handle_low(&mut self, id: StreamId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        if std::mem::take(&mut channel.high) {
            let bytes = channel.bound() / 2;
            let event = ChannelEvent::Buffered(channel.label.clone(), bytes);
            self.events.push_back(event);
        }
    }

    /// Whether messages were left in SCTP.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Reads the messages that were left in SCTP.
    pub(super) fn read(&mut self, now: Instant) {
        let Some((_, association)) = &mut self.association else {
            return;
        };
        if association.is_handshaking() {
            return;
        }
        while let Some(id) = self.unread.pop_first() {
            while let Some(message) = self.next_message(id) {
                self.handle_message(now, id, &message);
            }
        }
    }

    fn next_message(&mut self, id: StreamId) -> Option<Chunks> {
        let (_, association) = self.association.as_mut()?;
        let message = association.stream(id).ok()?.read_sctp().ok()??;
        self.guard.release(message.chunks.len(), message.len());
        Some(message)
    }

    fn handle_message(&mut self, now: Instant, id: StreamId, message: &Chunks) {
        let Ok(payload) = message.to_payload(MAX_MESSAGE) else {
            return;
        };
        let data = match message.ppi {
            Ppi::Dcep => {
                // Malformed ones are ignored: the channel stays closed. The library has types for its own use beside those of
                // RFC 8832, and panics when one of these is too short.
                if let Some(&(DCEP_ACK | DCEP_OPEN)) = payload.first()
                    && let Ok(message) = Message::unmarshal(&mut &payload[..])
                {
                    self.handle_dcep(now, id, message);
                }
                return;
            }
            Ppi::String | Ppi::Binary => payload.freeze(),
            Ppi::StringEmpty | Ppi::BinaryEmpty => Bytes::new(),
            _ => return,
        };
        if let Some(channel) = self.channels.get(&id) {
            let event = ChannelEvent::Data(channel.label.clone(), data);
            self.events.push_back(event);
        }
    }

    fn handle_dcep(&mut self, now: Instant, id: StreamId, message: Message) {
        match message {
            // What is not accepted is not answered: the channel stays closed.
            Message::DataChannelOpen(open) => {
                let _ = self.accept(now, id, open);
            }
            Message::DataChannelAck(_) => self.confirm(now, id),
            _ => {}
        }
    }

    fn accept(&mut self, now: Instant, id: StreamId, open: DataChannelOpen) -> Option<()> {
        if self.channels.len() >= MAX_CHANNELS || self.channels.contains_key(&id) {
            return None;
        }
        let label: Arc<str> = String::from_utf8(open.label)
            .ok()
            .filter(|label| label.len() <= MAX_LABEL)?
            .into();
        let (_, association) = self.association.as_mut()?;
        let mut stream = association.stream(id).ok()?;
        let (unordered, reliability) = DataChannel::get_reliability_params(open.channel_type);
        stream
            .set_reliability_params(unordered, reliability, open.reliability_parameter)
            .ok()?;
        let ack = Message::DataChannelAck(DataChannelAck {}).marshal().ok()?;
        stream.write_with_ppi(now, &ack, Ppi::Dcep).ok()?;
        let channel = Channel {
            label: label.clone(),
            open: true,
            lossy: reliability != ReliabilityType::Reliable,
            early: Vec::new(),
            high: false,
        };
        // Told about a stream with nothing in it by an event that needs a threshold.
        let _ = stream.set_buffered_amount_low_threshold(channel.bound() / 2);
        self.channels.insert(id, channel);
        self.events.push_back(ChannelEvent::Open(label));
        Some(())
    }

    fn confirm(&mut self, now: Instant, id: StreamId) {
        let Some(channel) = self.channels.get_mut(&id).filter(|c| !c.open) else {
            return;
        };
        channel.open = true;
        let early = std::mem::take(&mut channel.early);
        self.events.push_back(ChannelEvent::Open(channel.label.clone()));
        for data in early {
            self.write(now, id, &data);
        }
    }

    /// Opens the channels that waited for SCTP.
    fn open_waiting(&mut self, now: Instant) {
        let Some((_, association)) = &mut self.association else {
            return;
        };
        if association.is_handshaking() {
            return;
        }
        for opening in std::mem::take(&mut self.opening) {
            while self.channels.contains_key(&self.next) {
                self.next += 2;
            }
            let Ok(stream) = association.open_stream(self.next, Ppi::Binary) else {
                continue;
            };
            let lossy = opening.max_retransmits.is_some();
            if let Err(error) = announce(now, stream, &opening) {
                tracing::debug!(%error, label = %opening.label, "opening a data channel");
                continue;
            }
            let channel = Channel {
                label: opening.label,
                open: false,
                lossy,
                early: opening.early,
                high: false,
            };
            self.channels.insert(self.next, channel);
            self.next += 2;
        }
    }

    /// The next thing that happened.
    pub(super) fn poll_event(&mut self) -> Option<ChannelEvent> {
        self.events.pop_front()
    }

    /// The next packets to send.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        if let Some(init) = self.init.as_mut().filter(|init| init.again) {
            init.again = false;
            return init.answer.clone().map(|answer| vec![answer]);
        }
        let (_, association) = self.association.as_mut()?;
        let Payload::RawEncode(packets) = association.poll_transmit(now)?.message else {
            return None;
        };
        for packet in &packets {
            self.guard.sent(packet);
            if let Some(init) = self.init.as_mut().filter(|_| guard::is_init_ack(packet)) {
                init.answer = Some(packet.clone());
            }
        }
        Some(packets)
    }

    /// Packets that were refused since this was asked last.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// When [`Channels::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.association {
            Some((_, association)) => association.poll_timeout(),
            None => self.begin_at,
        }
    }

    /// Sends again what seems lost.
    pub(super) fn handle_timeout(&mut self, now: Instant, hold: bool) {
        if self.association.is_none() && self.begin_at.take_if(|at| *at <= now).is_some() {
            let config = ClientConfig::new(self.transport.clone());
            self.association = self.endpoint.connect(now, config, PEER).ok();
            self.endpoint.reject_new_associations();
        } else if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
        self.handle_events(now, hold);
    }
}

/// What knows of one association at most.
fn endpoint(transport: &TransportConfig) -> Endpoint {
    let mut config = EndpointConfig::new();
    config.max_payload_size(MAX_PAYLOAD);
    let server = ServerConfig::new(transport.clone());
    Endpoint::new(PEER, TransportProtocol::UDP, Arc::new(config), Some(Arc::new(server)))
}

/// Asks the client to open a channel.
fn announce(now: Instant, mut stream: Stream<'_>, opening: &Opening) -> Result<(), Error> {
    let (channel_type, reliability_parameter) =
        DataChannel::get_channel_type_and_reliability_parameter(opening.ordered, opening.max_retransmits, None);
    let (unordered, reliability) = DataChannel::get_reliability_params(channel_type);
    stream.set_reliability_params(unordered, reliability, reliability_parameter)?;
    let bound = if opening.max_retransmits.is_some() {
        MAX_LOSSY
    } else {
        MAX_RELIABLE
    };
    stream.set_buffered_amount_low_threshold(bound / 2)?;
    let open = Message::DataChannelOpen(DataChannelOpen {
        channel_type,
        priority: 256,
        reliability_parameter,
        label: opening.label.as_bytes().to_vec(),
        protocol: Vec::new(),
    });
    stream.write_with_ppi(now, &open.marshal()?, Ppi::Dcep)?;
    Ok(())
}

#[cfg(test)]
mod tests;
