"""The published clients through the gateway."""

import pytest
from published_clients import *  # noqa: F403

DOMAIN = "clients.test"


@pytest.fixture(scope="module")
def installation(stack) -> Installation:  # noqa: F405
    admin = {"email": "admin@clients.test", "password": "Sup3rSecret!"}
    event = {
        "reseller": {"name": "Clients", "domain": DOMAIN},
        "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Admin"} | admin,
    }
    fqdn = stack.invoke("operator-init", event)["fqdn"]
    return Installation(DOMAIN, fqdn, admin, lambda name: Door(stack.gateway, stack.edge(name)))  # noqa: F405
