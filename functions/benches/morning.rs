//! Reminders of a morning when 10,000 meetings with ten people each begin at nine: how late they go out, by the virtual clock
//! of `tests/partner_api/morning`. `scripts/bench reminders` runs it; the last line is JSON.

#![allow(dead_code, unreachable_pub)]

#[path = "../tests/asked/mod.rs"]
mod asked;
#[path = "../tests/partner_api/morning/mod.rs"]
mod morning;
#[path = "../tests/post/mod.rs"]
mod post;
#[path = "../tests/partner_api/table.rs"]
mod table;
#[path = "../tests/partner_api/world.rs"]
mod world;

use std::time::Duration;

use morning::{Morning, Receiving, Report, middle_and_last};
use serde_json::json;

/// Companies with ten meetings each, beside the large one.
const SMALL: usize = 100;
const OF_SMALL: usize = 10;
const PEOPLE: usize = 10;
/// Reminders go out within this time of when they are due.
const TARGET: Duration = Duration::from_secs(60);

fn main() {
    let meetings = std::env::var("BENCH_MEETINGS").map_or(10_000, |text| text.parse().expect("a number"));
    let large = usize::saturating_sub(meetings, SMALL * OF_SMALL);
    let part = std::env::var("BENCH_PART").unwrap_or_default();
    let mut rows = Vec::new();
    if part != "mails" {
        rows.extend(openings(large));
    }
    if part != "webhooks" {
        rows.extend(reminders(large));
    }
    let report = json!({
        "bench": "reminders",
        "machine": std::env::var("BENCH_MACHINE").unwrap_or_default(),
        "commit": std::env::var("BENCH_COMMIT").unwrap_or_default(),
        "peer": null,
        "rows": rows,
    });
    println!("{report}");
}

/// Everybody's reminders at two rates of the mail service.
fn reminders(large: usize) -> Vec<serde_json::Value> {
    let mut rows = Vec::new();
    println!(
        "{:<14} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10} {:>8} {:>6} {:>7} {:>9} {:>8}",
        "mails/s",
        "meetings",
        "mails",
        "large p50",
        "large last",
        "small p50",
        "small last",
        "refused",
        "twice",
        "stale",
        "woken",
        "real s"
    );
    for rate in [2_000, 14] {
        let mails = (large + SMALL * OF_SMALL) * PEOPLE;
        let morning = Morning {
            companies: std::iter::once(large).chain([OF_SMALL; SMALL]).collect(),
            people: PEOPLE,
            rate,
            // The meetings begin a quarter of an hour after; what has not gone out by then is dropped.
            watched: Duration::from_secs(120 + 2 * mails as u64 / u64::from(rate)).min(Duration::from_secs(17 * 60)),
            webhooks: None,
        };
        let report = morning.run();
        let sent: usize = report.late.iter().map(Vec::len).sum();
        let known = mails + report.twice - report.stale;
        assert_eq!(
            (sent, report.early),
            (known, 0),
            "all are reminded, or dropped and counted"
        );
        let (large_middle, large_last) = middle_and_last(&report.late[0]);
        let small: Vec<Duration> = report.late[1..].iter().flatten().copied().collect();
        let (small_middle, small_last) = middle_and_last(&small);
        println!(
            "{rate:<14} {:>9} {sent:>9} {:>10.1} {:>10.1} {:>10.1} {:>10.1} {:>8} {:>6} {:>7} {:>9} {:>8.0}",
            large + SMALL * OF_SMALL,
            large_middle.as_secs_f64(),
            large_last.as_secs_f64(),
            small_middle.as_secs_f64(),
            small_last.as_secs_f64(),
            report.refused,
            report.twice,
            report.stale,
            report.dispatchers,
            report.worked.as_secs_f64(),
        );
        // A quarter more than the provider alone needs, until the meetings begin; those with little come first.
        let within = |mails: usize| {
            let least = Duration::from_secs_f64(mails as f64 / f64::from(rate));
            TARGET.max(least.mul_f64(1.25)).min(Duration::from_secs(900))
        };
        let (all, of_small) = (within(mails), within(SMALL * OF_SMALL * PEOPLE));
        // Each company's share of what the provider lets through is more than a small one needs.
        let share = small.len() as f64 / (SMALL * OF_SMALL * PEOPLE) as f64;
        rows.push(json!({
            "name": format!("reminders of the small ones that went out at {rate} mails a second"), "unit": "of all",
            "ours": share, "target": 1.0, "ratio": share, "met": share >= 1.0,
        }));
        for (who, last, target) in [
            ("the large company", large_last, all),
            ("the small ones", small_last, of_small),
        ] {
            rows.push(json!({
                "name": format!("last reminder of {who} at {rate} mails a second"), "unit": "s after it was due",
                "ours": last.as_secs_f64(), "target": target.as_secs_f64(), "ratio": last.as_secs_f64() / target.as_secs_f64(),
                "met": last <= target,
            }));
        }
    }
    rows
}

/// The same meetings while people come to them, and webhooks hear of it: how long after it, where all partners' servers answer and
/// where the large company's does not.
fn openings(large: usize) -> Vec<serde_json::Value> {
    println!(
        "{:<28} {:>9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>8}",
        "webhooks", "events", "large p50", "large last", "small p50", "small last", "woken", "real s"
    );
    let run = |how| {
        let morning = Morning {
            companies: std::iter::once(large).chain([OF_SMALL; SMALL]).collect(),
            people: 1,
            rate: 2_000,
            watched: Duration::from_secs(180),
            webhooks: Some(how),
        };
        morning.run()
    };
    let show = |name: &str, report: &Report| {
        let small: Vec<Duration> = report.heard[1..].iter().flatten().copied().collect();
        let (large_middle, large_last) = middle_and_last(&report.heard[0]);
        let (middle, last) = middle_and_last(&small);
        println!(
            "{name:<28} {:>9} {:>10.2} {:>10.2} {:>10.2} {:>10.2} {:>9} {:>8.0}",
            small.len() + report.heard[0].len(),
            large_middle.as_secs_f64(),
            large_last.as_secs_f64(),
            middle.as_secs_f64(),
            last.as_secs_f64(),
            report.tellers,
            report.worked.as_secs_f64(),
        );
        assert_eq!(small.len(), SMALL * OF_SMALL, "all that is told arrives");
        (middle, last)
    };
    let well = show("all answer", &run(Receiving::Well));
    let dead = show("the large company's is dead", &run(Receiving::FirstIsDead));
    let row = |what: &str, well: Duration, dead: Duration| {
        let ratio = dead.as_secs_f64() / well.as_secs_f64();
        json!({
            "name": format!("{what} event to the small companies beside a dead webhook, against the same with all well"),
            "unit": "s after it happened", "ours": dead.as_secs_f64(), "peer": well.as_secs_f64(), "target": 1.05,
            "ratio": ratio, "met": ratio <= 1.05,
        })
    };
    vec![row("middle", well.0, dead.0), row("last", well.1, dead.1)]
}
