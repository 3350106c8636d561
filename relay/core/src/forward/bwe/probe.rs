//! Finding out whether more would get through: short clusters of padding at a higher rate.

use super::Acked;
use crate::forward::clock::Micros;

/// What a cluster carries, in bits: more than the token buckets of most slow links let through at once.
const CLUSTER_BITS: u64 = 160_000;
/// How long a cluster lasts, at least and at most.
const MIN_SPAN: Micros = 20_000;
const MAX_SPAN: Micros = 300_000;
/// Packets that make a cluster worth judging.
const MIN_PACKETS: u32 = 5;
/// Highest rate probed, bits per second.
const MAX_RATE: u64 = 10_000_000;
/// Lowest rate probed, bits per second: enough for a small picture.
const MIN_RATE: u64 = 300_000;
/// Answers that come later do not count.
const TIMEOUT: Micros = 1_500_000;
/// Pause after one that found much.
const AGAIN: Micros = 100_000;
/// Pause after a cluster that found nothing, at first and at most.
const PAUSE: Micros = 1_000_000;
const MAX_PAUSE: Micros = 1_500_000;

/// A cluster that is being sent or waits for its answers.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    id: u8,
    rate: u64,
    /// The estimate when it began.
    estimate: u64,
    started: Micros,
    span: Micros,
    sent_bytes: u64,
    /// Packets sent in its second half: the first one empties token buckets, only the second one is judged.
    judged_packets: u32,
    done: Option<Micros>,
    acked: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    packets: u32,
    bytes: u64,
    first_sent: Micros,
    last_sent: Micros,
    last_sent_bytes: u64,
    first_received: i64,
    first_received_bytes: u64,
    last_received: i64,
}

/// Decides when and how to probe one transport.
#[derive(Debug)]
pub(in super::super) struct Prober {
    cluster: Option<Cluster>,
    last_id: u8,
    next_at: Micros,
    pause: Micros,
}

impl Default for Prober {
    fn default() -> Self {
        Self {
            cluster: None,
            last_id: 0,
            next_at: 0,
            pause: PAUSE,
        }
    }
}

impl Prober {
    /// Starts a cluster if more is wanted than the link is known to carry, and it is time: not before `from`.
    pub(in super::super) fn consider(&mut self, now: Micros, estimate: u64, wanted: u64, from: Micros) {
        if let Some(cluster) = self.cluster {
            if now > cluster.started + TIMEOUT {
                self.failed(now);
            }
            return;
        }
        // Where the link is known to end, a careful look: what is too much fills its queue.
        let step = if from == 0 { estimate * 2 } else { estimate * 3 / 2 };
        let rate = step.max(MIN_RATE).min(wanted * 5 / 4).min(MAX_RATE);
        if now < self.next_at || now < from || estimate >= wanted || rate < estimate * 21 / 20 {
            return;
        }
        self.last_id = self.last_id % 255 + 1;
        self.cluster = Some(Cluster {
            id: self.last_id,
            rate,
            estimate,
            started: now,
            span: (CLUSTER_BITS * 1_000_000 / rate).clamp(MIN_SPAN, MAX_SPAN),
            sent_bytes: 0,
            judged_packets: 0,
            done: None,
            acked: Tally::default(),
        });
    }

    /// The cluster that packets sent now belong to; 0 is none.
    pub(in super::super) fn cluster(&self) -> u8 {
        self.cluster
            .filter(|cluster| cluster.done.is_none())
            .map_or(0, |cluster| cluster.id)
    }

    /// Bits per second of the cluster that is being sent; 0 for none.
    pub(in super::super) fn rate(&self) -> u64 {
        self.cluster
            .filter(|cluster| cluster.done.is_none())
            .map_or(0, |cluster| cluster.rate)
    }

    /// Whether a cluster is being sent or waits for its answers.
    pub(super) const fn is_under_way(&self) -> bool {
        self.cluster.is_some()
    }

    /// Bytes of padding that are due now.
    pub(in super::super) fn due(&self, now: Micros) -> u64 {
        let Some(cluster) = self.cluster.filter(|cluster| cluster.done.is_none()) else {
            return 0;
        };
        // The first packet starts the clock; then what the rate asks for until now, and enough packets to judge.
        let mut since = now.saturating_sub(cluster.started) + 1_000;
        if cluster.judged_packets >= MIN_PACKETS {
            since = since.min(cluster.span);
        }
        let due = (cluster.rate * since / 8_000_000).saturating_sub(cluster.sent_bytes);
        // One more packet ends it.
        due.max(u64::from(now >= cluster.started + cluster.span))
    }

