//! The relay and all its clients on one virtual clock.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use livekit_protocol::{signal_request as ask, signal_response as told};
use relay_core::{
    forward,
    room::{Config, ConnectionId, Control, Input, Now, Output, Random},
    sdp::{Candidate, CandidateProtocol},
    types::{Codec, Fingerprint, IceCredentials, TransportCommand, TransportEvent, TransportId},
};
use rtc::crypto::RTCCryptoProvider;

use super::{
    Chance, Datagram, Lived,
    client::{Client, Published, Secured},
    description::{self, Section},
};
use crate::engine::{
    EngineEvent,
    crossing::Crossings,
    directory::Routes,
    ice::Patience,
    link::Path,
    srtp::{Keys, MasterKey, Profile},
    sys::Waker,
    worker::{Worker, WorkerInput, WorkerParts},
};
use crate::fuzzing::OneServer;

/// The wall clock at the start.
const START_MS: i64 = 1_790_000_000_000;
/// Between two looks at what has arrived.
const TURN: Duration = Duration::from_millis(5);

/// See the module.
pub(super) struct Site {
    pub(super) now: Instant,
    start: Instant,
    control: Control,
    pub(super) worker: Worker,
    events: Receiver<EngineEvent>,
    pub(super) clients: BTreeMap<usize, Client>,
    pub(super) chance: Chance,
    pub(super) lived: Lived,
    crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) connections: u64,
    pub(super) tracks: u32,
    /// Transports made since somebody last looked.
    pub(super) created: Vec<(TransportId, IceCredentials)>,
    inbox: VecDeque<(u64, told::Message)>,
    pub(super) lost: u64,
}

struct Chances(Chance);

impl Random for Chances {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.next().to_be_bytes()[0]);
    }
}

impl Site {
    pub(super) fn new(seed: u64) -> Self {
        let start = Instant::now();
        let crypto = rtc::crypto::default_provider().expect("a crypto provider");
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.set_nonblocking(true).expect("a socket");
            socket
        };
        let (event_sender, events) = crossbeam_channel::unbounded();
        let waker = Arc::new(Waker::new().expect("a pipe"));
        let parts = WorkerParts {
            socket: socket(),
            reports: socket(),
            inputs: crossbeam_channel::never(),
            waker: waker.clone(),
            crossings: Crossings::between(&[waker]).remove(0),
            transports: crossbeam_channel::unbounded().0,
            events: event_sender,
            routes: Routes::new(0, None),
            patience: Patience {
                pause: Duration::from_secs(15),
                disconnect: Duration::from_secs(30),
            },
            forward: forward::Config::new(start, 0xe800_0000 << 32, seed),
            crypto: crypto.clone(),
            stats: Arc::default(),
        };
        let config = Config {
            region: "eu".into(),
            relay: "relay-1".into(),
            candidates: vec![Candidate {
                address: "203.0.113.7:7882".parse().expect("an address"),
                protocol: CandidateProtocol::Udp,
            }],
            ice_servers: Arc::new(OneServer),
            fingerprint: Fingerprint([7; 32]),
            workers: 1,
            together: 1,
            max_participants: 100,
            capacity: 100,
            auto_cameras: 49,
        };
        Self {
            now: start,
            start,
            control: Control::new(config, Box::new(Chances(Chance(seed ^ 0x55)))),
            worker: Worker::new(parts, start),
            events,
            clients: BTreeMap::new(),
            chance: Chance(seed),
            lived: Lived::default(),
            crypto,
            connections: 0,
            tracks: 0,
            created: Vec::new(),
            inbox: VecDeque::new(),
            lost: 0,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Packets that clients could not open.
    pub(super) fn unopened(&self) -> u64 {
        let legs = self.clients.values().flat_map(|client| &client.legs);
        self.lost + legs.map(|leg| leg.unopened).sum::<u64>()
    }

    fn time(&self) -> Now {
        Now {
            at: self.now,
            unix_ms: START_MS + i64::try_from(self.elapsed().as_millis()).expect("a short test"),
        }
    }

    pub(super) fn signal(&mut self, n: usize, message: ask::Message) {
        if let Some(connection) = self.clients.get(&n).and_then(|client| client.connection) {
            let connection = ConnectionId(connection);
            self.input(Input::Signal { connection, message });
        }
    }

    pub(super) fn input(&mut self, input: Input) {
        self.control.handle(self.time(), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Send { connection, message } => {
                    let message = message.message.clone().expect("a message");
                    self.inbox.push_back((connection.0, message));
                }
                Output::Forward(command) => self.worker.handle_input(self.now, WorkerInput::Forward(command)),
                Output::Transport(TransportCommand::Create { id, ice, .. }) => {
                    self.created.push((id, ice.clone()));
                    self.worker.handle_input(self.now, WorkerInput::Create(id, ice));
                }
                Output::Transport(TransportCommand::RestartIce { id, ice }) => self.restart(id, ice),
                Output::Transport(TransportCommand::Close { id }) => {
                    self.worker.handle_input(self.now, WorkerInput::Remove(id));
                }
                Output::Refuse { connection, refusal } => panic!("{connection:?} is refused: {refusal:?}"),
                _ => {}
            }
        }
    }

