//! What clients do in a meeting.

use livekit_protocol::{
    AddTrackRequest, ClientInfo, MuteTrackRequest, TrackSource, TrackType, UpdateSubscription, UpdateTrackSettings,
    VideoLayer, VideoQuality, signal_request as ask,
};
use relay_core::{
    link::LinkConfig,
    room::{ConnectionId, Input, Join, Mode, Resume},
    types::{Codec, Mid},
};

use super::{
    MS,
    client::{Client, LINK, Leg, Published},
    description::{self, Section},
    publisher::Publisher,
    site::Site,
};
use crate::fuzzing::ticket;

/// Something that happens in a meeting.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Publish,
    Unpublish,
    Mute,
    Resize,
    Hide,
    Subscribe,
    Unsubscribe,
    Resume,
    RestartIce,
    Move,
    Rejoin,
    Rate,
    Encoder,
    Layer,
}

impl Step {
    /// Each as often as it shall come.
    pub(super) const ALL: [Self; 24] = [
        Self::Publish,
        Self::Publish,
        Self::Unpublish,
        Self::Mute,
        Self::Mute,
        Self::Resize,
        Self::Resize,
        Self::Resize,
        Self::Resize,
        Self::Hide,
        Self::Subscribe,
        Self::Subscribe,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Resume,
        Self::RestartIce,
        Self::Move,
        Self::Rejoin,
        Self::Rate,
        Self::Rate,
        Self::Rate,
        Self::Encoder,
        Self::Layer,
        Self::Layer,
    ];
}

impl Site {
    /// Somebody comes, or comes anew under the same name.
    pub(super) fn join(&mut self, n: usize) {
        self.connections += 1;
        let mode = if n.is_multiple_of(2) { Mode::Dual } else { Mode::Single };
        if let Some(former) = self.clients.remove(&n) {
            self.lived.rejoins += 1;
            self.lost += former.legs.iter().map(|leg| leg.unopened).sum::<u64>();
        }
        let connection = self.connections;
        let client = Client {
            identity: format!("client-{n}"),
            connection: Some(connection),
            sid: String::new(),
            legs: Vec::new(),
            sections: Vec::new(),
            published: Vec::new(),
            tracks: Default::default(),
            version: 1,
            ice: u32::try_from(connection).expect("few"),
        };
        let join = Join {
            connection: ConnectionId(connection),
            ticket: ticket(&client.identity),
            attempt: 0,
            client: ClientInfo {
                protocol: 17,
                ..ClientInfo::default()
            },
            mode,
            auto_subscribe: true,
            errand: None,
            adaptive_stream: true,
            allow_pause: true,
            offer: (mode == Mode::Single).then(|| description::offer(1, client.ice, &[])),
            add_tracks: Vec::new(),
        };
        self.created.clear();
        self.clients.insert(n, client);
        self.input(Input::Join(Box::new(join)));
        let created = std::mem::take(&mut self.created);
        assert_eq!(created.len(), if mode == Mode::Dual { 2 } else { 1 }, "its transports");
        let legs = created.into_iter().map(|(id, ice)| Leg::new(id, ice, self.now));
        let client = self.clients.get_mut(&n).expect("just inserted");
        client.legs = legs.collect();
        if mode == Mode::Dual {
            self.offer(n);
        }
        self.settle();
    }

    /// A camera or a microphone more.
    pub(super) fn publish(&mut self, n: usize) {
        let Some(client) = self.clients.get_mut(&n) else { return };
        if client.connection.is_none() || client.published.len() >= 3 {
            return;
        }
        self.tracks += 1;
        let cid = format!("cid-{}", self.tracks);
        let codec = [Codec::Vp8, Codec::H264, Codec::Opus][client.published.len() % 3];
        let section = client.sections.len();
        client.sections.push(Section {
            codecs: vec![codec],
            cid: Some(cid.clone()),
            receives: false,
        });
        let mid = Mid::new((section + 1).to_string().as_bytes()).expect("a short number");
        let mut model = match codec {
            Codec::Opus => Publisher::microphone(self.now),
            codec => Publisher::camera(codec, self.now),
        }
        .in_section(mid);
        for layer in &mut model.layers {
            layer.ssrc += 10_000 * self.tracks;
        }
        model.start(self.now);
        client.published.push(Published {
            section,
            sid: None,
            model,
        });
        self.signal(n, add_track(cid, codec));
        self.offer(n);
        self.settle();
    }

    fn unpublish(&mut self, n: usize) {
        let Some(client) = self.clients.get_mut(&n) else { return };
        if client.published.is_empty() || client.connection.is_none() {
            return;
        }
        let published = client.published.remove(0);
        client.sections[published.section].cid = None;
        self.offer(n);
        self.settle();
    }