    /// A packet of the cluster was sent.
    pub(in super::super) fn sent(&mut self, now: Micros, bytes: usize) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.done.is_none()) else {
            return;
        };
        cluster.sent_bytes += bytes as u64;
        cluster.judged_packets += u32::from(now >= cluster.half());
        if now >= cluster.started + cluster.span && cluster.judged_packets >= MIN_PACKETS
            || now > cluster.started + TIMEOUT / 2
        {
            cluster.done = Some(now);
        }
    }

    /// When padding is due next, while a cluster is being sent.
    pub(in super::super) fn next_due(&self, now: Micros) -> Option<Micros> {
        self.cluster
            .filter(|cluster| cluster.done.is_none())
            .map(|_| now + 2_000)
    }

    /// Nothing can be padded with: the cluster ends.
    pub(in super::super) fn abandon(&mut self, now: Micros) {
        self.failed(now);
    }

    /// A packet of a cluster arrived.
    pub(super) fn acked(&mut self, packet: &Acked) {
        let judged = |cluster: &&mut Cluster| cluster.id == packet.cluster && packet.sent >= cluster.half();
        let Some(cluster) = self.cluster.as_mut().filter(judged) else {
            return;
        };
        let bytes = u64::from(packet.bytes);
        let tally = &mut cluster.acked;
        if tally.packets == 0 {
            tally.first_sent = packet.sent;
            tally.first_received = packet.received;
            tally.first_received_bytes = bytes;
            tally.last_received = packet.received;
        }
        tally.packets += 1;
        tally.bytes += bytes;
        if packet.sent >= tally.last_sent {
            tally.last_sent_bytes = if packet.sent == tally.last_sent {
                tally.last_sent_bytes + bytes
            } else {
                bytes
            };
            tally.last_sent = packet.sent;
        }
        tally.last_received = tally.last_received.max(packet.received);
    }

    /// The rate that got through, once enough answers have come.
    pub(super) fn result(&mut self, now: Micros) -> Option<u64> {
        let cluster = self.cluster.filter(|cluster| cluster.done.is_some())?;
        if cluster.acked.packets < MIN_PACKETS || cluster.acked.packets * 5 < cluster.judged_packets * 4 {
            return None;
        }
        let Some(found) = cluster.acked.rate() else {
            self.failed(now);
            return None;
        };
        // Clearly less than was sent: that is what the link carries, and it needs some air.
        let found = if found * 10 < cluster.rate * 9 {
            found * 19 / 20
        } else {
            found.min(cluster.rate)
        };
        // Much more than was known: there may be more still, so look again soon.
        if found * 4 >= cluster.estimate * 5 {
            self.cluster = None;
            self.pause = PAUSE;
            self.next_at = now + AGAIN;
        } else {
            self.failed(now);
        }
        Some(found)
    }

    fn failed(&mut self, now: Micros) {
        self.cluster = None;
        self.next_at = now + self.pause;
        self.pause = (self.pause * 3 / 2).min(MAX_PAUSE);
    }
}

impl Cluster {
    const fn half(&self) -> Micros {
        self.started + self.span / 2
    }
}

impl Tally {
    /// The lesser of the rates of sending and receiving, in bits per second.
    fn rate(&self) -> Option<u64> {
        let sending = self.last_sent.checked_sub(self.first_sent).filter(|span| *span > 0)?;
        let receiving = u64::try_from(self.last_received - self.first_received).ok()?.max(1_000);
        let sent = (self.bytes - self.last_sent_bytes) * 8_000_000 / sending;
        let received = (self.bytes - self.first_received_bytes) * 8_000_000 / receiving;
        (sent > 0).then(|| sent.min(received))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends one cluster through a link of `capacity` and returns what it finds.
    fn probe(estimate: u64, wanted: u64, capacity: u64) -> Option<u64> {
        probe_through(estimate, wanted, capacity, 0)
    }

    /// The same where `bucket` bytes pass at once.
    fn probe_through(estimate: u64, wanted: u64, capacity: u64, bucket: u64) -> Option<u64> {
        let mut prober = Prober::default();
        let mut now = 1_000_000;
        prober.consider(now, estimate, wanted, 0);
        let id = prober.cluster();
        // Where the link would be free if tokens had no end.
        let mut free_at = 0;
        let tokens = bucket * 8_000_000 / capacity;
        let mut acks = Vec::new();
        while id != 0 && prober.cluster() == id {
            while prober.due(now) > 0 && prober.cluster() == id {
                prober.sent(now, 280);
                free_at = free_at.max(now.saturating_sub(tokens)) + 280 * 8_000_000 / capacity;
                acks.push(Acked {
                    sent: now,
                    received: i64::try_from(free_at.max(now)).expect("small"),
                    bytes: 280,
                    cluster: id,
                });
            }
            now += 2_000;
        }
        for ack in &acks {
            prober.acked(ack);
        }
        prober.result(now)
    }

    #[test]
    fn a_probe_finds_room_or_the_limit() {
        assert_eq!(probe(1_000_000, 900_000, 5_000_000), None);
        let found = probe(1_000_000, 3_000_000, 50_000_000).expect("answered");
        assert!((1_600_000..=2_000_000).contains(&found), "{found}");
        let found = probe(1_000_000, 3_000_000, 1_200_000).expect("answered");
        assert!((1_000_000..1_300_000).contains(&found), "{found}");
    }

    #[test]
    fn a_bucket_of_tokens_does_not_deceive() {
        // 300 kbit/s, and 5 kB at once.
        let found = probe_through(250_000, 3_000_000, 300_000, 5_000).expect("answered");
        assert!((250_000..420_000).contains(&found), "{found}");
    }

    #[test]
    fn after_a_failure_there_is_a_pause() {
        let mut prober = Prober::default();
        prober.consider(1_000_000, 100, 1_000, 0);
        assert_ne!(prober.cluster(), 0);
        prober.abandon(1_000_000);
        prober.consider(1_500_000, 100, 1_000, 0);
        assert_eq!(prober.cluster(), 0);
        prober.consider(2_100_000, 100, 1_000, 3_000_000);
        assert_eq!(prober.cluster(), 0);
        prober.consider(3_100_000, 100, 1_000, 3_000_000);
        assert_ne!(prober.cluster(), 0);
    }
}
