//! What a relay counts, as Prometheus reads it (text format 0.0.4).
//!
//! Labels have few values, whatever the meetings: no room and no participant is one.

use std::{collections::BTreeMap, fmt::Display, fmt::Write as _, fs};

use domain::Reason;
use relay_core::{
    forward::{self, Delays},
    room::{Grade, Overview},
};

use crate::engine::{EngineStats, WorkerStats};

/// Everything that is told.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    pub(crate) relay: &'a str,
    pub(crate) region: &'a str,
    pub(crate) draining: bool,
    /// When the relay started, in Unix seconds.
    pub(crate) started: i64,
    pub(crate) rooms: Overview,
    pub(crate) engine: EngineStats,
    /// Clients that did not get in, by why.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Reports that wait for the control plane, and reports that were given up.
    pub(crate) reports: (u64, u64),
    /// The same of spans of quality.
    pub(crate) quality: (u64, u64),
}

/// The text of a scrape.
pub(crate) fn render(snapshot: &Snapshot<'_>) -> String {
    let mut text = Text::default();
    write_relay(&mut text, snapshot);
    write_rooms(&mut text, &snapshot.rooms);
    write_datagrams(&mut text, &snapshot.engine);
    write_forwarding(&mut text, &snapshot.engine.workers);
    write_transports(&mut text, &snapshot.engine);
    write_process(&mut text, snapshot.started);
    text.0
}

fn write_relay(text: &mut Text, snapshot: &Snapshot<'_>) {
    text.gauge("build_info", "The relay and its version.");
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("relay", snapshot.relay),
        ("region", snapshot.region),
    ];
    text.value("build_info", &labels, 1);
    text.gauge("draining", "1 while no room is opened any more.");
    text.value("draining", &[], u8::from(snapshot.draining));
    text.gauge("reports_waiting", "Reports that the control plane has not heard yet.");
    text.value("reports_waiting", &[], snapshot.reports.0);
    text.counter("reports_dropped_total", "Reports that were given up.");
    text.value("reports_dropped_total", &[], snapshot.reports.1);
    text.gauge(
        "quality_spans_waiting",
        "Spans of quality that the control plane has not heard of yet.",
    );
    text.value("quality_spans_waiting", &[], snapshot.quality.0);
    text.counter("quality_spans_dropped_total", "Spans of quality that were given up.");
    text.value("quality_spans_dropped_total", &[], snapshot.quality.1);
    text.counter(
        "refused_total",
        "Clients that did not get in, and what was refused or cut off later, by why.",
    );
    for (reason, count) in &snapshot.refused {
        text.value("refused_total", &[("reason", reason)], count);
    }
}

fn write_rooms(text: &mut Text, rooms: &Overview) {
    text.gauge("rooms", "Open rooms.");
    text.value("rooms", &[], rooms.rooms);
    text.gauge("rooms_entering", "Rooms that wait for the control plane.");
    text.value("rooms_entering", &[], rooms.entering);
    text.gauge("participants", "Participants, by how well they are connected.");
    for (grade, count) in Grade::ALL.iter().zip(rooms.grades) {
        text.value("participants", &[("quality", grade.word())], count);
    }
    text.value("participants", &[("quality", "connecting")], rooms.connecting);
    text.gauge("participants_without_signalling", "Participants that may come back.");
    text.value("participants_without_signalling", &[], rooms.unsignalled);
    text.gauge("tracks", "Published tracks.");
    for (kind, count) in ["audio", "video"].iter().zip(rooms.tracks) {
        text.value("tracks", &[("kind", kind)], count);
    }
    text.gauge("subscriptions", "Tracks on their way to somebody.");
    text.value("subscriptions", &[], rooms.subscriptions);

    let counts = &rooms.counts;
    text.counter("joins_total", "Sessions, by how they began.");
    for (kind, count) in [
        ("new", counts.joined),
        ("anew", counts.rejoined),
        ("resumed", counts.resumed),
    ] {
        text.value("joins_total", &[("kind", kind)], count);
    }
    text.histogram(
        "join_seconds",
        "From being let in to connected media.",
        &counts.connected,
    );
    text.counter("leaves_total", "Sessions that ended, by why.");
    for (reason, count) in Reason::ALL.iter().zip(counts.left) {
        text.value("leaves_total", &[("reason", reason.word())], count);
    }
    text.counter("tracks_published_total", "Tracks whose media was found.");
    text.value("tracks_published_total", &[], counts.published);
    text.counter(
        "data_messages_refused_total",
        "Messages on data channels that were unreadable, too long, to too many, or of somebody who may send none.",
    );
    text.value("data_messages_refused_total", &[], counts.data_refused);

    text.gauge(
        "connection_score",
        "Scores of the connections, 1 to 4.5: the worst, the 5th and the 50th percentile.",
    );
    let scores = || rooms.samples.iter().map(|sample| sample.score);
    for (quantile, name) in [(0.0, "0"), (0.05, "0.05"), (0.5, "0.5")] {
        text.quantile("connection_score", &[], scores(), (quantile, name));
    }
    text.gauge(
        "connection_loss_ratio",
        "Packets lost on the way to (down) and from (up) clients.",
    );
    for (quantile, name) in [(0.5, "0.5"), (0.95, "0.95"), (1.0, "1")] {
        let up = rooms.samples.iter().map(|sample| sample.loss_up);
        text.quantile("connection_loss_ratio", &[("direction", "up")], up, (quantile, name));
        let down = rooms.samples.iter().map(|sample| sample.loss_down);
        text.quantile(
            "connection_loss_ratio",
            &[("direction", "down")],
            down,
            (quantile, name),
        );
    }
    text.gauge("connection_rtt_seconds", "Round trips of the connections.");
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a round trip")]
    let rtts = || {
        rooms
            .samples
            .iter()
            .filter_map(|sample| Some(sample.rtt_ms? as f32 / 1_000.0))
    };
    for (quantile, name) in [(0.5, "0.5"), (0.95, "0.95"), (1.0, "1")] {
        text.quantile("connection_rtt_seconds", &[], rtts(), (quantile, name));
    }
}

