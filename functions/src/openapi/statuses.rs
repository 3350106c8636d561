//! Which statuses an endpoint answers: what each means is the contract's (enterprise-api.md §1).

use serde_json::{Map, Value, json};

use crate::endpoint::{Access, Kind, Route};
use crate::reply::ReplyShape;

/// Each status that refuses or fails, and what it says.
const REFUSALS: [(u16, &str); 10] = [
    (400, "A field is missing or invalid; `field` names it."),
    (401, "Nobody is signed in, or not any more."),
    (
        403,
        "Outside the caller's role, company or account; or the meeting is not open.",
    ),
    (404, "No such object in this reseller."),
    (
        409,
        "A value that must be unique is taken, or the object is in another state.",
    ),
    (413, "The body is over 256 KiB."),
    (415, "The body is not of a type that is read here."),
    (429, "Too many requests; `Retry-After` says when to try again."),
    (500, "Our fault; the log knows more under the request's id."),
    (503, "A part that is needed does not answer; try again later."),
];

/// The refusals of this endpoint, each with the error object, or for people with a page.
pub(super) fn refusals(route: &Route, reply: &ReplyShape, error: &Value) -> Map<String, Value> {
    let json = matches!(reply, ReplyShape::Json(_) | ReplyShape::Png);
    let mut content = json!({"application/json": {"schema": error}});
    if !json {
        content["text/html"] = json!({"schema": {"type": "string"}});
    }
    let mut all = Map::new();
    for (status, description) in REFUSALS {
        if !answers(route, status) {
            continue;
        }
        let mut response = json!({"description": description, "content": content});
        if status == 429 {
            response["headers"] = json!({
                "Retry-After": {"description": "In seconds.", "schema": {"type": "integer", "minimum": 1}},
            });
        }
        all.insert(status.to_string(), response);
    }
    all
}

/// Endpoints that let somebody into a meeting.
const LETS_IN: [&str; 2] = ["conference_join", "conference_join_token"];

fn answers(route: &Route, status: u16) -> bool {
    let reads_body = route.method == "POST";
    match status {
        // Pages and forms that nobody may send from elsewhere, sessions, relays' signatures.
        401 | 403 => route.access != Access::Anyone || reads_body || route.path == "/auth",
        // Who is let in may find another meeting running, or the room changed meanwhile.
        409 => route.kind == Kind::Write || route.access == Access::Relay || LETS_IN.contains(&route.id),
        _ => true,
    }
}
