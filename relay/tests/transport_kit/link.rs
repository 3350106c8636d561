//! A client's socket, through which datagrams may be lost, and which may change its address as behind a NAT.

use std::{
    collections::VecDeque,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// What happens to a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
}

/// A way to the engine.
pub struct Link {
    socket: UdpSocket,
    /// The address that the client believes to have.
    pub local: SocketAddr,
    to: SocketAddr,
    /// Share lost in each direction, of 256.
    loss: u32,
    random: u64,
    /// Copies of the datagrams sent last.
    pub sent: VecDeque<Vec<u8>>,
}

impl Link {
    pub fn new(to: SocketAddr, loss_percent: u32, seed: u64) -> Self {
        let socket = bind();
        Self {
            local: socket.local_addr().expect("an address"),
            socket,
            to,
            loss: loss_percent * 256 / 100,
            random: seed | 1,
            sent: VecDeque::new(),
        }
    }

    /// Another address from now on, which the client knows nothing of.
    pub fn rebind(&mut self) {
        self.socket = bind();
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

    pub fn send(&mut self, datagram: &[u8]) {
        self.sent.push_back(datagram.to_vec());
        if self.sent.len() > 50 {
            self.sent.pop_front();
        }
        if self.fate() == Fate::Arrives {
            self.socket.send_to(datagram, self.to).expect("sent");
        }
    }

    /// The next datagram, waiting for a moment.
    pub fn receive<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let (len, _) = self.socket.recv_from(buffer).ok()?;
        (self.fate() == Fate::Arrives).then_some(&buffer[..len])
    }

    pub fn peer(&self) -> SocketAddr {
        self.to
    }
}

fn bind() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .expect("a time-out");
    socket
}
