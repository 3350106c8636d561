//! Checks as clients send them, made with `rtc`'s STUN.

use rtc::stun::{
    attributes::{ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE, ATTR_USERNAME},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, Message, Setter},
    textattrs::TextAttribute,
};

use super::*;

const ID: TransportId = TransportId(7);

struct Fixture {
    agents: Agents,
    now: Instant,
    transaction: u8,
}

struct Check<'a> {
    ufrag: &'a str,
    pwd: &'a str,
    nominates: bool,
    controlled: bool,
    transaction: u8,
}

impl Check<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut message = Message::new();
        message.transaction_id.0 = [self.transaction; 12];
        message.set_type(BINDING_REQUEST);
        message.write_header();
        TextAttribute::new(ATTR_USERNAME, format!("{}:theirs", self.ufrag))
            .add_to(&mut message)
            .expect("a user name");
        message.add(
            if self.controlled {
                ATTR_ICE_CONTROLLED
            } else {
                ATTR_ICE_CONTROLLING
            },
            &[1; 8],
        );
        if self.nominates {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        let provider = rtc::crypto::default_provider().expect("a crypto provider");
        MessageIntegrity::new_short_term_integrity_with_provider(self.pwd.to_owned(), provider.crypto())
            .add_to(&mut message)
            .expect("a signature");
        FINGERPRINT.add_to(&mut message).expect("a fingerprint");
        message.raw
    }
}

impl Fixture {
    fn new() -> Self {
        let now = Instant::now();
        let patience = Patience {
            pause: Duration::from_secs(15),
            disconnect: Duration::from_secs(30),
        };
        let mut agents = Agents::new(now, patience);
        agents.create(ID, &ice("first"));
        Self {
            agents,
            now,
            transaction: 0,
        }
    }

    fn send(&mut self, from: Path, bytes: &[u8]) -> (Verdict, Option<Life>) {
        let request = Request::parse(bytes).expect("a well-formed request");
        let mut back = None;
        let verdict =
            self.agents
                .handle_request(self.now, (from, seen(from)), &request, &mut [0; MAX_ANSWER], &mut back);
        (verdict, back)
    }

    fn check(&mut self, from: Path, ufrag: &str, nominates: bool) -> Verdict {
        self.transaction += 1;
        let check = Check {
            ufrag,
            pwd: &password(ufrag),
            nominates,
            controlled: false,
            transaction: self.transaction,
        };
        self.send(from, &check.bytes()).0
    }

    /// Whose a path is.
    fn owner(&self, port: u16) -> Option<TransportId> {
        self.agents.owner(address(port)).map(|owner| owner.id)
    }

    /// Whether a path is one that its owner was followed from.
    fn is_left(&self, port: u16) -> bool {
        self.agents.owner(address(port)).is_some_and(|owner| owner.left)
    }

    fn wait(&mut self, seconds: u64) -> Vec<Life> {
        self.now += Duration::from_secs(seconds);
        let mut lives = Vec::new();
        self.agents.handle_timeout(self.now, |life| lives.push(life));
        lives
    }
}

fn password(ufrag: &str) -> String {
    format!("{ufrag}-and-a-long-password")
}

fn ice(ufrag: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.to_owned(),
        pwd: password(ufrag),
    }
}

fn address(port: u16) -> Path {
    Path::Udp(SocketAddr::from(([192, 0, 2, 1], port)))
}

fn seen(from: Path) -> SocketAddr {
    match from {
        Path::Udp(address) => address,
        Path::Link(_) => SocketAddr::from(([192, 0, 2, 2], 9)),
    }
}

fn moved(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Answer {
            moved: true,
            of: Some(ID),
            ..
        }
    )
}

fn kept(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Answer {
            moved: false,
            of: Some(ID),
            ..
        }
    )
}

#[test]
fn media_follows_the_nominated_address() {
    let mut f = Fixture::new();
    assert_eq!(f.agents.destination(ID), None);
    assert!(moved(f.check(address(1), "first", false)));
    assert!(moved(f.check(address(2), "first", true)));
    assert!(kept(f.check(address(1), "first", false)));
    assert_eq!(f.agents.destination(ID), Some(address(2)));
    assert_eq!(f.owner(1), Some(ID));
    assert!(moved(f.check(address(3), "first", true)));
    assert_eq!(f.agents.destination(ID), Some(address(3)));
}

