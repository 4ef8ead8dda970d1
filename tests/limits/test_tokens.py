"""Tokens that are not good: one answer for every cause, and no harm to whom they name."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from imserver import Server
from imserver.net.attach import AUTH_FAILED_TEXT
from tests.limits.bad_tokens import HOUR, bad_tokens, by_hand, claims, signed
from tests.limits.raw import End, Raw, neighbourhood
from tests.support.servers import config

AUTH_FAILED, AUTH_EXPIRED = 300, 301
ONE_ANSWER = End(AUTH_FAILED, AUTH_FAILED_TEXT, 0)


async def test_a_token_id_has_1_to_64_bytes_or_is_not_there(tmp_path: Path) -> None:
    limits = {"failed_logins_per_minute": 1000}
    async with neighbourhood(tmp_path, limits=limits) as (server, _):
        good = (None, "x", "x" * 64, "é" * 32, "a b")
        for number, jti in enumerate((*good, "", "x" * 65, "é" * 33, "\ud800", "a\nb", " ")):
            async with await Raw.open(server) as raw:
                raw.hello(signed(jti=jti), f"device {number}")
                if number < len(good):
                    await raw.welcome()
                else:
                    assert await raw.goodbye() == ONE_ANSWER, ascii(jti)


async def test_every_bad_token_gets_the_same_answer(tmp_path: Path) -> None:
    async with neighbourhood(
        tmp_path, auth={"create_users": False}, limits={"failed_logins_per_minute": 1000}
    ) as (server, neighbours):
        for what, token in bad_tokens().items():
            async with await Raw.open(server) as raw:
                raw.hello(token)
                assert await raw.goodbye() == ONE_ANSWER, what
        await neighbours.talk()
        async with await Raw.open(server) as raw:
            raw.hello(signed())
            assert not (await raw.welcome()).resumed


async def test_a_token_belongs_to_the_device_that_used_it_first(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        token = signed(jti="bound")
        async with await Raw.open(server) as owner, await Raw.open(server) as thief:
            owner.hello(token, "phone")
            welcome = await owner.welcome()
            thief.hello(token, "elsewhere", resume=(welcome.session_id, welcome.token))
            assert await thief.goodbye() == ONE_ANSWER
            assert (await owner.ask("sync", None)).code == 0


async def test_bad_tokens_do_not_lock_out_who_has_a_good_one(tmp_path: Path) -> None:
    limits = {"failed_logins_per_minute": 3}
    async with neighbourhood(tmp_path, limits=limits) as (server, neighbours):
        ends: list[int] = []
        for _ in range(6):
            async with await Raw.open(server) as raw:
                raw.hello("wrong")
                end = await raw.goodbye()
                ends.append(end.code)
                assert (end.retry_after_ms > 0) is (end.code == 400)
        assert ends == [300, 300, 300, 400, 400, 400]
        await neighbours.talk()
        async with await Raw.open(server) as raw:  # from the same address
            assert (await raw.enter(server, "eve")).session_id


async def test_a_session_ends_with_its_token_unless_it_is_renewed(tmp_path: Path) -> None:
    async with (
        neighbourhood(tmp_path, auth={"grace_s": 0}) as (server, _),
        await Raw.open(server) as late,
        await Raw.open(server) as renewed,
    ):
        for raw, name in ((late, "eve"), (renewed, "alice")):
            raw.hello(server.accounts.make_token(name, ttl_s=3), f"{name}-phone")
            await raw.welcome()
        for other in (
            server.accounts.make_token("bob", ttl_s=HOUR),
            server.accounts.make_token("alice", ttl_s=HOUR, device_id="another"),
            "rubbish",
        ):
            refused = await renewed.ask("renew", other)
            assert (refused.code, refused.text) == (602, "this token was not accepted")
        longer = server.accounts.make_token("alice", ttl_s=HOUR)
        expires_at = (await renewed.ask("renew", longer)).result[0]
        assert expires_at > (time.time() + HOUR - 60) * 1000
        assert (await renewed.ask("renew", longer)).result == [expires_at], "the same once more"
        earlier = await renewed.ask("renew", server.accounts.make_token("alice", ttl_s=HOUR // 2))
        assert (earlier.code, earlier.text) == (602, "this token ends before the present one")
        assert (await late.goodbye()).code == AUTH_EXPIRED
        assert (await renewed.ask("sync", None)).code == 0


async def test_tokens_made_elsewhere_are_checked_with_the_public_key(tmp_path: Path) -> None:
    key, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = tmp_path / "public.pem"
    pem.write_bytes(public)
    async with Server(config(tmp_path, auth={"public_key_file": str(pem), "secret": ""})) as server:
        for token in (
            signed(),
            jwt.encode(dict(claims()), stranger, algorithm="EdDSA"),
            by_hand({"alg": "HS256"}, claims(), public),
            by_hand({"alg": "EdDSA"}, claims(), public),
        ):
            async with await Raw.open(server) as raw:
                raw.hello(token)
                assert await raw.goodbye() == ONE_ANSWER
        async with await Raw.open(server) as raw:
            raw.hello(jwt.encode(dict(claims()), key, algorithm="EdDSA"))
            await raw.welcome()
