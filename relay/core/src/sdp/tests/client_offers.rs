//! Answers to clients' offers.

use super::*;
use crate::types::{DtlsRole, ExtKind, Pt};

fn answered(offer: &str) -> (Negotiator, String) {
    let mut negotiator = negotiator(Role::ClientOffers);
    negotiator.accept_offer(offer).expect("a real offer");
    let answer = negotiator.answer();
    (negotiator, answer)
}

#[test]
fn a_camera_with_simulcast_and_a_microphone_are_taken() {
    let (negotiator, answer) = answered(PUBLISHER_CAMERA);
    assert_eq!(answer, include_str!("../fixtures/answer-camera.sdp"));

    let received: Vec<&Receiving> = negotiator.receiving().collect();
    let [sound, picture] = received[..] else {
        panic!("two tracks");
    };
    assert_eq!(sound.cid.as_deref(), Some("270760ba-4633-4412-8272-0380425107fb"));
    assert_eq!((sound.codec, sound.pt, sound.rtx_pt), (Codec::Opus, Pt(111), None));
    assert_eq!(sound.exts.id(ExtKind::AudioLevel), Some(1));
    let ssrc = ReceivingSsrc {
        ssrc: Ssrc(3_285_738_504),
        rtx: None,
    };
    assert_eq!(sound.ssrcs, [ssrc]);
    assert!(picture.active);
    assert_eq!(picture.mid.as_str(), "2");
    assert_eq!(
        (picture.codec, picture.pt, picture.rtx_pt),
        (Codec::Vp8, Pt(96), Some(Pt(97)))
    );
    assert_eq!(picture.rids, ["q", "h"].map(|rid| rid.parse().expect("a rid")));
    assert_eq!(picture.exts.id(ExtKind::RepairedRid), Some(11));
    assert_eq!(picture.exts.id(ExtKind::TransportCc), Some(3));

    let remote = negotiator.remote().expect("the client's side");
    assert_eq!(remote.ice.ufrag, "b3p8");
    assert_eq!(remote.fingerprint.0[..2], [0x31, 0x07]);
}

#[test]
fn a_hint_chooses_the_codec_and_its_parameters() {
    let mut negotiator = negotiator(Role::ClientOffers);
    let hints = PublishHints {
        codec: Some(Codec::H264),
        start_kbps: Some(600),
        ..PublishHints::default()
    };
    negotiator.hint("55d7e28d-6462-4850-a41e-df148e47792f", hints);
    negotiator.accept_offer(PUBLISHER_CAMERA).expect("a real offer");
    let picture = negotiator.receiving().nth(1).expect("a camera").clone();
    // 42e01f in mode 1, though 42001f is offered before it.
    assert_eq!(
        (picture.codec, picture.pt, picture.rtx_pt),
        (Codec::H264, Pt(108), Some(Pt(109)))
    );
    let answer = negotiator.answer();
    assert!(answer.contains("profile-level-id=42e01f;x-google-start-bitrate=600\r\n"));
    assert!(!answer.contains("VP8"));
}

#[test]
fn a_removed_track_keeps_its_section_and_is_not_active() {
    let (mut negotiator, _) = answered(PUBLISHER_CAMERA);
    negotiator.accept_offer(PUBLISHER_CAMERA_REMOVED).expect("a real offer");
    assert!(!negotiator.remote_restarted());
    let active: Vec<bool> = negotiator.receiving().map(|track| track.active).collect();
    assert_eq!(active, [true, false]);
    let answer = negotiator.answer();
    assert_eq!(sections(&answer), ["application", "audio recvonly", "video inactive"]);
    assert!(answer.contains("a=simulcast:recv q;h\r\n"));
}

