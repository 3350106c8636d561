//! One client: `rtc`'s peer connection on a link.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rtc::{
    data_channel::{RTCDataChannelId, RTCDataChannelInit},
    interceptor::Registry,
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{
            RTCConfigurationBuilder,
            media_engine::{MIME_TYPE_OPUS, MediaEngine},
            setting_engine::SettingEngineBuilder,
        },
        event::{RTCDataChannelEvent, RTCPeerConnectionEvent},
        message::RTCMessage,
        sdp::RTCSessionDescription,
        state::RTCPeerConnectionState,
        transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate},
    },
    rtcp::receiver_report::ReceiverReport,
    rtp,
    rtp_transceiver::{
        RTCRtpSenderId,
        rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
    sansio::Protocol,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};

use super::link::Link;

/// After this a flight of DTLS is sent again.
const RESEND: Duration = Duration::from_millis(100);
/// SSRC of a client's sound.
const AUDIO_SSRC: u32 = 0x0a0d_1001;

/// What a client is to have.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientOptions {
    /// A track of sound.
    pub audio: bool,
    /// Share of datagrams lost in each direction, in percent.
    pub loss: u32,
    /// Chooses which.
    pub seed: u64,
}

pub struct Client {
    pub pc: RTCPeerConnection,
    pub link: Link,
    pub state: RTCPeerConnectionState,
    channels: HashMap<String, RTCDataChannelId>,
    /// Messages received, with the label of their channel.
    pub messages: Vec<(String, Vec<u8>)>,
    /// RTP packets received.
    pub packets: Vec<rtp::Packet>,
    /// Its last flight of DTLS, and when it was sent: `rtc`'s server does not send a lost one again once the client repeats
    /// itself.
    flight: Vec<Vec<u8>>,
    flown: Instant,
    sender: Option<RTCRtpSenderId>,
    sequence: u16,
}

impl Client {
    pub fn new(engine: SocketAddr, options: ClientOptions) -> Self {
        Self::over(Link::new(engine, options.loss, options.seed), options)
    }

