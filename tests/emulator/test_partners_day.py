"""A partner's day from the first company to the last deletion, through the gateway and the real bootstraps. Each function
that is deployed has its part in it: the last test says which has not."""

import base64
import datetime
import http.server
import json
import threading
import time
import urllib.parse

import pytest
from partner import Partner, until
from relay import Relay, read_token

DOMAIN = "day.test"
FIRST = f"first.{DOMAIN}"
JOE = f"joe.{DOMAIN}"
ADMIN = {"email": "admin@day.test", "password": "Sup3rSecret!"}


class Commands(http.server.BaseHTTPRequestHandler):
    """A relay's door for commands: takes each and keeps its body."""

    def do_POST(self):
        self.server.taken.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def commands():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Commands)
    server.taken = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


class Day:
    """What the day has brought so far."""


@pytest.fixture(scope="module")
def day(stack) -> Day:
    made = Day()
    made.relay = Relay("relay-day", "us-east-1")
    stack.invoke(
        "operator-init",
        {
            "reseller": {
                "name": "Day",
                "domain": DOMAIN,
                "openid": {"issuer": "https://id.invalid", "client_id": "convoke", "client_secret": "s3cret"},
            },
            "company": {"subdomain": "first", "name": "First"},
            "admin": {"name": "Admin"} | ADMIN,
            "relays": [{"id": made.relay.name, "region": made.relay.region, "key": made.relay.jwk()}],
            "plans": [{"name": "Small", "max_participants": 10, "max_minutes": 1440}],
        },
    )
    made.partner = Partner(stack, FIRST, ADMIN)
    return made


def cookies(answer) -> dict[str, str]:
    return {"cookie": "; ".join(cookie.split(";")[0] for cookie in answer.raw.headers.getlist("set-cookie"))}


def test_1_a_company_subscribes(day):
    partner = day.partner
    plan = partner("plan/fetch_all")[0]
    assert plan["name"] == "Small"
    day.company = partner("company/create", subdomain="joe", name="Joe", subscription_ids=[plan["plan_id"]])["id"]
    assert len(partner("subscription/fetch_all", company_id=day.company)) == 1
    partner("company/update", company_id=day.company, branding={"product_name": "Joe Meet"}, embed_origins=["https://joe.example"])
    assert partner("company/fetch", company_id=day.company)["branding"]["product_name"] == "Joe Meet"
    assert day.company in [company["company_id"] for company in partner("company/fetch_all")]


def test_2_its_people_get_accounts(stack, day):
    partner = day.partner
    day.host = partner("host/create", company_id=day.company, name="Ann", email="ann@joe.test", password="SoSecret5!")
    new = partner("host/create", company_id=day.company, name="New", email="new@joe.test")
    own = {"origin": f"https://{JOE}"}
    link = new["password_creation_link"].removeprefix(f"https://{JOE}")
    assert stack.call("GET", link, JOE).ok
    assert stack.call("POST", link, JOE, own, json={"password": "An0therSecret!"}).ok
    day.new = new["host_id"]
    host_id = day.host["host_id"]
    partner("host/update", host_id=host_id, time_zone="Europe/London", mute_mode="q&a")
    assert partner("host/fetch", host_id=host_id)["time_zone"] == "Europe/London"
    assert {host["host_id"] for host in partner("host/fetch_all", company_id=day.company)} == {host_id, day.new}
    fresh = partner("host/reset_login_token", host_id=host_id)["login_token_public_key"]
    assert fresh != day.host["login_token_public_key"]
    day.host["login_token_public_key"] = fresh
    bob = partner("contact/create", host_id=host_id, name="Bob", email="bob@guest.test")
    partner("contact/update", contact_id=bob["contact_id"], name="Robert")
    assert partner("contact/fetch", contact_id=bob["contact_id"])["name"] == "Robert"
    assert [contact["name"] for contact in partner("contact/fetch_all", host_id=host_id)] == ["Ann", "Robert"]
    day.contact = bob["contact_id"]


