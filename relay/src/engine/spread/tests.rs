use relay_core::{
    forward::{LayerSpec, SinkSpec, SpeakerLevel, Want},
    types::{Codec, ExtMap, Mid, Pt, Ssrc},
};

use super::*;

fn spec(muted: bool) -> SourceSpec {
    SourceSpec {
        codec: Codec::Opus,
        pt: Pt(111),
        rtx_pt: None,
        red_pt: None,
        mid: "0".parse().expect("a name"),
        layers: vec![LayerSpec::default()],
        exts: ExtMap::default(),
        svc: false,
        nack: false,
        muted,
        floor: None,
    }
}

fn source_add(id: u32, transport: u32) -> Command {
    Command::SourceAdd {
        id: SourceId(id),
        transport: TransportId(transport),
        spec: spec(false),
    }
}

fn sink_add(id: u32, transport: u32, source: u32) -> Command {
    Command::SinkAdd {
        id: SinkId(id),
        transport: TransportId(transport),
        source: SourceId(source),
        spec: SinkSpec {
            ssrc: Ssrc(id),
            rtx_ssrc: None,
            pt: Pt(111),
            rtx_pt: None,
            red_pt: None,
            exts: ExtMap::default(),
            mid: "0".parse::<Mid>().expect("a name"),
            is_screen: false,
            allow_pause: false,
        },
        want: Want::default(),
    }
}

/// A spread that knows these transports.
fn spread(workers: usize, transports: &[u32]) -> Spread {
    let mut spread = Spread::new(workers);
    for id in transports {
        spread.route(Command::TransportAdd { id: TransportId(*id) });
    }
    spread
}

fn sink_remove(id: u32) -> Command {
    Command::SinkRemove { id: SinkId(id) }
}

fn source_remove(id: u32) -> Command {
    Command::SourceRemove { id: SourceId(id) }
}

fn transport_remove(id: u32) -> Command {
    Command::TransportRemove { id: TransportId(id) }
}

fn offer(source: u32, to: usize) -> (SourceId, TransportId) {
    (SourceId(source), link_to(to))
}

fn offer_add(id: u32, to: usize) -> Command {
    let (source, link) = offer(id, to);
    Command::OfferAdd { source, link }
}

fn offer_remove(id: u32, to: usize) -> Command {
    let (source, link) = offer(id, to);
    Command::OfferRemove { source, link }
}

fn remote_add(id: u32, from: usize, muted: bool) -> Command {
    Command::RemoteAdd {
        id: SourceId(id),
        link: link_to(from),
        origin: SourceId(id),
        spec: spec(muted),
    }
}

fn link_add(to: usize) -> Command {
    Command::TransportAdd { id: link_to(to) }
}

fn link_remove(to: usize) -> Command {
    Command::TransportRemove { id: link_to(to) }
}

#[test]
fn who_is_with_the_publishers_worker_needs_no_crossing() {
    let mut spread = spread(2, &[1, 7]);
    for command in [source_add(3, 1), sink_add(5, 7, 3), sink_remove(5), source_remove(3)] {
        assert_eq!(spread.route(command.clone()), [(1, command)]);
    }
}

#[test]
fn a_source_crosses_once_for_all_sinks_of_a_worker_and_goes_with_the_last() {
    let mut spread = spread(3, &[6, 7, 8, 10]);
    spread.route(source_add(3, 6));
    assert_eq!(
        spread.route(sink_add(4, 7, 3)),
        [
            (0, link_add(1)),
            (1, link_add(0)),
            (0, offer_add(3, 1)),
            (1, remote_add(3, 0, false)),
            (1, sink_add(4, 7, 3)),
        ]
    );
    assert_eq!(spread.route(sink_add(7, 10, 3)), [(1, sink_add(7, 10, 3))]);
    // What is said of the source is said to all who have it, and a worker that comes later hears how it is.
    let mute = Command::SourceMute {
        id: SourceId(3),
        muted: true,
        ordered: true,
    };
    assert_eq!(spread.route(mute.clone()), [(1, mute.clone()), (0, mute)]);
    let third = spread.route(sink_add(5, 8, 3));
    assert_eq!(third[3], (2, remote_add(3, 0, true)));
    assert_eq!(spread.route(sink_remove(4)), [(1, sink_remove(4))]);
    assert_eq!(
        spread.route(sink_remove(7)),
        [
            (1, sink_remove(7)),
            (1, source_remove(3)),
            (0, offer_remove(3, 1)),
            (0, link_remove(1)),
            (1, link_remove(0)),
        ]
    );
    assert_eq!(spread.route(sink_remove(7)), [(1, sink_remove(7))]);
}

