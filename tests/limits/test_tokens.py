"""Tokens that are not good: one answer for every cause, and no harm to whom they name."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from imserver import Server
from imserver.net.attach import AUTH_FAILED_TEXT
from tests.limits.raw import End, Raw, neighbourhood
from tests.support.servers import SECRET, config

AUTH_FAILED, AUTH_EXPIRED = 300, 301
HOUR = 3600
ONE_ANSWER = End(AUTH_FAILED, AUTH_FAILED_TEXT, 0)
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
