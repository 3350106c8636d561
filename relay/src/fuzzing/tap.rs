//! The entry of the fuzz target for taps.

use std::time::{Duration, Instant};

use relay_core::{
    forward::{self, Command, LayerSpec, Outgoing, Shard, SourceSpec, TapSpec, Tapped, Transmit},
    rtp::{HeaderFields, HeaderWriter, MAX_ACCESS_UNIT, nal_units, opus_ticks},
    types::{Codec, ExtMap, Mid, Pt, SourceId, Ssrc, TapId, TransportId},
};

use super::chunks;

const PUBLISHER: TransportId = TransportId(1);

/// Holds taps to what they promise.
#[derive(Default)]
struct Held {
    /// A picture was handed out, and nothing is missing since.
    flowing: bool,
    /// When the last picture and the last sound were taken.
    last: [u64; 2],
}

impl Transmit for Held {
    fn rtp(&mut self, _: Outgoing<'_>) {}

    fn rtcp(&mut self, _: TransportId, _: &[u8]) {}

    fn tapped(&mut self, tap: TapId, what: Tapped<'_>) {
        match what {
            Tapped::Picture(picture) => {
                let data = picture.unit.data;
                let total: usize = nal_units(data).map(|unit| 4 + unit.len()).sum();
                assert!(
                    total == data.len() && total <= MAX_ACCESS_UNIT + 20_000,
                    "units fill the data"
                );
                let has = |kind| nal_units(data).any(|unit| unit[0] & 0x1f == kind);
                assert_eq!(picture.unit.keyframe, has(5));
                assert!(!has(5) || has(7) && has(8), "a keyframe has its parameter sets");
                assert!(self.flowing || picture.unit.keyframe, "it begins with a keyframe");
                self.flowing = true;
                self.last[0] = picture.timestamp;
            }
            Tapped::Sound(sound) => {
                assert_eq!(opus_ticks(sound.data), Some(sound.ticks));
                self.last[1] = sound.timestamp;
            }
            Tapped::Gap(forward::Gap::Pictures(_)) => {
                assert!(tap == TapId(0) && self.flowing, "a gap is told once");
                self.flowing = false;
            }
            Tapped::Gap(_) => assert!(self.last[1] > 0, "nothing is missing before the first sound"),
        }
    }
}

/// Payloads of a picture's packets, or of sound where the lowest bit of a chunk's first byte is set. The next ones say that a
/// packet ends its picture, begins another one, comes after a lost one, or under a number from before; the upper three
/// how much time passes.
pub fn tap(data: &[u8]) {
    let mut now = Instant::now();
    let mut shard = Shard::new(forward::Config::new(now, 0xe800_0000 << 32, 1));
    shard.handle_command(now, Command::TransportAdd { id: PUBLISHER });
    for (n, codec) in [(0, Codec::H264), (1, Codec::Opus)] {
        let layer = LayerSpec {
            ssrc: Some(Ssrc(5 + n)),
            ..LayerSpec::default()
        };
        let spec = SourceSpec {
            floor: None,
            codec,
            pt: Pt(96),
            rtx_pt: None,
            red_pt: None,
            mid: Mid::new(b"0").expect("a digit"),
            layers: vec![layer],
            exts: ExtMap::new(),
            svc: false,
            nack: codec == Codec::H264,
            muted: false,
        };
        let (id, source, transport) = (TapId(n), SourceId(n), PUBLISHER);
        let tap = TapSpec::default();
        shard.handle_command(
            now,
            Command::SourceAdd {
                id: source,
                transport,
                spec,
            },
        );
        shard.handle_command(now, Command::TapAdd { id, source, spec: tap });
    }
    let mut held = Held::default();
    let (mut seqs, mut timestamps) = ([65_530_u16; 2], [0_u32; 2]);
    for (what, payload) in chunks(data) {
        now += Duration::from_millis(u64::from(what >> 5) * 90);
        let stream = usize::from(what & 1);
        if what & 4 != 0 {
            timestamps[stream] = timestamps[stream].wrapping_add(if stream == 1 { 960 } else { 3_000 });
        }
        seqs[stream] = seqs[stream].wrapping_add(if what & 8 == 0 { 1 } else { 2 });
        let fields = HeaderFields {
            padding: false,
            marker: what & 2 != 0,
            pt: 96,
            seq: if what & 16 == 0 {
                seqs[stream]
            } else {
                seqs[stream].wrapping_sub(2)
            },
            timestamp: timestamps[stream],
            ssrc: 5 + u32::from(what & 1),
        };
        let packet = [HeaderWriter::new(&fields, false).finish(), payload].concat();
        shard.handle_rtp(now, PUBLISHER, &packet);
        shard.handle_timeout(now);
        shard.transmit(now, &mut held);
    }
    for _ in 0..3 {
        now += Duration::from_secs(1);
        shard.handle_timeout(now);
        shard.transmit(now, &mut held);
    }
}
