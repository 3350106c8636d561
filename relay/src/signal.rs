//! Signalling over WebSockets: how a client asks to come in, and the connection after that.

use std::{io::Read as _, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message as Frame, WebSocket, close_code},
    http::HeaderMap,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use livekit_protocol::{
    ClientInfo, JoinRequest, Pong, SignalRequest, SignalResponse, WrappedJoinRequest, client_info::Sdk, signal_request,
    signal_response, wrapped_join_request::Compression,
};
use prost::Message as _;
use relay_core::room::{ConnectionId, Input, Join, Mode, RESERVED_ATTRIBUTES, Resume, RoomKey, Ticket};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::{
    control::{Connection, ToClient, unix_ms},
    limit::Limit,
    operator::Refusals,
    tokens::credentials,
};

/// Largest frame of a client, in bytes: an offer of five hundred sections.
pub(crate) const MAX_FRAME: usize = 1 << 20;

/// What is read of a connection at once, in bytes. So much is held for each of them, and cleared before each read.
pub(crate) const READ_BUFFER: usize = 8 << 10;

/// Largest join request once unpacked, in bytes.
const MAX_JOIN_REQUEST: u64 = 1 << 20;

/// Without anything heard for so long, pongs included, the client is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// Pings of ours, which browsers answer by themselves.
const PING_EVERY: Duration = Duration::from_secs(10);

/// A client must take what we send within this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// What is wrong with a request to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BadRequest {
    #[error("join_request is required")]
    Missing,
    #[error("join_request cannot be read")]
    Unreadable,
    #[error("join_request is too large")]
    TooLarge,
    #[error("attributes cannot be read")]
    Attributes,
    #[error("attempt is not a whole number")]
    Attempt,
}

/// What a client asks for, from its query.
#[derive(Debug)]
pub(crate) struct Asked {
    request: JoinRequest,
    mode: Mode,
    attempt: u64,
}

/// The access token in a query or in the headers.
pub(crate) fn access_token<'a>(query: &'a [(String, String)], headers: &'a HeaderMap) -> Option<&'a str> {
    value(query, "access_token")
        .or_else(|| credentials(headers, "Bearer"))
        .filter(|token| !token.is_empty())
}

/// A query as pairs; the last of several pairs of one name counts nowhere here.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

impl Asked {
    /// Reads a query of `/rtc` or, with `v1`, of `/rtc/v1`.
    pub(crate) fn read(query: &[(String, String)], v1: bool) -> Result<Self, BadRequest> {
        let (request, mode) = match value(query, "join_request") {
            Some(text) => (unwrap(text)?, Mode::Single),
            None if v1 => return Err(BadRequest::Missing),
            None => (from_query(query)?, Mode::Dual),
        };
        let attempt = value(query, "attempt").map_or(Ok(0), str::parse);
        Ok(Self {
            request,
            mode,
            attempt: attempt.map_err(|_| BadRequest::Attempt)?,
        })
    }

    /// What the rooms are told about it.
    pub(crate) fn into_input(self, connection: ConnectionId, ticket: Ticket) -> Input {
        let Self {
            mut request,
            mode,
            attempt,
        } = self;
        if request.reconnect {
            return Input::Resume(Box::new(Resume {
                connection,
                ticket,
                attempt,
                sid: request.participant_sid,
                sync_state: request.sync_state,
            }));
        }
        let settings = request.connection_settings.take().unwrap_or_default();
        let mut ticket = ticket;
        if ticket.grants.update_metadata {
            if ticket.metadata.is_empty() && request.metadata.len() <= MAX_METADATA {
                ticket.metadata = request.metadata;
            }
            let size: usize = request
                .participant_attributes
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum();
            if size <= MAX_METADATA {
                let meeting = matches!(ticket.room, RoomKey::Meeting(_));
                for (key, value) in request.participant_attributes {
                    // What the token says, or could have said, is not the client's to change.
                    if !(meeting && RESERVED_ATTRIBUTES.contains(&key.as_str())) {
                        ticket.attributes.entry(key).or_insert(value);
                    }
                }
            }
        }
        Input::Join(Box::new(Join {
            connection,
            ticket,
            attempt,
            client: request.client_info.unwrap_or_default(),
            mode,
            auto_subscribe: settings.auto_subscribe,
            errand: None,
            adaptive_stream: settings.adaptive_stream,
            allow_pause: settings.subscriber_allow_pause.unwrap_or(mode == Mode::Dual),
            offer: request.publisher_offer,
            add_tracks: request.add_track_requests,
        }))
    }
}

/// Longest metadata, and all attributes together, in bytes.
const MAX_METADATA: usize = 65_536;