    pub(super) fn offer(&mut self, n: usize) {
        let client = self.clients.get_mut(&n).expect("a client");
        client.version += 1;
        let offer = description::offer(client.version, client.ice, &client.sections);
        if let Some(leg) = client.legs.first_mut() {
            (leg.receiver.number_ext, leg.receiver.rtx) = description::numbers(&offer.sdp);
        }
        self.lived.negotiations += 1;
        self.signal(n, ask::Message::Offer(offer));
    }

    /// A step of somebody.
    pub(super) fn step(&mut self, step: Step) {
        let n = self.chance.below(self.clients.len());
        let Some(client) = self.clients.get_mut(&n) else { return };
        let track = self.chance.below(client.tracks.len());
        let track: Vec<String> = client.tracks.iter().skip(track).take(1).cloned().collect();
        let published = self.chance.below(client.published.len());
        match step {
            Step::Publish => self.publish(n),
            Step::Unpublish => self.unpublish(n),
            Step::Mute => {
                let Some(published) = client.published.get_mut(published) else {
                    return;
                };
                published.model.silent = !published.model.silent;
                let mute = MuteTrackRequest {
                    sid: published.sid.clone().unwrap_or_default(),
                    muted: published.model.silent,
                };
                self.signal(n, ask::Message::Mute(mute));
            }
            Step::Resize | Step::Hide => {
                let width = [0, 160, 320, 640, 1_280][self.chance.below(5)];
                let settings = UpdateTrackSettings {
                    track_sids: track,
                    disabled: matches!(step, Step::Hide),
                    width,
                    height: width * 9 / 16,
                    ..UpdateTrackSettings::default()
                };
                self.signal(n, ask::Message::TrackSetting(settings));
            }
            Step::Subscribe | Step::Unsubscribe => {
                let update = UpdateSubscription {
                    track_sids: track,
                    subscribe: matches!(step, Step::Subscribe),
                    ..UpdateSubscription::default()
                };
                self.signal(n, ask::Message::Subscription(update));
            }
            Step::Resume => self.resume(n),
            Step::RestartIce => {
                client.ice += 1_000;
                self.offer(n);
            }
            Step::Move => {
                let leg = self.chance.below(client.legs.len());
                client.legs[leg].move_away(self.now);
            }
            Step::Rejoin => self.join(n),
            Step::Rate => {
                let rate = [None, Some(200_000), Some(500_000), Some(1_200_000), Some(4_000_000)];
                let rate = rate[self.chance.below(5)];
                for leg in &mut client.legs {
                    leg.down.configure(LinkConfig { rate, ..LINK });
                }
            }
            Step::Encoder => {
                if let Some(published) = client.published.get_mut(published) {
                    published.model.restart();
                }
            }
            Step::Layer => {
                if let Some(published) = client.published.get_mut(published) {
                    let layer = self.chance.below(published.model.layers.len());
                    let layer = &mut published.model.layers[layer];
                    layer.enabled = !layer.enabled;
                }
            }
        }
        self.settle();
    }

    /// Signalling is lost and comes back; media goes on, and ICE is restarted.
    fn resume(&mut self, n: usize) {
        let client = self.clients.get_mut(&n).expect("a client");
        if let Some(connection) = client.connection.take() {
            self.input(Input::SignalClosed {
                connection: ConnectionId(connection),
            });
        }
        self.run(50 * MS);
        self.connections += 1;
        let connection = self.connections;
        let client = self.clients.get_mut(&n).expect("a client");
        client.connection = Some(connection);
        client.ice += 1_000;
        let resume = Resume {
            connection: ConnectionId(connection),
            ticket: ticket(&client.identity),
            attempt: 0,
            sid: client.sid.clone(),
            sync_state: None,
        };
        self.lived.resumes += 1;
        self.input(Input::Resume(Box::new(resume)));
        self.offer(n);
    }
}

fn add_track(cid: String, codec: Codec) -> ask::Message {
    let layer = |quality: VideoQuality, width: u32| VideoLayer {
        quality: quality.into(),
        width,
        height: width * 9 / 16,
        ..VideoLayer::default()
    };
    let sound = codec == Codec::Opus;
    ask::Message::AddTrack(AddTrackRequest {
        cid,
        r#type: if sound { TrackType::Audio } else { TrackType::Video }.into(),
        source: if sound {
            TrackSource::Microphone
        } else {
            TrackSource::Camera
        }
        .into(),
        width: 1_280,
        height: 720,
        layers: if sound {
            Vec::new()
        } else {
            vec![
                layer(VideoQuality::Low, 320),
                layer(VideoQuality::Medium, 640),
                layer(VideoQuality::High, 1_280),
            ]
        },
        ..AddTrackRequest::default()
    })
}
