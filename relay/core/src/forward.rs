//! The forwarding shard: packets of publishers in, packets for subscribers out, and all that keeps pictures flowing.
//!
//! [`Shard`] is sans-IO. The owner of the sockets opens SRTP and hands in plain RTP and RTCP with the time, calls
//! [`Shard::transmit`] after each batch and after [`Shard::handle_timeout`], and seals what it is given. A
//! **source** is one published track with its layers, a **sink** is one source sent to one transport.
//!
//! ```text
//! handle_rtp ─→ latch SSRC ─→ unwrap RTX ─→ cache of the layer ─→ queue of each subscriber ─→ pace ─→ rewrite ─→ Transmit
//!                  │               │                                    ↑
//!              feedback,       NACK upstream                 NACK of a subscriber: from the same cache, as RTX
//!              reports
//! ```

use std::{fmt, time::Instant};

use crate::types::{Codec, ExtMap, FloorId, Mid, Pt, Rid, SinkId, SourceId, Ssrc, TapId, TransportId};

mod allocate;
mod arrivals;
mod bwe;
mod cache;
mod clock;
mod commands;
mod delays;
mod egress;
mod feedback;
mod floor;
mod gate;
mod ingress;
mod latch;
mod layer;
mod losses;
pub mod mesh;
mod nack;
mod openings;
mod outbox;
mod pacer;
mod ready;
mod reception;
mod rewrite;
mod run;
mod select;
mod shard;
mod sift;
mod sink;
mod source;
mod speakers;
mod tap;
mod tick;
mod transport;
mod view;

pub use delays::Delays;
pub use shard::{Shard, Stats};
pub use tap::{Cause, Gap, Picture, Sound, TapSpec, Tapped};
pub use view::{LayerView, SinkView, SourceView, TransportView};

/// What a shard is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Any instant not after the first one passed in.
    pub start: Instant,
    /// The wall clock at `start`: NTP seconds since 1900, 32.32 fixed point. Goes into sender reports.
    pub start_ntp: u64,
    /// Seed for first sequence numbers and timestamps.
    pub seed: u64,
    /// Bandwidth assumed towards a subscriber before anything was measured, bits per second.
    pub initial_bitrate: u64,
    /// Bound of the estimate, bits per second.
    pub max_bitrate: u64,
    /// Bytes of packets kept per video layer for repair, at most.
    pub cache_bytes: usize,
    /// Microphones of one floor that are sent at once, the loudest; 0 sends all.
    pub voices: usize,
}

/// The usual [`Config::voices`].
pub const VOICES: usize = 8;

impl Config {
    /// The usual settings with these times and this seed.
    #[must_use]
    pub const fn new(start: Instant, start_ntp: u64, seed: u64) -> Self {
        Self {
            start,
            start_ntp,
            seed,
            initial_bitrate: 2_000_000,
            max_bitrate: 50_000_000,
            cache_bytes: 1 << 20,
            voices: VOICES,
        }
    }
}

/// One layer of a published track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerSpec {
    /// Its RID, when layers are told apart by RID.
    pub rid: Option<Rid>,
    /// Its SSRC, when the description names it.
    pub ssrc: Option<Ssrc>,
    /// SSRC of its retransmissions, when the description names it.
    pub rtx_ssrc: Option<Ssrc>,
    /// Width in pixels, 0 when unknown.
    pub width: u32,
    /// Height in pixels, 0 when unknown.
    pub height: u32,
    /// Announced bitrate in bits per second, 0 when unknown; measured ones win. With SVC that of the layers below is in it.
    pub max_bitrate: u32,
}

/// A published track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// Codec of all layers.
    pub codec: Codec,
    /// Payload type of the codec.
    pub pt: Pt,
    /// Payload type of its retransmissions (RFC 4588).
    pub rtx_pt: Option<Pt>,
    /// Payload type of RED around Opus (RFC 2198), if it was negotiated; its primary block is forwarded.
    pub red_pt: Option<Pt>,
    /// The m-section that it arrives in.
    pub mid: Mid,
    /// Layers, **lowest first**; one for a track without simulcast. At most [`MAX_LAYERS`].
    pub layers: Vec<LayerSpec>,
    /// Ids of the header extensions in that m-section.
    pub exts: ExtMap,
    /// All layers come in one stream (SVC): the first one names its SSRC, and each needs those below it.
    pub svc: bool,
    /// Whether lost packets may be asked for again.
    pub nack: bool,
    /// Muted by its publisher: silence is not a fault.
    pub muted: bool,
    /// Whom a microphone competes with for being sent ([`Config::voices`]); it stays what it was at first. Without it a source is
    /// always sent.
    pub floor: Option<FloorId>,
}

/// Most layers of one source.
pub const MAX_LAYERS: usize = 4;

