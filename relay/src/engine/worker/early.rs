//! Media that comes before the keys that open it: a client sends as soon as our last flight of DTLS is there, and its own last
//! flight may be lost on the way to us, or overtaken.

use std::time::{Duration, Instant};

use relay_core::{intmap::IntMap, types::TransportId};

/// Packets kept of one client,
const OF_ONE: usize = 128;
/// bytes kept of all,
const OF_ALL: usize = 4 << 20;
/// and how long.
const KEPT: Duration = Duration::from_secs(2);

/// What is kept; more is refused.
#[derive(Debug, Default)]
pub(super) struct Early {
    of: IntMap<Kept, TransportId>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    since: Instant,
    datagrams: Vec<Box<[u8]>>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.datagrams.iter().map(|datagram| datagram.len()).sum()
    }
}

impl Early {
    /// Keeps a datagram, if there is room.
    pub(super) fn keep(&mut self, now: Instant, id: TransportId, datagram: &[u8]) -> bool {
        if self.bytes + datagram.len() > OF_ALL {
            return false;
        }
        let kept = self.of.entry(id).or_insert_with(|| Kept {
            since: now,
            datagrams: Vec::new(),
        });
        let has_room = kept.datagrams.len() < OF_ONE;
        if has_room {
            kept.datagrams.push(datagram.into());
            self.bytes += datagram.len();
        }
        has_room
    }

    /// What came of a client, in its order; nothing of it is kept any more.
    pub(super) fn take(&mut self, id: TransportId) -> Vec<Box<[u8]>> {
        let Some(kept) = self.of.remove(&id) else {
            return Vec::new();
        };
        self.bytes -= kept.bytes();
        kept.datagrams
    }

    /// Forgets what nobody will see in time any more; how many datagrams.
    pub(super) fn forget(&mut self, now: Instant) -> usize {
        let (bytes, mut forgotten) = (&mut self.bytes, 0);
        self.of.retain(|_, kept| {
            let keep = now.saturating_duration_since(kept.since) < KEPT;
            if !keep {
                *bytes -= kept.bytes();
                forgotten += kept.datagrams.len();
            }
            keep
        });
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_all_and_time_have_their_bounds() {
        let now = Instant::now();
        let mut early = Early::default();
        let kept = (0..1_000)
            .filter(|_| early.keep(now, TransportId(1), &[0; 1_000]))
            .count();
        assert_eq!(kept, OF_ONE);
        for id in 2..1_000 {
            early.keep(now, TransportId(id), &[0; 1_000]);
        }
        assert!(early.bytes <= OF_ALL);
        assert_eq!(early.take(TransportId(1)).len(), OF_ONE);
        assert!(early.take(TransportId(1)).is_empty());
        assert!(early.keep(now + KEPT, TransportId(1), &[7]));
        let others = early.of.values().map(|kept| kept.datagrams.len()).sum::<usize>() - 1;
        assert_eq!(early.forget(now + KEPT), others);
        assert_eq!((early.bytes, early.of.len()), (1, 1));
        assert_eq!(early.take(TransportId(1)), [Box::from([7])]);
        assert_eq!(early.bytes, 0);
    }
}
