//! Links the functions' binary at fixed addresses, as docs/adr/0010-fixed-addresses.md says.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // What the cold start is held against (`scripts/bench cold`) is linked alike.
    println!("cargo::rustc-link-arg-examples=-no-pie");
}