/// The join request in a query: base64url of protobuf, the inner one perhaps compressed.
fn unwrap(text: &str) -> Result<JoinRequest, BadRequest> {
    let text = text.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .map_err(|_| BadRequest::Unreadable)?;
    let wrapped = WrappedJoinRequest::decode(&*bytes).map_err(|_| BadRequest::Unreadable)?;
    let request = match Compression::try_from(wrapped.compression) {
        Ok(Compression::None) => wrapped.join_request,
        Ok(Compression::Gzip) => {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&*wrapped.join_request)
                .take(MAX_JOIN_REQUEST + 1)
                .read_to_end(&mut inflated)
                .map_err(|_| BadRequest::Unreadable)?;
            inflated
        }
        Err(_) => return Err(BadRequest::Unreadable),
    };
    if u64::try_from(request.len()).is_ok_and(|length| length > MAX_JOIN_REQUEST) {
        return Err(BadRequest::TooLarge);
    }
    JoinRequest::decode(&*request).map_err(|_| BadRequest::Unreadable)
}

/// The same from the single parameters of older clients.
fn from_query(query: &[(String, String)]) -> Result<JoinRequest, BadRequest> {
    let text = |name: &str| value(query, name).unwrap_or_default().to_owned();
    let number = |name: &str| {
        value(query, name)
            .and_then(|value| value.parse::<i32>().ok())
            .unwrap_or(0)
    };
    let flag = |name: &str| value(query, name).map(|value| matches!(value, "1" | "true"));
    let participant_attributes = match value(query, "attributes") {
        None | Some("") => Default::default(),
        Some(text) => {
            let json = URL_SAFE_NO_PAD
                .decode(text.trim_end_matches('='))
                .map_err(|_| BadRequest::Attributes)?;
            serde_json::from_slice(&json).map_err(|_| BadRequest::Attributes)?
        }
    };
    let sdk = Sdk::from_str_name(&text("sdk").to_uppercase()).unwrap_or(Sdk::Unknown);
    Ok(JoinRequest {
        client_info: Some(ClientInfo {
            sdk: sdk.into(),
            version: text("version"),
            protocol: number("protocol"),
            client_protocol: number("client_protocol"),
            os: text("os"),
            os_version: text("os_version"),
            device_model: text("device_model"),
            browser: text("browser"),
            browser_version: text("browser_version"),
            network: text("network"),
            ..ClientInfo::default()
        }),
        connection_settings: Some(livekit_protocol::ConnectionSettings {
            auto_subscribe: flag("auto_subscribe").unwrap_or(true),
            adaptive_stream: flag("adaptive_stream").unwrap_or(false),
            subscriber_allow_pause: flag("subscriber_allow_pause"),
            ..livekit_protocol::ConnectionSettings::default()
        }),
        participant_attributes,
        reconnect: flag("reconnect").unwrap_or(false),
        reconnect_reason: number("reconnect_reason"),
        participant_sid: text("sid"),
        ..JoinRequest::default()
    })
}

/// How frames are written: as the client's last one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Binary,
    Json,
}

impl Form {
    fn write(self, response: &SignalResponse) -> Frame {
        match self {
            Self::Binary => Frame::Binary(response.encode_to_vec().into()),
            Self::Json => Frame::Text(serde_json::to_string(response).unwrap_or_default().into()),
        }
    }
}

/// One message of a client, and the form it wants answers in; `None` when it cannot be read.
pub(crate) fn read(frame: &Frame) -> Option<(SignalRequest, Form)> {
    match frame {
        Frame::Binary(bytes) => Some((SignalRequest::decode(bytes.clone()).ok()?, Form::Binary)),
        Frame::Text(text) => Some((serde_json::from_str(text.as_str()).ok()?, Form::Json)),
        Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) => None,
    }
}

/// The answer to a client's ping. Rooms have nothing to do with it, and there is one every five seconds for each participant.
fn pong(message: &signal_request::Message) -> Option<SignalResponse> {
    let answer = match message {
        signal_request::Message::Ping(_) => signal_response::Message::Pong(unix_ms()),
        signal_request::Message::PingReq(ping) => signal_response::Message::PongResp(Pong {
            last_ping_timestamp: ping.timestamp,
            timestamp: unix_ms(),
        }),
        _ => return None,
    };
    Some(SignalResponse { message: Some(answer) })
}

/// Whether the client took a frame in time.
async fn send(socket: &mut WebSocket, frame: Frame) -> bool {
    matches!(timeout(SEND_TIMEOUT, socket.send(frame)).await, Ok(Ok(())))
}

