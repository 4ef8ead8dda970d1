"""Several keys hold at once, each for its own algorithm: a rotation shuts nobody out, and each is judged at the start."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from imserver import Config, Server
from imserver.cautions import cautions
from imserver.chat.accounts import sign_token
from imserver.cli.token import require_secret
from imserver.config import AuthConfig, KeyConfig, check_config, load_config
from imserver.errors import ConfigError
from imserver.secret import load_keys
from tests.accounts.tokens import home, posts, token, turned_away
from tests.support.servers import SECRET, config

OLD, NEW = "the old secret, of at least 32 bytes", "another secret, which is the new one"


def key(folder: Path, key_id: str, secret: str = "") -> KeyConfig:
    path = folder / f"{key_id}.secret"
    if secret:
        path.write_text(secret)
        path.chmod(0o600)
    return KeyConfig(key_id, secret_file=str(path))


def public_key(folder: Path, key_id: str) -> tuple[KeyConfig, Ed25519PrivateKey]:
    private = Ed25519PrivateKey.generate()
    path = folder / f"{key_id}.pem"
    path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return KeyConfig(key_id, public_key_file=str(path)), private


def claims(user_id: str = "alice") -> dict[str, Any]:
    return {"sub": user_id, "exp": int(time.time()) + 60}


async def test_a_rotation_shuts_nobody_out_until_the_old_key_is_taken_out(tmp_path: Path) -> None:
    old, new = key(tmp_path, "old", OLD), key(tmp_path, "new", NEW)
    async with home(tmp_path, auth={"keys": [old]}) as here:
        first = here.server.accounts.make_token("alice", ttl_s=600)
        assert jwt.get_unverified_header(first)["kid"] == "old"
        await here.enter(first)
    async with home(tmp_path, auth={"keys": [new, old]}) as here:
        second = here.server.accounts.make_token("alice", ttl_s=600)
        assert jwt.get_unverified_header(second)["kid"] == "new"
        raw = await here.enter(first)
        assert await posts(raw, "alice", "bob") == 0
        assert (await raw.ask("renew", second)).code == 0
    async with home(tmp_path, auth={"keys": [new]}) as here:
        assert await turned_away(here.server, first)
        assert not await turned_away(here.server, second)


async def test_tokens_without_a_key_id_stand_on_the_single_key_as_long_as_it_is_there(tmp_path: Path) -> None:
    new = key(tmp_path, "new", NEW)
    plain = token(jti="a")
    async with home(tmp_path, auth={"keys": [new]}) as here:
        await here.enter(plain)
    nothing = {"secret": "", "secret_file": str(tmp_path / "none.secret")}
    async with home(tmp_path, auth={"keys": [new], **nothing}) as here:
        assert await turned_away(here.server, plain)
        assert not (tmp_path / "none.secret").exists(), "none is made beside keys"
        assert await turned_away(here.server, token(secret=NEW)), "and it stands on no other"
    (tmp_path / "none.secret").write_text(SECRET)
    async with home(tmp_path, auth={"keys": [new], **nothing}) as here:
        await here.enter(plain)


async def test_a_key_lets_in_under_its_own_id_alone(tmp_path: Path) -> None:
    keys = [key(tmp_path, "new", NEW), key(tmp_path, "old", OLD)]
    async with home(tmp_path, auth={"keys": keys}) as here:
        for secret, kid in (
            (OLD, "new"),
            (NEW, "old"),
            (NEW, "unknown"),
            (SECRET, "new"),
            (NEW, ""),
            (SECRET, "unknown"),
        ):
            assert await turned_away(here.server, token(secret=secret, headers={"kid": kid})), kid
        for secret, kid in ((OLD, "old"), (NEW, "new")):
            assert not await turned_away(here.server, token(secret=secret, headers={"kid": kid})), kid


@pytest.mark.parametrize("kid", [7, True, [], {}, ["new"], 1.5], ids=str)
async def test_a_key_id_of_another_shape_lets_nobody_in(tmp_path: Path, kid: Any) -> None:
    whole = token(secret=NEW, headers={"kid": "new"})
    _, body, signature = whole.split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).rstrip(b"=").decode()
    async with home(tmp_path, auth={"keys": [key(tmp_path, "new", NEW)]}) as here:
        assert await turned_away(here.server, f"{header}.{body}.{signature}")


async def test_with_one_key_whoever_makes_tokens_may_call_it_as_he_likes(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        assert not await turned_away(here.server, token(headers={"kid": "2026-11"}))


async def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    """Each key is for one algorithm: nobody signs HS256 with what everybody may read."""
    pem, private = public_key(tmp_path, "elsewhere")
    public: Any = Path(pem.public_key_file).read_bytes()  # noqa: ASYNC240 - a small file of ours
    async with home(tmp_path, auth={"keys": [key(tmp_path, "new", NEW), pem]}) as here:
        signed = jwt.encode(claims(), private, algorithm="EdDSA", headers={"kid": "elsewhere"})
        assert not await turned_away(here.server, signed)
        swapped = jwt.encode(claims(), private, algorithm="EdDSA", headers={"kid": "new"})
        assert await turned_away(here.server, swapped)
        body = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "HS256", "kid": "elsewhere"}, claims())
        )
        algorithm = jwt.get_algorithm_by_name("HS256")
        forged = base64.urlsafe_b64encode(algorithm.sign(body.encode(), public)).rstrip(b"=").decode()
        assert await turned_away(here.server, f"{body}.{forged}")


def test_the_first_key_signs_and_its_file_is_made(tmp_path: Path) -> None:
    made = AuthConfig(keys=[key(tmp_path, "fresh")], secret_file="")
    signed = sign_token(made, "alice", now_ms=1_700_000_000_123, ttl_s=60)
    assert jwt.get_unverified_header(signed)["kid"] == "fresh"
    told = jwt.decode(signed, options={"verify_signature": False})
    assert (told["iat"], told["exp"]) == (1_700_000_000.123, 1_700_000_060)
    assert (tmp_path / "fresh.secret").stat().st_mode & 0o777 == 0o600
    pem, _ = public_key(tmp_path, "elsewhere")
    with pytest.raises(ConfigError, match="private key") as refused:
        sign_token(AuthConfig(keys=[pem, key(tmp_path, "b", NEW)]), "alice", now_ms=0, ttl_s=60)
    assert refused.value.path == "$.auth.keys[0].public_key_file"
    with pytest.raises(ConfigError, match="34560000"):
        sign_token(made, "alice", now_ms=0, ttl_s=401 * 24 * 3600)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[[auth.keys]]\nid = 'a'\n", "$.auth.keys[0]: either secret_file or public_key_file"),
        (
            "[[auth.keys]]\nid = 'a'\nsecret_file = 'x'\npublic_key_file = 'y'\n",
            "$.auth.keys[0]: either secret_file or public_key_file",
        ),
        ("[[auth.keys]]\nid = ''\nsecret_file = 'x'\n", "$.auth.keys[0].id: 1-64 bytes"),
        (
            "[[auth.keys]]\nid = 'a'\nsecret_file = 'x'\n[[auth.keys]]\nid = 'a'\nsecret_file = 'y'\n",
            "$.auth.keys[1].id: 'a' stands above already",
        ),
        ("[auth]\nmax_token_ttl_s = 0\n", "$.auth.max_token_ttl_s: 1-3162240000, not 0"),
        ("[[auth.keys]]\nid = 'a'\nsecret_file = 'x'\nalg = 'HS384'\n", "$.auth.keys[0].alg: no such field"),
    ],
)
def test_what_is_wrong_with_them_is_one_line_with_its_place(tmp_path: Path, toml: str, told: str) -> None:
    path = tmp_path / "imserver.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError) as refused:
        load_config(path, {})
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_kind_and_size_of_each_are_checked_at_the_start(tmp_path: Path) -> None:
    good = key(tmp_path, "good", NEW)
    missing, short, weak = (
        key(tmp_path, "missing"),
        key(tmp_path, "short", "x" * 31),
        key(tmp_path, "weak", "ab" * 40),
    )
    (tmp_path / "rsa.pem").write_text("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n")
    (tmp_path / "private.pem").write_text("-----BEGIN PRIVATE KEY-----\nx\n")
    for bad, field, words in (
        (missing, "secret_file", "No such file"),
        (short, "secret_file", "at least 32 bytes, not 31"),
        (weak, "secret_file", "can be guessed"),
        (KeyConfig("rsa", public_key_file=str(tmp_path / "rsa.pem")), "public_key_file", "no PEM file"),
        (
            KeyConfig("p", public_key_file=str(tmp_path / "private.pem")),
            "public_key_file",
            "is a private key",
        ),
    ):
        with pytest.raises(ConfigError, match=words) as refused:
            load_keys(AuthConfig(keys=[good, bad], secret=SECRET))
        assert refused.value.path == f"$.auth.keys[1].{field}"
        assert "\n" not in str(refused.value)
        with pytest.raises(ConfigError):
            Server(config(tmp_path, auth={"keys": [good, bad]}))


def test_files_that_others_can_read_or_change_are_told_of(tmp_path: Path) -> None:
    secret = key(tmp_path, "a", NEW)
    pem, _ = public_key(tmp_path, "b")
    settings = Config(auth=AuthConfig(secret=SECRET, keys=[secret, pem]))
    check_config(settings)
    Path(pem.public_key_file).chmod(0o644)
    assert list(cautions(settings, 0.0)) == []
    Path(secret.secret_file).chmod(0o640)
    Path(pem.public_key_file).chmod(0o666)
    assert [(event, facts["path"]) for event, facts in cautions(settings, 0.0)] == [
        ("secret_open_to_others", secret.secret_file),
        ("key_written_by_others", pem.public_key_file),
    ]


def test_paths_of_keys_are_the_configurations_own(tmp_path: Path) -> None:
    path = tmp_path / "imserver.toml"
    path.write_text("[[auth.keys]]\nid = 'a'\nsecret_file = 'a.secret'\n")
    [found] = load_config(path, {}).auth.keys
    assert found == KeyConfig("a", secret_file=str(tmp_path / "a.secret"))


def test_a_client_of_an_existing_server_makes_up_no_key(tmp_path: Path) -> None:
    """Neither the single one nor the first of several."""
    for auth, field in (
        (AuthConfig(secret_file=str(tmp_path / "x")), "$.auth.secret_file"),
        (AuthConfig(keys=[key(tmp_path, "fresh")]), "$.auth.keys[0].secret_file"),
    ):
        with pytest.raises(ConfigError) as refused:
            require_secret(Config(auth=auth))
        assert refused.value.path == field
    require_secret(Config(auth=AuthConfig(keys=[key(tmp_path, "there", NEW)])))
    require_secret(Config(auth=AuthConfig(secret=SECRET)))
    pem, _ = public_key(tmp_path, "elsewhere")
    require_secret(Config(auth=AuthConfig(keys=[pem])))
