//! A forwarded packet allocates nothing once a meeting is under way.

#![allow(
    unsafe_code,
    reason = "counting allocations needs an allocator of our own, which is unsafe by its trait"
)]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use common::{assembly::Assembly, fan_out::FanOut};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and packets sent in ten seconds, after ten seconds to grow what grows.
fn measure(mut fan_out: FanOut) -> (u64, u64) {
    measure_in(&mut fan_out)
}

fn measure_in(fan_out: &mut FanOut) -> (u64, u64) {
    let (mut scratch, mut times) = (Vec::with_capacity(4_096), Vec::with_capacity(4_096));
    let mut before = (0, 0);
    for n in 0..2_000 {
        if n == 1_000 {
            before = (COUNT.with(Cell::get), fan_out.out.packets);
        }
        fan_out.burst(n);
        if n % 10 == 0 {
            fan_out.feedback(&mut scratch, &mut times);
        }
    }
    (COUNT.with(Cell::get) - before.0, fan_out.out.packets - before.1)
}

#[test]
fn forwarding_allocates_nothing() {
    let (allocations, packets) = measure(FanOut::new(50));
    assert!(packets >= 490_000, "{packets} packets went out");
    assert_eq!(allocations, 0, "for {packets} packets");
}

#[test]
fn sifting_layers_of_one_stream_allocates_nothing() {
    let (allocations, packets) = measure(FanOut::svc(50));
    assert!((245_000..260_000).contains(&packets), "{packets} packets went out");
    assert_eq!(allocations, 0, "for {packets} packets");
}

#[test]
fn the_loudest_of_many_microphones_are_sent_without_allocating() {
    let mut assembly = Assembly::new(20, 0, 20);
    let speak = |assembly: &mut Assembly, step: usize| {
        // Another one speaks each second and a half.
        for (n, level) in assembly.levels.iter_mut().enumerate() {
            *level = if step / 75 % 20 == n { 20 } else { 70 };
        }
        assembly.step();
    };
    // Events for room control are no part of forwarding: their number is that of windows.
    for step in 0..3_000 {
        speak(&mut assembly, step);
    }
    let before = (COUNT.with(Cell::get), assembly.out.packets);
    for step in 3_000..4_500 {
        speak(&mut assembly, step);
    }
    let packets = assembly.out.packets - before.1;
    let allocations = COUNT.with(Cell::get) - before.0;
    assert!(packets >= 230_000, "{packets} packets went out");
    assert!(allocations <= 400, "{allocations} for {packets} packets");
}

#[test]
fn crossing_a_link_and_being_handed_out_allocate_nothing() {
    let mut fan_out = FanOut::with_link_and_tap(10);
    let (allocations, packets) = measure_in(&mut fan_out);
    assert!(packets >= 98_000, "{packets} packets went out");
    assert!(fan_out.out.crossed >= 19_990, "{} packets crossed", fan_out.out.crossed);
    assert!(
        fan_out.out.pictures >= 1_990,
        "{} pictures were handed out",
        fan_out.out.pictures
    );
    assert_eq!(allocations, 0);
}
