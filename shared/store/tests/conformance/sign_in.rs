use domain::Role;
use domain::network::Network;
use domain::sealed::token_hash;
use jiff::{SignedDuration, Timestamp};
use store::{
    Attempt, Attempts, Claim, Claimed, Error, Handoff, HandoffKind, IdempotencyKey, Rate, Scope, Session, SessionUse,
    Store, Write,
};

use super::world::{World, minute, noon, operator, sealed};

fn session(world: &World) -> Session {
    Session {
        reseller: world.reseller.id,
        company: world.company.id,
        host: world.host.id,
        role: Role::Host,
        after_call_url: None,
        remote_logout_url: None,
        api_token: None,
        oauth: None,
        ends: hours(24 * 7),
        created: noon(),
    }
}

fn hours(hours: i64) -> Timestamp {
    minute(hours * 60)
}

pub async fn a_session_lives_by_use_and_not_for_ever(store: &Store) {
    let world = World::new(store).await;
    let hash = token_hash(&world.name);
    assert_eq!(
        store.session_use(&hash, noon()).await.expect("read"),
        SessionUse::Unknown
    );
    let session = session(&world);
    store.session_create(&hash, &session).await.expect("kept");
    let valid = |used: SessionUse| matches!(used, SessionUse::Valid { session: ref found, .. } if *found == session);
    let mut at = 0;
    while at < 24 * 7 - 23 {
        assert!(
            valid(store.session_use(&hash, hours(at)).await.expect("read")),
            "after {at} h"
        );
        at += 23;
    }
    assert_eq!(
        store.session_use(&hash, hours(24 * 7)).await.expect("read"),
        SessionUse::Expired
    );

    let idle = token_hash(&format!("{}-idle", world.name));
    store.session_create(&idle, &session).await.expect("kept");
    assert_eq!(
        store.session_use(&idle, hours(24)).await.expect("read"),
        SessionUse::Expired
    );
    store.session_delete(&idle).await.expect("deleted");
    store.session_delete(&idle).await.expect("harmless");
    assert_eq!(
        store.session_use(&idle, hours(1)).await.expect("read"),
        SessionUse::Unknown
    );
    assert_eq!(
        session.scope(),
        Scope::host(world.reseller.id, world.company.id, world.host.id)
    );
}