fn write_datagrams(text: &mut Text, engine: &EngineStats) {
    let workers = &engine.workers;
    let mut each = |name: &str, help: &str, of: fn(&WorkerStats) -> u64| {
        text.counter(name, help);
        for (n, worker) in workers.iter().enumerate() {
            text.value(name, &[("worker", &n.to_string())], of(worker));
        }
    };
    each("received_packets_total", "Datagrams received.", |w| w.packets_in);
    each("received_bytes_total", "Their bytes.", |w| w.bytes_in);
    each("sent_packets_total", "Datagrams sent.", |w| w.packets_out);
    each("sent_bytes_total", "Their bytes.", |w| w.bytes_out);
    each("sent_messages_total", "Messages given to the kernel for them.", |w| {
        w.messages_out
    });
    each(
        "linked_packets_total",
        "Datagrams handed to connections of ICE-TCP and to TURN.",
        |w| w.linked_out,
    );
    each(
        "crossed_messages_total",
        "Messages to other media threads about rooms that they share, packets mostly.",
        |w| w.crossed_out,
    );
    each(
        "followed_total",
        "Clients followed to another address by what they sent from there.",
        |w| w.followed,
    );
    each(
        "early_total",
        "Packets of media that came before the keys that open them, and were kept for these.",
        |w| w.early,
    );
    each("stun_answered_total", "STUN requests answered.", |w| w.checks_answered);
    let sum = |of: fn(&WorkerStats) -> u64| workers.iter().map(of).sum::<u64>();
    text.counter("received_dropped_total", "Datagrams received and dropped, by why.");
    for (reason, count) in [
        ("garbage", sum(|w| w.garbage)),
        ("stranger", sum(|w| w.strangers)),
        ("early", sum(|w| w.dropped_early)),
        ("stun_refused", sum(|w| w.checks_refused)),
        ("forged", sum(|w| w.forged)),
        ("replayed", sum(|w| w.replayed)),
        ("transport_lagging", sum(|w| w.dropped_lagging)),
        ("transport_refused", engine.transport.refused),
    ] {
        text.value("received_dropped_total", &[("reason", reason)], count);
    }
    text.counter("sent_dropped_total", "Packets made and not sent, by why.");
    for (reason, count) in [
        ("socket_full", sum(|w| w.dropped_full)),
        ("kernel_refused", sum(|w| w.dropped_refused)),
        ("link", sum(|w| w.dropped_links)),
        ("not_connected", sum(|w| w.dropped_closed)),
        ("not_sealed", sum(|w| w.dropped_unsealed)),
        ("other_worker", sum(|w| w.dropped_crossing)),
    ] {
        text.value("sent_dropped_total", &[("reason", reason)], count);
    }
}

