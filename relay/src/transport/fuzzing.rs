//! The entry of the fuzz target for data channels.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rtc::{
    sctp::{
        Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Payload,
        PayloadProtocolIdentifier as Ppi,
    },
    shared::TransportProtocol,
};

use super::channels::{Channels, MAX_MESSAGE};
use crate::fuzzing::chunks;

const RELAY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 9);

/// A client's SCTP.
pub(super) struct Client {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
    /// The first bytes of its packets: ports, and our tag.
    header: [u8; 8],
}

impl Client {
    pub(super) fn new(now: Instant) -> Self {
        let config = Arc::new(EndpointConfig::new());
        let mut endpoint = Endpoint::new(RELAY, TransportProtocol::UDP, config, None);
        let (handle, association) = endpoint
            .connect(now, ClientConfig::default(), RELAY)
            .expect("an endpoint with one association");
        Self {
            endpoint,
            handle,
            association,
            header: [0; 8],
        }
    }

    /// Takes packets to and fro until neither side has any.
    pub(super) fn exchange(&mut self, now: Instant, channels: &mut Channels) {
        for _ in 0..64 {
            let sent = self.poll_transmit(now);
            let mut idle = sent.is_empty();
            for packet in sent {
                channels.handle(now, packet, false);
            }
            while let Some(packets) = channels.poll_transmit(now) {
                idle = false;
                for packet in packets {
                    self.take(now, packet);
                }
            }
            while self.association.poll().is_some() {}
            while channels.poll_event().is_some() {}
            if idle {
                break;
            }
        }
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Vec<Bytes> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                sent.extend(packets);
            }
        }
        if let Some(header) = sent.last().and_then(|packet| packet.first_chunk()) {
            self.header = *header;
        }
        sent
    }

    pub(super) fn take(&mut self, now: Instant, packet: Bytes) {
        if let Some((_, DatagramEvent::AssociationEvent(event))) = self.endpoint.handle(now, RELAY, None, packet) {
            self.association.handle_event(event);
        }
        while let Some(event) = self.association.poll_endpoint_event() {
            self.endpoint.handle_event(self.handle, event);
        }
    }

    /// These chunks as a packet of the client, which its own SCTP knows nothing of.
    pub(super) fn packet(&self, chunks: &[u8]) -> Bytes {
        let mut packet = [&self.header[..], &[0; 4], chunks].concat();
        let crc = crc32c::crc32c(&packet).to_le_bytes();
        packet[8..12].copy_from_slice(&crc);
        packet.into()
    }
}

/// Messages of a client on its streams: the low bits of a chunk's first byte say on which, the high ones of what kind.
/// A chunk of the last kind is a packet of SCTP as it stands, or the chunks of one.
pub fn channels(data: &[u8]) {
    let mut now = Instant::now();
    let mut channels = Channels::new();
    channels.open(now, "_reliable".into(), true, None);
    channels.open(now, "_lossy".into(), false, Some(0));
    let mut client = Client::new(now);
    client.exchange(now, &mut channels);
    for (what, bytes) in chunks(data) {
        now += Duration::from_millis(20);
        let ppi = match what >> 5 {
            0..=2 => Ppi::Dcep,
            3 => Ppi::String,
            4 => Ppi::Binary,
            5 => Ppi::StringEmpty,
            6 => Ppi::BinaryEmpty,
            _ => {
                let packet = match what & 2 {
                    0 => Bytes::copy_from_slice(bytes),
                    _ => client.packet(bytes),
                };
                channels.handle(now, packet, what & 1 == 1);
                continue;
            }
        };
        let stream = u16::from(what & 0x1f);
        let open = client.association.open_stream(stream, Ppi::Binary).is_ok();
        if (open || client.association.stream(stream).is_ok())
            && let Ok(mut stream) = client.association.stream(stream)
        {
            let _ = stream.write_chunk_with_ppi(now, &Bytes::copy_from_slice(bytes), ppi);
        }
        let _ = channels.send(now, "_reliable", Bytes::copy_from_slice(bytes));
        let _ = channels.send(now, "_lossy", Bytes::copy_from_slice(bytes));
        client.exchange(now, &mut channels);
    }
    assert!(!channels.send(now, "_reliable", vec![0; MAX_MESSAGE + 1].into()));
    if let Some(at) = channels.poll_timeout() {
        channels.handle_timeout(at, false);
    }
}
