//! What waits to be written to a client's stream: bounded, and dropped by whole datagrams rather than kept.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::Notify,
    time::timeout,
};

/// Bytes that wait at most; about as many again are being written. At 1 Mbit/s that is half a second.
const LIMIT: usize = 64 * 1024;
/// Of these, bytes that media may fill: checks and DTLS find room even then.
const MEDIA_LIMIT: usize = LIMIT / 4 * 3;
/// How much a datagram may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Media: dropped first, it is worthless late.
    Media,
    /// Everything else.
    Control,
}

impl Weight {
    /// That of a datagram, by its first byte (RFC 7983).
    pub(super) fn of(datagram: &[u8]) -> Self {
        match datagram {
            [128..=191, ..] => Self::Media,
            _ => Self::Control,
        }
    }
}

/// Why writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The client reads too slowly.
    Slow,
    /// The stream is closed.
    Closed,
}

/// The bytes that wait for one stream.
#[derive(Default)]
pub(super) struct Outflow {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Default)]
struct Waiting {
    bytes: BytesMut,
    closed: bool,
}

impl fmt::Debug for Outflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outflow").finish_non_exhaustive()
    }
}

impl Outflow {
    /// Adds these bytes, all or none; false for none. Never waits for the stream.
    pub(super) fn push(&self, parts: &[&[u8]], weight: Weight) -> bool {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let limit = match weight {
            Weight::Media => MEDIA_LIMIT,
            Weight::Control => LIMIT,
        };
        let mut waiting = self.lock();
        if waiting.closed || waiting.bytes.len() + len > limit {
            return false;
        }
        let was_empty = waiting.bytes.is_empty();
        for part in parts {
            waiting.bytes.extend_from_slice(part);
        }
        drop(waiting);
        if was_empty {
            self.ready.notify_one();
        }
        true
    }

    /// Nothing is added any more.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.bytes = BytesMut::new();
    }

    /// What waits.
    #[cfg(any(test, fuzzing))]
    pub(super) fn take(&self) -> BytesMut {
        std::mem::take(&mut self.lock().bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, until the stream does not take what is being written (at most 64 KiB) within `patience`.
    pub(super) async fn write_to(&self, stream: &mut (impl AsyncWrite + Unpin), patience: Duration) -> Stopped {
        let mut chunk = BytesMut::new();
        loop {
            std::mem::swap(&mut chunk, &mut self.lock().bytes);
            if chunk.is_empty() {
                self.ready.notified().await;
                continue;
            }
            let write = async {
                stream.write_all(&chunk).await?;
                stream.flush().await
            };
            match timeout(patience, write).await {
                Ok(Ok(())) => chunk.clear(),
                Ok(Err(_)) => return Stopped::Closed,
                Err(_) => return Stopped::Slow,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn what_waits_is_written_in_order() {
        let outflow = Arc::new(Outflow::default());
        let (mut near, mut far) = tokio::io::duplex(7);
        let writer = tokio::spawn({
            let outflow = outflow.clone();
            async move { outflow.write_to(&mut near, Duration::from_secs(10)).await }
        });
        assert!(outflow.push(&[b"one ", b"two "], Weight::Media));
        assert!(outflow.push(&[b"three"], Weight::Control));
        let mut got = [0; 13];
        far.read_exact(&mut got).await.expect("bytes");
        assert_eq!(&got, b"one two three");
        drop(far);
        assert!(outflow.push(&[b"four"], Weight::Control));
        assert_eq!(writer.await.expect("no panic"), Stopped::Closed);
    }

    #[test]
    fn a_full_queue_drops_media_first_and_never_grows() {
        let outflow = Outflow::default();
        let datagram = [0x80; 1_000];
        let media = (0..1_000).filter(|_| outflow.push(&[&datagram], Weight::Media)).count();
        assert_eq!(media, MEDIA_LIMIT / 1_000);
        let control = (0..1_000)
            .filter(|_| outflow.push(&[&datagram], Weight::Control))
            .count();
        assert_eq!(control, LIMIT / 1_000 - media);
        assert!(outflow.lock().bytes.len() <= LIMIT);
        outflow.close();
        assert!(!outflow.push(&[b"x"], Weight::Control));
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_cut() {
        let outflow = Outflow::default();
        let (mut near, _far) = tokio::io::duplex(16);
        assert!(outflow.push(&[&[0; 100]], Weight::Media));
        assert_eq!(
            outflow.write_to(&mut near, Duration::from_millis(50)).await,
            Stopped::Slow
        );
    }

    #[test]
    fn only_srtp_is_media() {
        assert_eq!(Weight::of(&[0x80, 111]), Weight::Media);
        for first in [0, 1, 20, 63, 64, 192] {
            assert_eq!(Weight::of(&[first]), Weight::Control);
        }
        assert_eq!(Weight::of(&[]), Weight::Control);
    }
}