fn write_forwarding(text: &mut Text, workers: &[WorkerStats]) {
    let sum = |of: fn(&forward::Stats) -> u64| workers.iter().map(|worker| of(&worker.forward)).sum::<u64>();
    for (name, help, value) in [
        ("rtp_received_total", "RTP packets taken in.", sum(|f| f.packets_in)),
        (
            "rtp_dropped_total",
            "RTP packets of no use: malformed, of no track, or twice.",
            sum(|f| f.packets_dropped),
        ),
        (
            "rtp_forwarded_total",
            "RTP packets given out, repairs and padding included.",
            sum(|f| f.packets_out),
        ),
        (
            "rtp_forwarded_bytes_total",
            "Their bytes before they are sealed.",
            sum(|f| f.bytes_out),
        ),
        (
            "rtp_retransmitted_total",
            "Packets given out again (RTX).",
            sum(|f| f.retransmitted),
        ),
        (
            "rtp_padding_total",
            "Packets of padding given out to find bandwidth.",
            sum(|f| f.padding),
        ),
        (
            "rtp_expected_total",
            "Packets expected of publishers.",
            sum(|f| f.expected),
        ),
        (
            "rtp_lost_total",
            "Packets of publishers that never came, even when asked for.",
            sum(|f| f.lost),
        ),
        (
            "layer_switches_total",
            "Streams that went on with another layer or after a stop.",
            sum(|f| f.switches),
        ),
    ] {
        text.counter(name, help);
        text.value(name, &[], value);
    }
    text.counter(
        "nacked_packets_total",
        "Packets asked for again, by subscribers (in) and of publishers (out).",
    );
    text.value(
        "nacked_packets_total",
        &[("direction", "in")],
        sum(|f| f.asked_by_subscribers),
    );
    text.value(
        "nacked_packets_total",
        &[("direction", "out")],
        sum(|f| f.asked_of_publishers),
    );
    text.counter(
        "keyframe_requests_total",
        "Keyframes asked for (PLI, FIR), by subscribers (in) and of publishers (out).",
    );
    text.value(
        "keyframe_requests_total",
        &[("direction", "in")],
        sum(|f| f.keyframes_asked),
    );
    text.value(
        "keyframe_requests_total",
        &[("direction", "out")],
        sum(|f| f.keyframe_requests),
    );
    let (mut delays, mut unpaced) = (Delays::default(), Delays::default());
    for worker in workers {
        delays.merge(&worker.forward.delays);
        unpaced.merge(&worker.forward.delays_unpaced);
    }
    text.histogram(
        "forwarding_delay_seconds",
        "From a packet's arrival to its first sending to a subscriber, pacing included.",
        &delays,
    );
    text.histogram(
        "unpaced_delay_seconds",
        "The same of packets that were within the pacer's budget.",
        &unpaced,
    );
}

fn write_transports(text: &mut Text, engine: &EngineStats) {
    let transport = &engine.transport;
    text.gauge("transports", "Connections of clients.");
    text.value("transports", &[], transport.transports);
    text.counter("dtls_handshakes_total", "DTLS handshakes, by result.");
    text.value("dtls_handshakes_total", &[("result", "connected")], transport.connected);
    text.value("dtls_handshakes_total", &[("result", "failed")], transport.failed);
    text.counter("dtls_resent_total", "Datagrams of DTLS flights sent again.");
    text.value("dtls_resent_total", &[], transport.resent);
    text.counter("data_messages_total", "Messages on data channels.");
    text.value("data_messages_total", &[("direction", "in")], transport.messages_in);
    text.value("data_messages_total", &[("direction", "out")], transport.messages_out);
    text.counter("data_messages_dropped_total", "Messages that a channel did not take.");
    text.value("data_messages_dropped_total", &[], transport.messages_dropped);
    text.counter(
        "thread_cpu_seconds_total",
        "Processor time of the media and transport threads.",
    );
    for (n, worker) in engine.workers.iter().enumerate() {
        let thread = format!("media-{n}");
        text.value(
            "thread_cpu_seconds_total",
            &[("thread", &thread)],
            worker.busy.as_secs_f64(),
        );
    }
    text.value(
        "thread_cpu_seconds_total",
        &[("thread", "transport")],
        transport.busy.as_secs_f64(),
    );
}

