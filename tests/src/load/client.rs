//! One participant: signalling, two peer connections, media out of the files, packets into the tally.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use livekit_protocol as proto;
use proto::{signal_request, signal_response};
use tokio::sync::watch;

use super::media::Media;
use super::peer::{Peer, Track};
use super::signal::Signal;
use super::tally::{Streams, Tally};

mod publish;

use publish::Publication;

/// Interval of signalling pings; servers close after 15 s without.
const PING: Duration = Duration::from_secs(5);

/// Where and as whom a client joins, and what it does there.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base of the signalling address, `ws://host:port`.
    pub url: String,
    /// Access token.
    pub token: String,
    /// Publishes the recorded video in three layers.
    pub video: bool,
    /// Publishes the recorded voice.
    pub audio: bool,
    /// Subscribes to everything.
    pub subscribe: bool,
    /// RID of the layer that every subscriber of the run should get: what is counted as sent, and asked for.
    pub wanted: &'static str,
    /// Delays the first frame, so that many publishers do not beat in time.
    pub phase: Duration,
    /// Address for the UDP sockets.
    pub local: SocketAddr,
}

/// What the clients of one run share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The media to publish.
    pub media: Rc<Media>,
    /// What was sent and received.
    pub tally: Rc<RefCell<Tally>>,
    /// Publishing or subscribing connections that are up.
    pub connected: Rc<RefCell<u32>>,
    /// Becomes true when all shall leave.
    pub stop: watch::Receiver<bool>,
}

/// Joins, does its part and leaves when told to stop.
///
/// # Errors
/// When joining fails, a connection breaks, or the server says good-bye.
pub async fn run(options: Options, mut shared: Shared) -> Result<()> {
    let mut stop = shared.stop.clone();
    let mut client = Client::join(&options, &mut shared).await?;
    let outcome = tokio::select! {
        outcome = client.drive() => outcome,
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    };
    let leave = proto::LeaveRequest::default();
    let _ = client.signal.send(signal_request::Message::Leave(leave)).await;
    outcome
}

struct Client {
    signal: Signal,
    subscriber: Peer,
    publisher: Option<Peer>,
    publications: Vec<Publication>,
    unpublished: usize,
    streams: Streams,
    shared: Shared,
    subscribes: bool,
    wanted: (u32, u32),
    settled: HashSet<String>,
    counted: (bool, bool),
}

impl Client {
    async fn join(options: &Options, shared: &mut Shared) -> Result<Self> {
        let mut signal = Signal::connect(&options.url, &options.token, options.subscribe).await?;
        let signal_response::Message::Join(join) = signal.next().await? else {
            bail!("the first message was not a join response");
        };
        let publications = Publication::plan(options, &shared.media);
        for publication in &publications {
            signal.send(publication.add_track()).await?;
        }
        let publisher = if publications.is_empty() {
            None
        } else {
            let tracks: Vec<Track> = publications.iter().map(Publication::track).collect();
            Some(Peer::publisher(options.local, &tracks).await?)
        };
        let layer = shared.media.video.iter().find(|layer| layer.rid == options.wanted);
        let layer = layer.context("no such layer")?;
        let wanted = (layer.width, layer.height);
        let mut client = Self {
            signal,
            subscriber: Peer::subscriber(options.local).await?,
            publisher,
            unpublished: publications.len(),
            publications,
            streams: Streams::default(),
            shared: shared.clone(),
            subscribes: options.subscribe,
            wanted,
            settled: HashSet::new(),
            counted: (false, false),
        };
        client.settle(&join.other_participants).await?;
        Ok(client)
    }

