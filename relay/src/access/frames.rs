//! Datagrams in a stream of bytes: cut apart by the lengths of RFC 4571, or by those of STUN and ChannelData (RFC 8656).

use bytes::{Buf as _, BytesMut};

/// Longest datagram of ICE-TCP: what the media port takes of UDP.
const MAX_DATAGRAM: usize = 2_048;
/// Longest message of TURN: such a datagram, and room for the attributes around it.
pub(super) const MAX_MESSAGE: usize = MAX_DATAGRAM + 512;
/// Header of a STUN message, and of ChannelData.
const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// How a stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A length of two bytes before each datagram (RFC 4571), as ICE-TCP has it.
    Rfc4571,
    /// STUN messages and ChannelData one after the other, as TURN has them.
    Turn,
}

impl Framing {
    /// That of a stream which begins with these bytes; `None` until there are two. A client of TURN begins with a Binding
    /// or Allocate request, whose type would be too short a length.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0, 0x01 | 0x03, ..] => Some(Self::Turn),
            [_, _, ..] => Some(Self::Rfc4571),
            _ => None,
        }
    }
}

/// The stream is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbage;

/// Takes the next datagram or message out of what was received; `None` until it is there as a whole. Of an empty one
/// nothing is said: it keeps the stream alive.
pub(super) fn next(framing: Framing, received: &mut BytesMut) -> Result<Option<BytesMut>, Garbage> {
    match framing {
        Framing::Rfc4571 => next_datagram(received),
        Framing::Turn => next_message(received),
    }
}

fn next_datagram(received: &mut BytesMut) -> Result<Option<BytesMut>, Garbage> {
    loop {
        let [high, low, ..] = **received else {
            return Ok(None);
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len > MAX_DATAGRAM {
            return Err(Garbage);
        }
        if received.len() < 2 + len {
            return Ok(None);
        }
        received.advance(2);
        if len > 0 {
            return Ok(Some(received.split_to(len)));
        }
    }
}

fn next_message(received: &mut BytesMut) -> Result<Option<BytesMut>, Garbage> {
    let [kind, _, high, low, ..] = **received else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    let (message, taken) = match kind {
        0..0x40 => {
            // What is no STUN shows early, before a long message is waited for.
            let cookie = received.get(4..8).is_none_or(|cookie| cookie == MAGIC);
            if !len.is_multiple_of(4) || !cookie {
                return Err(Garbage);
            }
            (STUN_HEADER + len, STUN_HEADER + len)
        }
        // Over a stream ChannelData is filled up to a multiple of four (RFC 8656 §12.5).
        0x40..0x50 => (CHANNEL_HEADER + len, CHANNEL_HEADER + len.next_multiple_of(4)),
        _ => return Err(Garbage),
    };
    if taken > MAX_MESSAGE {
        return Err(Garbage);
    }
    if received.len() < taken {
        return Ok(None);
    }
    let mut frame = received.split_to(taken);
    frame.truncate(message);
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(datagram: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(datagram.len()).expect("short").to_be_bytes().to_vec();
        bytes.extend(datagram);
        bytes
    }

    fn stun(body: usize) -> Vec<u8> {
        let mut bytes = vec![0, 3];
        bytes.extend(u16::try_from(body).expect("short").to_be_bytes());
        bytes.extend(MAGIC);
        bytes.resize(STUN_HEADER + body, 7);
        bytes
    }

    fn channel(data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x40, 1];
        bytes.extend(framed(data));
        bytes
    }

    /// All frames of a stream that arrives in pieces of `piece` bytes.
    fn cut(framing: Framing, stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, Garbage> {
        let mut received = BytesMut::new();
        let mut frames = Vec::new();
        for piece in stream.chunks(piece) {
            received.extend_from_slice(piece);
            while let Some(frame) = next(framing, &mut received)? {
                frames.push(frame.to_vec());
            }
        }
        Ok(frames)
    }

    #[test]
    fn the_first_bytes_tell_ice_from_turn() {
        assert_eq!(Framing::of(&framed(&[0; 100])), Some(Framing::Rfc4571));
        assert_eq!(Framing::of(&stun(0)), Some(Framing::Turn));
        assert_eq!(Framing::of(&[0, 1]), Some(Framing::Turn));
        assert_eq!(Framing::of(&[0]), None);
    }

    #[test]
    fn a_tls_client_or_http_is_no_frame() {
        for bytes in [&[0x16, 3, 1, 2, 0][..], b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(Framing::of(bytes), Some(Framing::Rfc4571));
            assert_eq!(cut(Framing::Rfc4571, bytes, 100), Err(Garbage));
            assert_eq!(cut(Framing::Turn, bytes, 100), Err(Garbage));
        }
    }

    #[test]
    fn too_long_a_message_is_not_waited_for() {
        assert_eq!(cut(Framing::Rfc4571, &[8, 1], 2), Err(Garbage));
        assert_eq!(cut(Framing::Turn, &[0x40, 0, 0x0b, 0], 4), Err(Garbage));
        assert_eq!(
            cut(Framing::Turn, &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43], 8),
            Err(Garbage)
        );
        assert_eq!(cut(Framing::Turn, &[0, 1, 0, 2], 4), Err(Garbage));
    }

    proptest! {
        #[test]
        fn datagrams_come_out_as_they_went_in(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..2_048), 0..6),
            piece in 1_usize..600,
        ) {
            let stream: Vec<u8> = datagrams.iter().flat_map(|datagram| [framed(&[]), framed(datagram)].concat()).collect();
            prop_assert_eq!(cut(Framing::Rfc4571, &stream, piece), Ok(datagrams));
        }

        #[test]
        fn messages_come_out_as_they_went_in(
            messages in proptest::collection::vec((0_usize..100, proptest::collection::vec(any::<u8>(), 0..1_300)), 0..6),
            piece in 1_usize..600,
        ) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (body, data) in messages {
                stream.extend(stun(4 * body));
                expected.push(stun(4 * body));
                stream.extend(channel(&data));
                stream.resize(stream.len().next_multiple_of(4), 0);
                expected.push(channel(&data));
            }
            prop_assert_eq!(cut(Framing::Turn, &stream, piece), Ok(expected));
        }

        #[test]
        fn garbage_never_panics_and_waits_for_no_more_than_a_message(bytes: Vec<u8>, piece in 1_usize..50) {
            for framing in [Framing::Rfc4571, Framing::Turn] {
                let mut received = BytesMut::new();
                for piece in bytes.chunks(piece) {
                    received.extend_from_slice(piece);
                    while let Ok(Some(_)) = next(framing, &mut received) {}
                    if next(framing, &mut received).is_err() {
                        break;
                    }
                    prop_assert!(received.len() < MAX_MESSAGE + piece.len());
                }
            }
        }
    }
}
