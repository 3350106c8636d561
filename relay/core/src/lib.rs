//! Rooms, forwarding and bandwidth of the relay, without sockets and clocks: time, chance and bytes are arguments.

mod allowance;
pub mod forward;
pub mod intmap;
pub mod link;
mod random;
pub mod room;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod types;
