//! What forwarding costs. Run by hand:
//! `cargo test --release -p relay-core --test speed -- --ignored --nocapture`.

mod common;

use common::fan_out::FanOut;

#[test]
#[ignore = "a measurement, not a test"]
fn cost_of_a_forwarded_packet() {
    for subscribers in [10, 50, 200] {
        let mut fan_out = FanOut::new(subscribers);
        let (mut scratch, mut times) = (Vec::new(), Vec::new());
        let mut run = |from: u32, to: u32| {
            for n in from..to {
                fan_out.burst(n);
                if n % 10 == 0 {
                    fan_out.feedback(&mut scratch, &mut times);
                }
            }
            fan_out.out.packets
        };
        let warm = run(0, 500);
        let before = cpu_ns();
        let packets = run(500, 2_500) - warm;
        let each = (cpu_ns() - before) as f64 / packets as f64;
        println!("1 -> {subscribers}: {packets} packets out, {each:.0} ns each, without sealing and sending");
    }
}

/// Nanoseconds that this thread has been on a processor.
#[allow(clippy::disallowed_methods, reason = "it measures real time")]
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    let first = stat.split_whitespace().next().expect("three numbers");
    first.parse().expect("a number")
}
