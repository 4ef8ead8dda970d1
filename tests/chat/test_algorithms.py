"""Only the configured algorithm counts, also for who holds the right key."""

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


def signed(algorithm: str) -> str:
    """With the server's own secret, by hand: libraries refuse to make some of them."""
    claims = {"sub": "alice", "exp": int(time.time()) + 60, "jti": algorithm}
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
