//! Real clients (the `rtc` crate's peer connection on a socket of its own) and an engine, on loopback.
//!
//! Time is the machine's; nothing sleeps: everything waits for a datagram or an event, with a limit.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::missing_panics_doc,
    reason = "each test file uses its part of this module, which is public within it only"
)]

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use relay::{
    access::{Access, AccessConfig, AccessStats, Limits},
    engine::{Engine, EngineCommand, EngineConfig, EngineEvent, EngineStats},
};
use relay_core::{
    forward::{self, LayerSpec, SinkSpec, SourceSpec, Want},
    sdp::{Candidate, CandidateProtocol, Local, Negotiator, Role, SendTrack},
    types::{
        Codec, DtlsRole, Fingerprint, IceCredentials, SinkId, SourceId, SrtpChoice, Ssrc, TransportCommand,
        TransportEvent, TransportId,
    },
};

mod client;
pub mod link;
pub mod turn;

pub use client::{Client, ClientOptions};
pub use link::Link;
pub use turn::Turn;

/// How long anything may take before a test fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A client with a track of sound.
pub const SOUND: ClientOptions = ClientOptions {
    audio: true,
    loss: 0,
    seed: 1,
};

/// Sends a message to and fro on an open channel, and waits for both.
pub fn exchange(relay: &mut Relay, client: &mut Client, peer: &Peer, text: &str) {
    client.send("_reliable", text.as_bytes());
    relay.send(peer, "_reliable", text.as_bytes());
    relay.until(text, &mut [client], |relay, clients| {
        let last = relay.received(peer, "_reliable").pop();
        last.as_deref() == Some(text.as_bytes())
            && clients[0].received("_reliable").last().copied() == Some(text.as_bytes())
    });
}

/// An engine and its events.
pub struct Relay {
    pub engine: Engine,
    pub events: Vec<TransportEvent>,
    pub forwarded: Vec<forward::Event>,
    receiver: Receiver<EngineEvent>,
    next: u32,
    step: u32,
    /// Where the ways in beside UDP are served.
    runtime: tokio::runtime::Runtime,
}

/// One transport of the engine with its negotiator.
pub struct Peer {
    pub id: TransportId,
    pub negotiator: Negotiator,
}

impl Relay {
    pub fn start() -> Self {
        Self::start_with(&EngineConfig {
            udp: "127.0.0.1:0".parse().expect("an address"),
            ..EngineConfig::default()
        })
    }

