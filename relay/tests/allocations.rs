//! The media thread allocates nothing for a packet on its whole way: out of the socket, opened, forwarded, sealed for each
//! subscriber and given to the kernel.

#![allow(
    unsafe_code,
    reason = "counting allocations needs an allocator of our own, which is unsafe by its trait"
)]

mod transport_kit;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering},
};

use relay::engine::EngineConfig;
use relay_core::types::Codec;
use transport_kit::{Client, ClientOptions, Relay};

/// Threads that are told apart; the last place is everybody else's.
const THREADS: usize = 64;

/// Counts allocations by thread.
struct Counting;

static COUNTS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
static IDS: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PLACE: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn count() {
    let place = PLACE.with(|place| {
        if place.get() == usize::MAX {
            place.set(NEXT.fetch_add(1, Ordering::Relaxed).min(THREADS - 1));
            // SAFETY: it reads the thread's own id and touches no memory.
            let id = unsafe { libc::gettid() };
            IDS[place.get()].store(id, Ordering::Relaxed);
        }
        place.get()
    });
    COUNTS[place].fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Where the allocations of the thread of that name are counted.
fn place_of(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("a list of threads");
    let of_name =
        |id: &str| fs::read_to_string(format!("/proc/self/task/{id}/comm")).is_ok_and(|comm| comm.trim() == name);
    let id: i32 = tasks
        .filter_map(|task| task.ok()?.file_name().into_string().ok())
        .find(|id| of_name(id))
        .and_then(|id| id.parse().ok())
        .expect("the media thread");
    let mine = |counted: &AtomicI32| counted.load(Ordering::Relaxed) == id;
    let place = IDS.iter().position(mine).expect("it has allocated at its start");
    assert!(place < THREADS - 1, "it has a place of its own");
    place
}

/// One after the other: threads are told apart by their names.
#[test]
fn media_threads_allocate_nothing_for_a_packet() {
    few_allocations(1);
    // The publisher is with the one, and the subscribers are with the other.
    few_allocations(2);
}

fn few_allocations(workers: usize) {
    let mut relay = Relay::start_with(&EngineConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        workers,
        ..EngineConfig::default()
    });
    relay = relay.with_step(workers as u32);
    relay.mint_with(0);
    let address = relay.engine.udp_addr();
    let sound = ClientOptions {
        audio: true,
        loss: 0,
        seed: 1,
    };
    let mut publisher = Client::new(address, sound);
    let mut subscribers = [0; 3].map(|_| Client::new(address, ClientOptions::default()));
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    relay.mint_with(workers as u32 - 1);
    let down: Vec<_> = subscribers
        .iter_mut()
        .map(|subscriber| relay.subscribe(subscriber, source, Codec::Opus))
        .collect();
    let mut clients: Vec<&mut Client> = std::iter::once(&mut publisher).chain(&mut subscribers).collect();
    relay.until("all are connected", &mut clients, |relay, _| {
        relay.connected(&up) && down.iter().all(|peer| relay.connected(peer))
    });
    let places: Vec<usize> = (0..workers).map(|n| place_of(&format!("media-{n}"))).collect();
    let count = || {
        places
            .iter()
            .map(|place| COUNTS[*place].load(Ordering::Relaxed))
            .sum::<u64>()
    };
    // A window is a few hundred packets given out: those of the first ones grow what grows.
    let mut windows = Vec::new();
    for n in 0..60_u8 {
        let before = count();
        let mut forwarded = 0;
        relay.until("a few hundred packets", &mut clients, |_, clients| {
            for _ in 0..20 {
                clients[0].send_sound(&[n; 80]);
            }
            clients[0].turn();
            for subscriber in &mut clients[1..] {
                for _ in 0..20 {
                    subscriber.turn();
                }
                forwarded += subscriber.packets.drain(..).count() as u64;
            }
            forwarded >= 300
        });
        windows.push((count() - before, forwarded));
    }
    let later = &windows[20..];
    let clean = later.iter().filter(|(allocations, _)| *allocations == 0).count();
    let (allocations, packets) = later
        .iter()
        .fold((0, 0), |sum, window| (sum.0 + window.0, sum.1 + window.1));
    // Four times a second it looks after itself, and now and then it tells the rooms something: that may allocate.
    assert!(clean >= later.len() / 2, "{windows:?}");
    assert!(allocations * 100 <= packets, "{allocations} for {packets} packets");
}
