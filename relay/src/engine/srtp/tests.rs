//! Against `rtc`'s SRTP, and what must never happen.

use proptest::prelude::*;
use rtc::{
    crypto::RTCCryptoProvider,
    srtp::{context::Context, protection_profile::ProtectionProfile},
};

use super::*;

fn provider() -> std::sync::Arc<dyn RTCCryptoProvider> {
    rtc::crypto::default_provider().expect("a crypto provider")
}

fn master(seed: u8) -> MasterKey {
    MasterKey {
        key: std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i as u8)),
        salt: std::array::from_fn(|i| seed.wrapping_mul(17).wrapping_sub(i as u8)),
    }
}

/// As DTLS gives it for a profile.
fn master_of(profile: Profile, seed: u8) -> MasterKey {
    let mut master = master(seed);
    if profile == Profile::Gcm {
        master.salt[12..].fill(0);
    }
    master
}

fn reference(profile: Profile, master: &MasterKey) -> Context {
    let (salt, profile) = match profile {
        Profile::Gcm => (&master.salt[..12], ProtectionProfile::AeadAes128Gcm),
        Profile::CounterMode => (&master.salt[..], ProtectionProfile::Aes128CmHmacSha1_80),
    };
    Context::new(&master.key, salt, profile, None, None, provider().crypto()).expect("a context")
}

const PROFILES: [Profile; 2] = [Profile::Gcm, Profile::CounterMode];

fn sealer(profile: Profile, master: &MasterKey) -> Sealer {
    Sealer::new(profile, master, provider().crypto())
}

fn opener(profile: Profile, master: &MasterKey) -> Opener {
    Opener::new(profile, master, provider().crypto())
}

/// A packet with a one-byte header extension of `words` words.
fn rtp(ssrc: u32, sequence: u16, words: u8, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut packet = vec![0x90, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xbe, 0xde, 0, words]);
    packet.extend(vec![0; usize::from(words) * 4]);
    let header = packet.len();
    packet.extend(payload);
    (packet, header)
}

fn seal(sealer: &mut Sealer, packet: &[u8], header: usize, index: u64) -> Result<Vec<u8>, SrtpError> {
    let mut sealed = packet.to_vec();
    sealed.resize(packet.len() + sealer.profile().rtp_overhead(), 0);
    sealer.seal_rtp(&mut sealed, header, index)?;
    Ok(sealed)
}

fn rtcp(ssrc: u32, words: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, words + 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(vec![7; usize::from(words) * 4]);
    packet
}

#[test]
fn rtc_opens_what_we_seal_across_a_rollover() {
    for profile in PROFILES {
        let master = master_of(profile, 1);
        let (mut ours, mut theirs) = (sealer(profile, &master), reference(profile, &master));
        for index in 65_530..65_545_u64 {
            let (packet, header) = rtp(77, index as u16, 2, b"payload");
            // The peer learns the rollover from the sequence numbers, so the first index has none.
            let sealed = seal(&mut ours, &packet, header, index).expect("sealed");
            let opened = theirs.decrypt_rtp(&sealed).expect("opened by rtc");
            assert_eq!(&opened[..], &packet[..], "{profile:?}");
        }
    }
}

#[test]
fn we_open_what_rtc_seals_across_a_rollover() {
    for profile in PROFILES {
        let master = master_of(profile, 2);
        let (mut ours, mut theirs) = (opener(profile, &master), reference(profile, &master));
        for index in 65_000..131_500_u64 {
            let (packet, _) = rtp(78, index as u16, 1, &[5; 33]);
            let mut sealed = theirs.encrypt_rtp(&packet).expect("sealed by rtc").to_vec();
            assert_eq!(ours.open_rtp(&mut sealed).expect("opened"), &packet[..], "{profile:?}");
        }
    }
}

