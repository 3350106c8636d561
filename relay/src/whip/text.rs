//! The descriptions of WHIP and WHEP: offers, looked at before a room hears of them, and the fragments that change them.

use std::fmt::Write as _;

use http::StatusCode;
use livekit_protocol::{AddTrackRequest, AudioTrackFeature, TrackSource, TrackType, VideoLayer, VideoQuality};
use relay_core::{
    sdp::{Local, Negotiator, Receiving, Role, SdpError},
    types::{Codec, Fingerprint, IceCredentials, MediaKind},
};
use thiserror::Error;

/// Lines that hold the credentials of ICE.
const UFRAG: &str = "a=ice-ufrag:";
const PWD: &str = "a=ice-pwd:";

/// Longest id of a track that a room takes, in bytes.
const LONGEST_CID: usize = 256;

/// What encoders' layers are taken for, as an offer does not tell their sizes; of two it is the upper ones.
const SIZES: [(u32, u32); 3] = [(320, 180), (640, 360), (1280, 720)];

/// What is wrong with an offer or a fragment.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum BadText {
    /// It is no text.
    #[error("not UTF-8")]
    NotText,
    /// It is no description that we can answer.
    #[error("the offer cannot be answered: {0}")]
    Unanswerable(#[from] SdpError),
    /// There is nothing in it to publish.
    #[error("the offer sends neither sound nor picture in a format known here")]
    SendsNothing,
    /// There is more in it than is taken.
    #[error("the offer has more than one track of sound and one of pictures")]
    SendsTooMuch,
    /// Whoever watches sends nothing.
    #[error("an offer to watch is recvonly")]
    SendsToo,
    /// A fragment without credentials.
    #[error("the fragment has no ice-ufrag and ice-pwd")]
    NoCredentials,
}

impl BadText {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            // RFC 9725 §4.4.1: more tracks than the endpoint takes.
            Self::SendsTooMuch => StatusCode::NOT_ACCEPTABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An offer that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    text: String,
    /// What the client would send.
    sends: Vec<Receiving>,
    /// The codecs of what could be sent to it.
    takes: Vec<Codec>,
    /// Whether its sound has two channels (RFC 7587 §6.1).
    stereo: bool,
}

impl Offer {
    pub(super) fn read(body: &[u8]) -> Result<Self, BadText> {
        Self::of(std::str::from_utf8(body).map_err(|_| BadText::NotText)?.to_owned())
    }

    fn of(text: String) -> Result<Self, BadText> {
        let codecs = vec![Codec::Opus, Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1];
        // Tried on a negotiation of its own, of which nothing is kept: only what a description says matters here.
        let local = Local {
            session: 0,
            ice: IceCredentials {
                ufrag: String::new(),
                pwd: String::new(),
            },
            fingerprint: Fingerprint([0; 32]),
            candidates: Vec::new(),
            codecs: codecs.clone(),
        };
        let mut negotiator = Negotiator::new(local, Role::ClientOffers);
        negotiator.accept_offer(&text)?;
        let sends = negotiator
            .receiving()
            .filter(|section| section.active)
            .cloned()
            .collect();
        let takes = codecs.into_iter().filter(|codec| negotiator.takes(*codec)).collect();
        let stereo = |line: &str| line.starts_with("a=fmtp:") && line.contains("stereo=1");
        Ok(Self {
            stereo: text.lines().any(stereo),
            text,
            sends,
            takes,
        })
    }

