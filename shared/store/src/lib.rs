//! The one table: every key, item and query.

#[cfg(feature = "embedded")]
pub mod embedded;
pub mod fault;
