//! Our offers to subscribers.

use super::*;
use crate::types::{ExtKind, Pt};

/// One round: our offer, and the answer of a client that takes everything.
fn round(negotiator: &mut Negotiator) -> String {
    let offer = negotiator.create_offer();
    negotiator.accept_answer(&client_answer(&offer)).expect("a good answer");
    offer
}

#[test]
fn the_first_offer_has_data_channels_only() {
    let mut negotiator = negotiator(Role::ServerOffers);
    assert!(negotiator.needs_negotiation());
    let offer = negotiator.create_offer();
    assert_eq!(offer, include_str!("../fixtures/offer-data.sdp"));
    assert!(!negotiator.needs_negotiation(), "an answer is awaited");
    negotiator.accept_answer(&client_answer(&offer)).expect("a good answer");
    assert!(!negotiator.needs_negotiation());
    assert_eq!(negotiator.remote().expect("the client's side").ice.ufrag, "n9Qr");
}

#[test]
fn tracks_get_sections_and_are_sent_once_answered() {
    let mut negotiator = negotiator(Role::ServerOffers);
    round(&mut negotiator);
    negotiator.add_send(track(10, Codec::Opus));
    let video = negotiator.add_send(track(20, Codec::Vp8));
    negotiator.add_send(track(30, Codec::H264));
    assert!(negotiator.needs_negotiation());
    let offer = negotiator.create_offer();
    assert_eq!(offer, include_str!("../fixtures/offer-tracks.sdp"));
    assert!(negotiator.sending().all(|track| track.state == SendState::Offered));
    assert_eq!(negotiator.mid_to_track_id()["2"], "TR_20");

    negotiator.accept_answer(&client_answer(&offer)).expect("a good answer");
    let sent: Vec<Sending> = negotiator.sending().collect();
    assert!(sent.iter().all(Sending::active));
    assert_eq!((sent[1].key, sent[1].pt, sent[1].rtx_pt), (video, Pt(96), Some(Pt(97))));
    assert_eq!(sent[1].exts.id(ExtKind::TransportCc), Some(3));
    assert_eq!(sent[0].exts.id(ExtKind::TransportCc), None);
    assert_eq!((sent[0].red_pt, sent[1].red_pt), (Some(Pt(63)), None));
}

#[test]
fn sound_of_two_channels_is_said_to_be_so() {
    let mut negotiator = negotiator(Role::ServerOffers);
    negotiator.add_send(track(10, Codec::Opus));
    negotiator.add_send(SendTrack {
        stereo: true,
        ..track(20, Codec::Opus)
    });
    let offer = negotiator.create_offer();
    let said: Vec<bool> = offer
        .lines()
        .filter(|line| line.starts_with("a=fmtp:111"))
        .map(|line| line.ends_with(";sprop-stereo=1"))
        .collect();
    assert_eq!(said, [false, true]);
}

#[test]
fn a_client_without_red_gets_plain_sound() {
    let mut negotiator = negotiator(Role::ServerOffers);
    negotiator.add_send(track(10, Codec::Opus));
    let answer = client_answer(&negotiator.create_offer()).replace("SAVPF 111 63", "SAVPF 111");
    negotiator.accept_answer(&answer).expect("a good answer");
    let sent = negotiator.sending().next().expect("a track");
    assert!(sent.active());
    assert_eq!((sent.pt, sent.red_pt), (Pt(111), None));
    // Its later offers say the same.
    assert!(negotiator.create_offer().contains("SAVPF 111\r\n"));
}

#[test]
fn a_section_is_parked_for_one_round_and_then_used_again() {
    let mut negotiator = negotiator(Role::ServerOffers);
    let first = negotiator.add_send(track(10, Codec::Vp8));
    negotiator.add_send(track(20, Codec::Opus));
    round(&mut negotiator);
    negotiator.remove_send(first);
    assert!(negotiator.needs_negotiation());
    // In the round that removes a track its section cannot take another: that one gets a new section.
    negotiator.add_send(track(30, Codec::Vp8));
    let offer = round(&mut negotiator);
    assert_eq!(
        sections(&offer),
        ["application", "video inactive", "audio sendonly", "video sendonly"]
    );
    negotiator.add_send(track(40, Codec::Vp8));
    let offer = round(&mut negotiator);
    assert_eq!(
        sections(&offer),
        ["application", "video sendonly", "audio sendonly", "video sendonly"]
    );
    assert_eq!(negotiator.mid_to_track_id()["1"], "TR_40");
    assert!(offer.contains("a=msid:PA_1|TR_40 TR_40\r\n"));
}

#[test]
fn an_offer_made_again_before_its_answer_keeps_sections() {
    let mut negotiator = negotiator(Role::ServerOffers);
    let first = negotiator.add_send(track(10, Codec::Vp8));
    round(&mut negotiator);
    negotiator.remove_send(first);
    let _ = negotiator.create_offer();
    negotiator.add_send(track(20, Codec::Vp8));
    let offer = round(&mut negotiator);
    // Whether the client heard that the section became inactive is not known.
    assert_eq!(sections(&offer), ["application", "video inactive", "video sendonly"]);
}

