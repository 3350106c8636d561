//! What the ways in count.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counters since the start.
        #[derive(Debug, Default)]
        pub(super) struct Counts {
            $(pub(super) $name: Count,)+
        }

        /// What the ways in have counted since the start.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct AccessStats {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Allocations of TURN now.
            pub turn_allocations: u64,
            /// Connections now.
            pub connections: u64,
        }

        impl Counts {
            /// As of now; what is held now is for the caller to fill in.
            pub(super) fn read(&self) -> AccessStats {
                AccessStats {
                    $($name: self.$name.read(),)+
                    ..AccessStats::default()
                }
            }
        }

        impl AccessStats {
            /// As Prometheus reads it.
            pub(crate) fn write(&self, text: &mut String) {
                use std::fmt::Write as _;
                $(let _ = writeln!(
                    text,
                    "# TYPE convoke_relay_{0}_total counter\nconvoke_relay_{0}_total {1}",
                    stringify!($name),
                    self.$name,
                );)+
                let now = [("turn_allocations", self.turn_allocations), ("tcp_connections", self.connections)];
                for (name, value) in now {
                    let _ = writeln!(text, "# TYPE convoke_relay_{name} gauge\nconvoke_relay_{name} {value}");
                }
            }
        }
    };
}

counts! {
    /// TCP connections accepted, of all ports but that of plain HTTP.
    tcp_accepted,
    /// TCP connections refused because there are too many, in all or of one address.
    tcp_refused,
    /// TCP connections cut because they speak none of our protocols, or are no client of ours.
    tcp_garbage,
    /// TCP connections cut because the client reads too slowly.
    tcp_slow,
    /// TCP connections cut because nothing came, or nothing good in time.
    tcp_silent,
    /// Datagrams by ICE-TCP that were dropped: no check had come, or a worker lags behind.
    tcp_dropped,
    /// TLS handshakes that failed.
    tls_failed,
    /// Allocations made.
    turn_allocated,
    /// TURN requests without credentials, or with such as are not ours, have ended, or carry another's nonce.
    turn_unauthenticated,
    /// TURN requests refused: towards foreign addresses, too many, or out of place.
    turn_refused,
    /// Datagrams by TURN that were dropped: without permission, or because a worker lags behind.
    turn_dropped,
    /// Messages that are no TURN.
    turn_garbage,
    /// Datagrams of strangers at the TURN port that were not answered because there are too many.
    turn_limited,
}
