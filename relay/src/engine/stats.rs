//! What the engine counts.

use std::time::Duration;

use relay_core::forward;

/// A worker's counters since its start, as of at most a quarter of a second ago.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Datagrams received.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams that are no protocol of ours, or malformed.
    pub garbage: u64,
    /// Datagrams from addresses that proved to be nobody's.
    pub strangers: u64,
    /// Packets of media that came before the keys that open them, and were kept for these;
    pub early: u64,
    /// those that were too many or waited too long, and all reports.
    pub dropped_early: u64,
    /// Transports followed to another address by what they sent from there, before a check said so.
    pub followed: u64,
    /// Connectivity checks and other STUN requests answered.
    pub checks_answered: u64,
    /// STUN requests refused: forged, replayed, unknown, too many.
    pub checks_refused: u64,
    /// SRTP and SRTCP packets whose authentication failed.
    pub forged: u64,
    /// SRTP and SRTCP packets that came twice or far too late.
    pub replayed: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Messages given to the kernel for them; fewer, as it cuts runs itself.
    pub messages_out: u64,
    /// Datagrams not sent because the socket was full.
    pub dropped_full: u64,
    /// Datagrams not sent because the kernel refused them.
    pub dropped_refused: u64,
    /// Datagrams handed to links: to clients behind TCP or TURN.
    pub linked_out: u64,
    /// Datagrams that links dropped because their client reads slowly, or that were for closed links.
    pub dropped_links: u64,
    /// Packets of the shard for transports that are not, or no longer, connected.
    pub dropped_closed: u64,
    /// Packets of the shard that could not be sealed: a defect, and kept from being sent.
    pub dropped_unsealed: u64,
    /// Datagrams not handed over because the transport thread lags behind.
    pub dropped_lagging: u64,
    /// Messages for other workers, of rooms that they share.
    pub crossed_out: u64,
    /// Of these, and of the datagrams that the kernel gave the wrong worker, lost since the other one did not keep up.
    pub dropped_crossing: u64,
    /// Transports of this worker.
    pub transports: usize,
    /// Processor time used by the thread.
    pub busy: Duration,
    /// Counters of the forwarding shard.
    pub forward: forward::Stats,
}

/// The transport thread's counters since its start, as of at most a quarter of a second ago.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransportStats {
    /// DTLS handshakes completed with the right certificate.
    pub connected: u64,
    /// DTLS handshakes that failed or showed another certificate.
    pub failed: u64,
    /// Datagrams of DTLS flights sent again because the client seemed to miss them.
    pub resent: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Datagrams that the kernel did not take.
    pub dropped: u64,
    /// Datagrams of DTLS and packets of SCTP that their libraries were not given.
    pub refused: u64,
    /// Messages received on data channels.
    pub messages_in: u64,
    /// Messages sent on data channels.
    pub messages_out: u64,
    /// Messages not sent: a full or closed channel, or longer than allowed.
    pub messages_dropped: u64,
    /// Transports that DTLS is spoken with.
    pub transports: usize,
    /// Processor time used by the thread.
    pub busy: Duration,
}

/// All counters of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Per media worker.
    pub workers: Vec<WorkerStats>,
    /// Of the transport thread.
    pub transport: TransportStats,
}
