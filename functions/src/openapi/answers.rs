//! What partners are answered, as examples: one of each object.

use serde_json::{Value, json};

const JWT: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJ2aWRlbyI6e319.c2lnbmF0dXJl";

/// An object, by the name of its schema.
pub(super) fn example(schema: &str) -> Option<Value> {
    Some(match schema {
        "Session" => json!({"auth_token": "dd6d5d51-9ea5-4c4c-82c8-677267aece98"}),
        "Company" => json!({
            "id": 5, "company_id": 5, "subdomain": "joe", "name": "The Joe Company", "subscription_ids": [102],
            "openid_provider": false,
            "branding": {
                "product_name": "Joe Meet", "logo_url": "https://joe.example/logo.png", "icon_url": null, "primary_color": "#0b6b53",
                "background_color": null, "radius": "small", "font": "inter", "support_url": "https://joe.example/help",
            },
            "embed_origins": ["https://portal.joe.example"], "embed_policy": "anyone",
            "media_policy": {"h264": true, "max_resolution": 720, "max_participants": 100},
            "retention_days": {"recordings": null, "chat": 30, "events": null},
            "dialin_numbers": [{"number": "+14165551234", "country": "CA"}], "time_zone": "America/Toronto", "locale": "en",
            "hidden_controls": ["whiteboard"],
        }),
        "CompanyGone" => json!({"company_id": 5}),
        "Host" => host(json!({
            "access_code": {"number": "1234567"}, "password_creation_link": "https://joe.partner.example/password/3q2-7wAA",
        })),
        "HostEntry" => host(json!({"access_code": 1_234_567})),
        "HostGone" => json!({"host_id": 9}),
        "HostErased" => json!({"host_id": 9, "erased": false}),
        "HostExport" => export(),
        "SsoTicket" => json!({"host_id": 9, "sso_ticket": "ticket-9f86d081884c7d65", "expires_in": 60}),
        "Contact" => json!({
            "contact_id": 12, "host_id": 9, "name": "Bob", "email": "bob@royalteck.example", "phone": "+14165551234",
        }),
        "Webhook" => json!({
            "webhook_id": 3, "company_id": 5, "url": "https://partner.example/hooks/convoke",
            "events": ["conference_start", "conference_end"], "enabled": true, "disabled_since": null, "disabled_because": null,
            "failing_since": null,
            "created": "2027-09-19T12:00:00.000Z", "signing_token": "9f86d081884c7d659a2feaa0c55ad015", "signing_token_from": null,
            "secret": "b5bb9d8014a0f9b1d61e21e796d78dcc",
        }),
        "DeliveryLog" => json!({"deliveries": [example("Delivery")], "next": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c"}),
        "WebhookGone" => json!({"webhook_id": 3}),
        "Delivery" => json!({
            "delivery_id": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c", "event": "conference_start", "conference_id": 183,
            "host_id": null, "sequence": 2, "timestamp": "2027-09-19T12:00:00.000Z", "state": "delivered", "attempts": 1,
            "created": "2027-09-19T12:00:00.400Z", "last_attempt": "2027-09-19T12:00:00.400Z", "next_attempt": null,
            "status": 204, "error": null,
        }),
        "ContactGone" => json!({"contact_id": 12}),
        "Conference" => json!({
            "conference_id": 183, "subject": "Test Conference", "agenda": "An agenda", "start": "2027-09-19 13:00:00",
            "end_time": "2027-09-19 14:00:00", "time_zone": "Europe/London", "duration": 60, "active": false,
            "auto_record": "none", "auto_stream": "none", "auto_transcribe": false, "host_initiated_recording": false,
            "waiting_room": false, "one_time_access_code": 987_654_321, "security_pin": "123456",
            "mute_mode": "conversation", "participants": [11, 12], "moderators": [11, 12],
            "participant_emails": [{"email": "bob@royalteck.example", "name": "Bob", "phone": null, "moderator": true}],
            "room_url": "https://joe.partner.example/conf/call/987654321",
            "livestream_url": "https://joe.partner.example/livestream/987654321", "recordings": [], "broadcast_stream": {},
            "is_streaming": false, "moderator_token": "fN3q2-7wAAxY", "ics_uid": "183@joe.partner.example", "recurrence": null,
        }),
        "JoinTokenAnswer" => json!({
            "token": JWT, "url": "wss://r1.eu.relay.example", "relays": [{"url": "https://r1.eu.relay.example", "region": "eu"}],
            "conference_id": 183, "participant": 17, "identity": "p17", "role": "moderator",
            "first_use_by": "2027-09-19T12:10:00Z", "expires": "2027-09-20T12:00:00Z",
        }),
        "JoinAnswer" => json!({
            "token": JWT, "identity": "p17", "participant": 17, "name": "Ann", "role": "guest",
            "relays": [{"url": "https://r1.eu.relay.example", "region": "eu"}],
            "conference": {
                "id": 183, "subject": "Test Conference", "mute_mode": "conversation", "host_name": "John Host",
                "hard_stop": 1_821_441_600, "waiting_room": false,
            },
            "media": {"h264": true, "max_resolution": 720},
        }),
        "AttendanceAnswer" => json!({
            "participant": 17, "identity": "p17", "name": "Ann", "moderator": false, "occurrence": "2027-09-19 13:00:00",
            "present": false, "join_time": "2027-09-19 13:01:12", "leave_time": "2027-09-19 13:58:40", "reason": "left",
            "stays": [{"join_time": "2027-09-19 13:01:12", "leave_time": "2027-09-19 13:58:40", "reason": "left"}],
        }),
        "ConferenceQualityAnswer" => json!({
            "participant": 17, "identity": "p17", "occurrence": "2027-09-19 13:00:00", "start_time": "2027-09-19 13:01:12",
            "duration_ms": 60_000, "loss_up": 0.002, "worst_loss_up": 0.01, "loss_down": 0.0, "worst_loss_down": 0.0,
            "rtt_ms": 42, "worst_rtt_ms": 80, "score": 4.4, "lowest_score": 4.1, "grade": "excellent",
        }),
        "ApiToken" => json!({
            "id": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", "name": "Billing server",
            "created": "2027-09-19T13:00:00Z", "api_token": "cvk_9_pmWkWSBCL51Bfkhn79xPuKBKHz__H6B-mY6G9_eieuM",
        }),
        "Revoked" => json!({"id": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}),
        "OauthClient" => json!({
            "client_id": "0f1e2d3c4b5a69780f1e2d3c4b5a6978", "name": "Workflow",
            "redirect_uris": ["https://workflow.example/back"], "public": false, "created": "2027-09-19T13:00:00Z",
            "client_secret": "cvs_pmWkWSBCL51Bfkhn79xPuKBKHz__H6B-mY6G9_eieuM",
        }),
        "OauthClientSecret" => json!({
            "client_id": "0f1e2d3c4b5a69780f1e2d3c4b5a6978",
            "client_secret": "cvs_pmWkWSBCL51Bfkhn79xPuKBKHz__H6B-mY6G9_eieuM",
        }),
        "OauthClientGone" | "OauthAppGone" => json!({"client_id": "0f1e2d3c4b5a69780f1e2d3c4b5a6978"}),
        "Registration" => json!({"email": "ann@guest.example"}),
        "ConferenceControlAnswer" => json!({"conference_id": 183, "action": "remove", "participant": 17}),
        "Plan" => plan(json!({"plan_id": 3, "name": "Small"})),
        "Subscription" => plan(json!({"subscription_id": 102, "company_id": 5, "plan_id": 3})),
        "Change" => change(),
        "Usage" => json!({
            "company_id": 5, "host_id": null, "from": "2027-09-01 00:00:00", "to": "2027-10-01 00:00:00", "hosts": 4,
            "meetings": 1, "participants": 2, "participant_seconds": 6_900,
            "days": [{"date": "2027-09-19", "meetings": 1, "participants": 2, "participant_seconds": 6_900}],
        }),
        "Heard" => json!({}),
        "Onward" => json!({"redirect_url": "/"}),
        "HandoffAnswer" => json!({
            "session": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
            "account": {"name": "John Host", "email": "john@company.example", "access_code": "1234567"},
            "after_call_url": "https://portal.partner.example/thanks",
        }),
        "PassOnAnswer" => json!({"handoff": "pmWkWSBCL51Bfkhn79xPuKBKHz__H6B-mY6G9_eieuM"}),
        "Registered" => json!({"heartbeat_seconds": 5, "keys": [{
            "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "kid": "0f1e2d3c4b5a6978",
        }]}),
        "HeartbeatAnswer" => json!({"ended": [{"room": "1/183/1821355200", "reason": "ended"}], "known": true}),
        "Entered" => json!({
            "settings": {
                "conference": 183, "subject": "Test Conference", "max_participants": 100, "mute_mode": "conversation",
                "hard_stop": 1_821_441_600, "window_end": 1_821_358_800, "empty_grace_seconds": 30, "waiting_room": false,
            },
            "members": ["relay-1"],
        }),
        "Left" => json!({"state": "scheduled"}),
        "EventsAnswer" => json!({"n": 1}),
        "QualityKept" => json!({"kept": 1}),
        _ => return None,
    })
}

/// An account, with what answers and lists say differently.
fn host(own: Value) -> Value {
    let account = json!({
        "host_id": 9, "company_id": 5, "name": "John Host", "email": "john@company.example", "role": "HOST",
        "primary_dialin_number": "+14165551234", "meeting_url": "https://joe.partner.example/conf/call/1234567",
        "moderator_pin": {"number": "9876543"}, "openid_sub": "23081912eca", "login_token_public_key": "a1b2c3d4e5f6",
        "subscription_ids": [110], "time_zone": "Europe/London", "locale": "en", "phone": null, "auto_record": "none",
        "auto_stream": "none", "auto_transcribe": false, "host_initiated_recording": false, "waiting_room": false,
        "one_time_access_code": false, "secure_url": false, "mute_mode": "conversation", "stream_preview": null,
    });
    both(account, own)
}

/// What a plan allows, with whose plan or subscription it is.
fn plan(own: Value) -> Value {
    let allows = json!({
        "max_participants": 10, "max_minutes": 1440, "recording": false, "streaming": false, "sms": false,
        "created": "2027-01-04T09:00:00Z",
    });
    both(own, allows)
}

fn change() -> Value {
    json!({
        "id": "01821355200000-5f2c9a1b", "at": "2027-09-18T09:30:00.000Z",
        "by": {"kind": "host", "host_id": 2, "role": "COMPANY_ADMIN"}, "action": "host_update", "object": "host/9",
        "before": {"name": "John"}, "after": {"name": "John Host"},
    })
}

fn export() -> Value {
    let mut account = host(json!({"access_code": "1234567", "has_password": true, "created": "2027-01-04T09:00:00Z"}));
    if let Some(account) = account.as_object_mut() {
        for elsewhere in [
            "host_id",
            "company_id",
            "meeting_url",
            "moderator_pin",
            "login_token_public_key",
        ] {
            account.remove(elsewhere);
        }
    }
    json!({
        "host_id": 9, "company_id": 5, "account": account, "contacts": [example("Contact")],
        "api_tokens": [{"name": "Billing server", "created": "2027-09-01T08:00:00Z"}],
        "oauth_grants": [{"name": "Workflow", "scope": "read write", "created": "2027-09-01T08:00:00Z"}],
        "sessions": [{
            "created": "2027-09-18T09:00:00Z", "ends": "2027-09-25T09:00:00Z", "role": "HOST", "after_call_url": null,
            "remote_logout_url": null,
        }],
        "conferences": [{
            "conference_id": 183, "subject": "Test Conference", "agenda": "An agenda", "start": "2027-09-19 13:00:00",
            "end_time": "2027-09-19 14:00:00", "time_zone": "Europe/London", "duration": 60, "rrule": null, "cancelled": false,
            "invited": [], "participants": [example("AttendanceAnswer")], "more_participants": false,
        }],
        "changes": [change()], "next": null,
    })
}

fn both(mut first: Value, second: Value) -> Value {
    if let (Some(first), Value::Object(second)) = (first.as_object_mut(), second) {
        first.extend(second);
    }
    first
}