pub async fn a_sessions_requests_are_counted_by_the_minute(store: &Store) {
    let world = World::new(store).await;
    let hash = token_hash(&world.name);
    store.session_create(&hash, &session(&world)).await.expect("kept");
    let count = async |at| match store.session_use(&hash, at).await.expect("read") {
        SessionUse::Valid { requests_in_minute, .. } => requests_in_minute,
        other => panic!("{other:?}"),
    };
    for start in [0, 1, 7] {
        assert_eq!(count(minute(start)).await, 1);
        // The new minute is begun beside the request: wait until it is.
        let mut last = 1;
        for _ in 0..1_000 {
            let next = count(minute(start)).await;
            if next > last {
                last = next;
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(last >= 2, "the minute was never begun");
        assert_eq!(count(minute(start)).await, last + 1);
        assert_eq!(count(minute(start)).await, last + 2);
    }
}

pub async fn a_one_time_value_is_taken_once(store: &Store) {
    let world = World::new(store).await;
    let hash = token_hash(&world.name);
    let handoff = Handoff {
        kind: HandoffKind::Session,
        reseller: world.reseller.id,
        company: world.company.id,
        host: world.host.id,
        after_call_url: Some("/thanks".into()),
        remote_logout_url: None,
        session_ends: None,
        sso_token_hash: None,
        expires: minute(1),
    };
    store.handoff_create(&hash, &handoff).await.expect("kept");
    let take = async |kind, nonce, at| store.handoff_take(&hash, kind, [nonce; 16], at).await.expect("read");
    assert_eq!(take(HandoffKind::SsoTicket, 1, noon()).await, None);
    assert_eq!(take(HandoffKind::Session, 1, minute(1)).await, None);
    let look = async |kind, at| store.handoff(&hash, kind, at).await.expect("read");
    assert_eq!(look(HandoffKind::Session, noon()).await, Some(handoff.clone()));
    assert_eq!(look(HandoffKind::SsoTicket, noon()).await, None);
    assert_eq!(look(HandoffKind::Session, minute(1)).await, None);
    assert_eq!(take(HandoffKind::Session, 1, noon()).await, Some(handoff.clone()));
    // The same taking again, as after a lost answer; and another one.
    assert_eq!(take(HandoffKind::Session, 1, noon()).await, Some(handoff));
    assert_eq!(take(HandoffKind::Session, 2, noon()).await, None);
    assert_eq!(look(HandoffKind::Session, noon()).await, None);
}

pub async fn a_sign_in_at_a_provider_leads_to_one_session(store: &Store) {
    let world = World::new(store).await;
    let (state, session) = (token_hash(&world.name), session(&world));
    let former = token_hash(&format!("{}-former", world.name));
    store.session_create(&former, &session).await.expect("kept");
    let create = async |token: &str| {
        let sign_in = (state.as_str(), minute(10));
        let kept = store.provider_session_create(token, &session, Some(&former), sign_in);
        kept.await.expect("an answer")
    };
    let tokens = [1, 2, 3].map(|n| token_hash(&format!("{}-{n}", world.name)));
    let (one, two) = tokio::join!(create(&tokens[0]), create(&tokens[1]));
    assert!(one != two, "two at once");
    let sign_in = (state.as_str(), minute(10));
    let known = Some(tokens[usize::from(two)].as_str());
    let again = store
        .provider_session_create(&tokens[2], &session, known, sign_in)
        .await;
    assert!(
        !again.expect("an answer"),
        "and never again, and the one that is there stays"
    );
    let mut valid = Vec::new();
    for token in tokens.iter().chain([&former]) {
        let used = store.session_use(token, noon()).await.expect("read");
        valid.push(matches!(used, SessionUse::Valid { .. }));
    }
    assert_eq!(valid, [one, two, false, false]);
    // What tells its repeats is no value that anybody can trade.
    for kind in [HandoffKind::Session, HandoffKind::SsoTicket, HandoffKind::PasswordLink] {
        let taken = store.handoff_take(&state, kind, [1; 16], noon()).await.expect("read");
        assert_eq!(taken, None);
    }
}

pub async fn failures_are_remembered_for_their_window(store: &Store) {
    let world = World::new(store).await;
    let network = Network::of("192.0.2.1".parse().expect("an address"));
    let email = &world.host.email;
    let pair = Attempt::Login(world.reseller.id, email, network);
    let anywhere = Attempt::LoginAnywhere(world.reseller.id, email);
    for n in 1..=5 {
        assert_eq!(
            store.attempt_failed(&pair, minute(n)).await.expect("counted").failures,
            u32::try_from(n).expect("small")
        );
    }
    let asked = [anywhere, pair.clone()];
    let found = store.attempts(&asked, minute(15)).await.expect("read");
    assert_eq!(found[0], Attempts::default());
    assert_eq!(
        (found[1].failures, found[1].last, found[1].until),
        (5, Some(minute(5)), Some(minute(16)))
    );
    assert_eq!(found[1].retry_after(minute(15)), 61);
    // From the first failure on, not from the last.
    assert_eq!(
        store.attempts(&asked, minute(16)).await.expect("read")[1],
        Attempts::default()
    );
    assert_eq!(
        store.attempt_failed(&pair, minute(16)).await.expect("counted").failures,
        1
    );
    store.attempts_clear(&pair).await.expect("forgotten");
    assert_eq!(
        store.attempts(&asked, minute(16)).await.expect("read")[1],
        Attempts::default()
    );
}

/// Guesses that come at once are told apart and counted before any is compared.
pub async fn so_many_different_guesses_are_looked_at(store: &Store) {
    let world = World::new(store).await;
    let room = Attempt::Pin(
        world.host.access_code,
        Network::of("192.0.2.7".parse().expect("an address")),
    );
    let guess = async |text: &str, at| store.attempt_guess(&room, text, 3, at).await.expect("counted");
    let all: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let tried = all.iter().map(|text| store.attempt_guess(&room, text, 3, noon()));
    let tried = futures_util::future::try_join_all(tried).await.expect("counted");
    assert_eq!(tried.iter().filter(|waits| waits.is_none()).count(), 3);
    assert!(
        tried.iter().all(|waits| waits.is_none_or(|seconds| seconds == 901)),
        "{tried:?}"
    );
    let looked_at = tried.iter().position(Option::is_none).expect("one");
    assert_eq!(guess(&all[looked_at], minute(1)).await, None, "one that counts already");
    assert_eq!(guess("another", minute(14)).await, Some(61));
    assert_eq!(guess("another", minute(15)).await, None, "they are forgotten");
    store.attempts_clear(&room).await.expect("forgotten");
    for text in ["a", "b", "c"] {
        assert_eq!(guess(text, minute(15)).await, None);
    }
    assert_eq!(guess("d", minute(15)).await, Some(901));

    let slowed = Attempt::LoginAnywhere(world.reseller.id, &world.host.email);
    store.attempt_failed(&slowed, noon()).await.expect("counted");
    let second = SignedDuration::from_secs(1);
    let at = noon().saturating_add(second).expect("a time");
    let turns = (0..5).map(|_| store.attempt_turn(&slowed, second, at));
    let turns = futures_util::future::try_join_all(turns).await.expect("asked");
    assert_eq!(turns.iter().filter(|taken| **taken).count(), 1);
}

pub async fn requests_are_counted_by_the_minute(store: &Store) {
    let world = World::new(store).await;
    let rate = Rate::Company(world.reseller.id, world.company.id);
    let writes = Rate::ObjectWrites {
        session: &token_hash(&world.name),
        object: "conference/1",
    };
    assert_eq!(store.rate_count(&rate, noon()).await.expect("counted"), 1);
    assert_eq!(store.rate_count(&rate, noon()).await.expect("counted"), 2);
    assert_eq!(store.rate_count(&writes, noon()).await.expect("counted"), 1);
    assert_eq!(store.rate_count(&rate, minute(1)).await.expect("counted"), 1);
}

fn key(world: &World, key: &str) -> IdempotencyKey {
    IdempotencyKey {
        reseller: world.reseller.id,
        account: world.host.id,
        method: "company-create".into(),
        key: key.into(),
    }
}

fn fresh(claimed: Claimed) -> Claim {
    match claimed {
        Claimed::Fresh(claim) => claim,
        other => panic!("{other:?}"),
    }
}

pub async fn an_idempotency_key_does_its_work_once(store: &Store) {
    let world = World::new(store).await;
    let claim_of = async |name: &str, body: &str, nonce, at| {
        store
            .idempotency_claim(&key(&world, name), body, [nonce; 16], at)
            .await
            .expect("read")
    };
    let claim = fresh(claim_of("a", "body", 1, noon()).await);
    assert_eq!(claim_of("a", "body", 2, noon()).await, Claimed::Running);
    assert_eq!(claim_of("a", "other", 3, noon()).await, Claimed::OtherBody);
    assert_eq!(fresh(claim_of("a", "body", 1, noon()).await), claim);

    let company = World::company_of(store, &world.reseller, "second").await;
    let write = Write {
        claim: Some(&claim),
        ..operator("company-create")
    };
    store.company_create(&company, &write, &[]).await.expect("a company");
    // The process dies here: a repeat finds what was made, and can finish in its place.
    match claim_of("a", "body", 4, minute(5)).await {
        Claimed::Applied { claim, reference } => {
            assert_eq!(reference, company.id.to_string());
            store.idempotency_release(&claim).await.expect("harmless");
            store.idempotency_finish(&claim, &sealed()).await.expect("finished");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(claim_of("a", "body", 5, minute(5)).await, Claimed::Done(sealed()));
    assert_eq!(claim_of("a", "other", 5, minute(5)).await, Claimed::OtherBody);
    // After a day the key is new.
    fresh(claim_of("a", "other", 6, hours(24)).await);

    // A refused request gives its claim back.
    let claim = fresh(claim_of("b", "bad", 1, noon()).await);
    store.idempotency_release(&claim).await.expect("released");
    store.idempotency_release(&claim).await.expect("harmless");
    fresh(claim_of("b", "good", 2, noon()).await);
}

pub async fn a_lost_claim_cannot_write(store: &Store) {
    let world = World::new(store).await;
    let claim_of = async |nonce, at| {
        store
            .idempotency_claim(&key(&world, "slow"), "body", [nonce; 16], at)
            .await
            .expect("read")
    };
    let slow = fresh(claim_of(1, noon()).await);
    let late = noon()
        .saturating_add(Claim::LEASE + SignedDuration::from_secs(1))
        .expect("a time");
    let quick = fresh(claim_of(2, late).await);
    let company = World::company_of(store, &world.reseller, "third").await;
    let write = Write {
        claim: Some(&slow),
        ..operator("company-create")
    };
    let refused = store.company_create(&company, &write, &[]).await;
    assert!(matches!(refused, Err(Error::ClaimLost)), "{refused:?}");
    let write = Write {
        claim: Some(&quick),
        ..operator("company-create")
    };
    store.company_create(&company, &write, &[]).await.expect("a company");
    let again = World::company_of(store, &world.reseller, "fourth").await;
    let refused = store.company_create(&again, &write, &[]).await;
    assert!(
        matches!(refused, Err(Error::ClaimLost)),
        "a claim works once: {refused:?}"
    );
}
