"""Starts the emulator, deploys the template and speaks to it as a partner, a browser and a relay do."""

import contextlib
import dataclasses
import email
import email.message
import email.policy
import functools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("deploy", "tests/clients", "tests/calendars")]
pytest.register_assert_rewrite("published_clients")

import deploy as deployment  # noqa: E402

ACCESS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mailbox:
    """Takes the mail that the emulated SES has sent, as a recipient's server does."""

    def __init__(self):
        self.mails: list[tuple[list[str], email.message.EmailMessage]] = []

    async def handle_DATA(self, _server, _session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.rcpt_tos, message))
        return "250 taken"

    def to(self, address: str, subject: str) -> list[email.message.EmailMessage]:
        """What somebody got with this subject, the oldest first."""
        return [message for to, message in self.mails if to == [address] and message["Subject"] == subject]


@contextlib.contextmanager
def _emulator(log: pathlib.Path, smtp: int):
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    # The emulator hands its own AWS_ENDPOINT_URL on to the functions; without it they would call the real AWS.
    environment = os.environ | {"AWS_ENDPOINT_URL": endpoint, "GATEWAY_PORT": str(port), "SMTP_HOST": f"127.0.0.1:{smtp}"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [pathlib.Path(sys.executable).with_name("ministack")], env=environment, stdout=output, stderr=output
        )
    try:
        limit = time.monotonic() + 30
        while True:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{endpoint}/_ministack/health", timeout=1).ok:
                    break
            assert process.poll() is None and time.monotonic() < limit, f"the emulator did not start: {log}"
            time.sleep(0.05)
        yield endpoint
    finally:
        process.terminate()
        process.wait(20)


@dataclasses.dataclass
class Stack:
    """The deployed stack."""

    endpoint: str
    target: deployment.Target
    outputs: dict[str, str]
    keys: dict[str, str]
    code: bytes
    mailbox: Mailbox
    #: Handlers of functions that have done what was asked of them.
    invoked: set[str] = dataclasses.field(default_factory=set)

    @functools.cached_property
    def functions(self) -> dict[str, dict]:
        """What is deployed, by handler."""
        pages = self.target.client("lambda").get_paginator("list_functions").paginate()
        return {function["Handler"]: function for page in pages for function in page["Functions"]}

    @functools.cached_property
    def routes(self) -> list[tuple[str, re.Pattern, str]]:
        """Method, path and handler of each deployed route, those without parameters first, as the gateway looks for them."""
        gateway, api = self.target.client("apigatewayv2"), self.outputs["ApiId"]
        handlers = {function["FunctionArn"]: handler for handler, function in self.functions.items()}
        integrations = {item["IntegrationId"]: item["IntegrationUri"] for item in gateway.get_integrations(ApiId=api)["Items"]}
        routes = []
        for item in gateway.get_routes(ApiId=api)["Items"]:
            method, path = item["RouteKey"].split(" ")
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
            routes.append((method, pattern, handlers[integrations[item["Target"].split("/")[1]]]))
        return sorted(routes, key=lambda route: "[^/]+" in route[1].pattern)

    def deploy(self) -> dict[str, str]:
        """Deploys what the template and the binary are now."""
        parameters = {"CodeBucket": "convoke-code", "Architecture": "x86_64", "Rates": "session_per_minute=700", "Texts": "day=1000,+1=/1"} | self.keys
        return deployment.deploy(self.target, "convoke", self.code, parameters)

    @property
    def gateway(self) -> str:
        """Where the API answers. By path: at the API's own host name the emulator takes `/login` for a sign-in page of its own."""
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['ApiId']}/$default"

    def edge(self, host: str) -> dict[str, str]:
        """What the edge says of a request for `host`."""
        return {"x-convoke-edge": self.keys["EdgeSecret"], "x-convoke-host": host, "x-convoke-client": "192.0.2.7"}

    def call(self, method: str, path: str, host: str, headers: dict[str, str] | None = None, **request) -> requests.Response:
        """One request through the gateway, as the edge brings it for a visitor of `host`."""
        sent = self.edge(host) | (headers or {})
        answer = requests.request(method, self.gateway + path, headers=sent, allow_redirects=False, timeout=60, **request)
        if answer.ok:
            self.count(method, path)
        return answer

    def count(self, method: str, path: str):
        """The function of this route has done what was asked of it."""
        path = path.partition("?")[0]
        self.invoked |= {handler for known, pattern, handler in self.routes if known == method and pattern.fullmatch(path)}

    def refused(self, path: str, host: str, body: dict, headers: dict[str, str] | None = None) -> dict:
        """A call that its function must refuse, since what it takes is not on this machine: a public server, or what one made."""
        answer = self.call("POST", path, host, headers, json=body)
        assert answer.status_code in (400, 404), f"{path}: {answer.status_code} {answer.text}"
        self.count("POST", path)
        return answer.json()

    def invoke(self, handler: str, event: dict) -> dict:
        """Wakes a worker as an operator or a schedule does; it must succeed."""
        name = self.functions[handler]["FunctionName"]
        answer = self.target.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, f"{handler}: {payload}"
        self.invoked.add(handler)
        return payload

    def post(self, path: str, host: str, body: dict, headers: dict[str, str] | None = None) -> dict:
        """A call that must succeed."""
        answer = self.call("POST", path, host, headers, json=body)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@pytest.fixture(scope="session")
def stack(tmp_path_factory) -> Stack:
    bootstrap = pathlib.Path(os.environ["CONVOKE_BOOTSTRAP"])
    mailbox, smtp = Mailbox(), _free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=smtp)
    controller.start()
    with contextlib.ExitStack() as running:
        running.callback(controller.stop)
        endpoint = running.enter_context(_emulator(tmp_path_factory.mktemp("emulator") / "log", smtp))
        target = deployment.Target(endpoint, **ACCESS)
        code = deployment.bundle(bootstrap, ROOT / "web/dist")
        made = Stack(endpoint, target, {}, deployment.keys(target, "convoke"), code, mailbox)
        made.outputs = made.deploy()
        yield made
