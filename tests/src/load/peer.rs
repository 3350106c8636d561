//! One peer connection on its own UDP socket: `rtc` with its ICE, DTLS, SRTP, NACK, reports and transport-wide feedback.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::BytesMut;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_nack, configure_rtcp_reports, configure_simulcast_extension_headers, configure_twcc,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate, RTCIceCandidateInit};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use tokio::net::UdpSocket;

/// Payload type of H.264 in what we offer.
pub(super) const H264_PT: u8 = 108;
/// Payload type of Opus in what we offer.
pub(super) const OPUS_PT: u8 = 111;
/// Datagrams read in one go, so that timers and signalling get their turn.
const BATCH: usize = 256;

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// A track to publish.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) cid: String,
    pub(super) kind: RtpCodecKind,
    /// RID and SSRC of each layer; one with an empty RID without simulcast.
    pub(super) layers: Vec<(&'static str, u32)>,
}

/// A peer connection and its socket.
pub(super) struct Peer {
    pc: RTCPeerConnection,
    socket: UdpSocket,
    local: SocketAddr,
    buffer: Vec<u8>,
    early: Vec<RTCIceCandidateInit>,
    described: bool,
    pub(super) connected: bool,
    pub(super) failed: bool,
}

impl Peer {
    /// A connection that only receives.
    pub(super) async fn subscriber(local: SocketAddr) -> Result<Self> {
        let mut engine = MediaEngine::default();
        engine.register_default_codecs()?;
        Self::new(local, engine).await
    }