#[test]
fn firefox_bundle_only_sections_and_one_way_extensions_are_answered() {
    let (negotiator, answer) = answered(FIREFOX_PUBLISHER);
    assert_eq!(sections(&answer), ["application", "audio recvonly", "video recvonly"]);
    assert!(answer.contains("a=extmap:8/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"));
    let picture = negotiator.receiving().nth(1).expect("a camera");
    assert_eq!(picture.rids.len(), 3);
    assert_eq!(picture.ssrcs.len(), 2);
    assert_eq!(picture.ssrcs[1].rtx, Some(Ssrc(3_404_842_144)));
}

#[test]
fn a_go_client_publishes_constrained_baseline() {
    let (negotiator, answer) = answered(PION_PUBLISHER);
    assert_eq!(sections(&answer), ["video recvonly", "application"]);
    let picture = negotiator.receiving().next().expect("a video");
    assert_eq!(
        (picture.codec, picture.pt, picture.rtx_pt),
        (Codec::H264, Pt(102), None)
    );
    assert_eq!(picture.cid.as_deref(), Some("ly_track"));
}

#[test]
fn the_first_offer_of_one_connection_is_filled_with_what_waits() {
    let mut negotiator = negotiator(Role::ClientOffers);
    negotiator.accept_offer(ONE_JOIN).expect("a real offer");
    negotiator.add_send(track(10, Codec::Opus));
    negotiator.add_send(track(20, Codec::H264));
    assert_eq!(negotiator.sending().count(), 0);
    let answer = negotiator.answer();
    assert_eq!(
        sections(&answer),
        [
            "audio sendonly",
            "audio inactive",
            "audio inactive",
            "video sendonly",
            "video inactive",
            "video inactive",
            "application",
        ]
    );
    let map = negotiator.mid_to_track_id();
    assert_eq!(map.len(), 2);
    assert_eq!((map["0"].as_str(), map["3"].as_str()), ("TR_10", "TR_20"));
    let sent: Vec<Sending> = negotiator.sending().collect();
    assert!(sent.iter().all(Sending::active));
    assert_eq!((sent[1].pt, sent[1].rtx_pt), (Pt(108), Some(Pt(109))));
    assert_eq!((sent[0].pt, sent[0].red_pt), (Pt(111), Some(Pt(63))));
    assert!(answer.contains("a=fmtp:63 111/111\r\n"));
    assert_eq!(sent[1].exts.id(ExtKind::TransportCc), Some(3));
    assert_eq!(sent[1].exts.id(ExtKind::AudioLevel), None);
    assert!(!negotiator.needs_negotiation());
    assert_eq!(negotiator.poll_sections_request(), None);
}

#[test]
fn sections_are_asked_for_once_and_used_when_they_come() {
    let (mut negotiator, _) = answered(ONE_JOIN);
    let keys: Vec<SendKey> = (0..3)
        .map(|i| negotiator.add_send(track(10 * (i + 1), Codec::Vp8)))
        .collect();
    let ask = |audios, videos| Some(Sections { audios, videos });
    assert_eq!(negotiator.poll_sections_request(), ask(0, 0), "three are free");
    negotiator.add_send(track(40, Codec::Vp8));
    assert_eq!(negotiator.poll_sections_request(), ask(0, 1));
    assert_eq!(negotiator.poll_sections_request(), None);

    // An offer that was under way before the client heard of it brings none: that is no reason to ask again.
    negotiator.accept_offer(ONE_JOIN).expect("a real offer");
    let _ = negotiator.answer();
    assert_eq!(negotiator.sending().count(), 3);
    assert_eq!(negotiator.poll_sections_request(), None);
    assert_eq!(negotiator.missing_sections(), Sections { audios: 0, videos: 1 });

    negotiator.accept_offer(ONE_MORE_VIDEO).expect("a real offer");
    let _ = negotiator.answer();
    assert_eq!(negotiator.mid_to_track_id()["7"], "TR_40");
    assert!(!negotiator.needs_negotiation());

    // A section is inactive for one answer before it carries another track.
    negotiator.remove_send(keys[0]);
    assert!(negotiator.needs_negotiation());
    assert_eq!(negotiator.poll_sections_request(), ask(0, 0));
    negotiator.accept_offer(ONE_MORE_VIDEO).expect("a real offer");
    negotiator.add_send(track(50, Codec::Vp8));
    let answer = negotiator.answer();
    assert_eq!(sections(&answer)[3], "video inactive");
    assert_eq!(negotiator.poll_sections_request(), ask(0, 0));
    negotiator.accept_offer(ONE_MORE_VIDEO).expect("a real offer");
    let _ = negotiator.answer();
    assert_eq!(negotiator.mid_to_track_id()["3"], "TR_50");
}

