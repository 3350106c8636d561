//! The thread that owns all rooms: it takes what clients, transports and the control plane say, and hands out what the
//! rooms answer.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, select};
use domain::relay::Action;
use livekit_protocol::SignalResponse;
use rand::Rng as _;
use relay_core::room::{By, Census, Config, ConnectionId, Control, Input, Now, Output, Random, Refusal, RoomKey};
use tokio::sync::{mpsc, oneshot};

use crate::{
    engine::{Engine, EngineCommand, EngineEvent},
    report::{Report, Reports},
    vital,
};

/// Messages that may wait for a client that reads slowly; then it is cut off.
const CLIENT_QUEUE: usize = 4_096;

/// Inputs that may wait for the rooms.
const INPUT_QUEUE: usize = 65_536;

/// What a connection is told.
#[derive(Debug)]
pub(crate) enum ToClient {
    /// It may be upgraded.
    Accept,
    /// It does not get in.
    Refuse(Refusal),
    /// A message.
    Message(Arc<SignalResponse>),
    /// Nothing follows.
    Close,
}

#[derive(Debug)]
enum Message {
    Open {
        connection: ConnectionId,
        sender: mpsc::Sender<ToClient>,
        input: Input,
    },
    Input(Input),
    Call(Call),
    Stop,
}

/// Something to be asked of the rooms, on their thread.
struct Call(Box<Ask>);

type Ask = dyn FnOnce(&mut Control, &Engine) + Send;

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Call")
    }
}

/// The way to the rooms. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    sender: Sender<Message>,
    connections: Arc<AtomicU64>,
}

/// A connection to the rooms; dropping it tells them that it is gone.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ConnectionId,
    rooms: Rooms,
    /// What the rooms say to it.
    pub(crate) from_rooms: mpsc::Receiver<ToClient>,
}

impl Connection {
    /// Hands a client's message to its room.
    pub(crate) fn signal(&self, message: livekit_protocol::signal_request::Message) {
        self.rooms.send(Input::Signal {
            connection: self.id,
            message,
        });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.rooms.send(Input::SignalClosed { connection: self.id });
    }
}

impl Rooms {
    /// Opens a connection with its first input, made from the connection's id.
    pub(crate) fn connect(&self, input: impl FnOnce(ConnectionId) -> Input) -> Connection {
        let id = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let (sender, from_rooms) = mpsc::channel(CLIENT_QUEUE);
        self.push(Message::Open {
            connection: id,
            sender,
            input: input(id),
        });
        Connection {
            id,
            rooms: self.clone(),
            from_rooms,
        }
    }

    /// Tells the rooms something.
    pub(crate) fn send(&self, input: Input) {
        self.push(Message::Input(input));
    }

    /// The control plane orders something, and needs no answer.
    pub(crate) fn order(&self, room: RoomKey, action: Action) {
        self.push(Message::Call(Call(Box::new(move |control, _| {
            if let Err(why) = control.order(now(), &room, &By::ControlPlane, action) {
                tracing::info!(%room, ?action, ?why, "order not carried out");
            }
        }))));
    }

    /// How full the relay is; `None` if the rooms take no more questions.
    pub(crate) async fn census(&self) -> Option<Census> {
        self.call(|control| control.census()).await
    }

    /// Asks the rooms something; `None` if they take no more.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Control) -> T + Send + 'static,
    ) -> Option<T> {
        self.ask(|control, _| ask(control)).await
    }

    /// The same of the rooms and of the media threads.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Control, &Engine) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.push(Message::Call(Call(Box::new(move |control, engine| {
            // Who asked may be gone.
            let _ = sender.send(ask(control, engine));
        }))));
        receiver.await.ok()
    }

    /// Ends the thread, after what was sent before.
    pub(crate) fn stop(&self) {
        self.push(Message::Stop);
    }

    fn push(&self, message: Message) {
        // A stopped thread needs nothing more. One that has hung lets thousands of messages pile up: losing one then is
        // better than stopping the network threads too.
        if let Err(TrySendError::Full(_)) = self.sender.try_send(message) {
            tracing::warn!("the room thread takes no more input");
        }
    }
}

