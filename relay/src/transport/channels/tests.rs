//! What a client that was let in may send, and means no well.

use super::*;
use crate::transport::fuzzing::Client;

/// A client and its channels, with SCTP up.
struct Pair {
    now: Instant,
    client: Client,
    channels: Channels,
    /// TSN of the client's next DATA.
    tsn: u32,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let (mut client, mut channels) = (Client::new(now), Channels::new());
        let init = client.poll_transmit(now).remove(0);
        let tsn = u32::from_be_bytes(init[28..32].try_into().expect("four bytes"));
        channels.handle(now, init, false);
        client.exchange(now, &mut channels);
        let mut pair = Self {
            now,
            client,
            channels,
            tsn,
        };
        pair.exchange();
        assert!(pair.channels.established);
        pair
    }

    fn exchange(&mut self) {
        self.client.exchange(self.now, &mut self.channels);
    }

    /// The client sends these chunks in one packet; says whether the library saw it.
    fn send(&mut self, chunks: &[Vec<u8>]) -> bool {
        let packet = self.client.packet(&chunks.concat());
        self.channels.handle(self.now, packet, false);
        self.channels.take_refused() == 0
    }

    /// Waits for a delayed acknowledgement, and forgets all that is due then; returns how many packets.
    fn drain(&mut self) -> usize {
        self.now += Duration::from_millis(200);
        self.channels.handle_timeout(self.now, false);
        std::iter::from_fn(|| self.channels.poll_transmit(self.now))
            .map(|packets| packets.len())
            .sum()
    }

    /// The next DATA on a stream, with B and E as in RFC 9260 §3.3.1.
    fn data(&mut self, stream: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
        let data = data(self.tsn, stream, flags, payload);
        self.tsn = self.tsn.wrapping_add(1);
        data
    }
}

const BEGIN: u8 = 2;
const END: u8 = 1;
const UNORDERED: u8 = 4;