#[test]
fn a_track_that_the_client_cannot_decode_is_given_up() {
    let mut negotiator = negotiator(Role::ClientOffers);
    let without = ONE_JOIN.replace("H264/90000", "H265/90000");
    negotiator.accept_offer(&without).expect("an offer");
    let key = negotiator.add_send(track(10, Codec::H264));
    let _ = negotiator.answer();
    assert!(negotiator.undecodable(key));
    assert_eq!(negotiator.poll_sections_request(), None);
    assert!(!negotiator.needs_negotiation());
}

#[test]
fn publishing_on_the_one_connection_leaves_what_is_sent_alone() {
    let mut negotiator = negotiator(Role::ClientOffers);
    negotiator.accept_offer(ONE_JOIN).expect("a real offer");
    negotiator.add_send(track(10, Codec::Opus));
    let _ = negotiator.answer();
    negotiator.accept_offer(ONE_PUBLISH).expect("a real offer");
    let answer = negotiator.answer();
    assert_eq!(sections(&answer)[0], "audio sendonly");
    assert_eq!(sections(&answer)[7..], ["audio recvonly", "video recvonly"]);
    assert_eq!(negotiator.receiving().count(), 2);
}

#[test]
fn an_ice_restart_is_seen_and_answered_with_new_credentials() {
    let (mut negotiator, _) = answered(PUBLISHER_DATA);
    let restart = PUBLISHER_DATA
        .lines()
        .map(|line| {
            if line.starts_with("a=ice-ufrag") {
                "a=ice-ufrag:newone"
            } else {
                line
            }
        })
        .collect::<Vec<_>>()
        .join("\n");
    negotiator.accept_offer(&restart).expect("an offer");
    assert!(negotiator.remote_restarted());
    negotiator.restart_ice(ice("more"));
    assert!(negotiator.answer().contains("a=ice-ufrag:more\r\n"));
    negotiator.accept_offer(&restart).expect("an offer");
    assert!(!negotiator.remote_restarted());
}

#[test]
fn a_stopped_section_is_refused_and_comes_back_under_another_mid() {
    let (mut negotiator, _) = answered(PUBLISHER_CAMERA);
    let stopped = PUBLISHER_CAMERA
        .replace("m=video 9 ", "m=video 0 ")
        .replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1");
    negotiator.accept_offer(&stopped).expect("an offer");
    let answer = negotiator.answer();
    assert_eq!(sections(&answer)[2], "video 0 inactive");
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
    assert_eq!(negotiator.receiving().count(), 1);

    let recycled = PUBLISHER_CAMERA
        .replace("a=mid:2", "a=mid:5")
        .replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1 5");
    negotiator.accept_offer(&recycled).expect("an offer");
    assert_eq!(sections(&negotiator.answer())[2], "video recvonly");
}

#[test]
fn what_we_do_not_know_is_refused_section_by_section() {
    let unknown = PUBLISHER_CAMERA
        .replace("m=audio 9 UDP/TLS/RTP/SAVPF", "m=text 9 UDP/TLS/RTP/SAVPF")
        .replace("VP8/90000", "VP7/90000")
        .replace("VP9/90000", "VP7/90000")
        .replace("AV1/90000", "AV2/90000")
        .replace("H264/90000", "H265/90000");
    let (_, answer) = answered(&unknown);
    assert_eq!(
        sections(&answer),
        ["application", "text 0 inactive", "video 0 inactive"]
    );
    assert!(answer.contains("a=group:BUNDLE 0\r\n"));
}

