//! Meetings under a control plane: admission, reports in order, commands, and its absence.

mod common;
mod control_plane_kit;

use common::{Client, refusal};
use control_plane_kit::{Heard, now, room, started};
use domain::{
    Reason,
    id::{ParticipantNumber, RelayId},
    jws::{SigningKey, body_hash},
    relay::{Action, Command, CommandClaims, EndedRoom, Event, EventKind},
    room::RoomRole,
};
use livekit_protocol::{LeaveRequest, signal_request, signal_response::Message};
use relay::Relay;

async fn command(relay: &Relay, key: &SigningKey, jti: &str, action: Action) -> u16 {
    let body = serde_json::to_vec(&Command { room: room(), action }).expect("json");
    let claims = CommandClaims {
        aud: "relay-1".parse::<RelayId>().expect("a name"),
        jti: jti.into(),
        iat: now(),
        exp: now() + 30,
        body: body_hash(&body),
    };
    let request = reqwest::Client::new()
        .post(format!("http://{}/command", relay.http_addr()))
        .body(body);
    let response = request
        .header("authorization", format!("Command {}", key.sign(&claims)))
        .send()
        .await
        .expect("an answer");
    response.status().as_u16()
}

async fn left(client: &mut Client) -> livekit_protocol::DisconnectReason {
    client
        .until(|message| match message {
            Message::Leave(leave) => Some(leave.reason()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_meeting_is_entered_reported_and_left() {
    let (relay, plane, _folder) = started().await;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    client
        .send(signal_request::Message::Leave(LeaveRequest::default()))
        .await;
    plane.until(|heard| heard.leaves == [room()]).await;
    let heard = plane.heard.lock().expect("unpoisoned");
    let kinds: Vec<&EventKind> = heard.events.iter().map(|event| &event.kind).collect();
    assert!(
        matches!(
            kinds[..],
            [
                EventKind::ParticipantJoin {
                    contact: Some(contact), ..
                },
                EventKind::ParticipantLeave {
                    reason: Reason::Left,
                    ..
                }
            ] if contact.value() == 1
        ),
        "{kinds:?}"
    );
    assert!(
        heard
            .batches
            .iter()
            .copied()
            .eq(1..=u64::try_from(heard.batches.len()).expect("small"))
    );
}

#[tokio::test]
async fn reports_wait_while_the_control_plane_is_away() {
    let (relay, plane, _folder) = started().await;
    plane.heard.lock().expect("unpoisoned").fail = 2;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    plane.until(|heard| heard.events.len() == 1).await;
    assert_eq!(plane.heard.lock().expect("unpoisoned").batches, [1]);
}

#[tokio::test]
async fn a_refusal_has_its_word_at_the_socket_and_at_validation() {
    let (relay, plane, _folder) = started().await;
    plane.heard.lock().expect("unpoisoned").refuse = Some(Reason::Moved);
    let token = plane.token(1, RoomRole::Guest);
    let error = Client::single(&relay, &token).await.err().expect("refused");
    assert_eq!(refusal(&error), (403, "moved".into()));
    let answer = reqwest::get(format!(
        "http://{}/rtc/validate?access_token={token}",
        relay.http_addr()
    ))
    .await
    .expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.expect("text").as_str()),
        (403, "moved")
    );
}

#[tokio::test]
async fn a_command_ends_the_meeting_and_a_forged_one_does_not() {
    let (relay, plane, _folder) = started().await;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    let stranger = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
    let end = || Action::End { reason: Reason::Ended };
    assert_eq!(command(&relay, &stranger, "1", end()).await, 401);
    assert_eq!(
        command(
            &relay,
            &plane.key,
            "2",
            Action::Remove {
                participant: ParticipantNumber::new(9).expect("from 1"),
                reason: Reason::Removed
            }
        )
        .await,
        404
    );
    // The same command again is answered as before, whatever it says now.
    assert_eq!(command(&relay, &plane.key, "2", end()).await, 404);
    assert_eq!(command(&relay, &plane.key, "3", end()).await, 200);
    assert_eq!(left(&mut client).await, livekit_protocol::DisconnectReason::RoomDeleted);
    let error = Client::single(&relay, &plane.token(2, RoomRole::Guest))
        .await
        .err()
        .expect("refused");
    assert_eq!(refusal(&error), (403, "ended".into()));
    // What is not here has ended here; nothing else can be done to it.
    assert_eq!(command(&relay, &plane.key, "4", end()).await, 200);
    assert_eq!(command(&relay, &plane.key, "5", Action::Lock).await, 404);
}

/// What a moderator asks for with a join token, and the code of a refusal.
async fn control(relay: &Relay, token: &str, body: serde_json::Value) -> (u16, String) {
    let answer = reqwest::Client::new()
        .post(format!("http://{}/room/control", relay.http_addr()))
        .bearer_auth(token)
        .body(body.to_string())
        .send()
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    let body: serde_json::Value = answer.json().await.expect("json");
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_moderator_in_the_room_acts_by_the_join_token_and_others_do_not() {
    let (relay, plane, _folder) = started().await;
    let (leader, guest) = (plane.token(1, RoomRole::Moderator), plane.token(2, RoomRole::Guest));
    let mut led = Client::single(&relay, &guest).await.expect("let in");
    led.joined().await;
    let lock = || serde_json::json!({"action": "lock"});
    let forbidden = (403, "forbidden".to_owned());
    assert_eq!(control(&relay, &guest, lock()).await, forbidden);
    // Not in the room yet.
    assert_eq!(control(&relay, &leader, lock()).await, forbidden);
    assert_eq!(
        control(&relay, "nonsense", lock()).await,
        (401, "unauthenticated".into())
    );
    let mut leading = Client::single(&relay, &leader).await.expect("let in");
    leading.joined().await;
    for (body, code) in [
        (
            serde_json::json!({"action": "dance"}),
            (400, "invalid_field".to_owned()),
        ),
        (serde_json::json!({"action": "mute"}), (400, "invalid_field".to_owned())),
        (
            serde_json::json!({"action": "lock", "id": "x".repeat(65)}),
            (400, "invalid_field".to_owned()),
        ),
        (
            serde_json::json!({"action": "mute", "participant": 9}),
            (404, "not_found".to_owned()),
        ),
    ] {
        assert_eq!(control(&relay, &leader, body.clone()).await, code, "{body}");
    }
    let told = |word: &'static str| {
        move |message| match message {
            Message::RoomUpdate(update) => update.room.filter(|room| room.metadata.contains(word)).map(drop),
            _ => None,
        }
    };
    let lock = serde_json::json!({"action": "lock", "id": "a"});
    assert_eq!(control(&relay, &leader, lock.clone()).await, (200, String::new()));
    led.until(told(r#""locked":true"#)).await;
    assert_eq!(
        control(&relay, &leader, serde_json::json!({"action": "unlock"}))
            .await
            .0,
        200
    );
    led.until(told(r#""locked":false"#)).await;
    // The same request again locks nothing.
    assert_eq!(control(&relay, &leader, lock).await, (200, String::new()));
    let mut third = Client::single(&relay, &plane.token(3, RoomRole::Guest))
        .await
        .expect("let in");
    third.joined().await;
    let remove = serde_json::json!({"action": "remove", "participant": 3, "reason": "expired"});
    assert_eq!(control(&relay, &leader, remove).await.0, 200);
    assert_eq!(
        left(&mut third).await,
        livekit_protocol::DisconnectReason::ParticipantRemoved
    );
    let removed = |event: &Event| matches!(event.kind, EventKind::ParticipantLeave { participant, reason: Reason::Removed, .. } if participant.value() == 3);
    plane.until(|heard| heard.events.iter().any(removed)).await;
}

#[tokio::test]
async fn a_moderator_ends_the_meeting_with_the_join_token() {
    let (relay, plane, _folder) = started().await;
    let token = plane.token(1, RoomRole::Moderator);
    let mut client = Client::single(&relay, &token).await.expect("let in");
    client.joined().await;
    let answer = reqwest::Client::new()
        .post(format!("http://{}/room/end", relay.http_addr()))
        .bearer_auth(&token)
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(left(&mut client).await, livekit_protocol::DisconnectReason::RoomDeleted);
    let by = ParticipantNumber::new(1);
    plane
        .until(|heard| {
            heard.events.iter().any(|event| {
                event.kind
                    == EventKind::RoomEnd {
                        reason: Reason::Ended,
                        by,
                    }
            })
        })
        .await;
}

#[tokio::test]
async fn an_end_that_the_command_did_not_bring_comes_with_the_heartbeat() {
    let (relay, plane, _folder) = started().await;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    plane.heard.lock().expect("unpoisoned").ended.push(EndedRoom {
        room: room(),
        reason: Reason::Ended,
    });
    assert_eq!(left(&mut client).await, livekit_protocol::DisconnectReason::RoomDeleted);
}

#[tokio::test]
async fn a_relay_that_stops_reports_what_it_knows() {
    let (relay, plane, _folder) = started().await;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    relay.shutdown().await;
    assert_eq!(
        left(&mut client).await,
        livekit_protocol::DisconnectReason::ServerShutdown
    );
    let heard = plane.heard.lock().expect("unpoisoned");
    assert_eq!((heard.events.len(), heard.leaves.as_slice()), (2, &[room()][..]));
    assert_eq!(heard.reconnecting, [room()]);
}

#[tokio::test]
async fn a_relay_that_stops_waits_for_no_later_try() {
    let (relay, plane, _folder) = started().await;
    // The next try would be after four seconds.
    plane.heard.lock().expect("unpoisoned").fail = 4;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    plane.until(|heard| heard.fail == 0).await;
    relay.shutdown().await;
    let heard = plane.heard.lock().expect("unpoisoned");
    assert_eq!((heard.events.len(), heard.leaves.as_slice()), (2, &[room()][..]));
}

#[tokio::test]
async fn a_meeting_that_may_be_open_here_is_left() {
    let (relay, plane, _folder) = started().await;
    plane.heard.lock().expect("unpoisoned").away = true;
    let token = plane.token(1, RoomRole::Guest);
    let error = Client::single(&relay, &token).await.err().expect("refused");
    assert_eq!(refusal(&error), (503, "unavailable".into()));
    plane.heard.lock().expect("unpoisoned").away = false;
    plane.until(|heard| heard.reconnecting == [room()]).await;
    // And opens here.
    let mut client = Client::single(&relay, &token).await.expect("let in");
    client.joined().await;
}

/// Else it might be carried out after that entering, and the meeting would be open where the control plane does not know it.
#[tokio::test]
async fn a_meeting_is_not_left_while_it_is_entered() {
    let (relay, plane, _folder) = started().await;
    let second = std::time::Duration::from_secs(1);
    // The second takes longer than anybody is kept at the door.
    plane.heard.lock().expect("unpoisoned").enters = [(second, false), (8 * second, true)].into();
    let token = plane.token(1, RoomRole::Guest);
    // The first gives up, so that it is asked again for the second.
    assert!(
        tokio::time::timeout(second / 2, Client::single(&relay, &token))
            .await
            .is_err()
    );
    let error = Client::single(&relay, &token).await.err().expect("refused");
    assert_eq!(refusal(&error), (503, "unavailable".into()));
    plane.until(|heard| heard.leaves.len() == 2).await;
    assert_eq!(plane.heard.lock().expect("unpoisoned").entered_before, [2, 2]);
}

#[tokio::test]
async fn people_who_were_taken_for_gone_are_reported_again() {
    let (relay, plane, _folder) = started().await;
    let mut client = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .expect("let in");
    client.joined().await;
    // Longer than a relay is sure of not being swept.
    plane.heard.lock().expect("unpoisoned").hang = u32::MAX;
    tokio::time::sleep(std::time::Duration::from_secs(32)).await;
    plane.heard.lock().expect("unpoisoned").hang = 0;
    let joins = |heard: &Heard| {
        let joined = |event: &&Event| matches!(event.kind, EventKind::ParticipantJoin { .. });
        heard.events.iter().filter(joined).count()
    };
    assert_eq!(joins(&plane.heard.lock().expect("unpoisoned")), 1);
    plane.until(|heard| joins(heard) == 2).await;
    // Once.
    let beats = plane.heard.lock().expect("unpoisoned").beats;
    plane.until(|heard| heard.beats >= beats + 3).await;
    assert_eq!(joins(&plane.heard.lock().expect("unpoisoned")), 2);
}

#[tokio::test]
async fn a_heartbeat_that_hangs_does_not_hold_up_the_next() {
    let (_relay, plane, _folder) = started().await;
    plane.until(|heard| heard.beats > 0).await;
    let before = {
        let mut heard = plane.heard.lock().expect("unpoisoned");
        heard.hang = 1;
        heard.beats
    };
    let since = std::time::Instant::now();
    plane.until(|heard| heard.beats >= before + 3).await;
    assert!(
        since.elapsed() < std::time::Duration::from_secs(8),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn the_control_plane_hears_at_once_that_a_relay_drains() {
    let (relay, plane, _folder) = started().await;
    assert_eq!(plane.heard.lock().expect("unpoisoned").draining, 0);
    relay.drain();
    plane.until(|heard| heard.draining > 0).await;
    let refused = Client::single(&relay, &plane.token(1, RoomRole::Guest))
        .await
        .err()
        .expect("refused");
    assert_eq!(refusal(&refused), (503, "unavailable".into()));
}

#[tokio::test]
async fn a_guest_waits_at_the_relay_until_a_moderator_lets_it_in() {
    let (relay, plane, _folder) = started().await;
    plane.heard.lock().expect("unpoisoned").waiting_room = true;
    let leader = plane.token(1, RoomRole::Moderator);
    let mut leading = Client::single(&relay, &leader).await.expect("let in");
    leading.joined().await;
    let mut waiting = Client::single(&relay, &plane.token(2, RoomRole::Guest))
        .await
        .expect("taken to wait");
    let welcome = waiting.joined().await;
    assert!(welcome.other_participants.is_empty());
    assert_eq!(welcome.participant.expect("itself").attributes["waiting"], "true");
    let admit = serde_json::json!({"action": "admit", "participant": 2});
    assert_eq!(control(&relay, &leader, admit).await.0, 200);
    let seen = |message| match message {
        Message::Update(update) => update
            .participants
            .iter()
            .any(|info| info.identity == "p1")
            .then_some(()),
        _ => None,
    };
    waiting.until(seen).await;
    let mut third = Client::single(&relay, &plane.token(3, RoomRole::Guest))
        .await
        .expect("taken to wait");
    third.joined().await;
    let reject = Action::Reject {
        participant: ParticipantNumber::new(3).expect("from 1"),
    };
    assert_eq!(command(&relay, &plane.key, "1", reject).await, 200);
    assert_eq!(left(&mut third).await, livekit_protocol::DisconnectReason::UserRejected);
    let error = Client::single(&relay, &plane.token(3, RoomRole::Guest))
        .await
        .err()
        .expect("refused");
    assert_eq!(refusal(&error), (403, "rejected".into()));
    let removed = Action::Reject {
        participant: ParticipantNumber::new(2).expect("from 1"),
    };
    assert_eq!(command(&relay, &plane.key, "2", removed).await, 409);
    let joins = |heard: &Heard| {
        let joined = |event: &&Event| matches!(event.kind, EventKind::ParticipantJoin { .. });
        heard.events.iter().filter(joined).count() == 2
    };
    plane.until(joins).await;
}