/// Starts the thread.
pub(crate) fn start(
    config: Config,
    engine: Engine,
    events: Receiver<EngineEvent>,
    reports: Reports,
) -> std::io::Result<(Rooms, thread::JoinHandle<()>)> {
    let (sender, inputs) = crossbeam_channel::bounded(INPUT_QUEUE);
    let rooms = Rooms {
        sender,
        connections: Arc::new(AtomicU64::new(1)),
    };
    let handle = vital::spawn("rooms".to_owned(), move || {
        let control = Control::new(config, Box::new(SystemRandom));
        RoomThread {
            control,
            engine,
            reports,
            clients: HashMap::new(),
        }
        .run(&inputs, &events);
    })?;
    Ok((rooms, handle))
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        rand::rng().fill(bytes);
    }
}

struct RoomThread {
    control: Control,
    engine: Engine,
    reports: Reports,
    clients: HashMap<ConnectionId, mpsc::Sender<ToClient>>,
}

impl RoomThread {
    fn run(mut self, inputs: &Receiver<Message>, events: &Receiver<EngineEvent>) {
        loop {
            let wait = self.control.poll_timeout().map_or(Duration::from_secs(60), |at| {
                at.saturating_duration_since(Instant::now())
            });
            select! {
                recv(inputs) -> message => match message {
                    Ok(Message::Stop) | Err(_) => break,
                    Ok(message) => self.take(message),
                },
                recv(events) -> event => match event {
                    Ok(EngineEvent::Transport(event)) => self.handle(Input::Transport(event)),
                    Ok(EngineEvent::Forward(event)) => self.handle(Input::Forward(event)),
                    Err(_) => break,
                },
                default(wait) => {}
            }
            if self.control.poll_timeout().is_some_and(|at| at <= Instant::now()) {
                self.control.handle_timeout(now());
                self.drain();
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Open {
                connection,
                sender,
                input,
            } => {
                self.clients.insert(connection, sender);
                self.handle(input);
            }
            Message::Input(input) => {
                if let Input::SignalClosed { connection } = &input {
                    self.clients.remove(connection);
                }
                self.handle(input);
            }
            Message::Call(Call(ask)) => {
                ask(&mut self.control, &self.engine);
                self.drain();
            }
            Message::Stop => {}
        }
    }

    fn handle(&mut self, input: Input) {
        self.control.handle(now(), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Accept { connection } => self.tell(connection, ToClient::Accept),
                Output::Refuse { connection, refusal } => self.tell(connection, ToClient::Refuse(refusal)),
                Output::Send { connection, message } => self.tell(connection, ToClient::Message(message)),
                Output::Close { connection } => self.tell(connection, ToClient::Close),
                Output::Enter { room, participant, jti } => self.reports.send(Report::Enter { room, participant, jti }),
                Output::Leave { room, reconnecting } => self.reports.send(Report::Leave { room, reconnecting }),
                Output::Report(event) => self.reports.send(Report::Event(event)),
                Output::Quality(span) => self.reports.quality(span),
                Output::Transport(command) => self.engine.send(EngineCommand::Transport(command)),
                Output::Forward(command) => self.engine.send(EngineCommand::Forward(command)),
            }
        }
    }

    fn tell(&mut self, connection: ConnectionId, message: ToClient) {
        let last = matches!(message, ToClient::Close | ToClient::Refuse(_));
        let Some(sender) = self.clients.get(&connection) else {
            return;
        };
        // A client that does not read is cut off: its sender is dropped, and its socket closes.
        if sender.try_send(message).is_err() || last {
            self.clients.remove(&connection);
        }
    }
}

/// The present.
pub(crate) fn now() -> Now {
    Now {
        at: Instant::now(),
        unix_ms: unix_ms(),
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