    /// The client hears of new credentials, and often is somewhere else when it uses them.
    fn restart(&mut self, id: TransportId, ice: IceCredentials) {
        self.lived.restarts += 1;
        self.worker
            .handle_input(self.now, WorkerInput::RestartIce(id, ice.clone()));
        let legs = self.clients.values_mut().flat_map(|client| &mut client.legs);
        let Some(leg) = legs.into_iter().find(|leg| leg.id == id) else {
            return;
        };
        leg.ice = ice;
        leg.next_check = self.now;
        if self.chance.once_in(2) {
            leg.move_away(self.now);
        }
        // Keys that come once more make no second sealer.
        if let Some(secured) = leg.secured.as_ref().filter(|_| self.chance.once_in(2)) {
            let keys = Box::new(secured.keys.clone());
            self.worker.handle_input(self.now, WorkerInput::Keys(id, keys));
        }
    }

    /// Clients react to what they were told.
    pub(super) fn settle(&mut self) {
        while let Some((connection, message)) = self.inbox.pop_front() {
            let hers = |client: &Client| client.connection == Some(connection);
            let Some(n) = self.clients.iter().find(|(_, client)| hers(client)).map(|(n, _)| *n) else {
                continue;
            };
            self.react(n, message);
        }
    }

    fn react(&mut self, n: usize, message: told::Message) {
        let client = self.clients.get_mut(&n).expect("a client");
        let infos = match message {
            told::Message::Offer(offer) => {
                if let Some(leg) = client.legs.get_mut(1) {
                    (leg.receiver.number_ext, leg.receiver.rtx) = description::numbers(&offer.sdp);
                }
                self.lived.negotiations += 1;
                self.signal(n, ask::Message::Answer(description::answer_to(&offer)));
                return;
            }
            told::Message::MediaSectionsRequirement(wanted) => {
                let audio = std::iter::repeat_n(vec![Codec::Opus], wanted.num_audios as usize);
                let video = std::iter::repeat_n(vec![Codec::Vp8, Codec::H264], wanted.num_videos as usize);
                client.sections.extend(audio.chain(video).map(|codecs| Section {
                    codecs,
                    cid: None,
                    receives: true,
                }));
                self.offer(n);
                return;
            }
            told::Message::TrackPublished(published) => {
                let section = client
                    .sections
                    .iter()
                    .position(|section| section.cid.as_ref() == Some(&published.cid));
                let of = |one: &&mut Published| Some(one.section) == section;
                if let Some(one) = client.published.iter_mut().find(of) {
                    one.sid = published.track.map(|track| track.sid);
                }
                return;
            }
            told::Message::Leave(leave) => panic!("client {n} is put out: {:?}", leave.reason()),
            told::Message::Join(join) => {
                client.sid = join.participant.unwrap_or_default().sid;
                join.other_participants
            }
            told::Message::Update(update) => update.participants,
            _ => return,
        };
        let others = infos.into_iter().filter(|info| info.sid != client.sid);
        let sids = others.flat_map(|info| info.tracks).map(|track| track.sid);
        client.tracks.extend(sids);
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += TURN;
            self.turn();
        }
    }

    fn turn(&mut self) {
        let now = self.now;
        if self.control.poll_timeout().is_some_and(|at| at <= now) {
            self.control.handle_timeout(self.time());
            self.drain();
        }
        for n in 0..self.clients.len() {
            self.turn_of(n);
        }
        self.worker.give_out(now);
        while let Ok(event) = self.events.try_recv() {
            self.input(match event {
                EngineEvent::Transport(event) => Input::Transport(event),
                EngineEvent::Forward(event) => Input::Forward(event),
            });
        }
        self.settle();
    }

    fn turn_of(&mut self, n: usize) {
        let now = self.now;
        let client = self.clients.get_mut(&n).expect("a client");
        let (mut sent, mut connected): (Vec<(SocketAddr, Vec<u8>)>, Vec<TransportId>) = Default::default();
        for (place, leg) in client.legs.iter_mut().enumerate() {
            let from = leg.socket.local_addr().expect("an address");
            for datagram in leg.receive(now) {
                match datagram {
                    Datagram::Rtp(bytes) => leg.receiver.handle_rtp(now, &bytes),
                    Datagram::Rtcp(bytes) => {
                        for one in &mut client.published {
                            one.model.handle_rtcp(now, &bytes);
                        }
                    }
                }
            }
            if now >= leg.next_check {
                leg.next_check = now + Duration::from_secs(2);
                sent.push((from, leg.check()));
                if leg.secured.is_none() {
                    connected.push(leg.id);
                }
            }
            let mut media = leg.receiver.send(now, &mut self.chance);
            if place == 0 {
                for one in &mut client.published {
                    let codec = one.model.codec;
                    let renamed = |datagram| with_types_of(codec, datagram);
                    media.extend(one.model.send(now).into_iter().map(renamed));
                }
            }
            for datagram in media {
                let bytes = leg.seal(datagram);
                sent.extend(bytes.filter(|_| !self.chance.once_in(50)).map(|bytes| (from, bytes)));
            }
        }
        for (from, mut bytes) in sent {
            self.worker.handle_datagram(now, Path::Udp(from), &mut bytes, None);
        }
        for id in connected {
            self.connect(n, id);
        }
    }

    /// DTLS of a connection is done.
    fn connect(&mut self, n: usize, id: TransportId) {
        let mut master = || MasterKey {
            key: std::array::from_fn(|_| self.chance.next().to_be_bytes()[0]),
            salt: std::array::from_fn(|_| self.chance.next().to_be_bytes()[0]),
        };
        let (ours, theirs) = (master(), master());
        let profile = match self.chance.next() % 3 {
            0 => Profile::CounterMode,
            _ => Profile::Gcm,
        };
        let keys = Keys { profile, ours, theirs };
        let client = self.clients.get_mut(&n).expect("a client");
        let leg = client.legs.iter_mut().find(|leg| leg.id == id).expect("its connection");
        leg.secured = Some(Secured::new(keys.clone(), &*self.crypto));
        self.worker
            .handle_input(self.now, WorkerInput::Keys(id, Box::new(keys)));
        self.input(Input::Transport(TransportEvent::Connected { id }));
    }
}

/// The publishers write one payload type for every codec.
fn with_types_of(codec: Codec, datagram: Datagram) -> Datagram {
    let Datagram::Rtp(mut bytes) = datagram else {
        return datagram;
    };
    let (pt, rtx) = description::payload_types(codec);
    let pt = if bytes[1] & 0x7f == 97 { rtx.unwrap_or(pt) } else { pt };
    bytes[1] = bytes[1] & 0x80 | pt;
    Datagram::Rtp(bytes)
}