#[test]
fn rtcp_goes_both_ways() {
    for profile in PROFILES {
        let master = master_of(profile, 3);
        let (mut ours, mut theirs) = (sealer(profile, &master), reference(profile, &master));
        for ssrc in [1, 2, 1, 1] {
            let packet = rtcp(ssrc, 6);
            let mut sealed = packet.clone();
            sealed.resize(packet.len() + profile.rtcp_overhead(), 0);
            ours.seal_rtcp(&mut sealed).expect("sealed");
            assert_eq!(&theirs.decrypt_rtcp(&sealed).expect("opened by rtc")[..], &packet[..]);
        }
        let mut ours = opener(profile, &master);
        let mut theirs = reference(profile, &master);
        for ssrc in [5, 6, 5] {
            let packet = rtcp(ssrc, 3);
            let sealed = theirs.encrypt_rtcp(&packet).expect("sealed by rtc").to_vec();
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(ours.open_rtcp(&mut changed).is_err(), "byte {at}, {profile:?}");
            }
            assert_eq!(ours.open_rtcp(&mut sealed.clone()).expect("opened"), &packet[..]);
            assert_eq!(ours.open_rtcp(&mut sealed.clone()), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn no_index_is_sealed_twice_whatever_the_bytes() {
    let mut ours = sealer(Profile::Gcm, &master(4));
    for index in [10, 11, 13, 12] {
        let (packet, header) = rtp(9, index as u16, 0, b"one");
        seal(&mut ours, &packet, header, index).expect("sealed");
    }
    for index in 10..14 {
        let (packet, header) = rtp(9, index as u16, 0, b"two");
        assert_eq!(seal(&mut ours, &packet, header, index), Err(SrtpError::Replayed));
    }
    // The same index of another SSRC has another nonce.
    let (packet, header) = rtp(10, 10, 0, b"one");
    seal(&mut ours, &packet, header, 10).expect("sealed");
    let (packet, header) = rtp(9, 14, 0, b"one");
    seal(&mut ours, &packet, header, 14).expect("sealed");
}

#[test]
fn the_book_of_nonces_sees_a_second_sealer_of_one_key() {
    for profile in PROFILES {
        sees_a_second_sealer(profile);
    }
}

fn sees_a_second_sealer(profile: Profile) {
    ledger::close();
    let (mut one, mut two) = (sealer(profile, &master(9)), sealer(profile, &master(9)));
    let (packet, header) = rtp(9, 10, 0, b"one");
    seal(&mut one, &packet, header, 10).expect("sealed");
    seal(&mut two, &packet, header, 10).expect("sealed");
    let (other, header) = rtp(9, 10, 0, b"two");
    seal(&mut sealer(profile, &master(9)), &other, header, 10).expect("sealed");
    for sealer in [&mut one, &mut two] {
        let mut report = rtcp(9, 3);
        report.resize(report.len() + profile.rtcp_overhead(), 0);
        sealer.seal_rtcp(&mut report).expect("sealed");
    }
    let seen = ledger::close();
    assert_eq!((seen.packets, seen.repeated, seen.broken), (5, 3, 1));
}

#[test]
fn a_replayed_or_forged_packet_is_refused() {
    for profile in PROFILES {
        refuses_replays_and_forgeries(profile);
    }
}

fn refuses_replays_and_forgeries(profile: Profile) {
    let master = master_of(profile, 5);
    let (mut ours, mut theirs) = (sealer(profile, &master), opener(profile, &master));
    let (packet, header) = rtp(3, 100, 1, b"words");
    let sealed = seal(&mut ours, &packet, header, 100).expect("sealed");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(
            theirs.open_rtp(&mut changed).is_err(),
            "byte {at} may be changed unseen"
        );
    }
    let mut again = sealed.clone();
    theirs.open_rtp(&mut again).expect("opened");
    let mut again = sealed;
    assert_eq!(theirs.open_rtp(&mut again), Err(SrtpError::Replayed));
}

#[test]
fn what_may_follow_is_newer_than_all_of_its_stream_and_not_by_much() {
    for profile in PROFILES {
        tells_what_may_follow(profile);
    }
}

fn tells_what_may_follow(profile: Profile) {
    let (mut sealer, mut opener) = (sealer(profile, &master(7)), opener(profile, &master(7)));
    let mut next = |sequence: u16, ssrc| {
        let (packet, header) = rtp(ssrc, sequence, 1, &[3; 40]);
        seal(&mut sealer, &packet, header, u64::from(sequence)).expect("sealed")
    };
    let first = next(100, 5);
    assert!(!opener.may_follow(&first, false), "of no stream yet");
    opener.open_rtp(&mut first.clone()).expect("opened");
    for (packet, may) in [
        (first.clone(), false),
        (next(99, 5), false),
        (next(101, 5), true),
        (next(100 + 1_000, 5), true),
        (next(101 + 1_000, 5), false),
        (next(101, 6), false),
        (first[..11].to_vec(), false),
        (Vec::new(), false),
    ] {
        assert_eq!(opener.may_follow(&packet, false), may, "{} bytes", packet.len());
    }

    let mut report = || {
        let mut packet = rtcp(1, 6);
        packet.resize(packet.len() + profile.rtcp_overhead(), 0);
        sealer.seal_rtcp(&mut packet).expect("sealed");
        packet
    };
    let (old, last, newer) = (report(), report(), report());
    assert!(!opener.may_follow(&old, true), "of no stream yet");
    opener.open_rtcp(&mut last.clone()).expect("opened");
    for (packet, may) in [(&old, false), (&last, false), (&newer, true)] {
        assert_eq!(opener.may_follow(packet, true), may);
    }
}

#[test]
fn many_streams_do_not_grow_memory() {
    let master = master(6);
    let (mut ours, mut theirs) = (sealer(Profile::Gcm, &master), opener(Profile::Gcm, &master));
    for ssrc in 0..2_000 {
        let (packet, header) = rtp(ssrc, 1, 0, b"x");
        let mut sealed = seal(&mut ours, &packet, header, 1).expect("sealed");
        theirs.open_rtp(&mut sealed).expect("opened");
    }
    assert_eq!(theirs.streams.len(), MAX_STREAMS);
}

proptest! {
    #[test]
    fn garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        for profile in PROFILES {
            let mut theirs = opener(profile, &master(7));
            prop_assert!(theirs.open_rtp(&mut bytes.clone()).is_err());
            prop_assert!(theirs.open_rtcp(&mut bytes.clone()).is_err());
        }
    }
}
