"""A partner's server."""

import time


class Partner:
    """Every call carries its token."""

    def __init__(self, stack, fqdn: str, admin: dict[str, str]):
        self.stack = stack
        self.fqdn = fqdn
        self.token = stack.post("/enterprise_api/authenticate", fqdn, admin)["auth_token"]

    def __call__(self, method: str, **parameters):
        return self.stack.post(f"/enterprise_api/{method}", self.fqdn, {"auth_token": self.token} | parameters)


def until(condition, seconds: float = 90):
    """Waits for what the platform does by itself."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.2)
    return found
