//! The platform on a laptop.
fn main() {}
