//! The entry of the fuzz target for STUN.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use relay_core::types::{IceCredentials, TransportId};
use ring::hmac;

use super::{
    ice::{Agents, Patience},
    link::{Gate, Path},
    stun::{self, MAX_ANSWER, Request},
    sys::Waker,
    worker::WorkerHandle,
};

const PASSWORD: &str = "a-password-of-some-length";

/// Attributes with a header before, and a signature and a fingerprint behind: a request that gets past both.
pub(crate) fn signed(attributes: &[u8]) -> Vec<u8> {
    let attributes = &attributes[..attributes.len() / 4 * 4];
    let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend([7; 12]);
    bytes.extend(attributes);
    let with_len = |bytes: &mut Vec<u8>, more: usize| {
        let len = u16::try_from(bytes.len() - 20 + more).unwrap_or(0);
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
    };
    with_len(&mut bytes, 24);
    let tag = hmac::sign(&stun::key(PASSWORD), &bytes);
    bytes.extend([0, 8, 0, 20]);
    bytes.extend(tag.as_ref());
    with_len(&mut bytes, 8);
    let sum = stun::crc32(&bytes) ^ stun::FINGERPRINT_XOR;
    bytes.extend([0x80, 0x28, 0, 4]);
    bytes.extend(sum.to_be_bytes());
    bytes
}

/// A gate to a worker that has ended: what goes in is lost.
pub(crate) fn gate() -> Gate {
    let (inputs, _) = crossbeam_channel::bounded(1);
    let waker = Waker::new().expect("a descriptor");
    Gate::new(vec![WorkerHandle::new(inputs, Arc::new(waker))], None, Arc::default())
}

/// A datagram as it came, and its bytes as the attributes of a signed request.
pub fn stun(data: &[u8]) {
    let now = Instant::now();
    let patience = Patience {
        pause: Duration::from_secs(15),
        disconnect: Duration::from_secs(30),
    };
    let mut agents = Agents::new(now, patience);
    let ice = IceCredentials {
        ufrag: "frag".to_owned(),
        pwd: PASSWORD.to_owned(),
    };
    agents.create(TransportId(1), &ice);
    let from = SocketAddr::from(([192, 0, 2, 1], 7));
    for bytes in [data, &signed(data)] {
        let Some(request) = Request::parse(bytes) else { continue };
        let mut answer = [0; MAX_ANSWER];
        let _ = agents.handle_request(now, (Path::Udp(from), from), &request, &mut answer, &mut None);
    }
    agents.handle_timeout(now + Duration::from_secs(60), |_| {});
}