    /// The codecs that it has sections for in which the client receives.
    pub(super) fn takes(&self) -> &[Codec] {
        &self.takes
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The tracks to publish: one of sound, one of pictures, or both.
    pub(super) fn tracks(&self) -> Result<Vec<AddTrackRequest>, BadText> {
        let count = |kind| self.sends.iter().filter(|section| section.kind == kind).count();
        match (count(MediaKind::Audio), count(MediaKind::Video)) {
            (0, 0) => Err(BadText::SendsNothing),
            (0 | 1, 0 | 1) => Ok(self.sends.iter().map(|section| track(section, self.stereo)).collect()),
            _ => Err(BadText::SendsTooMuch),
        }
    }

    /// As offers to watch have to be.
    pub(super) fn only_receives(&self) -> Result<(), BadText> {
        if self.sends.is_empty() {
            Ok(())
        } else {
            Err(BadText::SendsToo)
        }
    }

    /// The user fragment of the client.
    pub(super) fn ufrag(&self) -> &str {
        line(&self.text, UFRAG).unwrap_or_default()
    }

    /// The same offer with other credentials of ICE.
    pub(super) fn restarted(&self, fragment: &Fragment) -> Result<Self, BadText> {
        let mut text = String::with_capacity(self.text.len() + 64);
        for line in self.text.lines() {
            let line = line.trim_end();
            let written = if line.starts_with(UFRAG) {
                write!(text, "{UFRAG}{}\r\n", fragment.ice.ufrag)
            } else if line.starts_with(PWD) {
                write!(text, "{PWD}{}\r\n", fragment.ice.pwd)
            } else {
                write!(text, "{line}\r\n")
            };
            written.expect("a string takes any text");
        }
        Self::of(text)
    }
}

/// What the room is told about a section in which the client sends.
fn track(section: &Receiving, stereo: bool) -> AddTrackRequest {
    let (kind, source) = match section.kind {
        MediaKind::Audio => (TrackType::Audio, TrackSource::Microphone),
        MediaKind::Video => (TrackType::Video, TrackSource::Camera),
    };
    let layer = |(quality, (width, height)): (VideoQuality, (u32, u32))| VideoLayer {
        quality: quality.into(),
        width,
        height,
        ..VideoLayer::default()
    };
    let qualities = [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High];
    let layers = match (section.kind, section.rids.len()) {
        (MediaKind::Audio, _) => Vec::new(),
        (_, 0 | 1) => vec![layer((VideoQuality::High, (0, 0)))],
        (_, 2) => qualities
            .into_iter()
            .zip(SIZES.into_iter().skip(1))
            .map(layer)
            .collect(),
        _ => qualities.into_iter().zip(SIZES).map(layer).collect(),
    };
    AddTrackRequest {
        cid: section
            .cid
            .clone()
            .filter(|cid| cid.len() <= LONGEST_CID)
            .unwrap_or_else(|| format!("section {}", section.mid)),
        r#type: kind.into(),
        source: source.into(),
        layers,
        // Encoders send more than speech.
        audio_features: [AudioTrackFeature::TfNoDtx]
            .into_iter()
            .chain(stereo.then_some(AudioTrackFeature::TfStereo))
            .map(Into::into)
            .collect(),
        ..AddTrackRequest::default()
    }
}

/// What a client sends to change its session (RFC 8840): its credentials, and perhaps candidates.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    ice: IceCredentials,
}

impl Fragment {
    pub(super) fn read(body: &[u8]) -> Result<Self, BadText> {
        let text = std::str::from_utf8(body).map_err(|_| BadText::NotText)?;
        let (ufrag, pwd) = line(text, UFRAG).zip(line(text, PWD)).ok_or(BadText::NoCredentials)?;
        let ice = IceCredentials {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        };
        Ok(Self { ice })
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ice.ufrag
    }
}

/// The tag of the ICE session that an answer began: our user fragment, which no other has.
pub(super) fn etag(answer: &str) -> String {
    format!("\"{}\"", line(answer, UFRAG).unwrap_or_default())
}

