//! No nonce of an SRTP or SRTCP key is ever used twice, whatever a meeting does.
//!
//! Real rooms and a real worker with its sockets, ICE and SRTP on a virtual clock; clients that publish, lose packets, ask
//! again, lie about what is missing, change sizes, come back, move and reconnect, by a seed. DTLS alone is not there: its
//! keys are handed over as the transport thread does.

mod client;
mod description;
mod site;
mod steps;

#[path = "../../../core/tests/common/heads.rs"]
#[allow(dead_code, unreachable_pub, reason = "this test uses a part of it")]
mod heads;
/// The publishers of relay-core's own tests, and what those name in the module above theirs.
#[path = "../../../core/tests/common/publisher.rs"]
#[allow(dead_code, unreachable_pub, reason = "this test uses a part of it")]
mod publisher;

use std::time::Duration;

use self::{publisher::exts, site::Site, steps::Step};
use crate::engine::srtp::ledger::{self, Sealed};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What travels between a client and the relay, before it is sealed.
#[derive(Debug, Clone)]
enum Datagram {
    Rtp(Vec<u8>),
    Rtcp(Vec<u8>),
}

/// Chance by a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below a usize")
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// What the meetings of a test have been through.
#[derive(Debug, Default, Clone, Copy)]
struct Lived {
    negotiations: u64,
    resumes: u64,
    restarts: u64,
    rejoins: u64,
    switches: u64,
    repairs: u64,
    padding: u64,
}

/// One meeting of half a minute.
fn meeting(seed: u64, lived: &mut Lived) -> Sealed {
    ledger::close();
    let mut site = Site::new(seed);
    for n in 0..4 {
        site.join(n);
        site.publish(n);
    }
    let end = site.elapsed() + 25 * SECOND;
    while site.elapsed() < end {
        let step = site.chance.below(Step::ALL.len());
        site.step(Step::ALL[step]);
        let wait = 20 + 5 * site.chance.below(100);
        site.run(Duration::from_millis(wait as u64));
    }
    let stats = site.worker.shard.stats();
    lived.switches += stats.switches;
    lived.repairs += stats.retransmitted;
    lived.padding += stats.padding;
    lived.negotiations += site.lived.negotiations;
    lived.resumes += site.lived.resumes;
    lived.restarts += site.lived.restarts;
    lived.rejoins += site.lived.rejoins;
    // Nothing was kept from being sent by the sealer's own refusal, either: nobody asked for it.
    assert_eq!(site.worker.unsent.unsealed, 0, "seed {seed}");
    assert_eq!(site.unopened(), 0, "clients open what they are sent, seed {seed}");
    ledger::close()
}

#[test]
fn no_nonce_is_used_twice_whatever_a_meeting_does() {
    let mut lived = Lived::default();
    for seed in 1..=SEEDS {
        let sealed = meeting(seed, &mut lived);
        assert_eq!((sealed.repeated, sealed.broken), (0, 0), "seed {seed}");
        assert!(sealed.packets > 5_000, "seed {seed}: {sealed:?}");
    }
    let Lived {
        negotiations,
        resumes,
        restarts,
        rejoins,
        switches,
        repairs,
        padding,
    } = lived;
    // Each of these many times, or the above says little.
    for (what, times) in [
        ("negotiations", negotiations),
        ("resumes", resumes),
        ("ICE restarts", restarts),
        ("full reconnects", rejoins),
        ("changes of layer", switches),
        ("repairs", repairs),
        ("padding", padding),
    ] {
        assert!(times >= 2 * SEEDS, "{times} {what}");
    }
}

const SEEDS: u64 = 8;
