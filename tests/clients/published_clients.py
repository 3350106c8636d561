"""The published clients of the contract (enterprise-api.md §4): what they send and what they read, by plain HTTP.

Tests of any installation: whoever collects them gives the fixture `installation`. Here they show the `auth_token` of their
person; `oauth_clients` gets tokens by OAuth as the connectors do.
"""

import dataclasses
import datetime
import re
import uuid
from collections.abc import Callable

import requests

#: What every answer with a meeting holds (§2, conference/create).
CONFERENCE = set(
    "conference_id subject agenda start end_time time_zone duration active auto_record auto_stream auto_transcribe "
    "host_initiated_recording waiting_room mute_mode participants moderators participant_emails room_url livestream_url "
    "recordings broadcast_stream is_streaming moderator_token ics_uid recurrence".split()
)
#: What every answer with a host holds (§2, host/create).
HOST = set(
    "host_id company_id name email role primary_dialin_number meeting_url access_code moderator_pin openid_sub "
    "login_token_public_key subscription_ids time_zone phone auto_record auto_stream auto_transcribe host_initiated_recording "
    "waiting_room one_time_access_code secure_url mute_mode stream_preview".split()
)


@dataclasses.dataclass
class Door:
    """A company's host name, as an HTTP client reaches it."""

    base: str
    #: What names the host.
    headers: dict[str, str]

    def post(self, method: str, body: dict | None = None, query: dict | None = None, **headers: str):
        """A method of the API, which must succeed."""
        url = f"{self.base}/enterprise_api/{method}"
        answer = requests.post(url, json=body, params=query, headers=self.headers | headers, allow_redirects=False, timeout=60)
        assert answer.status_code == 200, f"{method}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def page(self, address: str) -> int:
        """The status of a page that a method's answer names."""
        path = re.sub(r"^https?://[^/]+", "", address)
        return requests.get(self.base + path, headers=self.headers, allow_redirects=False, timeout=60).status_code


@dataclasses.dataclass
class Installation:
    """Where a reseller runs, and its admin."""

    domain: str
    #: The host name that the admin calls.
    fqdn: str
    admin: dict[str, str]
    door: Callable[[str], Door]


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:8]}"


def days_ahead(days: int) -> str:
    day = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return f"{day:%Y-%m-%d} 09:00:00"


class Connector:
    """A workflow connector: its token in a header, JSON in the body."""

    def __init__(self, door: Door, token: str):
        self.door, self.token = door, token

    def __call__(self, method: str, **parameters):
        headers = {"authorization": f"AuthToken {self.token}", "accept": "application/json"}
        return self.door.post(method, parameters, **headers)


def connected(installation: Installation) -> Connector:
    """A connector to a company of its own, as that one's admin."""
    door = installation.door(installation.fqdn)
    token = door.post("authenticate", installation.admin)["auth_token"]
    subdomain = unique("flow")
    company = door.post("company/create", {"auth_token": token, "subdomain": subdomain, "name": "Flow"})["id"]
    account = {"email": f"admin@{subdomain}.test", "password": "Sup3rSecret!"}
    asked = {"company_id": company, "name": "Flow Admin", "role": "COMPANY_ADMIN", "no_welcome_email": True} | account
    door.post("host/create", {"auth_token": token} | asked)
    own = installation.door(f"{subdomain}.{installation.domain}")
    connector = Connector(own, own.post("authenticate", account)["auth_token"])
    connector("host/create", name="Hannah", email=f"hannah@{subdomain}.test", password="SoSecret5!", no_welcome_email=True)
    return connector


def test_a_workflow_connector_makes_changes_and_watches_meetings(installation):
    connector = connected(installation)
    # Its test call.
    hosts = connector("host/fetch_all")
    admin = next(host for host in hosts if host["role"] == "COMPANY_ADMIN")
    assert [host["role"] for host in hosts] == ["COMPANY_ADMIN", "HOST"]
    assert all(isinstance(host["access_code"], int) for host in hosts)
    host = next(host["host_id"] for host in hosts if host is not admin)

    # What people type into a workflow arrives as text.
    start = days_ahead(3)
    asked = {"start": start, "time_zone": "US/Eastern", "duration": "30", "mute_mode": "conversation", "companyId": 7}
    asked |= {"one_time_access_code": "true", "secure_url": "false", "agenda": "An agenda", "security_pin": "123456"}
    people = [{"email": "bob@royalteck.test"}]
    made = connector("conference/create", host_id=str(host), subject="From a workflow", participant_emails=people, **asked)
    assert CONFERENCE <= set(made), CONFERENCE - set(made)
    assert (made["start"], made["end_time"]) == (start, start.replace("09:00", "09:30"))
    assert 100_000_000 <= made["one_time_access_code"] <= 999_999_999
    assert (made["security_pin"], made["active"], made["recurrence"]) == ("123456", False, None)
    assert [person["email"] for person in made["participant_emails"]][-1:] == ["bob@royalteck.test"]

    people.append({"email": "alice@royalteck.test"})
    changed = connector("conference/update", conference_id=made["conference_id"], participant_emails=people)
    assert len(changed["participants"]) == 3
    assert connector("conference/fetch", conference_id=made["conference_id"]) == changed
    now = connector("conference/create/reservationless", host_id=host)
    assert CONFERENCE <= set(now), CONFERENCE - set(now)
    assert (now["subject"], now["active"], now["duration"]) == ("Hannah's Meeting", True, 660)

    # Its trigger.
    listed = connector("conference/fetch_all", host_id=host)
    assert [meeting["conference_id"] for meeting in listed] == [now["conference_id"], made["conference_id"]]
    for meeting in listed:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", meeting["start"])
        assert meeting["start"] < meeting["end_time"]