/// What of an answer tells the client our credentials and candidates.
pub(super) fn fragment(answer: &str) -> String {
    let mut sections = answer.split("\r\nm=");
    let session = sections.next().unwrap_or_default();
    let kept = |line: &&str| {
        ["a=ice-", "a=group:", "a=mid:", "a=candidate:", "a=end-of-candidates"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let mut text: String = session.lines().filter(kept).flat_map(|line| [line, "\r\n"]).collect();
    // The first open section carries all.
    if let Some(section) = sections.find(|section| section.contains(UFRAG)) {
        let media = section.lines().next().unwrap_or_default();
        text.push_str("m=");
        text.extend([media, "\r\n"]);
        text.extend(section.lines().filter(kept).flat_map(|line| [line, "\r\n"]));
    }
    text
}

/// The rest of the first line that begins like this.
fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(start))
        .map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use livekit_protocol::SessionDescription;
    use proptest::prelude::*;
    use relay_core::{
        forward::{self, Shard},
        room::{ConnectionId, Errand, Input, Join, Output},
        types::{TransportCommand, TransportEvent},
    };

    use super::*;
    use crate::fuzzing;

    const FIREFOX: &str = include_str!("../../core/src/sdp/fixtures/firefox-publisher.sdp");
    const JOIN: &str = include_str!("../../core/src/sdp/fixtures/chromium-one-join.sdp");
    const CAMERA: &str = include_str!("../../core/src/sdp/fixtures/chromium-publisher-camera.sdp");

    fn fragment_of(ufrag: &str, pwd: &str) -> Result<Fragment, BadText> {
        Fragment::read(format!("{UFRAG}{ufrag}\r\n{PWD}{pwd}\r\nm=audio 9 RTP/AVP 0\r\n").as_bytes())
    }

    #[test]
    fn an_offer_becomes_the_tracks_that_it_sends() {
        let offer = Offer::read(CAMERA.as_bytes()).expect("an offer");
        let tracks = offer.tracks().expect("one of each kind at most");
        let sources: Vec<TrackSource> = tracks.iter().map(AddTrackRequest::source).collect();
        assert!(sources.contains(&TrackSource::Camera), "{sources:?}");
        assert_eq!(offer.only_receives(), Err(BadText::SendsToo));
        let offer = Offer::read(JOIN.as_bytes()).expect("an offer");
        assert_eq!(offer.tracks(), Err(BadText::SendsNothing));
        assert_eq!(offer.only_receives(), Ok(()));
    }

    /// The highest layer that an encoder with this offer is asked for while a page watches it: with `small`, in a small tile.
    fn layer_asked_for(offered: &str, small: bool) -> Option<u8> {
        let (mut control, now) = (fuzzing::rooms(), crate::control::now());
        let mut shard = Shard::new(forward::Config::new(now.at, 0, 1));
        let offer = Offer::read(offered.as_bytes()).expect("an offer");
        let encoder = Join {
            connection: ConnectionId(1),
            ticket: fuzzing::ticket("encoder"),
            auto_subscribe: false,
            errand: Some(Errand::Publish),
            add_tracks: offer.tracks().expect("tracks"),
            offer: Some(SessionDescription {
                sdp: offered.to_owned(),
                ..SessionDescription::default()
            }),
            ..fuzzing::join(2)
        };
        let page = Join {
            adaptive_stream: small,
            ..fuzzing::join(2)
        };
        for join in [encoder, page] {
            control.handle(now, Input::Join(Box::new(join)));
        }
        while let Some(output) = control.poll_output() {
            match output {
                Output::Forward(command) => shard.handle_command(now.at, command),
                Output::Transport(TransportCommand::Create { id, .. }) => {
                    control.handle(now, Input::Transport(TransportEvent::Connected { id }));
                }
                Output::Refuse { refusal, .. } => panic!("{refusal:?}"),
                _ => {}
            }
        }
        let wishes = std::iter::from_fn(|| shard.poll_event()).filter_map(|event| match event {
            forward::Event::LayerWanted { highest, .. } => Some(highest),
            _ => None,
        });
        wishes.last().expect("a wish")
    }

    #[test]
    fn a_small_tile_takes_the_lowest_layer_of_an_encoder_whatever_its_layers_are_called() {
        let renamed = |low: &str, high: &str| {
            CAMERA
                .replace("a=rid:q send", &format!("a=rid:{low} send"))
                .replace("a=rid:h send", &format!("a=rid:{high} send"))
                .replace("send q;h", &format!("send {low};{high}"))
        };
        for offered in [
            CAMERA.to_owned(),
            renamed("0", "1"),
            renamed("low", "f"),
            renamed("x", "q"),
        ] {
            assert_eq!(layer_asked_for(&offered, true), Some(0));
            assert_eq!(layer_asked_for(&offered, false), Some(1));
        }
        assert_eq!(layer_asked_for(FIREFOX, true), Some(0));
        assert_eq!(layer_asked_for(FIREFOX, false), Some(2));
    }

    #[test]
    fn a_track_whose_id_is_too_long_is_named_by_its_section() {
        let id = CAMERA
            .lines()
            .find_map(|line| line.strip_prefix("a=msid:")?.split(' ').nth(1));
        let id = id.expect("an id");
        let long = CAMERA.replace(id, &"x".repeat(257));
        let tracks = Offer::read(long.as_bytes())
            .and_then(|offer| offer.tracks())
            .expect("tracks");
        assert!(tracks.iter().all(|track| track.cid.len() <= LONGEST_CID));
    }

    #[test]
    fn sound_of_two_channels_is_announced_as_such() {
        let told = |text: &str| {
            let tracks = Offer::read(text.as_bytes())
                .and_then(|offer| offer.tracks())
                .expect("tracks");
            let stereo = AudioTrackFeature::TfStereo.into();
            tracks.iter().any(|track| track.audio_features.contains(&stereo))
        };
        assert!(told(CAMERA));
        assert!(!told(&CAMERA.replace(";stereo=1", "")));
        assert!(told(&CAMERA.replace(";stereo=1", ";sprop-stereo=1")));
    }

    #[test]
    fn a_restart_changes_the_credentials_and_nothing_else() {
        let offer = Offer::read(CAMERA.as_bytes()).expect("an offer");
        let pwd = "another-password-of-24-c";
        let fragment = fragment_of("abcd", pwd).expect("a fragment");
        let restarted = offer.restarted(&fragment).expect("an offer");
        assert_eq!(restarted.ufrag(), "abcd");
        assert_eq!(restarted.tracks(), offer.tracks());
        let others = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with("a=ice-"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(others(restarted.text()), others(offer.text()));
    }

    #[test]
    fn a_fragment_needs_credentials() {
        assert_eq!(Fragment::read(b"a=ice-ufrag:abcd\r\n"), Err(BadText::NoCredentials));
        assert_eq!(Fragment::read(b"\xff"), Err(BadText::NotText));
    }

    #[test]
    fn the_answers_fragment_has_what_a_client_needs_to_find_us() {
        let answer = "v=0\r\na=ice-lite\r\na=group:BUNDLE 0\r\na=fingerprint:x\r\nm=audio 0 RTP/AVP 0\r\na=mid:9\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:ours\r\na=ice-pwd:secret\r\na=sendonly\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(
            fragment(answer),
            "a=ice-lite\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:ours\r\n\
            a=ice-pwd:secret\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n"
        );
        assert_eq!(etag(answer), "\"ours\"");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Offer::read(&bytes);
            let _ = Fragment::read(&bytes);
        }

        #[test]
        fn any_answer_makes_a_fragment(text in "(m=|a=ice-ufrag:|\r\n|[a-z0-9 ]){0,40}") {
            let _ = (fragment(&text), etag(&text));
        }
    }
}
