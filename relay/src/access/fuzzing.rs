//! The entry of the fuzz target for streams of bytes.

use bytes::BytesMut;

use super::frames::{self, Framing, MAX_MESSAGE};
pub use super::turn::fuzzing::turn;

/// The frames of a stream that arrives in pieces, and whether garbage ended it.
fn cut(framing: Framing, stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut received, mut taken) = (BytesMut::new(), Vec::new());
    for piece in stream.chunks(piece) {
        received.extend_from_slice(piece);
        loop {
            match frames::next(framing, &mut received) {
                Ok(Some(frame)) => taken.push(frame.to_vec()),
                Ok(None) => break,
                Err(_) => return (taken, true),
            }
        }
        assert!(received.len() < MAX_MESSAGE, "no more is waited for than a message");
    }
    (taken, false)
}

/// A stream of ICE-TCP and of TURN: however it is cut into segments, the same comes out. The first byte tells how long
/// they are.
pub fn frames(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else {
        return;
    };
    let _ = Framing::of(stream);
    for framing in [Framing::Rfc4571, Framing::Turn] {
        let whole = cut(framing, stream, stream.len().max(1));
        assert_eq!(cut(framing, stream, usize::from(*piece) + 1), whole);
        let total: usize = whole.0.iter().map(Vec::len).sum();
        assert!(total <= stream.len());
    }
}