#[test]
fn a_client_that_rebinds_and_does_not_nominate_again_is_followed_after_a_while() {
    let mut f = Fixture::new();
    f.check(address(1), "first", true);
    f.wait(3);
    assert!(kept(f.check(address(2), "first", false)));
    f.wait(2);
    assert!(moved(f.check(address(2), "first", false)));
    assert_eq!(f.agents.destination(ID), Some(address(2)));
}

#[test]
fn who_is_followed_may_be_followed_back_a_moment_later() {
    let mut f = Fixture::new();
    assert!(!f.agents.may_move(f.now, ID), "not heard of yet");
    f.check(address(1), "first", true);
    assert!(f.agents.may_move(f.now, ID));
    f.agents.follow(f.now, ID, address(2));
    assert_eq!(f.agents.destination(ID), Some(address(2)));
    assert!(f.is_left(1) && !f.is_left(2));
    assert!(!f.agents.may_move(f.now, ID));
    f.now += SETTLED;
    assert!(f.agents.may_move(f.now, ID));
    f.agents.follow(f.now, ID, address(1));
    assert_eq!(f.agents.destination(ID), Some(address(1)));
    assert!(f.is_left(2) && !f.is_left(1));
    // Only the last one is kept.
    f.agents.follow(f.now, ID, address(3));
    assert_eq!((f.owner(2), f.owner(1)), (None, Some(ID)));
    assert!(f.is_left(1));
    // It is the client's own again, once it says so.
    assert!(kept(f.check(address(1), "first", false)));
    assert!(!f.is_left(1));
    assert_eq!(f.agents.remove(ID).len(), 2);
    assert!(f.agents.by_path.is_empty());
}

#[test]
fn after_a_client_was_followed_only_a_nomination_chooses() {
    let mut f = Fixture::new();
    f.check(address(1), "first", true);
    f.check(address(2), "first", false);
    f.wait(3);
    f.agents.follow(f.now, ID, address(3));
    f.wait(1);
    assert!(kept(f.check(address(2), "first", false)), "it keeps another pair alive");
    assert!(moved(f.check(address(2), "first", true)));
}

#[test]
fn a_wrong_password_moves_nothing() {
    let mut f = Fixture::new();
    f.check(address(1), "first", true);
    let forged = Check {
        ufrag: "first",
        pwd: "a guess of sufficient length",
        nominates: true,
        controlled: false,
        transaction: 200,
    };
    assert_eq!(f.send(address(66), &forged.bytes()).0, Verdict::Refused);
    assert_eq!(f.check(address(66), "unknown", true), Verdict::Unknown);
    assert_eq!(f.agents.destination(ID), Some(address(1)));
    assert_eq!(f.owner(66), None);
}

#[test]
fn a_copied_check_from_elsewhere_is_refused_and_a_repeated_one_answered() {
    let mut f = Fixture::new();
    let check = Check {
        ufrag: "first",
        pwd: &password("first"),
        nominates: true,
        controlled: false,
        transaction: 9,
    };
    let bytes = check.bytes();
    assert!(moved(f.send(address(1), &bytes).0));
    assert!(kept(f.send(address(1), &bytes).0));
    assert_eq!(f.send(address(66), &bytes).0, Verdict::Refused);
    assert_eq!(f.agents.destination(ID), Some(address(1)));
}

#[test]
fn after_a_restart_old_checks_are_answered_but_choose_nothing() {
    let mut f = Fixture::new();
    f.check(address(1), "first", true);
    f.agents.restart(ID, &ice("second"));
    assert!(kept(f.check(address(1), "first", true)));
    assert!(moved(f.check(address(2), "second", true)));
    assert!(kept(f.check(address(1), "first", true)));
    assert_eq!(f.agents.destination(ID), Some(address(2)));
    f.wait(31);
    assert_eq!(f.check(address(1), "first", true), Verdict::Unknown);
    assert!(kept(f.check(address(2), "second", true)));
}

