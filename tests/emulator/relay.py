"""A relay as the control plane knows it, written from the protocol and not from our code."""

import base64
import hashlib
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _coordinates(public: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
    numbers = public.public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def _kid(x: bytes, y: bytes) -> str:
    return hashlib.sha256(b"\x04" + x + y).hexdigest()[:16]


class Relay:
    def __init__(self, name: str, region: str):
        self.name, self.region = name, region
        self.epoch = int(time.time() * 1000)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict:
        x, y = _coordinates(self._key.public_key())
        return {"kty": "EC", "crv": "P-256", "x": _encode(x), "y": _encode(y), "kid": _kid(x, y)}

    def authorization(self, content: bytes, **changes) -> str:
        x, y = _coordinates(self._key.public_key())
        now = int(time.time())
        claims = {
            "iss": self.name,
            "aud": "convoke-control",
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
            "body": hashlib.sha256(content).hexdigest(),
        } | changes
        header = {"alg": "ES256", "typ": "JWT", "kid": _kid(x, y)}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"Relay {signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def report(self, stack, path: str, content: dict, **changes):
        """Sends a report, signed unless `changes` spoil its claims."""
        packed = json.dumps({"relay": self.name, "epoch": self.epoch} | content).encode()
        headers = {"authorization": self.authorization(packed, **changes), "content-type": "application/json"}
        return stack.call("POST", path, "relays.invalid", headers, data=packed)


def read_token(token: str, keys: list[dict]) -> dict:
    """The claims of a token that one of these keys signed."""
    header, claims, signature = token.split(".")
    kid = json.loads(_decode(header))["kid"]
    key = next(key for key in keys if key["kid"] == kid)
    x, y = (int.from_bytes(_decode(key[part]), "big") for part in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = _decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(_decode(claims))
