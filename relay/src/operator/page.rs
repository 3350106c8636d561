//! The pages: a list of rooms, and one room with what flows in it.

use std::{collections::HashMap, fmt::Display, fmt::Write as _};

use relay_core::{
    forward::{SinkView, SourceView, TransportView},
    room::{Mode, ParticipantView, RoomLine, RoomView},
    types::{SinkId, SourceId},
};

/// Seconds after which a browser loads a page anew.
const RELOAD: u32 = 5;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem;color:#1b1f24;background:#fff}\
table{border-collapse:collapse;margin:.5rem 0 1.5rem}caption{text-align:left;font-weight:600;padding:.25rem 0}\
th,td{border:1px solid #c8ccd1;padding:.2rem .6rem;text-align:left;vertical-align:top}th{background:#f2f4f6}\
td.n{text-align:right;font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}th{background:#22272d}th,td{border-color:#3a4149}a{color:#8ab8ff}}";

/// The list of rooms.
pub(super) fn rooms(relay: &str, lines: &[RoomLine], now_ms: i64) -> String {
    let mut body = Html::page(&format!("Rooms on {relay}"));
    body.table("Rooms", &["Room", "Participants", "Tracks", "Age"]);
    for line in lines {
        let name = line.key.to_string();
        body.row();
        let _ = write!(
            body.0,
            "<td><a href=\"/rooms/{}\">{}</a></td>",
            path(&name),
            escaped(&name)
        );
        body.number(line.participants)
            .number(line.tracks)
            .number(age(now_ms, line.created_ms));
    }
    body.end_table();
    body.finish()
}

/// One room.
pub(super) fn room(view: &RoomView, flows: &[TransportView], now_ms: i64) -> String {
    let mut body = Html::page(&format!("Room {}", view.key));
    let _ = write!(
        body.0,
        "<p>{} · {} old · {} of {} participants · <a href=\"/rooms\">all rooms</a></p>",
        escaped(&view.sid),
        age(now_ms, view.created_ms),
        view.participants.len(),
        view.max_participants
    );
    write_participants(&mut body, view, flows, now_ms);
    write_tracks(&mut body, view, flows);
    write_subscriptions(&mut body, view, flows);
    body.finish()
}

fn write_participants(body: &mut Html, view: &RoomView, flows: &[TransportView], now_ms: i64) {
    let columns = [
        "Participant",
        "Session",
        "Client",
        "In for",
        "State",
        "Connection",
        "Score",
        "Lost up",
        "Lost down",
        "RTT",
        "Link carries",
        "Wanted",
        "Waiting",
    ];
    body.table("Participants and their connections", &columns);
    for one in &view.participants {
        for (place, (id, sample)) in one.transports.iter().enumerate() {
            let flow = flows.iter().find(|flow| flow.id == *id);
            body.row();
            if place == 0 {
                body.text(&one.identity)
                    .text(&one.sid)
                    .text(&one.client)
                    .number(age(now_ms, one.joined_at_ms))
                    .text(&state(one));
            } else {
                for _ in 0..5 {
                    body.text("");
                }
            }
            body.text(match (one.mode, place) {
                (Mode::Single, _) => "both ways",
                (Mode::Dual, 0) => "publishes",
                (Mode::Dual, _) => "subscribes",
            });
            let percent = |loss: f32| format!("{:.1} %", loss * 100.0);
            body.number(sample.map_or_else(dash, |sample| format!("{:.1}", sample.score)))
                .number(sample.map_or_else(dash, |sample| percent(sample.loss_up)))
                .number(sample.map_or_else(dash, |sample| percent(sample.loss_down)));
            let rtt = flow.and_then(|flow| flow.rtt_ms);
            body.number(rtt.map_or_else(dash, |rtt| format!("{rtt} ms")))
                .number(flow.and_then(|flow| flow.estimate).map_or_else(dash, bits))
                .number(flow.map_or_else(dash, |flow| {
                    let short = if flow.constrained { " (short)" } else { "" };
                    bits(flow.wanted) + short
                }))
                .number(flow.map_or_else(dash, |flow| flow.queued.to_string()));
        }
    }
    body.end_table();
}

fn state(one: &ParticipantView) -> String {
    let media = if one.active { one.grade.word() } else { "connecting" };
    let signalling = if one.signalled { "" } else { ", signalling away" };
    format!("{media}{signalling}")
}

fn write_tracks(body: &mut Html, view: &RoomView, flows: &[TransportView]) {
    let arriving: HashMap<SourceId, &SourceView> = flows
        .iter()
        .flat_map(|flow| flow.sources.iter().map(|source| (source.id, source)))
        .collect();
    let columns = [
        "Participant",
        "Track",
        "Source",
        "Codec",
        "Layer",
        "Size",
        "Bitrate",
        "Lost",
        "Goes to",
    ];
    body.table("Tracks and their layers", &columns);
    for one in &view.participants {
        for track in &one.tracks {
            let layers = track
                .id
                .and_then(|id| arriving.get(&id))
                .map_or(&[][..], |source| &source.layers);
            let muted = if track.muted { " (muted)" } else { "" };
            let codec = track.codec.unwrap_or("announced");
            if layers.is_empty() {
                body.row();
                body.text(&one.identity)
                    .text(&track.sid)
                    .text(&(track.source.to_owned() + muted))
                    .text(codec);
                for _ in 0..5 {
                    body.text("–");
                }
            }
            for (place, layer) in layers.iter().enumerate() {
                body.row();
                body.text(&one.identity)
                    .text(&track.sid)
                    .text(&(track.source.to_owned() + muted))
                    .text(codec);
                body.number(place).text(&size(layer.size));
                let (expected, lost) = layer.packets;
                body.number(if layer.active {
                    bits(layer.bits_per_second)
                } else {
                    "off".to_owned()
                })
                .number(format!("{lost} of {expected}"))
                .number(layer.listeners);
            }
        }
    }
    body.end_table();
}

fn write_subscriptions(body: &mut Html, view: &RoomView, flows: &[TransportView]) {
    let leaving: HashMap<SinkId, &SinkView> = flows
        .iter()
        .flat_map(|flow| flow.sinks.iter().map(|sink| (sink.id, sink)))
        .collect();
    body.table(
        "Subscriptions",
        &["Participant", "Track", "Tile", "Layer", "Packets", "Bytes"],
    );
    for one in &view.participants {
        for subscription in &one.subscriptions {
            let sink = subscription.sink.and_then(|id| leaving.get(&id));
            body.row();
            body.text(&one.identity)
                .text(&subscription.track)
                .text(&size(subscription.size));
            body.text(&match sink {
                None => "not sent".to_owned(),
                Some(_) if !subscription.enabled => "not wanted".to_owned(),
                Some(sink) if sink.paused => "stopped: too little bandwidth".to_owned(),
                Some(sink) => match (sink.layer, sink.target) {
                    (Some(layer), Some(target)) => format!("{layer}, waits for {target}"),
                    (Some(layer), None) => layer.to_string(),
                    (None, Some(target)) => format!("waits for {target}"),
                    (None, None) => "nothing arrives".to_owned(),
                },
            });
            let sent = sink.map_or((0, 0), |sink| sink.sent);
            body.number(sent.0).number(sent.1);
        }
    }
    body.end_table();
}

fn dash() -> String {
    "–".to_owned()
}

fn size((width, height): (u32, u32)) -> String {
    if width == 0 {
        dash()
    } else {
        format!("{width} × {height}")
    }
}

fn bits(per_second: u64) -> String {
    format!("{} kbit/s", per_second / 1_000)
}

fn age(now_ms: i64, since_ms: i64) -> String {
    let seconds = (now_ms - since_ms).max(0) / 1_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A room's name in an address: slashes stay, since names of meetings have them.
fn path(name: &str) -> String {
    name.split('/')
        .map(|part| {
            url::form_urlencoded::byte_serialize(part.as_bytes())
                .collect::<String>()
                .replace('+', "%20")
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// A page as it is written.
struct Html(String);

impl Html {
    fn page(title: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"{RELOAD}\">\
             <title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
        ))
    }

    fn table(&mut self, caption: &str, columns: &[&str]) {
        let _ = write!(self.0, "<table><caption>{caption}</caption><thead><tr>");
        for column in columns {
            let _ = write!(self.0, "<th scope=\"col\">{column}</th>");
        }
        self.0.push_str("</tr></thead><tbody>");
    }

    fn end_table(&mut self) {
        self.0.push_str("</tbody></table>");
    }

    fn row(&mut self) {
        self.0.push_str("<tr>");
    }

    fn text(&mut self, text: &str) -> &mut Self {
        let _ = write!(self.0, "<td>{}</td>", escaped(text));
        self
    }

    fn number(&mut self, number: impl Display) -> &mut Self {
        let _ = write!(self.0, "<td class=\"n\">{number}</td>");
        self
    }

    fn finish(self) -> String {
        self.0 + "</html>\n"
    }
}

#[cfg(test)]
mod tests {
    use relay_core::room::RoomKey;

    use super::*;

    #[test]
    fn what_clients_call_themselves_is_text() {
        let name = "<script>alert(1)</script>/a b&c";
        let line = RoomLine {
            key: RoomKey::Named(name.to_owned()),
            participants: 1,
            tracks: 2,
            created_ms: 0,
        };
        let page = rooms("relay-1", &[line], 90_000);
        assert!(!page.contains("<script>"), "{page}");
        assert!(
            page.contains("href=\"/rooms/%3Cscript%3Ealert%281%29%3C/script%3E/a%20b%26c\""),
            "{page}"
        );
        assert!(page.contains(">90 s<"), "{page}");
    }
}
