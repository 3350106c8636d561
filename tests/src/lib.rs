//! The whole system seen through its public doors: a load generator that speaks LiveKit's signalling.

pub mod load;
