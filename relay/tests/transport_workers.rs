//! A room that several media workers share: media of one worker's client reaches those of the others.

mod transport_kit;

use relay::engine::EngineConfig;
use relay_core::{
    forward,
    types::{Codec, SourceId},
};
use transport_kit::{Client, ClientOptions, Peer, Relay, SOUND};

fn start(workers: usize) -> Relay {
    Relay::start_with(&EngineConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        workers,
        ..EngineConfig::default()
    })
}

/// A publisher with worker 0 and subscribers with these.
struct Hall {
    relay: Relay,
    publisher: Client,
    source: SourceId,
    up: Peer,
    subscribers: Vec<(Client, Peer)>,
    /// What the next packet holds.
    next: u8,
}

impl Hall {
    fn open(workers: usize, subscribers: &[u32]) -> Self {
        let step = u32::try_from(workers).expect("few");
        let mut relay = start(workers).with_step(step);
        relay.mint_with(0);
        let mut publisher = Client::new(relay.engine.udp_addr(), SOUND);
        let up = relay.join(&mut publisher);
        let source = relay.publish(&up);
        let mut hall = Self {
            relay,
            publisher,
            source,
            up,
            subscribers: Vec::new(),
            next: 0,
        };
        for worker in subscribers {
            hall.subscribe(*worker);
        }
        hall
    }

    fn subscribe(&mut self, worker: u32) {
        self.relay.mint_with(worker);
        let mut client = Client::new(self.relay.engine.udp_addr(), ClientOptions::default());
        let down = self.relay.subscribe(&mut client, self.source, Codec::Opus);
        self.subscribers.push((client, down));
        let Self {
            relay,
            publisher,
            up,
            subscribers,
            ..
        } = self;
        let (mut clients, peers): (Vec<_>, Vec<_>) =
            subscribers.iter_mut().map(|(client, peer)| (client, &*peer)).unzip();
        clients.push(publisher);
        relay.until("all are connected", &mut clients, |relay, _| {
            relay.connected(up) && peers.iter().all(|peer| relay.connected(peer))
        });
    }

    /// Sends sound until everybody has a hundred packets more, and looks at them.
    fn check(&mut self) {
        let Self {
            relay,
            publisher,
            subscribers,
            next,
            ..
        } = self;
        let mut clients = vec![publisher];
        clients.extend(subscribers.iter_mut().map(|(client, _)| client));
        for client in &mut clients {
            client.packets.clear();
        }
        let mut sent = 0;
        relay.until("a hundred packets for each", &mut clients, |_, clients| {
            if sent < 250 {
                clients[0].send_sound(&[*next; 80]);
                *next = next.wrapping_add(1);
                sent += 1;
            }
            clients[1..].iter().all(|client| client.packets.len() >= 100)
        });
        for client in &clients[1..] {
            for pair in client.packets.windows(2) {
                let (a, b) = (&pair[0], &pair[1]);
                assert_eq!(a.header.ssrc, b.header.ssrc);
                assert_eq!(a.header.sequence_number.wrapping_add(1), b.header.sequence_number);
                assert_eq!(a.payload[0].wrapping_add(1), b.payload[0]);
            }
        }
    }
}

#[test]
fn sound_reaches_the_subscribers_of_all_workers() {
    let mut hall = Hall::open(3, &[0, 1, 1, 2]);
    hall.check();
    // Each worker publishes its own counts, at its own time.
    let stats = hall.relay.stats_when("counted by both", |stats| {
        stats.workers[0].crossed_out >= 200 && stats.workers[1].forward.packets_out >= 200
    });
    let lost: u64 = stats.workers.iter().map(|worker| worker.dropped_crossing).sum();
    assert_eq!(lost, 0);
    // Once for each worker, however many are there.
    let received = stats.workers[0].forward.packets_in;
    assert!(stats.workers[0].crossed_out <= 2 * received + 20, "{stats:?}");
}

#[test]
fn nothing_crosses_for_who_has_gone_and_who_comes_again_hears() {
    let mut hall = Hall::open(2, &[0, 1]);
    hall.check();
    let (_, gone) = hall.subscribers.pop().expect("one of the other worker");
    hall.relay.forward(forward::Command::TransportRemove { id: gone.id });
    // What was under way before the command.
    hall.check();
    let before = hall.relay.engine.stats().workers[0].crossed_out;
    hall.check();
    hall.relay
        .stats_when("counted", |stats| stats.workers[0].forward.packets_in >= 300);
    assert!(hall.relay.engine.stats().workers[0].crossed_out <= before + 1);
    hall.subscribe(1);
    hall.check();
}
