use axum::{routing::get, serve::Listener};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::*;

/// Hands out what a test connects.
struct Connected(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Connected {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

const SHORT: Patience = Patience {
    serves: Duration::from_millis(300),
    ends: Duration::from_millis(200),
};

fn served() -> (mpsc::UnboundedSender<DuplexStream>, watch::Sender<bool>) {
    let (connect, connected) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let router = axum::Router::new().route("/", get(|| async { "x".repeat(1_000) }));
    tokio::spawn(serve(Connected(connected), router, stopped, &SHORT));
    (connect, stop)
}

#[tokio::test]
async fn who_asks_again_and_again_has_no_connection_for_good() {
    let (connect, _stop) = served();
    let (mut client, server) = duplex(4_096);
    connect.send(server).expect("served");
    let begun = Instant::now();
    let mut answers = 0;
    while client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {
        if client.read(&mut [0; 4_096]).await.is_ok_and(|read| read > 0) {
            answers += 1;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(answers >= 5, "{answers}");
    assert!(begun.elapsed() <= Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_asks_and_reads_nothing_is_cut() {
    let (connect, _stop) = served();
    let (mut client, server) = duplex(4_096);
    connect.send(server).expect("served");
    let cut = async { while client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {} };
    timeout(Duration::from_secs(5), cut).await.expect("cut");
}