fn chunk(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let len = (4 + body.len()) as u16;
    let mut chunk = [&[kind, flags], &len.to_be_bytes()[..], body].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

fn data(tsn: u32, stream: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let header = [&tsn.to_be_bytes()[..], &stream.to_be_bytes(), &[0, 0], &[0, 0, 0, 53]];
    chunk(0, flags, &[&header.concat(), payload].concat())
}

fn forward(tsn: u32) -> Vec<u8> {
    chunk(192, 0, &tsn.to_be_bytes())
}

fn reset(number: u32, last: u32) -> Vec<u8> {
    let numbers = [number, 0, last].map(u32::to_be_bytes).concat();
    chunk(130, 0, &[&[0, 13, 0, 18], &numbers[..], &[0, 2]].concat())
}

#[test]
fn causes_of_errors_that_reach_beyond_their_chunk_are_refused() {
    for kind in [6, 9] {
        for cause in [
            &[0, 13, 0xff, 0xff][..],
            &[0, 13, 0, 3],
            &[0, 13, 0, 4, 0, 1, 0, 9, 0, 0, 0, 0],
        ] {
            let mut pair = Pair::new();
            assert!(!pair.send(&[chunk(kind, 0, cause)]));
            let whole = pair.data(2, BEGIN | END, b"x");
            assert!(!pair.send(&[whole, chunk(kind, 0, cause)]), "behind another chunk");
            assert!(!pair.channels.lost);
        }
    }
}

#[test]
fn chunks_inside_chunks_are_refused() {
    let bad = chunk(9, 0, &[0, 13, 0xff, 0xff]);
    let mut pair = Pair::new();
    // The library goes on reading where these would end without what is too much in them.
    let sack = [&[0; 12][..], &bad].concat();
    let response = [&[0, 16, 0, 20], &[0; 16][..]].concat();
    for (kind, body) in [
        (11, bad.clone()),
        (3, sack),
        (130, response),
        (8, bad.clone()),
        (14, bad),
    ] {
        assert!(!pair.send(&[chunk(kind, 0, &body)]), "{kind}");
    }
}

#[test]
fn an_error_behind_the_first_init_is_refused() {
    let now = Instant::now();
    let (mut client, mut channels) = (Client::new(now), Channels::new());
    let init = client.poll_transmit(now).remove(0);
    let packet = client.packet(&[&init[12..], &chunk(9, 0, &[0, 13, 0xff, 0xff])].concat());
    channels.handle(now, packet, false);
    assert_eq!(channels.take_refused(), 1);
    channels.handle(now, init, false);
    client.exchange(now, &mut channels);
    assert!(channels.established);
}

#[test]
fn a_tsn_is_not_moved_half_way_round() {
    let mut pair = Pair::new();
    let begin = Instant::now();
    assert!(!pair.send(&[forward(pair.tsn.wrapping_add(1 << 29))]));
    assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
    assert!(pair.send(&[forward(pair.tsn.wrapping_add(1_000))]));
    assert!(pair.drain() > 0, "acknowledged");
    assert!(
        pair.send(&[forward(pair.tsn.wrapping_add(60_000))]),
        "and again from there"
    );
}

#[test]
fn requests_to_reset_streams_are_few() {
    let mut pair = Pair::new();
    let far = pair.tsn.wrapping_add(100);
    let taken = (0..1_000).filter(|n| pair.send(&[reset(*n, far)])).count();
    assert_eq!(taken, 4, "that wait for what was not sent");
    assert!(pair.send(&[reset(0, far)]), "one that comes again");
    pair.drain();
    let whole = pair.data(2, BEGIN | END, b"x");
    assert!(pair.send(&[whole]));
    let answers = pair.drain();
    assert!(
        (4..20).contains(&answers),
        "each is answered when the TSN moves, and when all is read: {answers}"
    );
}

#[test]
fn streams_are_reset_as_long_as_our_own_requests_are_answered() {
    for answers in [false, true] {
        let mut pair = Pair::new();
        let mut taken = 0;
        for n in 0..1_000 {
            let whole = pair.data(2, BEGIN | END, b"x");
            assert!(pair.send(&[whole]));
            pair.drain();
            taken += usize::from(pair.send(&[reset(n, pair.tsn.wrapping_sub(1))]));
            let ours = std::iter::from_fn(|| pair.channels.poll_transmit(pair.now)).flatten();
            let asked = ours.filter(|packet| packet[12] == 130 && packet[17] == 13);
            for packet in asked.collect::<Vec<_>>() {
                let done = [&[0, 16, 0, 12], &packet[20..24], &[0, 0, 0, 1]].concat();
                assert!(!answers || pair.send(&[chunk(130, 0, &done)]));
            }
        }
        assert_eq!(taken, if answers { 1_000 } else { 128 });
    }
}

#[test]
fn a_message_of_nothing_is_refused() {
    let mut pair = Pair::new();
    let nothing = pair.data(2, BEGIN | END, b"");
    assert!(!pair.send(&[nothing]));
}

#[test]
fn fragments_that_never_become_messages_are_few() {
    for flags in [UNORDERED, 0] {
        for gap in [0, 1] {
            let mut pair = Pair::new();
            let begin = Instant::now();
            pair.tsn = pair.tsn.wrapping_add(gap);
            let mut taken = 0;
            for n in 0..400 {
                let first = if n == 0 { BEGIN } else { 0 };
                let packet: Vec<_> = (0..50).map(|_| pair.data(2, flags | first, b"x")).collect();
                taken += 50 * usize::from(pair.send(&packet));
                pair.drain();
            }
            assert!((3_000..=4_200).contains(&taken), "{taken}");
            assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        }
    }
}

#[test]
fn what_a_client_gave_up_does_not_count_for_good() {
    let mut pair = Pair::new();
    // DATA_CHANNEL_OPEN of a channel without order or repetition (RFC 8832 §5.1), of PPID 50.
    let mut open = pair.data(2, BEGIN | END, &[3, 0x81, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, b'x']);
    open[15] = 50;
    assert!(pair.send(&[open]));
    for n in 0..10_000 {
        let part = pair.data(2, UNORDERED | BEGIN, &[0; 1_000]);
        assert!(pair.send(&[part]), "{n}");
        let _lost = pair.data(2, UNORDERED | END, b"x");
        assert!(pair.send(&[forward(pair.tsn.wrapping_sub(1))]), "{n}");
        pair.drain();
    }
}

#[test]
fn the_window_may_be_filled_with_messages_of_any_size_that_wait() {
    for (len, messages) in [(MAX_MESSAGE, 15), (1_148, 900), (100, 3_000)] {
        let mut pair = Pair::new();
        for _ in 0..messages {
            let message = vec![7; len];
            let parts: Vec<_> = message.chunks(MAX_PAYLOAD as usize).collect();
            for (n, part) in parts.iter().enumerate() {
                let flags = if n == 0 { BEGIN } else { 0 } | if n + 1 == parts.len() { END } else { 0 };
                let chunk = pair.data(2, UNORDERED | flags, part);
                let packet = pair.client.packet(&chunk);
                pair.channels.handle(pair.now, packet, true);
                assert_eq!(pair.channels.take_refused(), 0, "{len}");
                while pair.channels.poll_transmit(pair.now).is_some() {}
            }
        }
        pair.channels.read(pair.now);
        assert!(!pair.channels.has_unread());
        let more = pair.data(2, UNORDERED | BEGIN | END, b"more");
        assert!(pair.send(&[more]));
    }
}

#[test]
fn what_is_missing_is_taken_when_no_more_is() {
    let mut pair = Pair::new();
    let missing = pair.data(2, UNORDERED | BEGIN | END, b"first");
    let wait: Vec<_> = (0..4_200).map(|_| pair.data(2, UNORDERED, b"x")).collect();
    let refused = wait.chunks(50).filter(|packet| !pair.send(packet)).count();
    assert!(refused > 0);
    let last = wait[wait.len() - 1].clone();
    assert!(!pair.send(&[last]), "what is beyond");
    assert!(pair.send(&[missing]));
}

#[test]
fn gaps_that_go_back_are_refused() {
    let mut pair = Pair::new();
    let sack = |gaps: &[u16]| {
        let gaps = gaps.iter().flat_map(|gap| gap.to_be_bytes()).collect::<Vec<_>>();
        let count = (gaps.len() / 4) as u16;
        chunk(3, 0, &[&[0; 8][..], &count.to_be_bytes(), &[0, 0], &gaps].concat())
    };
    for gaps in [&[2, 3, 2, 3][..], &[3, 2], &[2, 5, 4, 6]] {
        assert!(!pair.send(&[sack(gaps)]), "{gaps:?}");
    }
    // These are for DATA that we did not send: the library ends the association for that, itself.
    assert!(pair.send(&[sack(&[2, 3, 5, 5, 9, 12])]));
}

#[test]
fn an_init_that_comes_again_is_answered_again() {
    let now = Instant::now();
    let (mut client, mut channels) = (Client::new(now), Channels::new());
    let init = client.poll_transmit(now).remove(0);
    channels.handle(now, init.clone(), false);
    let lost = channels.poll_transmit(now);
    channels.handle(now, init.clone(), false);
    let again = channels.poll_transmit(now);
    assert!(lost.is_some() && again == lost, "the same cookie (RFC 9260 §5.2.2)");
    for packet in again.into_iter().flatten() {
        client.take(now, packet);
    }
    client.exchange(now, &mut channels);
    assert!(channels.established);
    for _ in 0..100 {
        channels.handle(now, init.clone(), false);
    }
    assert_eq!(channels.poll_transmit(now), None);
}

#[test]
fn a_client_that_begins_twice_has_its_second_association() {
    let now = Instant::now();
    let (mut first, mut second) = (Client::new(now), Client::new(now));
    let mut channels = Channels::new();
    channels.open(now, "_reliable".into(), true, None);
    channels.handle(now, first.poll_transmit(now).remove(0), false);
    second.exchange(now, &mut channels);
    assert!(channels.established);
    assert_eq!(channels.channels.len(), 1);
}

/// A client may be away for as long as its session waits for it, and what was sent to it is sent again until it is back.
#[test]
fn what_a_client_that_is_away_has_not_got_is_sent_until_it_is_back() {
    let mut pair = Pair::new();
    let gone = pair.now + Duration::from_secs(300);
    pair.channels.open(pair.now, "_reliable".into(), true, None);
    let mut sent = 0;
    while pair.now < gone {
        sent += std::iter::from_fn(|| pair.channels.poll_transmit(pair.now)).count();
        pair.now = pair.channels.poll_timeout().expect("it tries again");
        pair.channels.handle_timeout(pair.now, false);
    }
    assert!(sent > 8, "{sent}");
}