    pub fn start_with(config: &EngineConfig) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self {
            engine: Engine::start(config, sender).expect("an engine"),
            events: Vec::new(),
            forwarded: Vec::new(),
            receiver,
            next: 1,
            step: 1,
            runtime: tokio::runtime::Runtime::new().expect("threads"),
        }
    }

    /// Opens the ways in beside UDP, on ports of their own.
    pub fn access(&self) -> Access {
        self.access_with(|_| {})
    }

    pub fn access_with(&self, change: impl FnOnce(&mut AccessConfig)) -> Access {
        let any = SocketAddr::new(self.engine.udp_addr().ip(), 0);
        let mut config = AccessConfig {
            tcp: any,
            udp: any,
            tls: None,
            peers: self.addresses().collect(),
            connections: Limits { total: 100, each: 100 },
            allocations: Limits { total: 100, each: 100 },
        };
        change(&mut config);
        let _runtime = self.runtime.enter();
        Access::open(&config, self.engine.gate(), &[7; 32]).expect("the ways in")
    }

    /// A client that comes by ICE-TCP.
    pub fn tcp_client(&self, access: &Access, options: ClientOptions) -> Client {
        Client::over(Link::tcp(access.tcp_addr(), self.engine.udp_addr()), options)
    }

    /// Mints ids that far apart.
    pub fn with_step(mut self, step: u32) -> Self {
        self.step = step;
        self
    }

    /// Mints the next ids for this worker: the step is the number of workers.
    pub fn mint_with(&mut self, worker: u32) {
        self.next += self.step - self.next % self.step + worker;
    }

    pub fn fresh(&mut self) -> u32 {
        self.next += self.step;
        self.next
    }

    pub fn ice(&mut self) -> IceCredentials {
        let number = self.fresh();
        IceCredentials {
            ufrag: format!("frag{number}"),
            pwd: format!("a password of sufficient length {number}").replace(' ', "+"),
        }
    }

    pub fn command(&self, command: TransportCommand) {
        self.engine.send(EngineCommand::Transport(command));
    }

    pub fn forward(&self, command: forward::Command) {
        self.engine.send(EngineCommand::Forward(command));
    }

    /// Where clients reach the engine.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let udp = self.engine.udp_addr();
        let own = [udp.ip()];
        let both = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let ips = if udp.ip().is_unspecified() {
            both.to_vec()
        } else {
            own.to_vec()
        };
        ips.into_iter().map(move |ip| SocketAddr::new(ip, udp.port()))
    }

    /// A transport on our side only.
    pub fn peer(&mut self, role: Role) -> Peer {
        let id = TransportId(self.fresh());
        let ice = self.ice();
        self.command(TransportCommand::Create {
            id,
            ice: ice.clone(),
            dtls: (role == Role::ServerOffers).then_some(DtlsRole::Client),
            srtp: SrtpChoice::Best,
        });
        self.forward(forward::Command::TransportAdd { id });
        let local = Local {
            session: u64::from(id.0),
            ice,
            fingerprint: self.engine.fingerprint(),
            candidates: self
                .addresses()
                .map(|address| Candidate {
                    address,
                    protocol: CandidateProtocol::Udp,
                })
                .collect(),
            codecs: vec![Codec::Opus, Codec::Vp8, Codec::H264],
        };
        Peer {
            id,
            negotiator: Negotiator::new(local, role),
        }
    }

    /// Tells the engine what the client's description says.
    pub fn remote(&self, peer: &Peer) {
        let remote = peer.negotiator.remote().expect("a description").clone();
        self.remote_with(peer, remote.fingerprint);
    }

    pub fn remote_with(&self, peer: &Peer, fingerprint: Fingerprint) {
        let remote = peer.negotiator.remote().expect("a description").clone();
        self.command(TransportCommand::Remote {
            id: peer.id,
            ice: remote.ice,
            fingerprint,
            dtls: remote.dtls,
            channels: remote.channels,
        });
    }

    /// Negotiates what the client offers.
    pub fn answer(&mut self, peer: &mut Peer, client: &mut Client) {
        let offer = client.offer();
        self.answer_to(&offer, peer, client);
    }

    fn answer_to(&mut self, offer: &str, peer: &mut Peer, client: &mut Client) {
        peer.negotiator.accept_offer(offer).expect("an offer");
        if peer.negotiator.remote_restarted() {
            let ice = self.ice();
            peer.negotiator.restart_ice(ice.clone());
            self.command(TransportCommand::RestartIce { id: peer.id, ice });
        }
        self.remote(peer);
        client.accept_answer(&peer.negotiator.answer());
    }

    /// A new transport for a client that offers, connecting.
    pub fn join(&mut self, client: &mut Client) -> Peer {
        let mut peer = self.peer(Role::ClientOffers);
        self.answer(&mut peer, client);
        peer
    }

    /// The same for a client that insists on beginning the DTLS handshake.
    pub fn join_begun(&mut self, client: &mut Client) -> Peer {
        let mut peer = self.peer(Role::ClientOffers);
        let offer = client.offer().replace("a=setup:actpass", "a=setup:active");
        self.answer_to(&offer, &mut peer, client);
        peer
    }

    /// A source for the client's one track.
    pub fn publish(&mut self, peer: &Peer) -> SourceId {
        let id = SourceId(self.fresh());
        let receiving = peer.negotiator.receiving().next().expect("a track");
        let layers = receiving.ssrcs.iter().map(|ssrc| LayerSpec {
            ssrc: Some(ssrc.ssrc),
            rtx_ssrc: ssrc.rtx,
            ..LayerSpec::default()
        });
        self.forward(forward::Command::SourceAdd {
            id,
            transport: peer.id,
            spec: SourceSpec {
                codec: receiving.codec,
                pt: receiving.pt,
                rtx_pt: receiving.rtx_pt,
                red_pt: None,
                mid: receiving.mid,
                layers: layers.collect(),
                exts: receiving.exts,
                svc: false,
                nack: false,
                floor: None,
                muted: false,
            },
        });
        id
    }

    /// Offers a source to a client, on a new transport.
    pub fn subscribe(&mut self, client: &mut Client, source: SourceId, codec: Codec) -> Peer {
        let mut peer = self.peer(Role::ServerOffers);
        let ssrc = Ssrc(0x5000_0000 + self.fresh());
        peer.negotiator.add_send(SendTrack {
            track_sid: "TR_1".to_owned(),
            stream_id: "PA_1|TR_1".to_owned(),
            codec,
            stereo: false,
            ssrc,
            rtx_ssrc: None,
        });
        let offer = peer.negotiator.create_offer();
        let answer = client.answer(&offer);
        peer.negotiator.accept_answer(&answer).expect("an answer");
        self.remote(&peer);
        let sending = peer.negotiator.sending().next().expect("a section");
        let id = SinkId(self.fresh());
        self.forward(forward::Command::SinkAdd {
            id,
            transport: peer.id,
            source,
            spec: SinkSpec {
                ssrc,
                rtx_ssrc: None,
                pt: sending.pt,
                rtx_pt: None,
                red_pt: None,
                exts: sending.exts,
                mid: sending.mid,
                is_screen: false,
                allow_pause: false,
            },
            want: Want::default(),
        });
        peer
    }

    pub fn send(&self, peer: &Peer, label: &str, data: &[u8]) {
        self.command(TransportCommand::Send {
            id: peer.id,
            label: label.into(),
            data: data.to_vec().into(),
        });
    }

    pub fn open_channel(&self, peer: &Peer, label: &str, lossy: bool) {
        self.command(TransportCommand::OpenChannel {
            id: peer.id,
            label: label.into(),
            ordered: !lossy,
            max_retransmits: lossy.then_some(0),
        });
    }

    /// Collects events that have arrived.
    pub fn drain(&mut self) {
        while let Ok(event) = self.receiver.try_recv() {
            self.take(event);
        }
    }

    fn take(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::Transport(TransportEvent::Connected { id }) => {
                self.forward(forward::Command::TransportConnected { id });
                self.events.push(TransportEvent::Connected { id });
            }
            EngineEvent::Transport(event) => self.events.push(event),
            EngineEvent::Forward(event) => self.forwarded.push(event),
        }
    }

    /// Runs clients until something holds; says whether it did within `limit`.
    pub fn run(
        &mut self,
        limit: Duration,
        clients: &mut [&mut Client],
        mut holds: impl FnMut(&mut Self, &mut [&mut Client]) -> bool,
    ) -> bool {
        let end = Instant::now() + limit;
        loop {
            self.drain();
            if holds(self, clients) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            if clients.is_empty() {
                // Waits for the next event.
                if let Ok(event) = self.receiver.recv_timeout(Duration::from_millis(5)) {
                    self.take(event);
                }
            }
            for client in clients.iter_mut() {
                client.turn();
            }
        }
    }

    /// Like [`Relay::run`], and it must hold.
    pub fn until(
        &mut self,
        what: &str,
        clients: &mut [&mut Client],
        holds: impl FnMut(&mut Self, &mut [&mut Client]) -> bool,
    ) {
        assert!(self.run(LIMIT, clients, holds), "not in time: {what}");
    }

    pub fn connected(&self, peer: &Peer) -> bool {
        self.events.contains(&TransportEvent::Connected { id: peer.id })
    }

    pub fn channel_open(&self, peer: &Peer, label: &str) -> bool {
        let label: Arc<str> = label.into();
        self.events
            .contains(&TransportEvent::ChannelOpen { id: peer.id, label })
    }

    /// Messages received from a client on a channel.
    pub fn received(&self, peer: &Peer, label: &str) -> Vec<Vec<u8>> {
        let of = |event: &TransportEvent| match event {
            TransportEvent::Data { id, label: l, data } if *id == peer.id && &**l == label => Some(data.to_vec()),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// Waits until the ways in have counted this.
    pub fn access_when(&mut self, access: &Access, what: &str, holds: impl Fn(&AccessStats) -> bool) -> AccessStats {
        self.until(what, &mut [], |_, _| holds(&access.stats()));
        access.stats()
    }

    /// Counters that are newer than this call.
    pub fn stats_when(&mut self, what: &str, holds: impl Fn(&EngineStats) -> bool) -> EngineStats {
        self.until(what, &mut [], |relay, _| holds(&relay.engine.stats()));
        // Events told before the counters were published.
        self.drain();
        self.engine.stats()
    }
}