    /// A connection that publishes these tracks.
    pub(super) async fn publisher(local: SocketAddr, tracks: &[Track]) -> Result<Self> {
        let mut engine = MediaEngine::default();
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            engine.register_codec(codec(kind), kind)?;
        }
        let uri = AUDIO_LEVEL.to_owned();
        let level = RTCRtpHeaderExtensionCapability { uri };
        engine.register_header_extension(level, RtpCodecKind::Audio, None)?;
        let mut peer = Self::new(local, engine).await?;
        for track in tracks {
            let encodings: Vec<_> = track.layers.iter().map(|l| encoding(track.kind, l)).collect();
            let media = MediaStreamTrack::new(
                format!("stream_{}", track.cid),
                track.cid.clone(),
                track.cid.clone(),
                track.kind,
                encodings.clone(),
            );
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Sendonly,
                streams: vec![format!("stream_{}", track.cid)],
                send_encodings: encodings,
            };
            peer.pc.add_transceiver_from_track(media, Some(init))?;
        }
        Ok(peer)
    }

    async fn new(local: SocketAddr, mut engine: MediaEngine) -> Result<Self> {
        let registry = configure_nack(Registry::new(), &mut engine);
        configure_simulcast_extension_headers(&mut engine)?;
        let registry = configure_twcc(registry, &mut engine)?;
        let registry = configure_rtcp_reports(registry);
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .build();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings)
            .build(Instant::now())?;
        let socket = UdpSocket::bind(local).await?;
        let local = socket.local_addr()?;
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: local.ip().to_string(),
                port: local.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        }
        .new_candidate_host()?;
        pc.add_local_candidate(RTCIceCandidate::from(&candidate).to_json()?)?;
        Ok(Self {
            pc,
            socket,
            local,
            buffer: vec![0; 2048],
            early: Vec::new(),
            described: false,
            connected: false,
            failed: false,
        })
    }

    /// Our offer.
    pub(super) fn offer(&mut self, now: Instant) -> Result<String> {
        let offer = self.pc.create_offer(None)?;
        self.pc.set_local_description(now, offer.clone())?;
        Ok(offer.sdp)
    }

    /// Takes the answer to our offer.
    pub(super) fn accept_answer(&mut self, now: Instant, sdp: String) -> Result<()> {
        self.pc
            .set_remote_description(now, RTCSessionDescription::answer(sdp)?)?;
        self.add_early()
    }

    /// Our answer to an offer.
    pub(super) fn answer(&mut self, now: Instant, offer: String) -> Result<String> {
        self.pc
            .set_remote_description(now, RTCSessionDescription::offer(offer)?)?;
        let answer = self.pc.create_answer(None)?;
        self.pc.set_local_description(now, answer.clone())?;
        self.add_early()?;
        Ok(answer.sdp)
    }

    /// Takes a candidate, early or late.
    pub(super) fn add_candidate(&mut self, candidate: &str) -> Result<()> {
        let candidate: RTCIceCandidateInit = serde_json::from_str(candidate)?;
        if candidate.candidate.contains(" tcp ") || candidate.candidate.is_empty() {
            return Ok(());
        }
        self.early.push(candidate);
        if self.described { self.add_early() } else { Ok(()) }
    }

    fn add_early(&mut self) -> Result<()> {
        self.described = true;
        for candidate in self.early.drain(..) {
            self.pc.add_remote_candidate(candidate)?;
        }
        Ok(())
    }

    /// Waits for a datagram.
    pub(super) async fn readable(&self) -> Result<()> {
        Ok(self.socket.readable().await?)
    }

    /// Reads what has come and hands every RTP packet on.
    pub(super) fn receive(&mut self, mut packet: impl FnMut(&rtp::Packet)) -> Result<()> {
        for _ in 0..BATCH {
            let (length, from) = match self.socket.try_recv_from(&mut self.buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("reading UDP"),
            };
            let datagram = TaggedBytesMut {
                now: Instant::now(),
                transport: TransportContext {
                    local_addr: self.local,
                    peer_addr: from,
                    ecn: None,
                    transport_protocol: TransportProtocol::UDP,
                },
                message: BytesMut::from(&self.buffer[..length]),
            };
            // A datagram that cannot be opened is the sender's fault and shows as a lost packet.
            let _ = self.pc.handle_read(datagram);
            while let Some(TaggedRTCMessage { message, .. }) = self.pc.poll_read() {
                if let RTCMessage::RtpPacket(_, rtp) = message {
                    packet(&rtp);
                }
            }
        }
        Ok(())
    }

    /// Queues an RTP packet.
    pub(super) fn send(&mut self, now: Instant, packet: rtp::Packet) -> Result<()> {
        let message = RTCMessage::RtpPacket(String::new(), packet);
        Ok(self.pc.handle_write(TaggedRTCMessage { now, message })?)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.pc.poll_timeout()
    }

    /// Lets timers run.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<()> {
        Ok(self.pc.handle_timeout(now)?)
    }

    /// Sends what is queued and notes changes of state.
    pub(super) fn flush(&mut self) {
        while let Some(datagram) = self.pc.poll_write() {
            // A full socket buffer loses the datagram, as a full queue in a network would.
            let _ = self.socket.try_send_to(&datagram.message, datagram.transport.peer_addr);
        }
        while let Some(event) = self.pc.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                self.connected = state == RTCPeerConnectionState::Connected;
                self.failed |= state == RTCPeerConnectionState::Failed;
            }
        }
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("local", &self.local)
            .field("connected", &self.connected)
            .finish_non_exhaustive()
    }
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodecParameters {
    let audio = matches!(kind, RtpCodecKind::Audio);
    let (mime_type, clock_rate, channels, fmtp, payload_type) = if audio {
        (MIME_TYPE_OPUS, 48_000, 2, "minptime=10;useinbandfec=1", OPUS_PT)
    } else {
        let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        (MIME_TYPE_H264, 90_000, 0, fmtp, H264_PT)
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: vec![],
        },
        payload_type,
    }
}

fn encoding(kind: RtpCodecKind, layer: &(&'static str, u32)) -> RTCRtpEncodingParameters {
    let (rid, ssrc) = *layer;
    RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            rid: rid.to_owned(),
            ssrc: Some(ssrc),
            ..Default::default()
        },
        codec: codec(kind).rtp_codec,
        ..Default::default()
    }
}
