//! Real offers and answers, and what comes of them.

mod client_offers;
mod hostile;
mod server_offers;

use super::*;
use crate::types::{Codec, Fingerprint, IceCredentials, MediaKind, Ssrc};

const ONE_JOIN: &str = include_str!("fixtures/chromium-one-join.sdp");
const ONE_PUBLISH: &str = include_str!("fixtures/chromium-one-publish.sdp");
const ONE_MORE_VIDEO: &str = include_str!("fixtures/chromium-one-more-video.sdp");
const PUBLISHER_DATA: &str = include_str!("fixtures/chromium-publisher-data.sdp");
const PUBLISHER_CAMERA: &str = include_str!("fixtures/chromium-publisher-camera.sdp");
const PUBLISHER_CAMERA_REMOVED: &str = include_str!("fixtures/chromium-publisher-camera-removed.sdp");
const FIREFOX_PUBLISHER: &str = include_str!("fixtures/firefox-publisher.sdp");
const PION_PUBLISHER: &str = include_str!("fixtures/pion-publisher.sdp");

/// All that a client sends us in the traces and by the other clients.
const OFFERS: [&str; 8] = [
    ONE_JOIN,
    ONE_PUBLISH,
    ONE_MORE_VIDEO,
    PUBLISHER_DATA,
    PUBLISHER_CAMERA,
    PUBLISHER_CAMERA_REMOVED,
    FIREFOX_PUBLISHER,
    PION_PUBLISHER,
];

fn ice(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.into(),
        pwd: format!("{name}-password-of-22-characters").replace('-', "+"),
    }
}

fn negotiator(role: Role) -> Negotiator {
    let local = Local {
        session: 4711,
        ice: ice("ours"),
        fingerprint: Fingerprint([0xa5; 32]),
        candidates: vec![
            Candidate {
                address: "203.0.113.7:7882".parse().expect("an address"),
                protocol: CandidateProtocol::Udp,
            },
            Candidate {
                address: "203.0.113.7:7881".parse().expect("an address"),
                protocol: CandidateProtocol::TcpPassive,
            },
        ],
        codecs: vec![Codec::Opus, Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1],
    };
    Negotiator::new(local, role)
}

/// A track named `TR_<number>` on SSRC `<number>`, with retransmissions on the next if it is video.
fn track(number: u32, codec: Codec) -> SendTrack {
    SendTrack {
        track_sid: format!("TR_{number}"),
        stream_id: format!("PA_1|TR_{number}"),
        codec,
        stereo: false,
        ssrc: Ssrc(number),
        rtx_ssrc: (codec.kind() == MediaKind::Video).then_some(Ssrc(number + 1)),
    }
}

/// The m-lines of a description, each as `audio sendonly`, with `0` behind a refused one.
fn sections(text: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("m=") {
            let mut words = line.split(' ');
            let kind = words.next().expect("a kind");
            let refused = if words.next() == Some("0") { " 0" } else { "" };
            sections.push(format!("{kind}{refused}"));
        }
        let direction = ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|direction| line == format!("a={direction}"));
        if let (Some(direction), Some(section)) = (direction, sections.last_mut()) {
            section.push(' ');
            section.push_str(direction);
        }
    }
    sections
}

/// What a client of Chromium's kind answers to an offer of ours: it takes whatever is sent.
fn client_answer(offer: &str) -> String {
    let mut answer = String::new();
    for line in offer.lines() {
        let line = match line {
            "a=sendonly" => "a=recvonly".to_owned(),
            "a=setup:active" => "a=setup:passive".to_owned(),
            "a=ice-lite" => continue,
            _ if line.starts_with("a=ice-ufrag") => "a=ice-ufrag:n9Qr".to_owned(),
            _ if line.starts_with("a=ice-pwd") => "a=ice-pwd:xgcqQfDHFaKVsh5Kk0qYjO15".to_owned(),
            _ if ["a=msid", "a=ssrc", "a=candidate", "a=end"]
                .iter()
                .any(|own| line.starts_with(own)) =>
            {
                continue;
            }
            line => line.to_owned(),
        };
        answer.push_str(&line);
        answer.push_str("\r\n");
    }
    answer
}
