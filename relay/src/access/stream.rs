//! A client's stream of bytes: ICE-TCP (RFC 6544) or TURN, told apart by its first bytes.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    time::timeout_at,
};

use super::{
    Shared,
    frames::{self, Framing, Garbage},
    outflow::{Outflow, Stopped, Weight},
    turn::{Back, Session},
};
use crate::{
    control::now,
    engine::link::{Dropped, Inlet, Sink},
};

/// A stream that has shown nothing good within this time is cut.
const EARLY: Duration = Duration::from_secs(10);
/// One of TURN that brings so many messages without having an allocation, too.
const MAX_EARLY: u32 = 100;
/// One of ICE on which nothing came for this long is cut: clients check every few seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// A client that takes less than what waits within this time is cut.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes read at once.
const READ: usize = 4_096;

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Closed,
    Silent,
    Garbage,
    Slow,
}

/// Serves a stream until it ends.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite, client: SocketAddr, shared: &Shared) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let outflow = Arc::new(Outflow::default());
    let ended = tokio::select! {
        ended = read(&mut reader, client, shared, &outflow) => ended,
        stopped = outflow.write_to(&mut writer, PATIENCE) => match stopped {
            Stopped::Slow => Ended::Slow,
            Stopped::Closed => Ended::Closed,
        },
    };
    outflow.close();
    match ended {
        Ended::Closed => {}
        Ended::Silent => shared.counts.tcp_silent.add(),
        Ended::Garbage => shared.counts.tcp_garbage.add(),
        Ended::Slow => shared.counts.tcp_slow.add(),
    }
}

async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    client: SocketAddr,
    shared: &Shared,
    outflow: &Arc<Outflow>,
) -> Ended {
    let opened = Instant::now();
    let mut received = BytesMut::new();
    let mut dialogue = Dialogue::Unknown;
    let mut heard = opened;
    loop {
        let deadline = dialogue.deadline(opened, heard);
        received.reserve(READ);
        match timeout_at(deadline.into(), reader.read_buf(&mut received)).await {
            Ok(Ok(0) | Err(_)) => return Ended::Closed,
            Ok(Ok(_)) => heard = Instant::now(),
            Err(_) => {
                if !dialogue.handle_timeout(opened, heard) {
                    return Ended::Silent;
                }
                continue;
            }
        }
        if let Dialogue::Unknown = dialogue {
            dialogue = match Framing::of(&received) {
                Some(framing) => Dialogue::new(framing, client, shared, outflow),
                None => continue,
            };
        }
        if dialogue.handle(&mut received, shared).is_err() {
            return Ended::Garbage;
        }
    }
}

/// What is spoken on a stream.
enum Dialogue {
    Unknown,
    Ice(Inlet),
    /// With the messages that came while it had no allocation.
    Turn(Box<Session>, u32),
}

impl Dialogue {
    fn new(framing: Framing, client: SocketAddr, shared: &Shared, outflow: &Arc<Outflow>) -> Self {
        match framing {
            Framing::Rfc4571 => Self::Ice(shared.gate.open(client, Arc::new(Framed(outflow.clone())))),
            Framing::Turn => {
                let back = Back::Stream(outflow.clone());
                Self::Turn(Box::new(Session::new(shared.turn.clone(), client, back)), 0)
            }
        }
    }

    /// Takes what was received, as far as it is whole.
    fn handle(&mut self, received: &mut BytesMut, shared: &Shared) -> Result<(), Garbage> {
        match self {
            Self::Unknown => Ok(()),
            Self::Ice(inlet) => {
                while let Some(datagram) = frames::next(Framing::Rfc4571, received)? {
                    if let Err(why) = inlet.handle(&datagram) {
                        shared.counts.tcp_dropped.add();
                        // Whose transport is gone needs the stream no more; who never had one, even less.
                        if why != Dropped::Lagging {
                            return Err(Garbage);
                        }
                    }
                }
                Ok(())
            }
            Self::Turn(session, early) => {
                while let Some(message) = frames::next(Framing::Turn, received)? {
                    session.handle(now(), &message);
                    if !session.has_allocation() {
                        *early += 1;
                        if *early > MAX_EARLY {
                            return Err(Garbage);
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// When the stream is cut, or its session wants to be looked at.
    fn deadline(&self, opened: Instant, heard: Instant) -> Instant {
        match self {
            Self::Ice(inlet) if inlet.is_proven() => heard + SILENCE,
            Self::Turn(session, _) => session.poll_timeout().unwrap_or(opened + EARLY),
            Self::Unknown | Self::Ice(_) => opened + EARLY,
        }
    }

    /// The time is over; false when the stream is, too.
    fn handle_timeout(&mut self, opened: Instant, heard: Instant) -> bool {
        match self {
            // A check may have been found good since its deadline was set.
            Self::Ice(_) => Instant::now() < self.deadline(opened, heard),
            Self::Turn(session, _) => {
                session.handle_timeout(Instant::now());
                session.has_allocation()
            }
            Self::Unknown => false,
        }
    }
}

/// Datagrams with their length before them (RFC 4571).
#[derive(Debug)]
struct Framed(Arc<Outflow>);

impl Sink for Framed {
    fn send(&self, datagram: &[u8]) -> bool {
        let Ok(len) = u16::try_from(datagram.len()) else {
            return false;
        };
        self.0.push(&[&len.to_be_bytes(), datagram], Weight::of(datagram))
    }
}
