//! A network link that loses, delays, reorders and queues packets by a seed: the model of `relay_core::link` between two TUN
//! devices, on the real clock. Standard input is the device of the near end, standard output that of the far end (one IP
//! packet for each read and write), so that this program opens nothing. Each second it writes what became of the packets to
//! standard error, a line of JSON.
//!
//! Orders change it on the way, a line each on a pipe: `down PROPERTIES`, `up PROPERTIES`, and `move FAR SEEN`, after which the
//! far end, whose address is FAR, is seen and reached under SEEN.

mod address;

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::Ipv4Addr,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use address::Translation;
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser;
use relay_core::link::{Link, LinkConfig};
use serde_json::{Value, json};

/// Longest packet of a TUN device here.
const PACKET: usize = 1 << 16;

/// A link by a seed between two TUN devices.
#[derive(Debug, Parser)]
struct Arguments {
    /// All chances follow from it.
    #[arg(long)]
    seed: u64,
    /// From the near end to the far one: `loss=0.02,burst=3,delay=20,jitter=5,reorder=0.01,rate=300000,queue=30000,dark=0`; shares,
    /// milliseconds, bits per second and bytes; `dark=1` lets nothing through. What is left out is as on a perfect link.
    #[arg(long, default_value = "")]
    down: Properties,
    /// The other way.
    #[arg(long, default_value = "")]
    up: Properties,
    /// The named pipe that orders come by.
    #[arg(long)]
    orders: Option<PathBuf>,
}

/// Properties of one direction.
#[derive(Debug, Clone, Copy)]
struct Properties(LinkConfig);

impl FromStr for Properties {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        // The packets are whole, with their headers.
        let mut config = LinkConfig {
            overhead_bytes: 0,
            ..LinkConfig::default()
        };
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| anyhow!("not name=value: {pair}"))?;
            let number: f64 = value.parse().with_context(|| format!("no number: {pair}"))?;
            let milliseconds = || Duration::try_from_secs_f64(number / 1_000.0).with_context(|| pair.to_owned());
            match name {
                "loss" => config.loss = number,
                "burst" => config.burst = number,
                "reorder" => config.reorder = number,
                "delay" => config.delay = milliseconds()?,
                "jitter" => config.jitter = milliseconds()?,
                "rate" => config.rate = Some(value.parse().with_context(|| pair.to_owned())?),
                "queue" => config.queue_bytes = value.parse().with_context(|| pair.to_owned())?,
                "dark" => config.black_out = number != 0.0,
                _ => bail!("no property of a link: {name}"),
            }
        }
        Ok(Self(config))
    }
}

/// A change on the way.
#[derive(Debug, Clone, Copy)]
enum Order {
    Down(Properties),
    Up(Properties),
    Move(Translation),
}

impl FromStr for Order {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let address = |text: &str| text.parse::<Ipv4Addr>().with_context(|| text.to_owned());
        match *line.split_ascii_whitespace().collect::<Vec<_>>() {
            ["down"] => Ok(Self::Down("".parse()?)),
            ["down", properties] => Ok(Self::Down(properties.parse()?)),
            ["up"] => Ok(Self::Up("".parse()?)),
            ["up", properties] => Ok(Self::Up(properties.parse()?)),
            ["move", far, seen] => Ok(Self::Move(Translation {
                far: address(far)?,
                seen: address(seen)?,
            })),
            _ => bail!("no order: {line}"),
        }
    }
}

/// Which address the far end has; both directions look it up.
type Moved = Arc<Mutex<Option<Translation>>>;

/// One direction: packets under way.
struct Direction {
    link: Mutex<Link<Vec<u8>>>,
    sent: Condvar,
    outward: bool,
    moved: Moved,
}

impl Direction {
    fn new(seed: u64, properties: Properties, outward: bool, moved: &Moved) -> Arc<Self> {
        Arc::new(Self {
            link: Mutex::new(Link::new(seed, properties.0)),
            sent: Condvar::new(),
            outward,
            moved: moved.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Link<Vec<u8>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the link what comes out of a device.
    fn take(&self, mut from: &File) -> io::Result<()> {
        let mut packet = vec![0; PACKET];
        loop {
            let len = from.read(&mut packet)?;
            if !self.translate(&mut packet[..len]) {
                continue;
            }
            self.lock().send(Instant::now(), len, packet[..len].to_vec());
            self.sent.notify_one();
        }
    }

    /// Gives a packet the address of its way; false if it leads nowhere.
    fn translate(&self, packet: &mut [u8]) -> bool {
        let Some(translation) = *self.moved.lock().unwrap_or_else(PoisonError::into_inner) else {
            return true;
        };
        if self.outward {
            translation.outward(packet);
            return true;
        }
        translation.inward(packet)
    }

    /// Hands to the other device what has arrived.
    fn give(&self, mut to: &File) -> ! {
        let mut link = self.lock();
        loop {
            let now = Instant::now();
            if let Some(packet) = link.receive(now) {
                drop(link);
                // A device that is down takes nothing: the packet is lost, as on any cable.
                let _ = to.write(&packet);
                link = self.lock();
                continue;
            }
            link = match link.next_arrival() {
                Some(at) => {
                    let waited = self.sent.wait_timeout(link, at.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.sent.wait(link).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn stats(&self) -> Value {
        let stats = self.lock().stats();
        json!({"sent": stats.sent, "lost": stats.lost, "overflowed": stats.overflowed})
    }
}

/// Carries out orders as they come. Each writer opens the pipe anew.
fn follow(orders: &Path, down: &Direction, up: &Direction, moved: &Moved) -> Result<()> {
    loop {
        for line in BufReader::new(File::open(orders)?).lines() {
            match line?.parse()? {
                Order::Down(Properties(config)) => down.lock().configure(config),
                Order::Up(Properties(config)) => up.lock().configure(config),
                Order::Move(to) => *moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(to),
            }
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let near = Arc::new(File::from(
        io::stdin().as_fd().try_clone_to_owned().context("standard input")?,
    ));
    let far = Arc::new(File::from(
        io::stdout().as_fd().try_clone_to_owned().context("standard output")?,
    ));
    let moved = Moved::default();
    let down = Direction::new(arguments.seed, arguments.down, false, &moved);
    let up = Direction::new(arguments.seed.wrapping_add(1), arguments.up, true, &moved);
    for (direction, from, to) in [(&down, &near, &far), (&up, &far, &near)] {
        let (taking, from) = (direction.clone(), from.clone());
        thread::spawn(move || {
            if let Err(error) = taking.take(&from) {
                eprintln!("a device is gone: {error}");
                std::process::exit(1);
            }
        });
        let (giving, to) = (direction.clone(), to.clone());
        thread::spawn(move || giving.give(&to));
    }
    if let Some(orders) = arguments.orders {
        let (down, up) = (down.clone(), up.clone());
        thread::spawn(move || {
            if let Err(error) = follow(&orders, &down, &up, &moved) {
                eprintln!("no such order: {error:#}");
                std::process::exit(1);
            }
        });
    }
    loop {
        thread::sleep(Duration::from_secs(1));
        eprintln!("{}", json!({"down": down.stats(), "up": up.stats()}));
    }
}
