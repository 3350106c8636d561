"""The workflow connector of the contract (enterprise-api.md §4) by OAuth, with a library of another make: Authlib, as it is published."""

import re

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from published_clients import Installation, unique

BACK = "https://workflow.example/back"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


class Person:
    """An administrator in a browser of their own, at a company of their own."""

    def __init__(self, installation: Installation):
        root = installation.door(installation.fqdn)
        token = root.post("authenticate", installation.admin)["auth_token"]
        subdomain = unique("oauth")
        company = root.post("company/create", {"auth_token": token, "subdomain": subdomain, "name": "Flow"})["id"]
        account = {"email": f"admin@{subdomain}.test", "password": "Sup3rSecret!"}
        asked = {"company_id": company, "name": "Flow Admin", "role": "COMPANY_ADMIN", "no_welcome_email": True} | account
        root.post("host/create", {"auth_token": token} | asked)
        self.door = installation.door(f"{subdomain}.{installation.domain}")
        self.cookies = "; ".join(cookie.split(";")[0] for cookie in self.send("/login", account).raw.headers.getlist("set-cookie"))

    def send(self, path: str, body: dict) -> requests.Response:
        headers = self.door.headers | {"cookie": getattr(self, "cookies", "")}
        answer = requests.post(self.door.base + path, json=body, headers=headers, allow_redirects=False, timeout=60)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer

    def asked(self, address: str, allow: bool = True) -> str:
        """Where the browser goes that was sent to this address."""
        query = address.partition("?")[2]
        headers = self.door.headers | {"cookie": self.cookies}
        page = requests.get(f"{self.door.base}/oauth/authorize?{query}", headers=headers, allow_redirects=False, timeout=60)
        assert page.status_code == 200 and "frame-ancestors 'none'" in page.headers["content-security-policy"]
        return self.send("/oauth/authorize", {"request": query, "allow": allow}).json()["redirect_url"]


@pytest.fixture(scope="module")
def person(installation) -> Person:
    return Person(installation)


def session(person: Person, client: dict, **more) -> OAuth2Session:
    made = OAuth2Session(
        client["client_id"],
        client.get("client_secret"),
        scope="read write",
        redirect_uri=BACK,
        code_challenge_method="S256",
        **more,
    )
    made.headers.update(person.door.headers)
    return made


@pytest.fixture(autouse=True)
def plain_http(monkeypatch):
    """The library would refuse a laptop's http."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_connector_is_let_in_and_goes_on_by_refresh_tokens(person, method):
    client = person.send("/admin/oauth", {"name": "Connector", "redirect_uris": [BACK]}).json()
    app = session(person, client, token_endpoint_auth_method=method)
    at = lambda path: f"{person.door.base}/oauth/{path}"  # noqa: E731
    ask, state = app.create_authorization_url(at("authorize"), code_verifier=VERIFIER)
    returned = person.asked(ask)
    assert returned.startswith(BACK) and re.search(r"[?&]iss=http", returned)
    tokens = app.fetch_token(at("token"), authorization_response=returned, state=state, code_verifier=VERIFIER)
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, "read write")

    # Its test call, and what it does then.
    call = lambda method, **body: app.post(f"{person.door.base}/enterprise_api/{method}", json=body)  # noqa: E731
    hosts = call("host/fetch_all").json()
    admin = next(host for host in hosts if host["role"] == "COMPANY_ADMIN")
    made = call("conference/create/reservationless", host_id=admin["host_id"]).json()
    listed = call("conference/fetch_all", host_id=admin["host_id"]).json()
    assert made["conference_id"] in [meeting["conference_id"] for meeting in listed]
    assert call("contact/fetch_all", host_id=admin["host_id"]).status_code == 200

    told = app.introspect_token(at("introspect"), token=tokens["access_token"]).json()
    assert told["active"] and told["client_id"] == client["client_id"] and told["sub"] == str(admin["host_id"])
    first = dict(tokens)
    second = dict(app.refresh_token(at("token"), refresh_token=first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"] and call("host/fetch_all").status_code == 200
    assert app.revoke_token(at("revoke"), token=second["access_token"]).status_code == 200
    assert call("host/fetch_all").status_code == 401
    third = dict(app.refresh_token(at("token"), refresh_token=second["refresh_token"]))
    with pytest.raises(OAuthError, match="invalid_grant"):
        app.refresh_token(at("token"), refresh_token=first["refresh_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):
        app.refresh_token(at("token"), refresh_token=third["refresh_token"])


def test_a_connector_is_not_let_in(person):
    client = person.send("/admin/oauth", {"name": "Connector", "redirect_uris": [BACK]}).json()
    app = session(person, client)
    ask, state = app.create_authorization_url(f"{person.door.base}/oauth/authorize", code_verifier=VERIFIER)
    returned = person.asked(ask, allow=False)
    assert "error=access_denied" in returned and f"state={state}" in returned
    assert "code=" not in returned
