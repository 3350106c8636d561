//! Random trees of tenants, and random calls by everybody in them to everything that `all()` lists, with ids of everything:
//! no answer tells what lies outside the caller's reach, and no call changes it.
//!
//! `TENANTS_SEED` sets the seed of the first tree, `TENANTS_SECONDS` how long trees are made and tried.

mod calls;
mod chance;
mod owners;
mod tree;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use functions::{Access, Kind, Route};

use self::chance::Chance;
use self::owners::{Snapshot, allows};
use self::tree::{Caller, Tree};
use crate::asked::work_of;

/// Calls made in one tree before the next one is grown.
const CALLS: usize = 250;

/// What was seen, so that a test that reaches nothing does not pass.
#[derive(Default)]
struct Seen {
    calls: usize,
    trees: usize,
    /// Calls that were answered with 200, by endpoint.
    good: BTreeMap<&'static str, usize>,
    /// Refusals of objects out of reach.
    refused: usize,
    /// Calls about an object whose owner is known.
    objects: usize,
    /// Marks of the caller's own that answers held.
    marks: usize,
    /// Items that calls changed.
    changes: usize,
}

#[tokio::test]
async fn no_call_reads_or_writes_outside_the_callers_reach() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (mut seed, seconds) = (number("TENANTS_SEED", 1), number("TENANTS_SECONDS", 20));
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut seen = Seen::default();
    while Instant::now() < until {
        Box::pin(try_tree(seed, until, &mut seen)).await;
        seed += 1;
    }
    let Seen {
        calls,
        trees,
        good,
        refused,
        objects,
        marks,
        changes,
    } = &seen;
    eprintln!(
        "{trees} trees, {calls} calls, {refused} refused, {objects} about known objects, {marks} marks seen, {changes} items changed, good: {good:?}"
    );
    let succeeded: usize = good.values().sum();
    assert!(succeeded * 10 > *calls, "few calls succeed: {good:?}");
    assert!(*objects > calls / 10 && *refused > calls / 20 && *marks > calls / 20 && *changes > calls / 20);
}

async fn try_tree(seed: u64, until: Instant, seen: &mut Seen) {
    let mut chance = Chance::new(seed);
    let tree = Box::pin(Tree::grow(&mut chance)).await;
    let routes = functions::all();
    let mut before = Snapshot::take(&tree.world).await;
    seen.trees += 1;
    for at in 0..CALLS {
        if Instant::now() > until {
            return;
        }
        // Time passes, so that rates are never the reason.
        tree.world.advance(7);
        if at % 5 == 0 {
            tree.relay().await;
        }
        if chance.one_in(20) {
            let _ = work_of("dispatch", functions::operator::dispatch(&tree.world.app, &[]))
                .await
                .expect("jobs");
            before = Snapshot::take(&tree.world).await;
        }
        let route = chance.pick(&routes);
        if calls::is_rare(route) && !chance.one_in(6) {
            continue;
        }
        let caller = tree.caller(&mut chance, route);
        let call = calls::call(&tree, route, &caller, &mut chance);
        let case = format!("seed {seed}, call {at}: {} by {caller:?} with {}", route.id, call.body);
        tree.world.settle().await;
        tree.world.table.take();
        let answer = call.send(&tree).await;
        seen.calls += 1;
        let (status, text) = (answer.status(), String::from_utf8_lossy(answer.0.body()).into_owned());
        assert!(status < 500 || status == 503, "{case}: {status} {text}");
        if status == 200 {
            *seen.good.entry(route.id).or_default() += 1;
        }
        seen.refused += usize::from(matches!(status, 403 | 404));
        if let (Caller::Account { .. }, Some(owner)) = (&caller, tree.owner_of(route, &call.body)) {
            seen.objects += 1;
            assert!(
                status != 200 || allows(&caller, owner),
                "{case}: {status} for {owner:?}"
            );
        }
        check_answer(&tree, &caller, &case, &text, seen);
        check_sign_in(&tree, (route, &caller), &case, &call.body, status);
        // To look at all that lies in the table takes longer than everything else.
        if Snapshot::is_due(&tree.world.table.take()) {
            let after = Snapshot::take(&tree.world).await;
            check_writes((route, &caller), &case, (&before, &after), (status, seen));
            before = after;
        } else if chance.one_in(25) {
            let after = Snapshot::take(&tree.world).await;
            let wrote = before.changed_quietly(&after);
            assert!(
                wrote.is_none(),
                "{case} or a call before: {wrote:?} was changed by an update of its own"
            );
            before = after;
        }
    }
}

/// Everything that an answer names lies in the caller's reach.
fn check_answer(tree: &Tree, caller: &Caller, case: &str, text: &str, seen: &mut Seen) {
    for mark in tree::marks_in(text) {
        let owner = tree.marks.get(mark).expect("a mark that was given");
        assert!(allows(caller, owner), "{case}: told {mark} of {owner:?}: {text}");
        seen.marks += 1;
    }
}

/// Nobody signs in with the password of another tenant's account.
fn check_sign_in(tree: &Tree, (route, caller): (&Route, &Caller), case: &str, body: &serde_json::Value, status: u16) {
    let Caller::Visitor { reseller, company, .. } = caller else {
        return;
    };
    let known = body["email"].as_str().and_then(|email| tree.account(email));
    if let Some(account) = known.filter(|_| status == 200) {
        match route.id {
            "authenticate" => assert_eq!(account.reseller, *reseller, "{case}"),
            "sign_in_by_password" => assert_eq!(account.company, *company, "{case}"),
            _ => {}
        }
    }
}

/// Everything that changed lies in the caller's reach, and a refusal or a read of the partner API changes nothing.
fn check_writes(
    (route, caller): (&Route, &Caller),
    case: &str,
    (before, after): (&Snapshot, &Snapshot),
    (status, seen): (u16, &mut Seen),
) {
    let quiet = matches!(route.access, Access::Session(_)) && (route.kind == Kind::Read || status != 200);
    for key in before.changed(after) {
        // A token may begin the meeting that it is for.
        let begins = route.id == "conference_join_token";
        assert!(!quiet || begins, "{case}: {status}, and {key} changed");
        let owner = owners::owner(&key, before, after).unwrap_or_else(|| panic!("{case}: {key} changed, whose is it?"));
        assert!(allows(caller, &owner), "{case}: {status}, {key} of {owner:?} changed");
        seen.changes += 1;
    }
}