/// Runs an admitted connection until one side closes it.
pub(crate) async fn run(mut socket: WebSocket, mut connection: Connection, refusals: Refusals) {
    let mut form = Form::Binary;
    let mut limit = Limit::new(Instant::now().into_std());
    let mut heard = Instant::now();
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let code = loop {
        tokio::select! {
            message = connection.from_rooms.recv() => {
                let frame = match message {
                    Some(ToClient::Message(response)) => form.write(&response),
                    Some(ToClient::Accept) => continue,
                    Some(ToClient::Refuse(_) | ToClient::Close) | None => break close_code::NORMAL,
                };
                if !send(&mut socket, frame).await {
                    return;
                }
            }
            frame = socket.recv() => {
                let Some(Ok(frame)) = frame else {
                    return;
                };
                heard = Instant::now();
                match &frame {
                    Frame::Binary(bytes) if !limit.allows(heard.into_std(), bytes.len()) => break close_code::POLICY,
                    Frame::Text(text) if !limit.allows(heard.into_std(), text.len()) => break close_code::POLICY,
                    Frame::Ping(_) | Frame::Pong(_) if !limit.allows(heard.into_std(), 0) => break close_code::POLICY,
                    Frame::Ping(_) | Frame::Pong(_) => continue,
                    Frame::Close(_) => return,
                    Frame::Binary(_) | Frame::Text(_) => {}
                }
                let Some((request, answers)) = read(&frame) else {
                    break close_code::INVALID;
                };
                form = answers;
                // A message of a kind unknown to us is no fault of the client.
                let Some(message) = request.message else {
                    continue;
                };
                let Some(answer) = pong(&message) else {
                    connection.signal(message);
                    continue;
                };
                if !send(&mut socket, form.write(&answer)).await {
                    return;
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE {
                    return;
                }
                // Most clients ping by themselves.
                if heard.elapsed() < PING_EVERY {
                    continue;
                }
                if !send(&mut socket, Frame::Ping(Default::default())).await {
                    return;
                }
            }
        }
    };
    match code {
        close_code::POLICY => refusals.count("signal_flood"),
        close_code::INVALID => refusals.count("signal_unreadable"),
        _ => {}
    }
    let close = Frame::Close(Some(CloseFrame {
        code,
        reason: Default::default(),
    }));
    send(&mut socket, close).await;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(compression: Compression, inner: Vec<u8>) -> String {
        let wrapped = WrappedJoinRequest {
            compression: compression.into(),
            join_request: inner,
        };
        base64::engine::general_purpose::URL_SAFE.encode(wrapped.encode_to_vec())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::bufread::GzEncoder::new(bytes, flate2::Compression::fast());
        let mut packed = Vec::new();
        gzip.read_to_end(&mut packed).expect("memory");
        packed
    }

    #[test]
    fn a_join_request_is_read_packed_or_plain() {
        let request = JoinRequest {
            metadata: "m".into(),
            ..JoinRequest::default()
        };
        for text in [
            wrapped(Compression::Gzip, gzip(&request.encode_to_vec())),
            wrapped(Compression::None, request.encode_to_vec()),
        ] {
            assert_eq!(unwrap(&text), Ok(request.clone()));
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unwrap(&wrapped(Compression::Gzip, bomb)), Err(BadRequest::TooLarge));
    }

    #[test]
    fn the_query_of_a_native_client_is_read() {
        let query = pairs("version=2.18&protocol=17&&auto_subscribe=0&sdk=go&os=linux");
        let asked = Asked::read(&query, false).expect("a query");
        let settings = asked.request.connection_settings.expect("settings");
        assert!(!settings.auto_subscribe && asked.mode == Mode::Dual);
        assert_eq!(asked.request.client_info.expect("client").sdk(), Sdk::Go);
        assert_eq!(Asked::read(&query, true).err(), Some(BadRequest::Missing));
        assert_eq!(asked.attempt, 0);
        let attempt = |text: &str| Asked::read(&pairs(&format!("attempt={text}")), false).map(|asked| asked.attempt);
        assert_eq!(attempt("1796000000000"), Ok(1_796_000_000_000));
        assert_eq!(attempt("-1"), Err(BadRequest::Attempt));
    }

    /// What a token of a meeting, or of a classic key, shows once a client has added this attribute.
    fn shown(room: RoomKey, key: &str) -> Option<String> {
        let ticket = Ticket {
            room,
            ..crate::fuzzing::ticket("p2")
        };
        assert!(ticket.grants.update_metadata && !ticket.attributes.contains_key(key));
        let request = JoinRequest {
            participant_attributes: [(key.to_owned(), "true".to_owned())].into(),
            ..JoinRequest::default()
        };
        let asked = Asked {
            request,
            mode: Mode::Single,
            attempt: 0,
        };
        match asked.into_input(ConnectionId(1), ticket) {
            Input::Join(join) => join.ticket.attributes.get(key).cloned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nobody_comes_to_a_meeting_as_what_only_the_platform_says() {
        let meeting = || RoomKey::Meeting("1/2/3".parse().expect("a name"));
        for key in RESERVED_ATTRIBUTES {
            assert_eq!(shown(meeting(), key), None, "{key}");
            assert!(shown(RoomKey::Named("classic".into()), key).is_some());
        }
        assert_eq!(shown(meeting(), "mood").as_deref(), Some("true"));
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(text in "\\PC{0,200}", v1: bool) {
            let _ = Asked::read(&pairs(&text), v1);
            let _ = Asked::read(&[("join_request".to_owned(), text.clone())], v1);
            let _ = Asked::read(&[("attributes".to_owned(), text)], v1);
        }

        #[test]
        fn any_frame_is_read_or_refused(bytes: Vec<u8>, text in "\\PC{0,200}") {
            let _ = read(&Frame::Binary(bytes.into()));
            let _ = read(&Frame::Text(text.into()));
        }
    }
}
