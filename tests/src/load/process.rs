//! A server under test: started on a core of its own, its CPU time and memory read from `/proc`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a server may take until it accepts connections.
const START: Duration = Duration::from_secs(20);

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name in tables.
    pub name: String,
    /// Its binary.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where its signalling listens.
    pub listen: SocketAddr,
    /// Where our own relay tells its figures.
    pub operator: Option<SocketAddr>,
    /// Core that it is pinned to.
    pub core: usize,
    /// Where its output goes.
    pub log: PathBuf,
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where its signalling listens.
    pub listen: SocketAddr,
    operator: Option<SocketAddr>,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Open descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
}

impl Server {
    /// Starts the server and waits until it accepts connections.
    ///
    /// # Errors
    /// When something else listens there, or the server ends or does not listen in time.
    pub async fn start(spec: &Spec) -> Result<Self> {
        ensure!(
            TcpStream::connect(spec.listen).await.is_err(),
            "something else listens on {}",
            spec.listen
        );
        let log = fs::File::create(&spec.log).context("the server's log")?;
        let child = Command::new("taskset")
            .args(["-c", &spec.core.to_string()])
            .arg(&spec.program)
            .args(&spec.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", spec.program.display()))?;
        let mut server = Self {
            child,
            listen: spec.listen,
            operator: spec.operator,
        };
        let started = Instant::now();
        while TcpStream::connect(spec.listen).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(&spec.log).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default();
                bail!("{} ended with {status}: {last}", spec.name);
            }
            ensure!(started.elapsed() < START, "{} does not listen", spec.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// CPU time of all its threads so far.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_of(self.child.id())
    }

    /// How many packets it sent on so far, and how many of them within 2.048 ms of their arrival, if it tells; then the same
    /// of those that were within its pacer's budget.
    ///
    /// # Errors
    /// When our relay does not answer.
    pub async fn forwarded(&self) -> Result<Option<[(u64, u64); 2]>> {
        let Some(operator) = self.operator else {
            return Ok(None);
        };
        let text = metrics(operator).await?;
        let count = |series: &str| {
            let name = format!("convoke_relay_{series} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.and_then(|count| count.parse().ok()).context(name)
        };
        let counts = |name: &str| {
            let quick = count(&format!("{name}_bucket{{le=\"0.002048\"}}"))?;
            anyhow::Ok((count(&format!("{name}_count"))?, quick))
        };
        Ok(Some([
            counts("forwarding_delay_seconds")?,
            counts("unpaced_delay_seconds")?,
        ]))
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn usage(&self) -> Result<Usage> {
        let count = |what: &str| -> Result<u64> {
            Ok(fs::read_dir(format!("/proc/{}/{what}", self.child.id()))?.count() as u64)
        };
        Ok(Usage {
            memory: self.memory()?,
            files: count("fd")?,
            threads: count("task")?,
        })
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .context("no VmRSS")?;
        Ok(kib.parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `taskset` has replaced itself by the server, so this is the server.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on loopback on which nothing listens for TCP now.
///
/// # Errors
/// When no socket can be had.
pub fn free_tcp() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// An address on loopback on which nothing listens for UDP now.
///
/// # Errors
/// When no socket can be had.
pub fn free_udp() -> Result<SocketAddr> {
    Ok(std::net::UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// CPU time of all threads of a process, in nanoseconds' precision.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn cpu_of(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = schedstat.split_whitespace().next();
        nanoseconds += first.and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Processor, cores and memory, as a table or a report names a machine.
#[must_use]
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown processor");
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: u64 = kib
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let release = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    let steered = read("/sys/class/net/lo/queues/rx-0/rps_cpus").contains(|digit| !"0,\n".contains(digit));
    format!(
        "{cores} x {model}, {} GiB, Linux {}, load average {load} at start{}",
        kib.div_ceil(1024 * 1024),
        release.trim(),
        if steered {
            ", loopback receives on a core of its own"
        } else {
            ""
        }
    )
}

/// Our relay's own figures, as its operator's door tells them.
///
/// # Errors
/// When it does not answer.
pub async fn metrics(operator: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(operator).await.context("the operator's door")?;
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {operator}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    ensure!(text.starts_with("HTTP/1.1 200"), "metrics: {text}");
    Ok(text)
}
