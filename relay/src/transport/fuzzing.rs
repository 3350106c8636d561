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
struct Client {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
}

impl Client {
    fn new(now: Instant) -> Self {
        let config = Arc::new(EndpointConfig::new());
        let mut endpoint = Endpoint::new(RELAY, TransportProtocol::UDP, config, None);
        let (handle, association) = endpoint
            .connect(now, ClientConfig::default(), RELAY)
            .expect("an endpoint with one association");
        Self {
            endpoint,
            handle,
            association,
        }
    }

    /// Takes packets to and fro until neither side has any.
    fn exchange(&mut self, now: Instant, channels: &mut Channels) {
        for _ in 0..64 {
            let mut idle = true;
            while let Some(transmit) = self.association.poll_transmit(now) {
                if let Payload::RawEncode(packets) = transmit.message {
                    idle = false;
                    for packet in packets {
                        channels.handle(now, packet, false);
                    }
                }
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

    fn take(&mut self, now: Instant, packet: Bytes) {
        if let Some((_, DatagramEvent::AssociationEvent(event))) = self.endpoint.handle(now, RELAY, None, packet) {
            self.association.handle_event(event);
        }
        while let Some(event) = self.association.poll_endpoint_event() {
            self.endpoint.handle_event(self.handle, event);
        }
    }
}

/// Messages of a client on its streams: the low bits of a chunk's first byte say on which, the high ones of what kind.
/// A chunk of the last kind is a packet of SCTP as it stands.
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
                channels.handle(now, Bytes::copy_from_slice(bytes), what & 1 == 1);
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
