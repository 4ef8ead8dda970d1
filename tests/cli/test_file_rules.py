"""Rules about files that an operator names, each at its edge and without a process: secrets, keys, texts, cautions, places."""

from __future__ import annotations

import datetime as dt
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from imserver import named_file
from imserver.cautions import SOON_S, cautions
from imserver.cli.app import Setup
from imserver.cli.place import database_is_there
from imserver.config import AuthConfig, Config, HttpConfig, KeyConfig, ServerConfig
from imserver.errors import ConfigError, StartError
from imserver.named_file import make_private, read_bytes, read_text
from imserver.secret import MIN_PERIOD, discard_made, load_keys, load_or_make_secret, load_public_key

FIELD = "$.auth.secret_file"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEF"


# -- secrets and keys -----------------------------------------------------------------------------------------------------


def test_thirty_two_bytes_are_enough_however_few_characters_they_are() -> None:
    assert load_or_make_secret(AuthConfig(secret=LETTERS)) == LETTERS
    short = "äöüßéèàçñøåæœ€¥£"  # 16 characters, above 32 bytes
    assert load_or_make_secret(AuthConfig(secret=short)) == short
    with pytest.raises(ConfigError, match="at least 32 bytes, not 31"):
        load_or_make_secret(AuthConfig(secret=LETTERS[:-1]))


def test_the_longest_repetition_is_still_one() -> None:
    with pytest.raises(ConfigError, match="can be guessed"):
        load_or_make_secret(AuthConfig(secret=LETTERS[: MIN_PERIOD - 1] * 3))
    longer = LETTERS[:MIN_PERIOD] * 3
    assert load_or_make_secret(AuthConfig(secret=longer)) == longer


@pytest.mark.parametrize("put_there", ["", LETTERS])
def test_a_made_secret_goes_with_the_start_that_failed_and_another_stays(
    tmp_path: Path, put_there: str
) -> None:
    path = tmp_path / "secret"
    keys = load_keys(AuthConfig(secret_file=str(path)))
    if put_there:
        path.write_text(put_there)
    discard_made(keys)
    assert [one.read_text() for one in tmp_path.iterdir()] == ([put_there] if put_there else [])


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_a_private_key_is_called_one_in_any_form(tmp_path: Path, form: str) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(ConfigError, match="is a private key"):
        load_public_key(AuthConfig(public_key_file=str(tmp_path / "key.pem")))


def test_a_curve_that_nobody_knows_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(pem: bytes) -> None:
        raise UnsupportedAlgorithm("a curve")

    monkeypatch.setattr(serialization, "load_pem_public_key", unknown)
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    (tmp_path / "key.pem").write_bytes(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ConfigError, match="no PEM file of a public key"):
        load_public_key(AuthConfig(public_key_file=str(tmp_path / "key.pem")))


# -- files ----------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_file, "MAX_BYTES", 8)
    (tmp_path / "file").write_bytes(b"12345678")
    assert read_bytes(tmp_path / "file", FIELD) == b"12345678"
    (tmp_path / "file").write_bytes(b"123456789")
    with pytest.raises(ConfigError, match="is larger"):
        read_bytes(tmp_path / "file", FIELD)


def test_the_line_of_a_wrong_byte_is_counted_as_an_editor_does(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"line 1\)"):
        read_text(tmp_path / "file", FIELD)
    (tmp_path / "file").write_bytes("ä\n\n".encode() + b"x\xff\n")
    with pytest.raises(ConfigError, match=r"line 3\)"):
        read_text(tmp_path / "file", FIELD)


def no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "no links here")