    /// By another way than a UDP socket of its own.
    pub fn over(link: Link, options: ClientOptions) -> Self {
        let now = Instant::now();
        let mut media = MediaEngine::default();
        media.register_default_codecs().expect("codecs");
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .build();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings)
            .with_media_engine(media)
            .with_interceptor_registry(Registry::new())
            .build(now)
            .expect("a peer connection");
        let sender = options.audio.then(|| {
            let track = MediaStreamTrack::new(
                "stream".to_owned(),
                "track".to_owned(),
                "sound".to_owned(),
                RtpCodecKind::Audio,
                vec![RTCRtpEncodingParameters {
                    rtp_coding_parameters: RTCRtpCodingParameters {
                        ssrc: Some(AUDIO_SSRC),
                        ..Default::default()
                    },
                    codec: RTCRtpCodec {
                        mime_type: MIME_TYPE_OPUS.to_owned(),
                        clock_rate: 48_000,
                        channels: 2,
                        ..Default::default()
                    },
                    ..Default::default()
                }],
            );
            pc.add_track(track).expect("a track")
        });
        Self {
            pc,
            link,
            state: RTCPeerConnectionState::New,
            channels: HashMap::new(),
            messages: Vec::new(),
            packets: Vec::new(),
            flight: Vec::new(),
            flown: now,
            sender,
            sequence: 65_500,
        }
    }

    /// With a reliable and a lossy channel, as LiveKit's clients open them.
    pub fn with_channels(mut self) -> Self {
        for (label, lossy) in [("_reliable", false), ("_lossy", true)] {
            let options = RTCDataChannelInit {
                ordered: !lossy,
                max_retransmits: lossy.then_some(0),
                ..Default::default()
            };
            self.pc.create_data_channel(label, Some(options)).expect("a channel");
        }
        self
    }

    fn add_candidate(&mut self) {
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: self.link.local.ip().to_string(),
                port: self.link.local.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        }
        .new_candidate_host()
        .expect("a candidate");
        let candidate = RTCIceCandidate::from(&candidate).to_json().expect("a candidate");
        self.pc.add_local_candidate(candidate).expect("accepted");
    }

    pub fn offer(&mut self) -> String {
        let offer = self.pc.create_offer(None).expect("an offer");
        self.pc
            .set_local_description(Instant::now(), offer.clone())
            .expect("a local offer");
        self.add_candidate();
        offer.sdp
    }

    pub fn accept_answer(&mut self, sdp: &str) {
        let answer = RTCSessionDescription::answer(sdp.to_owned()).expect("an answer");
        self.pc
            .set_remote_description(Instant::now(), answer)
            .expect("a remote answer");
    }

    pub fn answer(&mut self, offer: &str) -> String {
        let offer = RTCSessionDescription::offer(offer.to_owned()).expect("an offer");
        let now = Instant::now();
        self.pc.set_remote_description(now, offer).expect("a remote offer");
        self.add_candidate();
        let answer = self.pc.create_answer(None).expect("an answer");
        self.pc
            .set_local_description(now, answer.clone())
            .expect("a local answer");
        answer.sdp
    }

    /// Sends what waits, receives what has arrived, does what is due.
    pub fn turn(&mut self) {
        let now = Instant::now();
        let mut flight = Vec::new();
        while let Some(transmit) = self.pc.poll_write() {
            if matches!(transmit.message.first(), Some(20 | 22)) {
                flight.push(transmit.message.to_vec());
            }
            self.link.send(&transmit.message);
        }
        if !flight.is_empty() {
            (self.flight, self.flown) = (flight, now);
        } else if self.state != RTCPeerConnectionState::Connected && self.flown + RESEND <= now {
            self.flown = now;
            for datagram in &self.flight {
                self.link.send(datagram);
            }
        }
        self.handle_events();
        if self.pc.poll_timeout().is_some_and(|at| at <= now) {
            self.pc.handle_timeout(now).expect("time passes");
        }
        let mut buffer = [0; 2_048];
        if let Some(datagram) = self.link.receive(&mut buffer) {
            let read = TaggedBytesMut {
                now: Instant::now(),
                transport: TransportContext {
                    local_addr: self.link.local,
                    peer_addr: self.link.peer(),
                    ecn: None,
                    transport_protocol: TransportProtocol::UDP,
                },
                message: BytesMut::from(datagram),
            };
            // What it does not like is its own matter.
            let _ = self.pc.handle_read(read);
        }
        self.handle_messages();
    }

    /// Closes it; what it says then is sent by the next turn.
    pub fn close(&mut self) {
        self.pc.close().expect("closed");
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.pc.poll_event() {
            match event {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => self.state = state,
                RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                    let channel = self.pc.data_channel(id).expect("the channel");
                    self.channels.insert(channel.label().to_owned(), id);
                }
                _ => {}
            }
        }
    }

    fn handle_messages(&mut self) {
        while let Some(message) = self.pc.poll_read() {
            match message.message {
                RTCMessage::RtpPacket(_, packet) => self.packets.push(packet),
                RTCMessage::DataChannelMessage(id, message) => {
                    let channel = self.pc.data_channel(id).expect("the channel");
                    let label = channel.label().to_owned();
                    self.messages.push((label, message.data.to_vec()));
                }
                _ => {}
            }
        }
    }

    pub fn has_channel(&self, label: &str) -> bool {
        self.channels.contains_key(label)
    }

    pub fn send(&mut self, label: &str, data: &[u8]) {
        let id = self.channels[label];
        self.pc
            .data_channel(id)
            .expect("the channel")
            .send(Instant::now(), BytesMut::from(data))
            .expect("sent");
    }

    pub fn received(&self, label: &str) -> Vec<&[u8]> {
        self.messages
            .iter()
            .filter(|(l, _)| l == label)
            .map(|(_, data)| &data[..])
            .collect()
    }

    /// Sends a packet of sound; sequence numbers begin shortly before they roll over.
    pub fn send_sound(&mut self, payload: &[u8]) {
        let id = self.sender.expect("a track");
        let mut sender = self.pc.rtp_sender(id).expect("the sender");
        let pt = sender.get_parameters().rtp_parameters.codecs[0].payload_type;
        self.sequence = self.sequence.wrapping_add(1);
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                payload_type: pt,
                sequence_number: self.sequence,
                timestamp: u32::from(self.sequence) * 960,
                ssrc: AUDIO_SSRC,
                ..Default::default()
            },
            payload: Bytes::copy_from_slice(payload),
        };
        sender.write_rtp(Instant::now(), packet).expect("sent");
    }

    /// Sends a receiver report of who receives a track.
    pub fn send_report(&mut self) {
        let id = self.pc.get_receivers().next().expect("a track");
        let mut receiver = self.pc.rtp_receiver(id).expect("the receiver");
        let report = ReceiverReport {
            ssrc: 77,
            ..Default::default()
        };
        receiver
            .write_rtcp(Instant::now(), vec![Box::new(report)])
            .expect("sent");
    }
}