#[test]
fn silence_pauses_then_disconnects_and_a_check_brings_back() {
    let mut f = Fixture::new();
    assert_eq!(f.wait(60), [], "nobody was there to fall silent");
    f.check(address(1), "first", true);
    assert_eq!(f.wait(14), []);
    assert_eq!(f.agents.destination(ID), Some(address(1)));
    assert_eq!(f.wait(2), []);
    assert_eq!(f.agents.destination(ID), None);
    assert_eq!(f.wait(15), [Life::Gone(ID)]);
    assert_eq!(f.wait(15), []);
    let check = Check {
        ufrag: "first",
        pwd: &password("first"),
        nominates: true,
        controlled: false,
        transaction: 77,
    };
    let (_, back) = f.send(address(1), &check.bytes());
    assert_eq!(back, Some(Life::Back(ID)));
    assert_eq!(f.agents.destination(ID), Some(address(1)));
}

#[test]
fn media_is_as_good_as_a_check() {
    let mut f = Fixture::new();
    assert_eq!(f.agents.heard(f.now, ID), None);
    assert_eq!(f.wait(60), [], "nothing comes before the first check");
    f.check(address(1), "first", true);
    for _ in 0..5 {
        assert_eq!(f.wait(10), []);
        assert_eq!(f.agents.heard(f.now, ID), None);
    }
    assert_eq!(f.agents.destination(ID), Some(address(1)));
    assert_eq!(f.wait(31), [Life::Gone(ID)]);
    assert_eq!(f.agents.heard(f.now, ID), Some(Life::Back(ID)));
    assert_eq!(f.wait(1), []);
    assert_eq!(f.agents.destination(ID), Some(address(1)));
}

#[test]
fn who_claims_our_role_is_told_so() {
    let mut f = Fixture::new();
    let check = Check {
        ufrag: "first",
        pwd: &password("first"),
        nominates: false,
        controlled: true,
        transaction: 5,
    };
    assert!(kept(f.send(address(1), &check.bytes()).0));
    assert_eq!(f.agents.destination(ID), None);
}

#[test]
fn requests_without_credentials_are_answered_at_a_bounded_rate() {
    let mut f = Fixture::new();
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.write_header();
    let mut answered = 0;
    for _ in 0..2 * ANONYMOUS_PER_SECOND {
        if let (Verdict::Answer { of: None, .. }, _) = f.send(address(5), &message.raw) {
            answered += 1;
        }
    }
    assert_eq!(answered, ANONYMOUS_PER_SECOND);
    assert_eq!(f.owner(5), None);
}

#[test]
fn a_path_that_another_transport_has_proved_does_not_end_with_the_former() {
    const OTHER: TransportId = TransportId(8);
    let mut f = Fixture::new();
    f.agents.create(OTHER, &ice("other"));
    for port in [1, 2] {
        f.check(address(port), "first", true);
    }
    f.check(address(2), "other", true);
    assert_eq!(f.owner(2), Some(OTHER));
    assert_eq!(
        f.agents.destination(ID),
        None,
        "what was the former's is not sent to the other"
    );
    assert_eq!(f.agents.remove(ID), [address(1)]);
    assert_eq!(f.agents.destination(OTHER), Some(address(2)));
    assert_eq!(f.agents.remove(OTHER), [address(2)]);
    assert!(f.agents.by_path.is_empty());
}

#[test]
fn addresses_and_transactions_are_bounded() {
    let mut f = Fixture::new();
    for port in 1..200 {
        f.check(address(port), "first", port == 1);
    }
    assert!(f.agents.by_path.len() <= MAX_PATHS);
    assert_eq!(f.owner(1), Some(ID), "the nominated one stays");
    assert!(f.agents.agents[&ID].transactions.len() <= MAX_TRANSACTIONS);
    f.agents.remove(ID);
    assert_eq!((f.agents.len(), f.agents.by_path.len()), (0, 0));
    assert!(f.agents.by_ufrag.is_empty());
}

#[test]
fn one_client_does_not_keep_the_thread_for_data_to_itself() {
    let mut fixture = Fixture::new();
    let other = TransportId(ID.0 + 1);
    fixture.agents.create(other, &ice("second"));
    let taken = (0..10_000)
        .filter(|_| fixture.agents.may_burden(fixture.now, ID))
        .count();
    assert_eq!(taken, 4_000);
    assert!(fixture.agents.may_burden(fixture.now, other));
    assert!(fixture.agents.may_burden(fixture.now + Duration::from_secs(1), ID));
}