#[test]
fn what_goes_with_a_transport_goes_everywhere() {
    let mut spread = spread(2, &[2, 3]);
    // Each publishes, and is sent what the other publishes.
    spread.route(source_add(2, 2));
    spread.route(source_add(3, 3));
    spread.route(sink_add(4, 2, 3));
    spread.route(sink_add(5, 3, 2));
    let routed = spread.route(transport_remove(2));
    assert_eq!(
        routed,
        [
            (0, source_remove(3)),
            (1, offer_remove(3, 0)),
            (1, source_remove(2)),
            (0, link_remove(1)),
            (1, link_remove(0)),
            (0, transport_remove(2)),
        ]
    );
    spread.route(transport_remove(3));
    assert!(spread.sources.is_empty() && spread.sinks.is_empty() && spread.transports.is_empty());
    assert!(spread.links.is_empty());
}

#[test]
fn a_source_that_goes_takes_its_sinks_with_it_everywhere() {
    let mut spread = spread(2, &[2, 3]);
    spread.route(source_add(2, 2));
    spread.route(sink_add(5, 3, 2));
    let routed = spread.route(source_remove(2));
    assert_eq!(routed[0], (1, source_remove(2)));
    assert_eq!(routed.last(), Some(&(0, source_remove(2))));
    // Its id is not known any more, nor the sink's.
    assert_eq!(spread.route(sink_remove(5)), [(1, sink_remove(5))]);
    assert_eq!(spread.route(sink_add(7, 3, 2)), [(1, sink_add(7, 3, 2))]);
    assert!(spread.sinks.is_empty() && spread.links.is_empty());
}

#[test]
fn nothing_is_kept_of_what_comes_by_a_transport_that_is_gone() {
    let mut spread = spread(2, &[2, 3]);
    spread.route(source_add(2, 2));
    for gone in [2, 3] {
        spread.route(transport_remove(gone));
    }
    assert_eq!(spread.route(source_add(4, 2)), [(0, source_add(4, 2))]);
    assert_eq!(spread.route(sink_add(5, 3, 4)), [(1, sink_add(5, 3, 4))]);
    assert!(spread.sources.is_empty() && spread.sinks.is_empty() && spread.transports.is_empty());
}

#[test]
fn one_worker_speaks_for_a_source_and_none_for_a_link() {
    let level = |source| SpeakerLevel {
        source: SourceId(source),
        eighths: 3,
    };
    let speakers = |changed: Vec<SpeakerLevel>| Event::Speakers { changed };
    let all = speakers(vec![level(2), level(3), level(4)]);
    assert_eq!(told(all.clone(), 0, 2), Some(speakers(vec![level(2), level(4)])));
    assert_eq!(told(all, 1, 2), Some(speakers(vec![level(3)])));
    assert_eq!(told(speakers(vec![level(2)]), 1, 2), None);
    let wanted = Event::LayerWanted {
        source: SourceId(2),
        highest: None,
    };
    assert_eq!(told(wanted.clone(), 1, 2), None);
    assert_eq!(told(wanted.clone(), 0, 2), Some(wanted));
    let estimate = |transport| Event::Estimate {
        transport,
        bits_per_second: 1,
    };
    assert_eq!(told(estimate(link_to(1)), 0, 2), None);
    assert!(told(estimate(TransportId(7)), 0, 2).is_some());
}