/// Bytes that a packet takes on the way besides its payload: header with the usual extensions 28, tag 16, UDP and IP 28. A slow link
/// counts them.
const OVERHEAD: usize = 72;

/// How one source is sent to one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkSpec {
    /// SSRC on that transport; unique there for the transport's whole life.
    pub ssrc: Ssrc,
    /// SSRC of retransmissions and padding, unique there too. Without it nothing is repaired.
    pub rtx_ssrc: Option<Ssrc>,
    /// Payload type there.
    pub pt: Pt,
    /// Payload type of retransmissions there.
    pub rtx_pt: Option<Pt>,
    /// Payload type of RED around Opus there (RFC 2198): on a link that loses, packets carry copies of those before them.
    pub red_pt: Option<Pt>,
    /// Ids of the header extensions in the subscriber's m-section.
    pub exts: ExtMap,
    /// The subscriber's m-section.
    pub mid: Mid,
    /// A shared screen: goes before cameras of equal priority.
    pub is_screen: bool,
    /// Whether the stream may stop when bandwidth is short ([`Event::StreamState`]); otherwise the lowest layer goes on.
    pub allow_pause: bool,
}

/// What a subscriber wants of a source at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Whether anything is sent at all.
    pub enabled: bool,
    /// Width of the tile in pixels; 0 is unknown, the highest layer.
    pub width: u32,
    /// Height of the tile in pixels; 0 is unknown, the highest layer.
    pub height: u32,
    /// Highest layer (index into [`SourceSpec::layers`]) to send whatever the size.
    pub max_layer: Option<u8>,
    /// Higher goes first when bandwidth is short; tiles of equal priority are ordered by their size.
    pub priority: u8,
}

impl Default for Want {
    fn default() -> Self {
        Self {
            enabled: true,
            width: 0,
            height: 0,
            max_layer: None,
            priority: 0,
        }
    }
}

/// What room control tells a shard. A command about an unknown id has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Packets from and to this transport will come.
    TransportAdd {
        /// The new transport.
        id: TransportId,
    },
    /// The transport can carry media from now on. What was sent before is taken for lost, so pictures start over. Optional:
    /// without it they start when the subscriber asks.
    TransportConnected {
        /// Which transport.
        id: TransportId,
    },
    /// The subscriber is to get no more than so many bits per second, or as many as its link carries.
    TransportBound {
        /// Which transport.
        id: TransportId,
        /// The bound.
        most: Option<u64>,
    },
    /// The transport is gone, and with it its sources and sinks.
    TransportRemove {
        /// Which transport.
        id: TransportId,
    },
    /// A track is published.
    SourceAdd {
        /// The new source.
        id: SourceId,
        /// The transport that it arrives on.
        transport: TransportId,
        /// How it arrives.
        spec: SourceSpec,
    },
    /// The track was negotiated again, or its layers have other sizes. Layers keep their index.
    SourceUpdate {
        /// Which source.
        id: SourceId,
        /// How it arrives now.
        spec: SourceSpec,
    },
    /// The publisher muted or unmuted.
    SourceMute {
        /// Which source.
        id: SourceId,
        /// Muted or not.
        muted: bool,
        /// Somebody else muted it: its pictures are not sent on though they may go on arriving. Sound never is while muted.
        ordered: bool,
    },
    /// The track is no longer published; its sinks go too.
    SourceRemove {
        /// Which source.
        id: SourceId,
    },
    /// Send a source to a transport.
    SinkAdd {
        /// The new sink.
        id: SinkId,
        /// The subscriber's transport.
        transport: TransportId,
        /// What to send.
        source: SourceId,
        /// How to send it.
        spec: SinkSpec,
        /// What the subscriber wants at first.
        want: Want,
    },
    /// The subscriber's m-section has other ids or payload types now; SSRCs stay.
    SinkUpdate {
        /// Which sink.
        id: SinkId,
        /// How to send it now.
        spec: SinkSpec,
    },
    /// The subscriber wants something else.
    SinkSet {
        /// Which sink.
        id: SinkId,
        /// What it wants.
        want: Want,
    },
    /// Stop sending.
    SinkRemove {
        /// Which sink.
        id: SinkId,
    },
    /// Offer a source of ours to the relay at the other end of a link: what it wants crosses ([`mesh`]). A remote source is
    /// refused, with a line in the log.
    OfferAdd {
        /// What to offer.
        source: SourceId,
        /// The link: a transport.
        link: TransportId,
    },
    /// Nothing of a source crosses a link any more.
    OfferRemove {
        /// Which source.
        source: SourceId,
        /// Which link.
        link: TransportId,
    },
    /// A track is published at the relay at the other end of a link. The other commands about sources are for it too.
    RemoteAdd {
        /// The new source.
        id: SourceId,
        /// The link: a transport.
        link: TransportId,
        /// What the other relay calls it.
        origin: SourceId,
        /// As there. Of [`SourceSpec::exts`], payload types, SSRCs and RIDs nothing is used; [`SourceSpec::nack`] says whether
        /// what the link loses is asked for again.
        spec: SourceSpec,
    },
    /// Hand a source of H.264 or Opus out whole ([`Transmit::tapped`]). Other codecs are refused, with a line in the log.
    TapAdd {
        /// The new tap.
        id: TapId,
        /// What to hand out.
        source: SourceId,
        /// How.
        spec: TapSpec,
    },
    /// Ask for a keyframe of what a tap hands out, as a recording does where its next piece should begin. At most one is
    /// asked for in 500 ms.
    TapKeyframe {
        /// Which tap.
        id: TapId,
    },
    /// Hand out nothing more.
    TapRemove {
        /// Which tap.
        id: TapId,
    },
}

