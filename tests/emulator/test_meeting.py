"""A partner's first meeting and a relay's part in it, through the gateway and the real bootstraps."""

import time

import pytest
from relay import Relay, read_token

FIRST = "first.demo.test"
ADMIN = {"email": "admin@partner.test", "password": "Sup3rSecret!"}


@pytest.fixture(scope="module")
def relay() -> Relay:
    return Relay("relay-1", "us-east-1")


@pytest.fixture(scope="module")
def installed(stack, relay) -> dict:
    """The operator's first command, twice: the second changes nothing."""
    event = {
        "reseller": {"name": "Demo", "domain": "demo.test"},
        "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Admin"} | ADMIN,
        "relays": [{"id": relay.name, "region": relay.region, "key": relay.jwk()}],
    }
    assert stack.functions["operator-init"]["FunctionName"] == stack.outputs["OperatorInit"]
    made = stack.invoke("operator-init", event)
    assert stack.invoke("operator-init", event) == made | {"created": False}
    return made


@pytest.fixture(scope="module")
def admin(stack, installed) -> str:
    return stack.post("/enterprise_api/authenticate", FIRST, ADMIN)["auth_token"]


@pytest.fixture(scope="module")
def host(stack, admin) -> dict:
    company = stack.post("/enterprise_api/company/create", FIRST, {"auth_token": admin, "subdomain": "acme", "name": "Acme"})
    return stack.post(
        "/enterprise_api/host/create",
        FIRST,
        {"auth_token": admin, "company_id": company["id"], "name": "Ann", "email": "ann@acme.test", "password": "SoSecret5!"},
    )