@pytest.mark.parametrize("link", [os.link, no_links])
def test_a_secret_that_is_there_stays_and_nothing_is_left_over(
    tmp_path: Path, link: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk with hard links, and on one without."""
    monkeypatch.setattr(os, "link", link)
    assert make_private(tmp_path / "secret", "first", FIELD)
    assert not make_private(tmp_path / "secret", "second", FIELD)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"secret": "first"}
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


# -- cautions -------------------------------------------------------------------------------------------------------------


def named(config: Config, now: dt.datetime | None = None) -> list[str]:
    return [name for name, _ in cautions(config, (now or dt.datetime.now(dt.UTC)).timestamp())]


def test_a_unix_socket_is_read_by_nobody_on_the_way() -> None:
    auth = AuthConfig(secret=LETTERS)
    assert named(Config(server=ServerConfig(host="0.0.0.0"), auth=auth)) == ["clear_text"]
    by_socket = ServerConfig(host="0.0.0.0", unix_socket="/run/imserver.sock")
    assert named(Config(server=by_socket, auth=auth)) == []


def test_a_list_of_proxies_that_everybody_is_in_is_told() -> None:
    auth = AuthConfig(secret="of no use elsewhere, and long enough")
    for proxies, told in (
        (["10.0.0.0/8", "unix"], []),
        (["0.0.0.0/0"], ["anybody_is_a_proxy"]),
        (["::/0"], ["anybody_is_a_proxy"]),
    ):
        assert named(Config(server=ServerConfig(proxies=proxies), auth=auth)) == told
        assert named(Config(http=HttpConfig(proxies=proxies), auth=auth)) == told


def test_guests_of_a_server_that_makes_no_tokens_are_told(tmp_path: Path) -> None:
    (key := tmp_path / "issuer.pem").touch()
    (own := tmp_path / "own").touch(0o600)
    by_others, by_us = KeyConfig("a", public_key_file=str(key)), KeyConfig("b", secret_file=str(own))
    told = ["guests_without_a_secret"]
    for auth, wanted in (
        (AuthConfig(secret=LETTERS), []),
        (AuthConfig(public_key_file=str(key)), told),
        (AuthConfig(secret=LETTERS, keys=[by_others, by_us]), told),
        (AuthConfig(secret=LETTERS, keys=[by_us, by_others]), []),
    ):
        assert named(Config(http=HttpConfig(guests=True), auth=auth)) == wanted
        assert named(Config(http=HttpConfig(), auth=auth)) == []


def test_so_is_what_comes_in_over_the_web(tmp_path: Path) -> None:
    auth = AuthConfig(secret=LETTERS)
    assert named(Config(http=HttpConfig(host="0.0.0.0", insecure=True), auth=auth)) == ["http_clear_text"]
    assert named(Config(http=HttpConfig(host="127.0.0.1"), auth=auth)) == []
    for url, told in (
        ("https://shop.example", []),
        ("http://localhost:7480", []),
        ("http://[::1]:7480", []),
        ("http://shop.example", ["http_clear_text"]),  # a proxy in front, and no TLS at it
    ):
        assert named(Config(http=HttpConfig(public_url=url), auth=auth)) == told
    (key := tmp_path / "key").touch(0o644)
    with_tls = HttpConfig(host="0.0.0.0", tls_certificate=str(tmp_path / "none"), tls_key=str(key))
    assert named(Config(http=with_tls, auth=auth)) == ["secret_open_to_others"]


@pytest.mark.parametrize(("mode", "secret", "key"), [(0o600, 0, 0), (0o640, 1, 0), (0o604, 1, 1)])
def test_a_group_may_read_a_key_and_no_secret(tmp_path: Path, mode: int, secret: int, key: int) -> None:
    (file := tmp_path / "file").write_text("x")
    file.chmod(mode)
    of_secret = Config(auth=AuthConfig(secret_file=str(file)))
    of_key = Config(
        server=ServerConfig(tls_certificate=str(tmp_path / "none"), tls_key=str(file)),
        auth=AuthConfig(secret=LETTERS),
    )
    assert named(of_secret) == ["secret_open_to_others"] * secret
    assert named(of_key) == ["secret_open_to_others"] * key


def test_a_secret_that_was_taken_away_is_no_folder_to_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    auth = AuthConfig(secret_file="")
    assert "secret_open_to_others" not in named(Config(auth=auth)), "the current folder"


def test_the_servers_own_certificate_is_looked_at_and_not_its_authoritys(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    issued = trustme.CA().create_child_ca().issue_cert("localhost", not_after=now + dt.timedelta(days=20))
    pems = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    (tmp_path / "chain.pem").write_bytes(pems)
    config = Config(
        server=ServerConfig(tls_certificate=str(tmp_path / "chain.pem"), tls_key=str(tmp_path / "none")),
        auth=AuthConfig(secret=LETTERS),
    )
    end = (now + dt.timedelta(days=20)).replace(microsecond=0)
    soon = dt.timedelta(seconds=SOON_S)
    assert named(config, end - soon) == []
    assert named(config, end - soon + dt.timedelta(seconds=1)) == ["certificate_expires_soon"]
    assert named(config, end) == ["certificate_expired"]
    (tmp_path / "chain.pem").write_text("nothing")
    assert named(config) == []


# -- places ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [".high", "-wal"])
def test_what_a_database_left_says_that_there_was_one(tmp_path: Path, trace: str) -> None:
    path = tmp_path / "imserver.db"
    assert not database_is_there(Setup(None), str(path))
    Path(f"{path}{trace}").touch()
    with pytest.raises(StartError, match="put the database back") as refused:
        database_is_there(Setup(None), str(path))
    assert refused.value.again
    path.touch()
    assert database_is_there(Setup(None), str(path))


def test_a_link_that_leads_nowhere_is_no_empty_place(tmp_path: Path) -> None:
    """Its disk may not be mounted: a new database there, or in its place, would be another one."""
    (tmp_path / "imserver.db").symlink_to(tmp_path / "mnt" / "imserver.db")
    assert database_is_there(Setup(None), str(tmp_path / "imserver.db"))


def test_a_database_beside_the_last_of_several_links_is_seen(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    (tmp_path / "three" / "imserver.toml").touch()
    (tmp_path / "two" / "imserver.toml").symlink_to(tmp_path / "three" / "imserver.toml")
    (tmp_path / "one" / "imserver.toml").symlink_to(tmp_path / "two" / "imserver.toml")
    setup, path = Setup(tmp_path / "one" / "imserver.toml"), str(tmp_path / "one" / "imserver.db")
    assert not database_is_there(setup, path)
    (tmp_path / "three" / "imserver.db").touch()
    with pytest.raises(StartError, match="beside the file that"):
        database_is_there(setup, path)