    async fn drive(&mut self) -> Result<()> {
        let mut next_ping = Instant::now() + PING;
        loop {
            self.subscriber.flush();
            if let Some(publisher) = &mut self.publisher {
                publisher.flush();
            }
            self.count_connected()?;
            let mut deadline = next_ping;
            deadline = self.subscriber.poll_timeout().map_or(deadline, |at| at.min(deadline));
            if let Some(publisher) = &mut self.publisher {
                deadline = publisher.poll_timeout().map_or(deadline, |at| at.min(deadline));
                if publisher.connected {
                    let frames = self.publications.iter().map(|publication| publication.due);
                    deadline = frames.fold(deadline, Instant::min);
                }
            }
            tokio::select! {
                message = self.signal.next() => self.message(message?).await?,
                readable = self.subscriber.readable() => {
                    readable?;
                    self.receive()?;
                }
                readable = readable(self.publisher.as_ref()) => {
                    readable?;
                    if let Some(publisher) = &mut self.publisher {
                        publisher.receive(|_| {})?;
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => {}
            }
            let now = Instant::now();
            if now >= next_ping {
                next_ping = now + PING;
                let ping = proto::Ping::default();
                self.signal.send(signal_request::Message::PingReq(ping)).await?;
            }
            self.timers(now)?;
        }
    }

    fn timers(&mut self, now: Instant) -> Result<()> {
        if self.subscriber.poll_timeout().is_some_and(|at| at <= now) {
            self.subscriber.handle_timeout(now)?;
        }
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        if publisher.poll_timeout().is_some_and(|at| at <= now) {
            publisher.handle_timeout(now)?;
        }
        if publisher.connected {
            let mut tally = self.shared.tally.borrow_mut();
            for publication in &mut self.publications {
                publication.play(now, publisher, &mut tally)?;
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<()> {
        let tally = &self.shared.tally;
        let streams = &mut self.streams;
        self.subscriber.receive(|packet| {
            // Padding probes have no payload.
            if !packet.payload.is_empty() {
                let header = &packet.header;
                tally.borrow_mut().received(
                    Instant::now(),
                    streams,
                    header.ssrc,
                    header.sequence_number,
                    &packet.payload,
                );
            }
        })
    }

    fn count_connected(&mut self) -> Result<()> {
        let publisher = self.publisher.as_ref();
        if self.subscriber.failed || publisher.is_some_and(|publisher| publisher.failed) {
            bail!("a peer connection failed");
        }
        let up = (
            self.subscriber.connected,
            publisher.is_some_and(|publisher| publisher.connected),
        );
        if up.1 && !self.counted.1 {
            // Frames are due from now on, not from when the client was planned.
            let now = Instant::now();
            for publication in &mut self.publications {
                publication.start(now);
            }
        }
        let new = u32::from(up.0 && !self.counted.0) + u32::from(up.1 && !self.counted.1);
        *self.shared.connected.borrow_mut() += new;
        self.counted = (up.0 || self.counted.0, up.1 || self.counted.1);
        Ok(())
    }

    async fn message(&mut self, message: signal_response::Message) -> Result<()> {
        use signal_response::Message;
        let now = Instant::now();
        match message {
            Message::Offer(offer) => {
                let sdp = self.subscriber.answer(now, offer.sdp)?;
                let answer = proto::SessionDescription {
                    r#type: "answer".to_owned(),
                    sdp,
                    id: offer.id,
                    ..Default::default()
                };
                self.signal.send(signal_request::Message::Answer(answer)).await
            }
            Message::Answer(answer) => {
                let publisher = self.publisher.as_mut().context("an answer to no offer")?;
                for publication in &mut self.publications {
                    publication.negotiated(&answer.sdp);
                }
                publisher.accept_answer(now, answer.sdp)
            }
            Message::Trickle(trickle) => {
                let subscriber = trickle.target == i32::from(proto::SignalTarget::Subscriber);
                match &mut self.publisher {
                    Some(publisher) if !subscriber => publisher.add_candidate(&trickle.candidate_init),
                    None if !subscriber => Ok(()),
                    _ => self.subscriber.add_candidate(&trickle.candidate_init),
                }
            }
            Message::TrackPublished(_) => {
                self.unpublished = self.unpublished.saturating_sub(1);
                match &mut self.publisher {
                    Some(publisher) if self.unpublished == 0 => {
                        let offer = proto::SessionDescription {
                            r#type: "offer".to_owned(),
                            sdp: publisher.offer(now)?,
                            id: 1,
                            ..Default::default()
                        };
                        self.signal.send(signal_request::Message::Offer(offer)).await
                    }
                    _ => Ok(()),
                }
            }
            Message::Update(update) => self.settle(&update.participants).await,
            Message::Leave(leave) => bail!("the server ended the session: {:?}", leave.reason()),
            _ => Ok(()),
        }
    }

    /// Says of each new video track which size is wanted.
    async fn settle(&mut self, participants: &[proto::ParticipantInfo]) -> Result<()> {
        if !self.subscribes {
            return Ok(());
        }
        let tracks = participants.iter().flat_map(|participant| &participant.tracks);
        let video = tracks.filter(|track| track.r#type() == proto::TrackType::Video);
        let sids: Vec<String> = video
            .map(|track| track.sid.clone())
            .filter(|sid| self.settled.insert(sid.clone()))
            .collect();
        if sids.is_empty() {
            return Ok(());
        }
        let (width, height) = self.wanted;
        let quality = if height >= 720 {
            proto::VideoQuality::High
        } else {
            proto::VideoQuality::Medium
        };
        let settings = proto::UpdateTrackSettings {
            track_sids: sids,
            quality: quality.into(),
            width,
            height,
            ..Default::default()
        };
        self.signal.send(signal_request::Message::TrackSetting(settings)).await
    }
}

async fn readable(peer: Option<&Peer>) -> Result<()> {
    match peer {
        Some(peer) => peer.readable().await,
        None => std::future::pending().await,
    }
}