def test_a_wrong_password_is_401(stack, installed):
    answer = stack.call("POST", "/enterprise_api/authenticate", FIRST, json=ADMIN | {"password": "wrong-password"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid email or password")


def test_past_the_edge_there_is_no_tenant(stack, installed):
    answer = stack.call("POST", "/enterprise_api/authenticate", FIRST, {"x-convoke-edge": "wrong"}, json=ADMIN)
    assert answer.status_code == 404


def test_a_meeting_from_creation_to_its_end(stack, admin, host, relay):
    acme = "acme.demo.test"
    made = stack.post(
        "/enterprise_api/conference/create/reservationless", FIRST, {"auth_token": admin, "host_id": host["host_id"]}
    )
    assert made["active"] is True
    ask = {"auth_token": admin, "conference_id": made["conference_id"]}
    assert stack.post("/enterprise_api/conference/fetch", FIRST, ask)["conference_id"] == made["conference_id"]

    page = stack.call("GET", f"/conf/call/{host['access_code']['number']}", acme)
    assert page.status_code == 200 and "convoke-config" in page.text
    assert "frame-ancestors *" in page.headers["content-security-policy"]

    registered = relay.report(
        stack, "/relay/register", {"region": relay.region, "url": "http://127.0.0.1:9", "version": "test", "capacity": 100}
    )
    assert registered.status_code == 200, registered.text

    joined = stack.post(
        "/conf/join",
        acme,
        {"code": host["access_code"]["number"], "name": "Ann", "moderator_token": made["moderator_token"]},
    )
    assert (joined["role"], [place["url"] for place in joined["relays"]]) == ("moderator", ["http://127.0.0.1:9"])
    claims = read_token(joined["token"], registered.json()["keys"])
    room = claims["video"]["room"]
    assert (claims["sub"], claims["video"]["roomAdmin"]) == (joined["identity"], True)

    entered = relay.report(stack, "/relay/enter", {"room": room, "participant": joined["participant"], "jti": claims["jti"]})
    assert entered.status_code == 200, entered.text
    assert entered.json()["settings"]["conference"] == made["conference_id"]

    event = {
        "room": room,
        "at": int(time.time() * 1000),
        "kind": "participant_join",
        "participant": joined["participant"],
        "jti": claims["jti"],
        "name": "Ann",
        "moderator": True,
        "region": relay.region,
    }
    for _ in range(2):
        batch = relay.report(stack, "/relay/events", {"n": 1, "events": [event]})
        assert (batch.status_code, batch.json()) == (200, {"n": 1})
    assert relay.report(stack, "/relay/events", {"n": 3, "events": [event]}).status_code == 409

    span = {"room": room, "participant": joined["participant"], "at": int(time.time() * 1000), "duration_ms": 60_000}
    span |= {"loss_up": 0.01, "worst_loss_up": 0.05, "loss_down": 0, "worst_loss_down": 0, "rtt_ms": 40, "worst_rtt_ms": 90}
    span |= {"score": 4.2, "lowest_score": 3.5, "grade": "good"}
    kept = relay.report(stack, "/relay/quality", {"spans": [span]})
    assert (kept.status_code, kept.json()) == (200, {"kept": 1})
    [told] = stack.post("/enterprise_api/conference/quality", FIRST, ask)
    assert (told["participant"], told["worst_loss_up"], told["grade"]) == (joined["participant"], 0.05, "good")

    stack.post("/enterprise_api/conference/end", FIRST, ask)
    beat = relay.report(
        stack, "/relay/heartbeat", {"participants": 1, "load": 0.1, "rooms": [{"room": room, "participants": 1}]}
    )
    assert [ended["room"] for ended in beat.json()["ended"]] == [room]
    assert stack.post("/enterprise_api/conference/fetch", FIRST, ask)["active"] is False


def test_a_host_signs_in_and_both_cookies_pass_the_gateway(stack, host):
    pair = {"host_id": host["host_id"], "login_token_public_key": host["login_token_public_key"], "redirect_url": "/"}
    signed = stack.call("POST", "/auth", "acme.demo.test", {"origin": "https://acme.demo.test"}, data=pair)
    assert (signed.status_code, signed.headers["location"]) == (303, "/")
    assert {cookie.split("=")[0] for cookie in signed.raw.headers.getlist("set-cookie")} == {"__Host-convoke", "__Host-convoke-account"}
    cookies = "; ".join(cookie.split(";")[0] for cookie in signed.raw.headers.getlist("set-cookie"))
    page = stack.call("GET", f"/conf/call/{host['access_code']['number']}", "acme.demo.test", {"cookie": cookies})
    assert '"signed_in":{"name":"Ann","moderator":true,"after_call_url":null}' in page.text
    framed = stack.call("GET", "/auth", "acme.demo.test", {"referer": "https://acme.demo.test/x"}, params=pair)
    assert framed.status_code == 303 and framed.headers["location"].startswith("/#handoff=")


def test_a_host_comes_and_goes_by_every_other_door(stack, admin, host):
    acme, own = "acme.demo.test", {"origin": "https://acme.demo.test"}
    entry = {"email": "ann@acme.test", "password": "SoSecret5!"}
    signed = stack.call("POST", "/login", acme, own, json=entry)
    assert (signed.status_code, signed.json()) == (200, {"redirect_url": "/"})
    cookies = {"cookie": "; ".join(cookie.split(";")[0] for cookie in signed.raw.headers.getlist("set-cookie"))}
    assert '"account":{' in stack.call("GET", "/", acme, cookies).text
    assert '"page":"login"' in stack.call("GET", "/login", acme, cookies).text
    assert stack.call("POST", "/logout", acme, own | cookies).json() == {"redirect_url": "/"}
    assert '"account":null' in stack.call("GET", "/", acme, cookies).text

    ticket = stack.post("/enterprise_api/host/sso_ticket", FIRST, {"auth_token": admin, "host_id": host["host_id"]})
    pair = {"host_id": host["host_id"], "login_token_public_key": ticket["sso_ticket"], "redirect_url": "/"}
    framed = stack.call("GET", "/auth", acme, {"sec-fetch-dest": "iframe"}, params=pair)
    handoff = framed.headers["location"].removeprefix("/#handoff=")
    traded = stack.post("/auth/handoff", acme, {"handoff": handoff})
    passed_on = stack.call("POST", "/auth/session", acme, {"authorization": f"Session {traded['session']}"})
    assert passed_on.status_code == 200 and passed_on.json()["handoff"]

    company = host["company_id"]
    new = {"auth_token": admin, "company_id": company, "name": "New", "email": "new@acme.test"}
    link = "/password/" + stack.post("/enterprise_api/host/create", FIRST, new)["password_creation_link"].rsplit("/", 1)[1]
    assert stack.call("GET", link, acme).status_code == 200
    assert stack.call("POST", link, acme, own, json={"password": "An0therSecret!"}).status_code == 200
    assert stack.call("GET", link, acme).status_code == 404
    assert stack.call("GET", "/enterprise_api/docs", acme).status_code == 200
    assert stack.call("GET", "/enterprise_api/openapi.json", acme).json()["openapi"] == "3.1.0"


def test_rates_are_those_of_the_deployment(stack, admin):
    answer = stack.call("POST", "/enterprise_api/company/fetch_all", FIRST, json={"auth_token": admin})
    # Over the contract's 600, below the 700 of this deployment.
    assert 600 < int(answer.headers["x-ratelimit-remaining"]) < 700


def test_the_sweeper_runs(stack, installed):
    assert set(stack.invoke("sweep", {})) == {"ended", "left"}


def test_a_report_is_believed_with_its_signature_only(stack, relay, installed):
    report = {"participants": 0, "load": 0, "rooms": []}
    for spoiled in ({"aud": "other"}, {"exp": int(time.time()) - 90}, {"body": "00" * 32}, {"iss": "relay-2"}):
        assert relay.report(stack, "/relay/heartbeat", report, **spoiled).status_code == 401, spoiled
    stranger = Relay(relay.name, relay.region)
    assert stranger.report(stack, "/relay/heartbeat", report).status_code == 401