#[test]
fn what_the_client_refuses_is_not_sent() {
    let mut negotiator = negotiator(Role::ServerOffers);
    negotiator.add_send(track(10, Codec::H264));
    negotiator.add_send(track(20, Codec::Vp8));
    let third = negotiator.add_send(track(30, Codec::Vp8));
    let offer = negotiator.create_offer();
    let answer = client_answer(&offer)
        .replacen(
            "m=video 9 UDP/TLS/RTP/SAVPF 108 109",
            "m=video 9 UDP/TLS/RTP/SAVPF 120",
            1,
        )
        .replacen("SAVPF 96 97", "SAVPF 96", 1)
        .replacen(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
            "m=video 0 UDP/TLS/RTP/SAVPF 96 97",
            1,
        );
    negotiator.accept_answer(&answer).expect("an answer");
    let sent: Vec<Sending> = negotiator.sending().collect();
    let states: Vec<SendState> = sent.iter().map(|track| track.state).collect();
    assert_eq!(states, [SendState::Refused, SendState::Active, SendState::Refused]);
    assert_eq!((sent[1].rtx_pt, sent[1].rtx_ssrc), (None, None));
    assert!(!negotiator.needs_negotiation());

    // The stopped section stays at its place with port 0, and comes back under a new mid.
    negotiator.remove_send(third);
    let offer = negotiator.create_offer();
    assert_eq!(sections(&offer)[3], "video 0 inactive");
    negotiator.accept_answer(&client_answer(&offer)).expect("an answer");
    negotiator.add_send(track(40, Codec::Opus));
    let offer = round(&mut negotiator);
    assert_eq!(sections(&offer)[3], "audio sendonly");
    assert_eq!(negotiator.mid_to_track_id()["4"], "TR_40");
}

#[test]
fn ice_restarts_from_our_side() {
    let mut negotiator = negotiator(Role::ServerOffers);
    round(&mut negotiator);
    negotiator.restart_ice(ice("more"));
    assert!(negotiator.needs_negotiation());
    let offer = round(&mut negotiator);
    assert!(offer.contains("a=ice-ufrag:more\r\n") && !offer.contains("ours"));
    assert!(!negotiator.needs_negotiation());
}

#[test]
fn answers_that_do_not_fit_are_refused_and_change_nothing() {
    let mut negotiator = negotiator(Role::ServerOffers);
    negotiator.add_send(track(10, Codec::Opus));
    let offer = negotiator.create_offer();
    let good = client_answer(&offer);
    for (bad, error) in [
        (good.replace("setup:passive", "setup:active"), SdpError::Setup),
        (good.replace("a=mid:1", "a=mid:7"), SdpError::Mid(1)),
        (good.replace("m=audio", "m=video"), SdpError::Mid(1)),
        (
            good[..good.find("m=audio").expect("it is there")].to_owned(),
            SdpError::SectionsChanged,
        ),
        (good.replace("a=ice-pwd", "a=x"), SdpError::NoIce),
        (good.replace("sha-256", "sha-1"), SdpError::NoFingerprint),
        (String::new(), SdpError::Line(1)),
    ] {
        assert_eq!(negotiator.accept_answer(&bad), Err(error));
        assert!(negotiator.sending().all(|track| track.state == SendState::Offered));
    }
    negotiator.accept_answer(&good).expect("a good answer");
    assert_eq!(negotiator.accept_answer(&good), Err(SdpError::Unexpected));
}

#[test]
fn five_hundred_sections_are_quick() {
    let mut negotiator = negotiator(Role::ServerOffers);
    for number in 0..500 {
        negotiator.add_send(track(10 * number + 10, Codec::H264));
    }
    let offer = round(&mut negotiator);
    assert_eq!(sections(&offer).len(), 501);
    assert!(offer.len() < MAX_TEXT, "{} bytes", offer.len());
    assert_eq!(negotiator.sending().filter(Sending::active).count(), 500);
}

#[test]
fn what_has_no_section_left_waits_without_more_offers() {
    let mut negotiator = negotiator(Role::ServerOffers);
    let most = u32::try_from(MAX_SECTIONS).expect("a thousand");
    let keys: Vec<_> = (1..=most + 10)
        .map(|n| negotiator.add_send(track(n * 10, Codec::Opus)))
        .collect();
    let settle =
        |negotiator: &mut Negotiator| (0..5).find(|_| !negotiator.needs_negotiation() || round(negotiator).is_empty());
    assert!(settle(&mut negotiator).is_some());
    let placed = |negotiator: &Negotiator| negotiator.sending().map(|track| track.key).collect::<Vec<_>>();
    let before = placed(&negotiator);
    assert!(before.len() < MAX_SECTIONS);
    // One goes, and another has its section.
    negotiator.remove_send(keys[0]);
    assert!(settle(&mut negotiator).is_some());
    let after = placed(&negotiator);
    assert_eq!(after.len(), before.len());
    assert!(!after.contains(&keys[0]) && after.iter().any(|key| !before.contains(key)));
}