def test_another_connector_reads_address_books(installation):
    connector = connected(installation)
    host = next(host["host_id"] for host in connector("host/fetch_all") if host["role"] == "HOST")
    connector("contact/create", host_id=host, name="Bob", email="bob@royalteck.test", phone="+14165551234")
    own, bob = connector("contact/fetch_all", host_id=host)
    assert own["name"] == "Hannah"
    told = {"host_id": host, "name": "Bob", "email": "bob@royalteck.test", "phone": "+14165551234"}
    assert bob == told | {"contact_id": bob["contact_id"]}


def test_a_web_application_opens_a_room_and_ends_it(installation):
    door = installation.door(installation.fqdn)
    token = door.post("authenticate", installation.admin)["auth_token"]
    subdomain = unique("web")
    company = door.post("company/create", {"auth_token": token, "subdomain": subdomain, "name": "Web"})["id"]
    preview = {"duration": 10, "interval": 60, "image_preview": True}
    asked = {"company_id": company, "name": "Web App", "email": f"app@{subdomain}.test", "no_welcome_email": True}
    host = door.post("host/create", {"auth_token": token, "auto_record": True, "stream_preview": preview} | asked)
    assert HOST <= set(host), HOST - set(host)
    # `true` has always meant this.
    assert (host["auto_record"], host["stream_preview"]) == ("video", preview)
    assert re.fullmatch(r"[1-9]\d{6,8}", host["access_code"]["number"])
    assert host["meeting_url"].endswith(f"/conf/call/{host['access_code']['number']}")
    assert re.fullmatch("[0-9a-f]{32,}", host["login_token_public_key"])

    room = {
        "host_id": host["host_id"],
        "subject": "Web App",
        "agenda": None,
        "start": days_ahead(0),
        "time_zone": "UTC",
        "duration": 660,
        "auto_record": "none",
        "auto_stream": "none",
        "auto_transcribe": False,
        "one_time_access_code": True,
        "secure_url": True,
        "host_initiated_recording": True,
        "security_pin": None,
        "mute_mode": "conversation",
        "waiting_room": False,
        "participants": [],
        "participant_emails": [],
    }
    opened = door.post("conference/create/reservationless", {"auth_token": token} | room)
    assert opened["active"] is True
    assert re.fullmatch(r"[A-Za-z0-9_-]{12,}", opened["moderator_token"])
    assert opened["room_url"].endswith("?encrypted_pin=true") and str(opened["one_time_access_code"]) not in opened["room_url"]
    own = installation.door(f"{subdomain}.{installation.domain}")
    assert own.page(f"{opened['room_url']}&moderator_token={opened['moderator_token']}") == 200

    conference = {"auth_token": token, "conference_id": opened["conference_id"]}
    # Ending what has ended is harmless.
    for _ in range(2):
        door.post("conference/end", conference)
    assert door.post("conference/fetch", conference)["active"] is False


def test_a_walkthrough_sends_everything_in_the_query(installation):
    door = installation.door(installation.fqdn)

    def send(method: str, **fields):
        return door.post(method, query=fields)

    token = send("authenticate", **installation.admin)["auth_token"]
    subdomain = unique("walk")
    company = send("company/create", auth_token=token, subdomain=subdomain, name="Walk & Co")["id"]
    asked = {"company_id": company, "name": "Walter", "email": f"walter@{subdomain}.test", "password": "SoSecret5!"}
    host = send("host/create", auth_token=token, no_welcome_email="true", moderator_pin="9876543", role="HOST", **asked)
    assert (host["name"], host["moderator_pin"]) == ("Walter", {"number": "9876543"})
    start = days_ahead(5)
    meeting = send(
        "conference/create",
        auth_token=token,
        host_id=host["host_id"],
        subject="Walk",
        agenda="An agenda",
        start=start,
        time_zone="EST",
        duration=60,
        auto_record="none",
        auto_transcribe="false",
        one_time_access_code="false",
        mute_mode="q&a",
        participant_emails='[{"email": "bob@royalteck.test", "moderator": true}]',
    )
    assert meeting["room_url"] == host["meeting_url"]
    assert (meeting["end_time"], meeting["mute_mode"]) == (start.replace("09:00", "10:00"), "q&a")
    assert len(meeting["moderators"]) == 2 and "one_time_access_code" not in meeting
    send("conference/delete", auth_token=token, conference_id=meeting["conference_id"])
    assert send("conference/fetch_all", auth_token=token, host_id=host["host_id"]) == []
