//! Joins under loss never hang, and data channels stay complete.

mod transport_kit;

use std::time::{Duration, Instant};

use transport_kit::{Client, ClientOptions, Relay};

/// The longest that a join may take at 25 % loss each way.
const LOSSY_LIMIT: Duration = Duration::from_secs(40);

/// Every second client begins the handshake itself.
fn join_under_loss(percent: u32, joins: u64) -> Vec<Duration> {
    let mut relay = Relay::start();
    (0..2 * joins)
        .map(|seed| {
            let options = ClientOptions {
                loss: percent,
                seed: seed * 7_919 + 13,
                ..ClientOptions::default()
            };
            let mut client = Client::new(relay.engine.udp_addr(), options).with_channels();
            let started = Instant::now();
            let peer = match seed % 2 {
                0 => relay.join(&mut client),
                _ => relay.join_begun(&mut client),
            };
            let joined = relay.run(LOSSY_LIMIT, &mut [&mut client], |relay, _| relay.connected(&peer));
            assert!(joined, "join {seed} hangs at {percent} % loss");
            started.elapsed()
        })
        .collect()
}

#[test]
fn joins_at_5_percent_loss_do_not_hang() {
    let mut times = join_under_loss(5, 12);
    times.sort();
    println!("joins at 5 % loss took {times:?}");
    assert!(times[12] < Duration::from_secs(2), "{times:?}");
}

#[test]
fn joins_at_25_percent_loss_do_not_hang() {
    let mut times = join_under_loss(25, 6);
    times.sort();
    println!("joins at 25 % loss took {times:?}");
}

#[test]
fn a_reliable_channel_is_complete_at_5_percent_loss() {
    let mut relay = Relay::start();
    let options = ClientOptions {
        loss: 5,
        seed: 4,
        ..ClientOptions::default()
    };
    let mut client = Client::new(relay.engine.udp_addr(), options).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    for i in 0..60_u8 {
        relay.send(&peer, "_reliable", &[i; 500]);
        client.send("_reliable", &[i; 500]);
    }
    relay.until("complete", &mut [&mut client], |relay, clients| {
        relay.received(&peer, "_reliable").len() == 60 && clients[0].received("_reliable").len() == 60
    });
    let down = client.received("_reliable");
    assert!((0..60_u8).zip(down).all(|(i, got)| got == [i; 500]));
}