#[test]
fn vp9_and_av1_are_taken_where_they_are_asked_for_and_not_otherwise() {
    let camera = "55d7e28d-6462-4850-a41e-df148e47792f";
    for (codec, map) in [
        (Codec::Vp9, "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n"),
        (
            Codec::Av1,
            "a=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5;profile=0;tier=0\r\n",
        ),
    ] {
        let mut negotiator = negotiator(Role::ClientOffers);
        let hints = PublishHints {
            codec: Some(codec),
            ..PublishHints::default()
        };
        negotiator.hint(camera, hints);
        negotiator.accept_offer(PUBLISHER_CAMERA).expect("a good offer");
        let answer = negotiator.answer();
        assert!(answer.contains(map), "{answer}");
        let section = negotiator.receiving().find(|section| section.kind == MediaKind::Video);
        let section = section.expect("a camera");
        assert_eq!(section.codec, codec);
        assert!(section.rtx_pt.is_some());
        let dependency = "#dependency-descriptor-rtp-header-extension\r\n";
        assert_eq!(answer.contains(dependency), codec == Codec::Av1);
        assert_eq!(
            section.exts.id(ExtKind::DependencyDescriptor).is_some(),
            codec == Codec::Av1
        );
    }
    // Other profiles of VP9 are not.
    let offer = PUBLISHER_CAMERA.replace("profile-id=0", "profile-id=2");
    let mut negotiator = negotiator(Role::ClientOffers);
    negotiator.hint(
        camera,
        PublishHints {
            codec: Some(Codec::Vp9),
            ..PublishHints::default()
        },
    );
    negotiator.accept_offer(&offer).expect("a good offer");
    let section = negotiator.receiving().find(|section| section.kind == MediaKind::Video);
    assert_eq!(section.expect("a camera").codec, Codec::Vp8);
}

#[test]
fn both_forms_of_extensions_are_allowed_where_the_client_allows_them() {
    let mut negotiator = negotiator(Role::ClientOffers);
    let offer = PUBLISHER_CAMERA.replace("a=extmap-allow-mixed\r\n", "");
    negotiator.accept_offer(&offer).expect("a good offer");
    assert!(!negotiator.answer().contains("allow-mixed"));
    negotiator.accept_offer(PUBLISHER_CAMERA).expect("a good offer");
    assert!(negotiator.answer().contains("a=extmap-allow-mixed\r\n"));
}

/// RFC 8842 §5: who offers `active` begins the handshake, all others leave it to us; that stays for the connection's life.
#[test]
fn we_begin_the_handshake_unless_the_client_insists() {
    for (offered, ours, answered) in [
        ("actpass", DtlsRole::Client, "active"),
        ("passive", DtlsRole::Client, "active"),
        ("active", DtlsRole::Server, "passive"),
    ] {
        let mut negotiator = negotiator(Role::ClientOffers);
        let offer = PUBLISHER_DATA.replace("setup:actpass", &format!("setup:{offered}"));
        for offer in [&*offer, PUBLISHER_DATA] {
            negotiator.accept_offer(offer).expect("an offer");
            let remote = negotiator.remote().expect("a description");
            assert_eq!((remote.dtls, remote.channels), (ours, true));
            assert!(negotiator.answer().contains(&format!("a=setup:{answered}\r\n")));
        }
    }
}

#[test]
fn no_more_sections_are_asked_for_than_an_offer_may_have() {
    let mut negotiator = negotiator(Role::ClientOffers);
    for n in 1..=600 {
        negotiator.add_send(track(n * 10, Codec::Opus));
        negotiator.add_send(track(n * 10 + 1, Codec::Vp8));
    }
    let missing = negotiator.missing_sections();
    // Pictures have longer sections: more would not fit into a message.
    assert_eq!((missing.audios, missing.videos), (600, 50));
}
