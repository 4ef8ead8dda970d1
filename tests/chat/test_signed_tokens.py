"""Only the configured algorithm counts, also for who holds the right key; and a token is bound for its own user."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from imserver.errors import NotAuthorized
from tests.support.servers import SECRET, running


def signed(algorithm: str, user_id: str = "alice") -> str:
    """With the server's own secret, by hand: libraries refuse to make some of them."""
    claims = {"sub": user_id, "exp": int(time.time()) + 60, "jti": algorithm}
    parts = [json.dumps({"alg": algorithm, "typ": "JWT"}).encode(), json.dumps(claims).encode()]
    body = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    return b".".join(
        [body, urlsafe_b64encode(hmac.digest(SECRET.encode(), body, digest)).rstrip(b"=")]
    ).decode()


@pytest.mark.filterwarnings("ignore:.*HMAC key is .* bytes long")
async def test_another_hash_with_the_right_secret_lets_nobody_in(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        assert (await server.accounts.authenticate(signed("HS256"), "phone")).user.user_id == "alice"
        for algorithm in ("HS384", "HS512"):
            with pytest.raises(NotAuthorized):
                await server.accounts.authenticate(signed(algorithm), "phone")


async def test_two_users_may_have_tokens_of_one_name(tmp_path: Path) -> None:
    """Ids of two issuers may collide: the second user is not locked out by the first one's device."""
    async with running(tmp_path) as server:
        for user, device in (("alice", "phone"), ("bob", "desk"), ("alice", "phone")):
            assert (await server.accounts.authenticate(signed("HS256", user), device)).user.user_id == user
