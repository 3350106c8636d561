"""The platform as a user starts it, for its published clients."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

pytest.register_assert_rewrite("oauth_clients", "published_clients")

from published_clients import Door, Installation  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    run = [os.environ["CONVOKE"], "run", "--port", "0", "--json", "--data", data, "--web", ROOT / "web/dist"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as platform:
        try:
            about = json.loads(platform.stdout.readline())
            fqdn, port = about["admin_url"].removeprefix("http://").split(":")
            admin = {"email": about["email"], "password": about["password"]}
            # Programs do not resolve what is below localhost, as browsers do.
            door = lambda name: Door(f"http://127.0.0.1:{port}", {"host": f"{name}:{port}"})  # noqa: E731
            yield Installation(about["reseller_domain"], fqdn, admin, door)
        finally:
            platform.send_signal(signal.SIGINT)
            assert platform.wait(20) == 0
