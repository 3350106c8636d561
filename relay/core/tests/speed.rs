//! What forwarding costs. Run by hand:
//! `cargo test --release -p relay-core --test speed -- --ignored --nocapture`.

mod common;

use common::{assembly::Assembly, fan_out::FanOut};

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

#[test]
#[ignore = "a measurement, not a test"]
fn cost_of_a_listener_in_an_assembly() {
    for (microphones, cameras, listeners) in [(70, 0, 500), (70, 25, 500), (70, 25, 100)] {
        let before = cpu_ns();
        let mut assembly = Assembly::new(microphones, cameras, listeners);
        let setup = cpu_ns() - before;
        let mut seconds = |seconds: usize| {
            for step in 0..seconds * 50 {
                // Three speak at a time, every second others.
                for (n, level) in assembly.levels.iter_mut().enumerate() {
                    *level = if n / 3 == step / 50 % 20 { 20 } else { 70 };
                }
                assembly.step();
            }
            assembly.out.packets
        };
        let warm = seconds(5);
        let before = cpu_ns();
        let packets = seconds(20) - warm;
        let spent = (cpu_ns() - before) as f64;
        println!(
            "{microphones} microphones, {cameras} cameras -> {listeners}: {} packets/s, {:.0} ns each, {:.3} ms a second and \
             listener, without sealing and sending; {:.0} ms to set up",
            packets / 20,
            spent / packets as f64,
            spent / 20e6 / f64::from(listeners),
            setup as f64 / 1e6,
        );
    }
}

/// Nanoseconds that this thread has been on a processor.
#[allow(clippy::disallowed_methods, reason = "it measures real time")]
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    let first = stat.split_whitespace().next().expect("three numbers");
    first.parse().expect("a number")
}
