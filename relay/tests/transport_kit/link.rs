//! A client's way to the engine, by which datagrams may be lost, and which may change its address as behind a NAT.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use super::turn::Turn;

/// What happens to a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
}

/// What datagrams travel by. The client itself knows nothing of it.
pub enum Wire {
    Udp(UdpSocket),
    /// ICE-TCP.
    Tcp(Tcp),
    /// An allocation with a channel to the engine.
    Turn(Box<Turn>),
}

/// A connection of ICE-TCP.
pub struct Tcp {
    stream: TcpStream,
    /// What is no whole datagram yet.
    received: Vec<u8>,
    /// A check was sent. An ICE agent sends nothing else on a new connection before that.
    checked: bool,
}

impl Tcp {
    pub fn connect(port: SocketAddr) -> Self {
        Self {
            stream: connect(port),
            received: Vec::new(),
            checked: false,
        }
    }
}

/// A way to the engine.
pub struct Link {
    pub wire: Wire,
    /// The address that the client believes to have.
    pub local: SocketAddr,
    to: SocketAddr,
    /// Where datagrams really go.
    target: SocketAddr,
    /// Share lost in each direction, of 256.
    loss: u32,
    random: u64,
    /// Copies of the datagrams sent last.
    pub sent: VecDeque<Vec<u8>>,
    /// Length of the longest datagram received.
    pub longest: usize,
    /// No check is sent any more.
    pub unchecked: bool,
    /// What ends a DTLS handshake is held back: the client has its keys, and the relay has none.
    pub holds_end: bool,
    held: Vec<Vec<u8>>,
}

impl Link {
    pub fn new(to: SocketAddr, loss_percent: u32, seed: u64) -> Self {
        let socket = bind(to);
        let local = socket.local_addr().expect("an address");
        Self {
            loss: loss_percent * 256 / 100,
            random: seed | 1,
            ..Self::over(Wire::Udp(socket), local, to)
        }
    }

    pub fn over(wire: Wire, local: SocketAddr, to: SocketAddr) -> Self {
        Self {
            wire,
            local,
            to,
            target: to,
            loss: 0,
            random: 1,
            sent: VecDeque::new(),
            longest: 0,
            unchecked: false,
            holds_end: false,
            held: Vec::new(),
        }
    }

    /// By ICE-TCP to this port.
    pub fn tcp(port: SocketAddr, to: SocketAddr) -> Self {
        let tcp = Tcp::connect(port);
        let local = tcp.stream.local_addr().expect("an address");
        Self::over(Wire::Tcp(tcp), local, to)
    }

    /// By an allocation.
    pub fn turn(turn: Turn, to: SocketAddr) -> Self {
        let relayed = turn.relayed.expect("an allocation");
        Self::over(Wire::Turn(Box::new(turn)), relayed, to)
    }

    /// Another address from now on, which the client knows nothing of.
    pub fn rebind(&mut self) {
        self.wire = match &self.wire {
            Wire::Udp(_) => Wire::Udp(bind(self.target)),
            Wire::Tcp(tcp) => Wire::Tcp(Tcp::connect(tcp.stream.peer_addr().expect("an address"))),
            Wire::Turn(_) => panic!("an allocation does not move"),
        };
    }

    /// Another address from now on, of the family of `to`. The client goes on believing in the former one and its peer.
    pub fn move_to(&mut self, to: SocketAddr) {
        self.wire = Wire::Udp(bind(to));
        self.target = to;
    }

    pub fn set_loss(&mut self, percent: u32) {
        self.loss = percent * 256 / 100;
    }

    fn fate(&mut self) -> Fate {
        // xorshift64: the same losses for the same seed.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        if (self.random >> 32) as u32 % 256 < self.loss {
            Fate::Lost
        } else {
            Fate::Arrives
        }
    }

    /// Sends what was held back.
    pub fn release(&mut self) {
        self.holds_end = false;
        for datagram in std::mem::take(&mut self.held) {
            self.send(&datagram);
        }
    }

    pub fn send(&mut self, datagram: &[u8]) {
        // ChangeCipherSpec, or a record of the handshake under the new keys (RFC 6347 §4.1).
        if self.holds_end && matches!(datagram, [20, ..] | [22, _, _, 0, 1, ..]) {
            self.held.push(datagram.to_vec());
            return;
        }
        self.sent.push_back(datagram.to_vec());
        if self.sent.len() > 50 {
            self.sent.pop_front();
        }
        let is_check = datagram.first().is_some_and(|first| *first < 4);
        if self.fate() == Fate::Lost || is_check && self.unchecked {
            return;
        }
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send_to(datagram, self.target).expect("sent");
            }
            // A closed connection shows when it is read.
            Wire::Tcp(tcp) => {
                tcp.checked |= datagram[0] == 0;
                if tcp.checked {
                    let _ = tcp.stream.write_all(&framed(datagram));
                }
            }
            Wire::Turn(turn) => turn.send(datagram),
        }
    }

    /// The next datagram, waiting for a moment.
    pub fn receive<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let len = match &mut self.wire {
            Wire::Udp(socket) => socket.recv_from(buffer).ok()?.0,
            Wire::Tcp(tcp) => {
                if let Ok(len) = tcp.stream.read(buffer) {
                    tcp.received.extend_from_slice(&buffer[..len]);
                }
                take_frame(&mut tcp.received, buffer)?
            }
            Wire::Turn(turn) => turn.receive(buffer)?,
        };
        self.longest = self.longest.max(len);
        (self.fate() == Fate::Arrives).then_some(&buffer[..len])
    }

    pub fn peer(&self) -> SocketAddr {
        self.to
    }
}

/// A datagram with its length before it (RFC 4571).
pub fn framed(datagram: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(datagram.len()).expect("short").to_be_bytes().to_vec();
    bytes.extend(datagram);
    bytes
}

fn take_frame(received: &mut Vec<u8>, buffer: &mut [u8]) -> Option<usize> {
    let [high, low, rest @ ..] = &received[..] else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    buffer[..len].copy_from_slice(rest.get(..len)?);
    received.drain(..2 + len);
    Some(len)
}

/// Whether the other side closes this connection in time.
pub fn is_cut(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(super::LIMIT)).expect("a time-out");
    loop {
        match stream.read(&mut [0; 1_024]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

/// A connection that is read for a moment only.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("connected");
    stream.set_read_timeout(Some(MOMENT)).expect("a time-out");
    stream.set_nodelay(true).expect("an option of every TCP socket");
    stream
}

const MOMENT: Duration = Duration::from_millis(1);

fn bind(to: SocketAddr) -> UdpSocket {
    let local = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).expect("a socket");
    socket.set_read_timeout(Some(MOMENT)).expect("a time-out");
    socket
}