def answered(uid: str, sequence: int) -> dict:
    """What wakes a function when Bob's calendar declines: SES hands the mail to a topic."""
    lines = [
        "From: bob@guest.test",
        "Content-Type: text/calendar; method=REPLY",
        "",
        "BEGIN:VCALENDAR",
        "METHOD:REPLY",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"SEQUENCE:{sequence}",
        datetime.datetime.now(datetime.UTC).strftime("DTSTAMP:%Y%m%dT%H%M%SZ"),
        "ATTENDEE;PARTSTAT=DECLINED:mailto:bob@guest.test",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    message = {
        "notificationType": "Received",
        "receipt": {"recipients": ["no-reply@" + JOE.split(".", 1)[1]], "dmarcVerdict": {"status": "PASS"}},
        "mail": {"source": "bob@guest.test"},
        "content": base64.b64encode("\r\n".join(lines).encode()).decode(),
    }
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


def test_3_a_meeting_is_planned_moved_answered_and_cancelled(stack, day):
    partner = day.partner
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    plan = {"start": start.strftime("%Y-%m-%d %H:%M:%S"), "time_zone": "UTC", "duration": 30}
    made = partner("conference/create", host_id=day.host["host_id"], subject="Plan", participants=[day.contact], **plan)
    assert day.contact in made["participants"]
    moved = partner("conference/update", conference_id=made["conference_id"], duration=60)
    assert moved["duration"] == 60
    # Of the two answers the first is to the time before.
    assert stack.invoke("mail-receive", answered(made["ics_uid"], 0)) == {"kept": 0, "known": 1, "dropped": 0}
    assert stack.invoke("mail-receive", answered(made["ics_uid"], 1)) == {"kept": 1, "known": 0, "dropped": 0}
    listed = partner("conference/fetch_all", host_id=day.host["host_id"])
    assert [meeting["conference_id"] for meeting in listed] == [made["conference_id"]]
    partner("conference/delete", conference_id=made["conference_id"])
    partner("contact/delete", contact_id=day.contact)


def test_3_people_register(stack, day):
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    plan = {"start": start.strftime("%Y-%m-%d %H:%M:%S"), "time_zone": "UTC", "duration": 30, "registration": True}
    made = day.partner("conference/create", host_id=day.host["host_id"], subject="Open day", **plan)
    path = f"/register/{made['conference_id']}"
    assert "Open day" in stack.call("GET", path, JOE).text
    person = {"name": "Rita", "email": "rita@guest.test"}
    assert stack.post(path, JOE, person, {"origin": f"https://{JOE}"}) == {"email": "rita@guest.test"}
    kept = stack.call("GET", f"/conf/call/{made['room_url'].rpartition('/')[2]}/meeting.ics", JOE)
    assert kept.headers["content-type"].startswith("text/calendar") and made["ics_uid"] in kept.text
    people = day.partner("conference/fetch", conference_id=made["conference_id"])["participant_emails"]
    assert "rita@guest.test" in json.dumps(people)
    day.partner("conference/delete", conference_id=made["conference_id"])


def test_4_an_administrator_makes_a_token(stack, day):
    own = {"origin": f"https://{FIRST}"}
    signed = stack.call("POST", "/login", FIRST, own, json={name: ADMIN[name] for name in ("email", "password")})
    browser = own | cookies(signed)
    made = stack.post("/admin/tokens", FIRST, {"name": "Server"}, browser)
    page = stack.call("GET", "/admin/tokens", FIRST, browser).text
    assert "Server" in page and made["api_token"] not in page
    token = stack.post("/enterprise_api/authenticate", FIRST, {"api_token": made["api_token"]})["auth_token"]
    assert stack.post("/enterprise_api/company/fetch_all", FIRST, {"auth_token": token})
    stack.post("/admin/tokens/revoke", FIRST, {"id": made["id"]}, browser)
    over = stack.call("POST", "/enterprise_api/company/fetch_all", FIRST, json={"auth_token": token})
    assert over.status_code == 401


def test_4_an_app_acts_for_an_administrator(stack, day):
    own = {"origin": f"https://{FIRST}"}
    signed = stack.call("POST", "/login", FIRST, own, json={name: ADMIN[name] for name in ("email", "password")})
    browser = own | cookies(signed)
    back = "https://app.example/back"
    client = stack.post("/admin/oauth", FIRST, {"name": "Workflow", "redirect_uris": [back]}, browser)
    which = {"client_id": client["client_id"]}
    assert client["client_id"] in stack.call("GET", "/admin/oauth", FIRST, browser).text
    secret = stack.post("/admin/oauth/rotate", FIRST, which, browser)["client_secret"]
    known = stack.call("GET", "/.well-known/oauth-authorization-server", FIRST).json()
    assert known["issuer"] == f"https://{FIRST}"
    asked = urllib.parse.urlencode(which | {"redirect_uri": back, "response_type": "code", "scope": "read", "state": "s"})
    assert "Workflow" in stack.call("GET", f"/oauth/authorize?{asked}", FIRST, browser).text
    goes = stack.post("/oauth/authorize", FIRST, {"request": asked, "allow": True}, browser)["redirect_url"]
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(goes).query)["code"][0]

    def send(path: str, **fields):
        answer = stack.call("POST", f"/oauth/{path}", FIRST, data=which | {"client_secret": secret} | fields)
        assert answer.status_code == 200, answer.text
        return answer

    tokens = send("token", grant_type="authorization_code", code=code, redirect_uri=back).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert stack.call("POST", "/enterprise_api/host/fetch_all", FIRST, bearer, json={}).ok
    assert stack.call("POST", "/enterprise_api/report/usage", FIRST, bearer, json={}).status_code == 403
    assert send("introspect", token=tokens["access_token"]).json()["active"]
    assert "Workflow" in stack.call("GET", "/account/apps", FIRST, browser).text
    tokens = send("token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    stack.post("/account/apps/revoke", FIRST, which, browser)
    over = stack.call("POST", "/enterprise_api/host/fetch_all", FIRST, bearer, json={})
    assert over.status_code == 401
    send("revoke", token=tokens["refresh_token"])
    stack.post("/admin/oauth/delete", FIRST, which, browser)


def test_4_webhooks_need_a_public_server(stack, day):
    own = {"auth_token": day.partner.token, "company_id": day.company}
    stack.post("/enterprise_api/webhook/fetch_all", FIRST, own)
    for url in ("https://127.0.0.1/hook", "https://hooks.invalid/"):
        assert stack.refused("/enterprise_api/webhook/create", FIRST, own | {"url": url})["field"] == "url"
    unknown = own | {"webhook_id": 1, "delivery_id": "none", "enabled": True}
    for method in ("update", "deliveries", "redeliver", "delete"):
        stack.refused(f"/enterprise_api/webhook/{method}", FIRST, unknown)
    stack.invoke("tell-webhooks", {})


def test_4_administrators_see_to_webhooks_by_hand(stack, day):
    own = {"origin": f"https://{FIRST}"}
    signed = stack.call("POST", "/login", FIRST, own, json={name: ADMIN[name] for name in ("email", "password")})
    browser = own | cookies(signed)
    assert '"webhooks":[]' in stack.call("GET", "/admin/webhooks", FIRST, browser).text
    assert stack.refused("/admin/webhooks", FIRST, {"url": "https://127.0.0.1/hook"}, browser)["field"] == "url"
    unknown = {"webhook_id": 1, "delivery_id": "none", "enabled": True}
    for method in ("update", "deliveries", "redeliver", "delete"):
        stack.refused(f"/admin/webhooks/{method}", FIRST, unknown, browser)


def test_4_pictures_are_fetched_from_public_servers_only(stack, day):
    refused = stack.call(
        "POST", "/enterprise_api/company/update", FIRST,
        json={"auth_token": day.partner.token, "company_id": day.company, "branding": {"logo_url": "https://127.0.0.1/logo.png"}},
    )
    assert refused.status_code == 400 and "logo_url" in refused.json()["field"]
    # So there is none to show.
    assert stack.call("GET", f"/branding/{'0' * 64}", JOE).status_code == 404
    stack.count("GET", f"/branding/{'0' * 64}")


def test_4_a_host_signs_in_in_every_way(stack, day):
    own = {"origin": f"https://{JOE}"}
    signed = stack.call("POST", "/login", JOE, own, json={"email": "ann@joe.test", "password": "SoSecret5!"})
    assert signed.ok and '"account":{' in stack.call("GET", "/", JOE, cookies(signed)).text
    assert '"page":"login"' in stack.call("GET", "/login", JOE, cookies(signed)).text
    assert stack.call("POST", "/logout", JOE, own | cookies(signed)).json() == {"redirect_url": "/"}
    pair = {"host_id": day.host["host_id"], "login_token_public_key": day.host["login_token_public_key"], "redirect_url": "/"}
    listed = {"origin": "https://joe.example"}
    assert stack.call("POST", "/auth", JOE, listed, data=pair).status_code == 303
    ticket = day.partner("host/sso_ticket", host_id=day.host["host_id"])["sso_ticket"]
    framed = stack.call("GET", "/auth", JOE, {"sec-fetch-dest": "iframe"}, params=pair | {"login_token_public_key": ticket})
    handoff = framed.headers["location"].removeprefix("/#handoff=")
    session = stack.post("/auth/handoff", JOE, {"handoff": handoff})["session"]
    passed_on = stack.call("POST", "/auth/session", JOE, {"authorization": f"Session {session}"})
    assert passed_on.json()["handoff"]


def test_4_a_company_signs_in_with_its_provider(stack, day):
    made = day.partner("company/create", subdomain="openid", name="Openid", openid_provider=True)
    host = f"openid.{DOMAIN}"
    assert '"by_provider":true' in stack.call("GET", "/login", host).text
    # There is no public provider on this machine: nobody is led to one, and nobody comes back.
    away = stack.call("GET", "/login/openid", host)
    assert away.status_code == 503 and '"problem":"away"' in away.text
    back = stack.call("GET", "/login/openid/back?code=1&state=2", host)
    assert back.status_code == 400 and '"problem":"stale"' in back.text and "set-cookie" not in back.headers
    for path in ("/login/openid", "/login/openid/back"):
        stack.count("GET", path)
    day.partner("company/delete", company_id=made["id"])


def test_5_a_meeting_is_held(stack, day, commands):
    partner, relay = day.partner, day.relay
    made = partner("conference/create/reservationless", host_id=day.host["host_id"], subject="Now")
    meeting = {"conference_id": made["conference_id"]}
    url = f"http://127.0.0.1:{commands.server_address[1]}"
    start = {"region": relay.region, "url": url, "version": "test", "capacity": 100}
    registered = relay.report(stack, "/relay/register", start)
    assert registered.ok, registered.text

    code = day.host["access_code"]["number"]
    page = stack.call("GET", f"/conf/call/{code}", JOE)
    assert "Joe Meet" in page.text and "frame-ancestors *" in page.headers["content-security-policy"]
    led = stack.post("/conf/join", JOE, {"code": code, "name": "Ann", "moderator_token": made["moderator_token"]})
    assert led["role"] == "moderator"
    guest = partner("conference/join_token", name="Bot", identity="bot-1", **meeting)
    claims = [read_token(joined["token"], registered.json()["keys"]) for joined in (led, guest)]
    room = claims[0]["video"]["room"]
    assert claims[1]["video"]["room"] == room
    entered = relay.report(stack, "/relay/enter", {"room": room, "participant": led["participant"], "jti": claims[0]["jti"]})
    assert entered.ok, entered.text
    event = {"room": room, "at": int(time.time() * 1000), "participant": led["participant"], "jti": claims[0]["jti"]}
    joined = event | {"kind": "participant_join", "name": "Ann", "moderator": True, "region": relay.region}
    assert relay.report(stack, "/relay/events", {"n": 1, "events": [joined]}).ok
    people = partner("conference/participants", **meeting)
    assert [person["name"] for person in people] == ["Ann"]
    span = {"room": room, "participant": led["participant"], "at": int(time.time() * 1000), "duration_ms": 60_000}
    span |= {"loss_up": 0, "worst_loss_up": 0, "loss_down": 0, "worst_loss_down": 0, "score": 4.5, "lowest_score": 4.5, "grade": "excellent"}
    assert relay.report(stack, "/relay/quality", {"spans": [span]}).json() == {"kept": 1}
    assert [told["grade"] for told in partner("conference/quality", **meeting)] == ["excellent"]

    removed = partner("conference/control", action="remove", participant=led["participant"], **meeting)
    assert removed["action"] == "remove" and len(commands.taken) == 1
    left = event | {"kind": "participant_leave", "reason": "removed", "duration_ms": 5_000}
    assert relay.report(stack, "/relay/events", {"n": 2, "events": [left]}).ok
    assert partner("conference/participants", **meeting)[0]["reason"] == "removed"
    partner("conference/end", **meeting)
    beat = relay.report(stack, "/relay/heartbeat", {"participants": 0, "load": 0.1, "rooms": [{"room": room, "participants": 0}]})
    assert [ended["room"] for ended in beat.json()["ended"]] == [room]
    assert relay.report(stack, "/relay/leave", {"room": room}).ok
    assert partner("conference/fetch", **meeting)["active"] is False
    assert set(stack.invoke("sweep", {})) == {"ended", "left"}


def test_6_the_day_is_looked_back_on(stack, day):
    entries = day.partner("audit/fetch_all", company_id=day.company)
    assert {"company_create", "host_create", "conference_end"} <= {entry["action"] for entry in entries}
    day.partner("report/usage", company_id=day.company)
    day.partner("host/export", host_id=day.host["host_id"])
    assert stack.call("GET", "/enterprise_api/docs", JOE).ok
    assert stack.call("GET", "/enterprise_api/openapi.json", JOE).json()["openapi"] == "3.1.0"


def test_6_mail_that_comes_back_is_heard_of(stack, day):
    message = {
        "eventType": "Bounce",
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "gone@guest.test"}]},
        "mail": {"source": "no-reply@" + JOE.split(".", 1)[1], "tags": {"company": [str(day.company)]}},
    }
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}
    assert stack.invoke("mail-feedback", event) == {"suppressed": 1, "ignored": 0}
    gone = day.partner("contact/create", host_id=day.host["host_id"], name="Gone", email="gone@guest.test")
    assert gone["email_state"] == "bounced"
    assert day.partner("contact/fetch_all", host_id=day.host["host_id"])[-1] == gone
    lifted = day.partner("contact/update", contact_id=gone["contact_id"], email_state="active")
    assert lifted == {name: value for name, value in gone.items() if name != "email_state"}
    assert day.partner("contact/fetch", contact_id=gone["contact_id"]) == lifted
    # What is left goes with the company.
    assert stack.invoke("mail-feedback", event) == {"suppressed": 1, "ignored": 0}
    own = {"origin": f"https://{JOE}"}
    assert stack.call("POST", "/password", JOE, own, json={"email": "nobody@guest.test"}).json() == {}


def test_7_what_goes_is_cleared_away_by_the_stream(stack, day):
    partner = day.partner
    partner("host/delete", host_id=day.new)
    partner("host/erase", host_id=day.new)
    partner("company/delete", company_id=day.company, force=True)
    assert stack.call("GET", "/login", JOE).status_code == 404
    # Nobody wakes the dispatcher here: the table's stream does for a new job, and a schedule for one that goes on later.
    table = stack.target.client("dynamodb")

    def taken_up() -> bool:
        found = table.scan(
            TableName=stack.outputs["TableName"],
            FilterExpression="begins_with(#pk, :job)",
            ExpressionAttributeNames={"#pk": "pk"},
            ExpressionAttributeValues={":job": {"S": "JOB#"}},
        )["Items"]
        return all(int(job.get("claims", {"N": "0"})["N"]) > 0 for job in found)

    until(taken_up)
    assert set(stack.invoke("dispatch", {})) == {"done", "steps", "failed", "held", "parked", "stale"}


def test_8_every_function_has_had_its_part(stack):
    assert set(stack.functions) - stack.invoked == set(), "functions that nothing here has successfully invoked"