/// Loudness of one audio source after the last window of 400 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeakerLevel {
    /// Which source.
    pub source: SourceId,
    /// Loudness in eighths of full scale, 1 to 8; 0 is "stopped speaking".
    pub eighths: u8,
}

/// What a shard tells room control.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// First packet of a layer, or first after it had stopped or changed its SSRC.
    LayerStarted {
        /// Which source.
        source: SourceId,
        /// Index of the layer.
        layer: u8,
        /// SSRC it arrives with.
        ssrc: Ssrc,
        /// SSRC of its retransmissions, once known.
        rtx_ssrc: Option<Ssrc>,
    },
    /// A layer has stopped arriving though others go on, or nothing arrives although it is not muted.
    LayerStopped {
        /// Which source.
        source: SourceId,
        /// Index of the layer.
        layer: u8,
    },
    /// Who began, changed or stopped speaking since the last one, of all rooms of this shard.
    Speakers {
        /// Only the sources that changed.
        changed: Vec<SpeakerLevel>,
    },
    /// A sink sends its first packet (active), was stopped for lack of bandwidth (not active), or goes on (active).
    StreamState {
        /// Which sink.
        sink: SinkId,
        /// Whether packets flow.
        active: bool,
    },
    /// The highest layer that anybody wants of a source, for the publisher (dynacast): up at once, down after 4 s.
    LayerWanted {
        /// Which source.
        source: SourceId,
        /// Index of the layer, `None` when nobody watches.
        highest: Option<u8>,
    },
    /// How well a transport does, every 5 s while media flows.
    Quality {
        /// Which transport.
        transport: TransportId,
        /// Share of packets lost on the way to us and not repaired, 0 to 1.
        loss_up: f32,
        /// Share of packets lost on the way to the client, as it reports, 0 to 1.
        loss_down: f32,
        /// Round trip in milliseconds, once measured.
        rtt_ms: Option<u32>,
        /// Mean-opinion style score from 1.0 to 4.5.
        score: f32,
    },
    /// The bandwidth towards a subscriber, told when it changes by more than a tenth.
    Estimate {
        /// Which transport.
        transport: TransportId,
        /// Bits per second.
        bits_per_second: u64,
    },
}

/// One RTP packet to seal and send.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// To whom.
    pub to: TransportId,
    /// SRTP packet index of that SSRC: rollover counter and sequence number (`ROC << 16 | SEQ`).
    pub index: u64,
    /// The whole RTP header with its extensions; authenticated, not encrypted.
    pub header: &'a [u8],
    /// The payload in two pieces, to be put together and encrypted (padding included); either may be empty.
    pub payload: [&'a [u8]; 2],
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("to", &self.to)
            .field("index", &self.index)
            .field("header", &self.header.len())
            .field("payload", &(self.payload[0].len() + self.payload[1].len()))
            .finish()
    }
}

/// Where a shard's packets go: the sealing side of the sockets, or a test.
pub trait Transmit {
    /// Takes one RTP packet. An `(SSRC, index)` never comes twice on one transport.
    fn rtp(&mut self, packet: Outgoing<'_>);
    /// Takes one compound RTCP packet.
    fn rtcp(&mut self, to: TransportId, compound: &[u8]);
    /// Has the processor fetch into its caches what is used soon. Nothing is read.
    fn prefetch<T: ?Sized>(&self, soon: &T) {
        let _ = soon;
    }
    /// The same of what sending to this transport will use.
    fn prefetch_transport(&self, to: TransportId) {
        let _ = to;
    }
    /// Takes what crosses a link to another relay. Who makes no offers and has no remote sources needs none of it.
    fn mesh(&mut self, link: TransportId, message: mesh::Message<'_>) {
        let _ = (link, message);
    }
    /// Takes what a tap hands out. Who adds no taps needs none of it.
    fn tapped(&mut self, tap: TapId, what: Tapped<'_>) {
        let _ = (tap, what);
    }
}
