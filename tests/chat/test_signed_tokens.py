"""Only the configured algorithm counts, also for who holds the right key; and a token is bound for its own user."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.accounts import Accounts
from imserver.config import AuthConfig
from imserver.errors import ConfigError, NotAuthorized
from imserver.secret import MIN_SECRET_BYTES
from imserver.testing import ManualClock, scratch_store
from tests.store.support import Recorder
from tests.support.servers import SECRET, running

#: In place of a claim's value: the claim is left out.
ABSENT = object()


def signed(algorithm: str = "HS256", user_id: str = "alice", **more: Any) -> str:
    """With the server's own secret, by hand: libraries refuse to make some of them."""
    claims = {"sub": user_id, "exp": int(time.time()) + 60, "jti": algorithm} | more
    claims = {name: value for name, value in claims.items() if value is not ABSENT}
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


@pytest.mark.parametrize(
    ("scope", "good"),
    [
        (ABSENT, True),
        ("chat", True),
        ("metrics chat", True),
        ("chatter", False),
        ("nochat", False),
        ("chat.read", False),
        ("", False),
    ],
)
async def test_a_scope_is_a_word_of_its_own(tmp_path: Path, scope: object, good: bool) -> None:
    async with running(tmp_path) as server:
        try:
            identity = await server.accounts.authenticate(signed(scope=scope), "phone")
        except NotAuthorized:
            assert not good
        else:
            assert good
            assert identity.user.user_id == "alice"


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": ["read chat write"]},
        {"scope": {"to chat now": 1}},
        {"device": ["phone"]},
        {"jti": 7},
        {"nbf": "0"},
        {"aud": "imserver"},
        *({name: None} for name in ("sub", "exp", "nbf", "device", "jti", "scope")),
    ],
    ids=str,
)
async def test_a_claim_that_is_there_has_to_be_right(tmp_path: Path, claims: dict[str, Any]) -> None:
    """SPEC, "Tokens": null is no claim that was left out, and the text of a list is no list of words."""
    async with running(tmp_path) as server:
        with pytest.raises(NotAuthorized):
            await server.accounts.authenticate(signed(**claims), "phone")


async def test_claims_that_say_nothing_harm_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        token = signed(iss="me", iat="soon", x={"y": [None]})
        assert (await server.accounts.authenticate(token, "phone")).device_id == "phone"


async def test_tokens_without_a_name_are_told_apart(tmp_path: Path) -> None:
    """Each belongs to the device that used it first: the second one of a user is another token."""
    async with running(tmp_path) as server:
        one, two = (signed(jti=ABSENT, nonce=number) for number in (1, 2))
        for token, device in ((one, "phone"), (two, "desk"), (one, "phone")):
            assert (await server.accounts.authenticate(token, device)).device_id == device
        with pytest.raises(NotAuthorized):
            await server.accounts.authenticate(one, "desk")


@pytest.mark.parametrize("ttl_s", [1, 60, 86_400])
async def test_a_token_is_good_for_its_seconds_and_no_longer(ttl_s: int) -> None:
    clock, store = ManualClock(), scratch_store()
    await store.open(Recorder())
    accounts = Accounts(store, clock, AuthConfig(secret=SECRET, create_users=True))
    token = accounts.make_token("alice", ttl_s=ttl_s, device_id="phone")
    assert (await accounts.authenticate(token, "phone")).expires_at_s == clock.now_ms() // 1000 + ttl_s
    with pytest.raises(NotAuthorized):
        await accounts.authenticate(token, "desk")
    clock.advance(ttl_s - 0.001)
    await accounts.authenticate(token, "phone")
    clock.advance(0.001)
    with pytest.raises(NotAuthorized):
        await accounts.authenticate(token, "phone")
    await store.close()


async def test_a_token_that_is_not_good_yet_is_good_later() -> None:
    clock, store = ManualClock(), scratch_store()
    await store.open(Recorder())
    accounts = Accounts(store, clock, AuthConfig(secret=SECRET, create_users=True))
    begins_at = clock.now_ms() // 1000 + 10
    token = signed(nbf=begins_at, exp=begins_at + 60)
    clock.advance(9.999)
    with pytest.raises(NotAuthorized):
        await accounts.authenticate(token, "phone")
    clock.advance(0.001)
    await accounts.authenticate(token, "phone")
    await store.close()


@pytest.mark.parametrize("secret", ["x" * (MIN_SECRET_BYTES - 1), "é" * (MIN_SECRET_BYTES // 2 - 1), "short"])
def test_a_secret_that_is_too_short_is_told_before_anybody_comes(secret: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        Accounts(scratch_store(), ManualClock(), AuthConfig(secret=secret))
    assert wrong.value.path == "$.auth.secret"
    Accounts(scratch_store(), ManualClock(), AuthConfig(secret="éèêëàùôîïûçÉÈÊËÀ"))
