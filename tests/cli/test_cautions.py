"""What an operator is told at each start though it keeps nothing from starting, and certificates whose key is another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from imserver.cli.app import EXIT_MISTAKE
from tests.cli.certificates import AUTHORITY, certified

from .processes import imserver, serving


def warned(folder: Path, **env: str) -> dict[str, dict[str, Any]]:
    """The warnings of a start, by their events."""
    with serving(folder, **env) as server:
        code, log = server.stop()
    assert code == 0
    lines = [json.loads(line) for line in log.splitlines()]
    # Whoever runs the tests as root is told so, where others can connect; the folder is empty at times.
    lines = [line for line in lines if line["event"] not in ("runs_as_root", "new_database")]
    warnings = [line for line in lines if line["level"] == "warning"]
    assert [line["event"] for line in lines if line not in warnings] [-3:] == ["listening", "stopping", "stopped"]  # fmt: skip
    assert len({line["event"] for line in warnings}) == len(warnings), "each once"
    return {line["event"]: line for line in warnings}


def test_a_usual_start_warns_of_nothing(tmp_path: Path) -> None:
    certified(tmp_path)
    assert warned(tmp_path) == {}
    assert warned(tmp_path) == {}


def test_clear_text_where_others_listen_is_told_each_time(tmp_path: Path) -> None:
    for _ in range(2):
        told = warned(tmp_path, IMSERVER_SERVER__HOST="0.0.0.0", IMSERVER_SERVER__INSECURE="true")
        assert told["clear_text"]["host"] == "0.0.0.0"
    certified(tmp_path)
    assert warned(tmp_path, IMSERVER_SERVER__HOST="0.0.0.0", IMSERVER_SERVER__INSECURE="true") == {}
    assert warned(tmp_path, IMSERVER_SERVER__INSECURE="true", IMSERVER_SERVER__HOST="127.0.0.1") == {}


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o666, True)])
def test_a_secret_that_others_can_read_is_told(tmp_path: Path, mode: int, told: bool) -> None:
    assert imserver(tmp_path, "token", "alice").returncode == 0
    (tmp_path / "imserver.secret").chmod(mode)
    lines = warned(tmp_path)
    assert bool(lines) is told
    if told:
        assert lines["secret_open_to_others"]["path"] == "imserver.secret"
        assert lines["secret_open_to_others"]["mode"] == f"{mode:04o}"


def test_so_is_a_configuration_with_the_secret_in_it(tmp_path: Path) -> None:
    secret = "a secret for tests that is long enough"
    (tmp_path / "imserver.toml").write_text(f"[auth]\nsecret = '{secret}'\n")
    (tmp_path / "imserver.toml").chmod(0o644)
    assert warned(tmp_path)["secret_open_to_others"]["path"] == "imserver.toml"
    (tmp_path / "imserver.toml").write_text("")
    assert warned(tmp_path, IMSERVER_AUTH__SECRET=secret) == {}


@pytest.mark.parametrize(("mode", "told"), [(0o640, False), (0o644, True)])
def test_a_key_that_anybody_can_read_is_told(tmp_path: Path, mode: int, told: bool) -> None:
    certified(tmp_path)
    (tmp_path / "key.pem").chmod(mode)
    assert ("secret_open_to_others" in warned(tmp_path)) is told


@pytest.mark.parametrize(
    ("days", "begins_in", "event"),
    [
        (-0.5, -1, "certificate_expired"),
        (13.9, -1, "certificate_expires_soon"),
        (14.1, -1, None),
        (90, 0.5, "certificate_not_valid_yet"),
    ],
)
def test_the_times_of_a_certificate_are_told(
    tmp_path: Path, days: float, begins_in: float, event: str | None
) -> None:
    certified(tmp_path, days, begins_in)
    assert list(warned(tmp_path)) == ([event] if event else [])


def _another_key(folder: Path) -> None:
    AUTHORITY.issue_cert("localhost").private_key_pem.write_to_path(folder / "key.pem")


def _turned_round(folder: Path) -> None:
    chain = (folder / "certificate.pem").read_bytes()
    (folder / "certificate.pem").write_bytes(AUTHORITY.cert_pem.bytes() + chain)


def _under_a_passphrase(folder: Path) -> None:
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )


def _exchanged(folder: Path) -> None:
    (folder / "key.pem").write_bytes((folder / "certificate.pem").read_bytes())


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_another_key, "tls_key: {0}/key.pem: is not the key of {0}/certificate.pem"),
        (_turned_round, "tls_certificate: {0}/certificate.pem: the server's own certificate must come first in it"),
        (_under_a_passphrase, "tls_key: {0}/key.pem: needs a passphrase, and nobody is there to give it"),
        (_exchanged, "tls_key: {0}/key.pem: is no PEM file of a private key"),
    ],
)  # fmt: skip
def test_certificate_and_key_that_are_no_pair_are_refused_before_a_database_is_made(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    certified(tmp_path)
    spoil(tmp_path)
    ended = imserver(tmp_path, "serve")

    assert ended.returncode == EXIT_MISTAKE
    assert ended.stderr.splitlines()[-1] == f"imserver: imserver.toml: $.server.{says.format(tmp_path)}"
    assert not (tmp_path / "imserver.db").exists()
