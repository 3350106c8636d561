//! What partners and relays send, as examples: of the published guide where it has one.

use serde_json::{Value, json};

const TOKEN: &str = "dd6d5d51-9ea5-4c4c-82c8-677267aece98";
const RELAY: &str = "relay-1";
const ROOM: &str = "1/183/1821355200";
const EPOCH: u64 = 1_821_355_200_000;

/// The request of a method, by its id.
pub(super) fn request(id: &str) -> Option<Value> {
    let mut example = match id {
        "authenticate" => return Some(json!({"email": "api@partner.example", "password": "Sup3rSecret!"})),
        "conference_join" => return Some(json!({"code": "1234567", "name": "Ann"})),
        "api_token_create" => return Some(json!({"name": "Billing server"})),
        "api_token_revoke" => {
            return Some(json!({"id": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}));
        }
        "admin_webhook_create" => {
            return Some(json!({"url": "https://partner.example/hooks/convoke", "events": ["conference_start"]}));
        }
        "admin_webhook_update" => return Some(json!({"webhook_id": 3, "all_events": true, "enabled": true})),
        "admin_webhook_delete" | "admin_webhook_deliveries" => return Some(json!({"webhook_id": 3})),
        "admin_webhook_redeliver" => {
            return Some(json!({"webhook_id": 3, "delivery_id": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c"}));
        }
        "oauth_client_create" => {
            return Some(
                json!({"name": "Workflow", "redirect_uris": ["https://workflow.example/back"], "public": false}),
            );
        }
        "oauth_client_rotate" | "oauth_client_delete" | "oauth_app_revoke" => {
            return Some(json!({"client_id": "0f1e2d3c4b5a69780f1e2d3c4b5a6978"}));
        }
        "conference_register" => return Some(json!({"name": "Ann", "email": "ann@guest.example"})),
        "sign_in_by_password" => {
            return Some(json!({"email": "john@company.example", "password": "SoSecret5!", "remember_me": true}));
        }
        "sign_in_forgotten" => return Some(json!({"email": "john@company.example"})),
        "sign_in_set_password" => return Some(json!({"password": "SoSecret5!"})),
        "sign_in" => {
            return Some(json!({
                "host_id": 9, "login_token_public_key": "a1b2c3d4e5f6", "redirect_url": "/conf/call/1234567",
                "after_call_url": "https://portal.partner.example/thanks",
            }));
        }
        "sign_in_handoff" => {
            return Some(json!({"handoff": "pmWkWSBCL51Bfkhn79xPuKBKHz__H6B-mY6G9_eieuM", "redirect_url": "/"}));
        }
        "relay_register" => {
            return Some(json!({
                "relay": RELAY, "region": "eu", "url": "https://r1.eu.relay.example", "version": "0.1.0", "capacity": 500,
                "epoch": EPOCH,
            }));
        }
        "relay_heartbeat" => {
            return Some(json!({
                "relay": RELAY, "epoch": EPOCH, "participants": 2, "load": 0.01, "rooms": [{"room": ROOM, "participants": 2}],
            }));
        }
        "relay_enter" => {
            return Some(json!({"relay": RELAY, "epoch": EPOCH, "room": ROOM, "participant": 17, "jti": TOKEN}));
        }
        "relay_leave" => return Some(json!({"relay": RELAY, "epoch": EPOCH, "room": ROOM})),
        "relay_events" => {
            return Some(json!({"relay": RELAY, "epoch": EPOCH, "n": 1, "events": [{
                "room": ROOM, "at": EPOCH, "kind": "participant_join", "participant": 17, "jti": TOKEN, "name": "Ann",
                "contact": 11, "moderator": false, "region": "eu",
            }]}));
        }
        "relay_quality" => {
            return Some(json!({"relay": RELAY, "epoch": EPOCH, "spans": [{
                "room": ROOM, "participant": 17, "at": EPOCH, "duration_ms": 60_000, "loss_up": 0.002, "worst_loss_up": 0.01,
                "loss_down": 0.0, "worst_loss_down": 0.0, "rtt_ms": 42, "worst_rtt_ms": 80, "score": 4.4, "lowest_score": 4.1,
                "grade": "excellent",
            }]}));
        }
        "company_create" => json!({"subdomain": "joe", "name": "The Joe Company"}),
        "company_fetch" => json!({"company_id": 5}),
        "company_fetch_all" => json!({"limit": 100}),
        "company_update" => {
            json!({"company_id": 5, "branding": {"product_name": "Joe Meet", "primary_color": "#0b6b53"}})
        }
        "company_delete" => json!({"company_id": 5, "force": true}),
        "host_create" => json!({
            "company_id": 5, "name": "John Host", "email": "john@company.example", "password": "SoSecret5!",
            "no_welcome_email": true, "role": "HOST", "openid_sub": "23081912eca", "moderator_pin": 9_876_543,
            "access_code": 1_234_567,
        }),
        "host_fetch" | "host_delete" | "host_reset_login_token" | "host_sso_ticket" | "host_erase" | "host_export" => {
            json!({"host_id": 9})
        }
        "host_fetch_all" => json!({"company_id": 5, "limit": 100}),
        "host_update" => json!({"host_id": 9, "name": "John Host", "time_zone": "Europe/London"}),
        "contact_create" => json!({"host_id": 9, "name": "Bob", "email": "bob@royalteck.example"}),
        "contact_fetch" | "contact_delete" => json!({"contact_id": 12}),
        "contact_fetch_all" => json!({"host_id": 9}),
        "contact_update" => json!({"contact_id": 12, "phone": "+14165551234"}),
        "conference_create" => json!({
            "host_id": 9, "subject": "Test Conference", "agenda": "An agenda", "start": "2027-09-19 13:00:00",
            "time_zone": "Europe/London", "duration": 60, "auto_record": "none", "auto_transcribe": false,
            "one_time_access_code": true, "security_pin": "123456", "mute_mode": "conversation",
            "participant_emails": [
                {"email": "bob@royalteck.example", "moderator": true}, {"email": "alice@royalteck.example"},
            ],
        }),
        "conference_create_reservationless" => json!({"host_id": 9, "subject": "Right now"}),
        "conference_fetch" | "conference_end" | "conference_delete" | "conference_participants" => {
            json!({"conference_id": 183})
        }
        "conference_quality" => json!({"conference_id": 183, "participant": 17}),
        "conference_fetch_all" => json!({"host_id": 9, "from": "2027-09-01 00:00:00", "to": "2027-10-01 00:00:00"}),
        "conference_update" => json!({"conference_id": 183, "start": "2027-09-19 14:00:00", "duration": 30}),
        "conference_join_token" => json!({"conference_id": 183, "name": "Ann", "moderator": true}),
        "conference_control" => json!({"conference_id": 183, "action": "remove", "participant": 17}),
        "webhook_create" => json!({
            "company_id": 5, "url": "https://partner.example/hooks/convoke", "events": ["conference_start", "conference_end"],
        }),
        "webhook_fetch_all" => json!({"company_id": 5}),
        "webhook_update" => json!({"company_id": 5, "webhook_id": 3, "enabled": true}),
        "webhook_delete" | "webhook_deliveries" => json!({"company_id": 5, "webhook_id": 3}),
        "webhook_redeliver" => json!({
            "company_id": 5, "webhook_id": 3, "delivery_id": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c",
        }),
        "plan_fetch_all" => json!({}),
        "subscription_fetch_all" => json!({"company_id": 5}),
        "audit_fetch_all" => json!({"company_id": 5, "limit": 50}),
        "report_usage" => json!({"company_id": 5, "from": "2027-09-01 00:00:00", "to": "2027-10-01 00:00:00"}),
        _ => return None,
    };
    example["auth_token"] = TOKEN.into();
    Some(example)
}