/// What Prometheus' own clients tell of a process, where the system has it.
fn write_process(text: &mut Text, started: i64) {
    let mut plain = |name: &str, help: &str, value: Option<u64>| {
        if let Some(value) = value {
            let _ = writeln!(text.0, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
    };
    plain(
        "process_start_time_seconds",
        "Start, in Unix seconds.",
        u64::try_from(started).ok(),
    );
    plain("process_resident_memory_bytes", "Memory in use.", resident_bytes());
    let fds = fs::read_dir("/proc/self/fd").map(|fds| fds.count() as u64);
    plain("process_open_fds", "Open descriptors.", fds.ok());
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

/// What all names begin with.
const PREFIX: &str = "convoke_relay_";

#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.family(name, "counter", help);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{PREFIX}{name}");
        for (n, (label, of)) in labels.iter().enumerate() {
            let open = if n == 0 { '{' } else { ',' };
            let of = of.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{open}{label}=\"{of}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    fn histogram(&mut self, name: &str, help: &str, delays: &Delays) {
        self.family(name, "histogram", help);
        let (bucket, mut sum) = (format!("{name}_bucket"), 0);
        for (n, count) in delays.counts.iter().enumerate() {
            sum += count;
            let bound = Delays::bound_us(n).map_or_else(|| "+Inf".to_owned(), seconds);
            self.value(&bucket, &[("le", &bound)], sum);
        }
        self.value(&format!("{name}_sum"), &[], seconds(delays.sum_us));
        self.value(&format!("{name}_count"), &[], sum);
    }

    /// A quantile of what holds at the moment; nothing of nothing.
    fn quantile(&mut self, name: &str, labels: &[(&str, &str)], values: impl Iterator<Item = f32>, of: (f32, &str)) {
        let mut values: Vec<f32> = values.collect();
        values.sort_by(f32::total_cmp);
        let Some(last) = values.len().checked_sub(1) else {
            return;
        };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list of some thousands"
        )]
        let place = (last as f32 * of.0).round() as usize;
        let labels = [labels, &[("quantile", of.1)]].concat();
        self.value(name, &labels, values[place.min(last)]);
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use relay_core::room::Sample;

    use super::*;

    fn text() -> String {
        let mut rooms = Overview {
            grades: [0, 1, 2, 3],
            ..Overview::default()
        };
        rooms.counts.connected.add(300_000);
        rooms.counts.connected.add(90_000_000);
        for n in 0_u8..100 {
            rooms.samples.push(Sample {
                loss_up: f32::from(n) / 100.0,
                loss_down: 0.0,
                rtt_ms: Some(u32::from(n)),
                score: 4.0,
            });
        }
        render(&Snapshot {
            relay: "relay-1",
            region: "a \"quoted\" place",
            draining: true,
            started: 1_790_000_000,
            rooms,
            engine: EngineStats {
                workers: vec![WorkerStats::default(); 2],
                ..EngineStats::default()
            },
            refused: BTreeMap::from([("full", 3)]),
            reports: (1, 2),
            quality: (3, 4),
        })
    }

    #[test]
    fn operators_can_read_what_each_series_says() {
        let page = include_str!("../../docs/relay.md");
        let text = text();
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let is_named = |name: &&str| {
            let name = name.trim_start_matches("convoke_relay_");
            [format!("`{name}`"), format!("`{name}{{")]
                .iter()
                .any(|named| page.contains(named))
        };
        let unnamed: Vec<&str> = names.filter(|name| !is_named(name)).collect();
        assert!(unnamed.is_empty(), "not in docs/relay.md: {unnamed:?}");
    }

    /// The rules of the format that a scrape would fail by, and those of naming.
    #[test]
    fn the_text_is_what_prometheus_reads() {
        let text = text();
        let (mut kinds, mut seen) = (HashMap::new(), HashSet::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a kind");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
                continue;
            }
            if line.starts_with("# HELP ") {
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(series.to_owned()), "{series} twice");
            let name = series.split('{').next().expect("a name");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|name| kinds.contains_key(*name)))
                .unwrap_or(name);
            assert!(kinds.contains_key(family), "{family} has a kind before its values");
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            );
        }
        assert!(text.contains(r#"region="a \"quoted\" place""#));
        assert!(text.contains("convoke_relay_draining 1\n"));
    }

    #[test]
    fn a_histogram_adds_up() {
        let text = text();
        assert!(
            text.contains("convoke_relay_join_seconds_bucket{le=\"0.524288\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("convoke_relay_join_seconds_bucket{le=\"+Inf\"} 2\n"));
        assert!(text.contains("convoke_relay_join_seconds_sum 90.300000\n"));
        assert!(text.contains("convoke_relay_join_seconds_count 2\n"));
    }

    #[test]
    fn a_hundred_connections_make_no_more_lines_than_one() {
        let text = text();
        assert!(
            text.contains("convoke_relay_connection_loss_ratio{direction=\"up\",quantile=\"0.95\"} 0.94\n"),
            "{text}"
        );
        assert_eq!(text.matches("convoke_relay_connection_rtt_seconds{").count(), 3);
        assert!(text.contains("convoke_relay_participants{quality=\"excellent\"} 3\n"));
    }
}
