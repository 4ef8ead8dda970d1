"""Tokens that are not good."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.servers import SECRET

HOUR = 3600
#: What nobody could sign, or what a stranger would try.
OTHER_SECRET = "another secret that is as long as ours is"


def claims(**changes: Any) -> Mapping[str, Any]:
    good = {"sub": "eve", "exp": int(time.time()) + HOUR, "jti": "one"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(**changes: Any) -> str:
    return jwt.encode(dict(claims(**changes)), SECRET, algorithm="HS256")


def by_hand(header: Mapping[str, Any], body: Mapping[str, Any], key: bytes) -> str:
    """Signed with HMAC whatever the header says: the public key taken for a secret."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, body)]
    digest = hmac.digest(key, b".".join(parts), hashlib.sha256)
    return b".".join([*parts, urlsafe_b64encode(digest).rstrip(b"=")]).decode()


def bad_tokens() -> dict[str, str]:
    good = signed()
    head, body, signature = good.split(".")
    ours = Ed25519PrivateKey.generate()
    public = ours.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "empty": "",
        "no token": "eve",
        "without a signature": f"{head}.{body}.",
        "with another's signature": f"{head}.{body}.{signed(sub='ben').split('.')[2]}",
        "with another's claims": f"{head}.{signed(sub='ann').split('.')[1]}.{signature}",
        "alg: none": jwt.encode(dict(claims()), "", algorithm="none"),
        "a foreign key": jwt.encode(dict(claims()), OTHER_SECRET, algorithm="HS256"),
        "another hash": jwt.encode(dict(claims()), SECRET * 2, algorithm="HS512"),
        "EdDSA": jwt.encode(dict(claims()), ours, algorithm="EdDSA"),
        "with its own key": jwt.encode(dict(claims()), OTHER_SECRET, headers={"jwk": {"k": public.hex()}}),
        "expired": signed(exp=int(time.time()) - 1),
        "not valid yet": signed(nbf=int(time.time()) + HOUR),
        "without exp": signed(exp=None),
        "exp is a text": jwt.encode({"sub": "eve", "exp": "tomorrow"}, SECRET),
        "exp is true": jwt.encode({"sub": "eve", "exp": True}, SECRET),
        "without sub": signed(sub=None),
        "an unknown user": signed(sub="nobody"),
        "a user with a control character": signed(sub="eve\n"),
        "a user of 65 bytes": signed(sub="e" * 65),
        "for another device": signed(device="another"),
        "for something else": signed(scope="metrics"),
        # What trips a parser: nobody's fault is to be ours, and none of them is to cost more than any other bad token.
        "a header of brackets": _stuffed("[" * 2000, signature),
        "a header of maps": _stuffed('{"a":' * 400, signature),
        "a number without end": _stuffed('{"alg":' + "1" * 2000 + "}", signature),
        "a key id that is a number": by_hand({"alg": "HS256", "kid": 7}, claims(), SECRET.encode()),
        "a header twice": _stuffed('{"alg":"none","alg":"HS256"}', ""),
        "alg twice, none last": _stuffed('{"alg":"HS256","alg":"none"}', ""),
        "critical extensions": by_hand(
            {"alg": "HS256", "crit": ["b64"], "b64": False}, claims(), SECRET.encode()
        ),
        "as long as HELLO allows": "e" * 3900,
        "exp is infinite": signed(exp=float("inf")),
        "exp is no number": signed(exp=float("nan")),
        "exp is beyond all time": signed(exp=10**300),
    }


def _stuffed(header: str, signature: str) -> str:
    return f"{urlsafe_b64encode(header.encode()).rstrip(b'=').decode()}.e30.{signature}"
