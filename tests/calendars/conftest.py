"""A running platform, its API and its inbox."""

import dataclasses
import email
import email.policy
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.parse

import icalendar
import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Platform:
    """`convoke run`, signed in as its admin."""

    port: str
    fqdn: str
    token: str = ""

    def api(self, method: str, **asked) -> dict:
        """One request of the API, successful."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/enterprise_api/{method}",
            json={"auth_token": self.token} | asked,
            headers={"host": f"{self.fqdn}:{self.port}"},
            timeout=20,
        )
        assert answer.ok, answer.text
        return answer.json()

    def inbox(self, path: str) -> requests.Response:
        """What the laptop's inbox has."""
        return requests.get(f"http://127.0.0.1:{self.port}/inbox/{path}", headers={"host": "localhost"}, timeout=20)

    def door(self, room_url: str) -> icalendar.Calendar:
        """The calendar file that a visitor of a room's page gets."""
        room = urllib.parse.urlsplit(room_url)
        path = f"{room.path}/meeting.ics?{room.query}"
        answer = requests.get(f"http://127.0.0.1:{self.port}{path}", headers={"host": room.netloc}, timeout=20)
        assert answer.ok and answer.headers["content-type"] == "text/calendar; charset=utf-8; method=PUBLISH", answer.text
        return icalendar.Calendar.from_ical(answer.text)

    def calendar(self, to: str, subject: str) -> icalendar.Calendar:
        """The calendar part of the mail to somebody with this subject, as `email` and `icalendar` read it."""
        limit = time.monotonic() + 60
        while True:
            found = [mail for mail in self.inbox("mails").json() if mail["subject"] == subject and mail["to"]["address"] == to]
            if found:
                break
            assert time.monotonic() < limit, f"no mail to {to} is called {subject}"
            time.sleep(0.2)
        message = email.message_from_bytes(self.inbox(f"mails/{found[0]['number']}").content, policy=email.policy.default)
        parts = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
        assert len(parts) == 1 and not message.defects
        calendar = icalendar.Calendar.from_ical(parts[0].get_content())
        assert parts[0].get_param("method") == calendar["METHOD"]
        attached = [part for part in message.walk() if part.get_filename() == "invite.ics"]
        assert attached[0].get_content() == parts[0].get_content().replace("\r\n", "\n").replace("\n", "\r\n").encode()
        return calendar


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    run = [os.environ["CONVOKE"], "run", "--port", "0", "--json", "--data", data, "--web", ROOT / "web/dist"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            about = json.loads(process.stdout.readline())
            fqdn, port = about["admin_url"].removeprefix("http://").split(":")
            platform = Platform(port, fqdn)
            platform.token = platform.api("authenticate", email=about["email"], password=about["password"])["auth_token"]
            yield platform
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
