"""`imserver serve` as a process: ready, stopped by a signal, and every fault that keeps it from starting."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import resource
import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_MISTAKE, run

from .processes import PATIENCE_S, environment, imserver, serving


def test_it_says_when_it_is_ready_and_ends_in_good_order(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        port, pid = (tmp_path / "ready").read_text().split()
        assert (int(port), int(pid)) == (server.port, server.process.pid)
        socket.create_connection(("127.0.0.1", server.port)).close()

        code, log = server.stop()

    assert code == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events == ["listening", "new_database", "stopping", "stopped"]
    assert not (tmp_path / "ready").exists()
    assert not (tmp_path / "imserver.db.control").exists()


def test_ctrl_c_is_as_good_and_systemd_is_told_when_it_is_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        with serving(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as server:
            assert systemd.recv(100) == b"READY=1"
            assert server.stop(signal.SIGINT)[0] == 0


def test_accounts_are_made_while_it_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        control = tmp_path / "imserver.db.control"
        assert control.stat().st_mode & 0o777 == 0o600

        added = imserver(tmp_path, "user", "add", "alice", "--role", "staff")
        refused = imserver(tmp_path, "user", "add", "x" * 65)

        assert (added.returncode, added.stdout) == (0, "added alice (alice, en, staff)\n")
        assert refused.returncode == 2
        chatted = imserver(
            tmp_path, "chat", "--as", "alice", "--server", server.url, "--settle", "0.01", stdin="/list\n"
        )
        assert (chatted.returncode, chatted.stdout) == (0, "no conversations yet; /open NAME begins one\n")


def test_it_survives_a_kill_and_takes_over_what_it_left(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert imserver(tmp_path, "user", "add", "alice").returncode == 0
        assert server.stop(signal.SIGKILL)[0] == -signal.SIGKILL

    with serving(tmp_path):
        assert imserver(tmp_path, "user", "add", "alice").stdout == "changed alice (alice, en)\n"


_listeners: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _tidy(quiet_log: None) -> Iterator[None]:
    yield
    while _listeners:
        _listeners.pop().close()


def _port_in_use(folder: Path) -> dict[str, str]:
    _listeners.append(socket.create_server(("127.0.0.1", 0)))
    return {"IMSERVER_SERVER__PORT": str(_listeners[-1].getsockname()[1])}


def _newer(folder: Path) -> dict[str, str]:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(["user", "add", "alice", "--create"]) == 0
    with sqlite3.connect(folder / "imserver.db") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    return {}


def _not_ours(folder: Path) -> dict[str, str]:
    (folder / "imserver.db").write_bytes(b"GIF89a" + b"\0" * 5000)
    return {}


def _read_only(folder: Path) -> dict[str, str]:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (folder / "data").mkdir(mode=0o555)
    return {"IMSERVER_STORE__PATH": "data/imserver.db"}


def _typo(folder: Path) -> dict[str, str]:
    (folder / "imserver.toml").write_text("[limits]\nmax_requsts = 1\n")
    return {}


def _unknown_plugin(folder: Path) -> dict[str, str]:
    (folder / "imserver.toml").write_text("[plugins.nosuch]\n")
    return {}


def _far_away(folder: Path) -> dict[str, str]:
    return {"IMSERVER_SERVER__HOST": "192.0.2.1", "IMSERVER_SERVER__INSECURE": "true"}


def _no_such_name(folder: Path) -> dict[str, str]:
    return {"IMSERVER_SERVER__HOST": "nowhere.invalid", "IMSERVER_SERVER__INSECURE": "true"}


def _short_secret(folder: Path) -> dict[str, str]:
    (folder / "imserver.toml").write_text("[auth]\nsecret = 'short'\n")
    return {}


def _bad_certificate(folder: Path) -> dict[str, str]:
    (folder / "x.pem").write_text("no certificate")
    (folder / "imserver.toml").write_text("[server]\ntls_certificate = 'x.pem'\ntls_key = 'x.pem'\n")
    return {}


def _no_key(folder: Path) -> dict[str, str]:
    _bad_certificate(folder)
    return {"IMSERVER_SERVER__TLS_KEY": "key.pem"}


def _key_of_pages(folder: Path) -> dict[str, str]:
    (folder / "x.pem").write_text("no certificate")
    return {"IMSERVER_HTTP__TLS_CERTIFICATE": "x.pem", "IMSERVER_HTTP__TLS_KEY": "x.pem"}


def _no_chain(folder: Path) -> dict[str, str]:
    (folder / "imserver.toml").write_text("[plugins.booking]\nchain = 'stores.toml'\n")
    return {}


def _nowhere_to_listen(folder: Path) -> dict[str, str]:
    """Behind the operator's socket, which is there by then."""
    (folder / "imserver.toml").write_text("[admin]\n")
    return {"IMSERVER_SERVER__UNIX_SOCKET": "nowhere/im.sock"}


#: What stands in the way, the words, and whether trying again may help.
PREVENTIONS = [
    (_port_in_use, "cannot listen on 127.0.0.1:", True),
    (_newer, "newer imserver", False),
    (_not_ours, "imserver.db: ", False),
    (_read_only, "ermission denied", False),
    (lambda folder: {"IMSERVER_STORE__PATH": "nowhere/x.db"}, "nowhere does not exist", True),
    (lambda folder: {"IMSERVER_STORE__PATH": "."}, "is a folder", False),
    (lambda folder: {"IMSERVER_SERVER__HOST": "0.0.0.0"}, "without TLS", False),
    (_far_away, "cannot listen on 192.0.2.1:", True),
    (_no_such_name, "cannot listen on nowhere.invalid:", True),
    (_typo, "imserver.toml: $.limits.max_requsts: no such field", False),
    (_unknown_plugin, "$.plugins.nosuch", False),
    (_bad_certificate, "$.server.tls_key: ", False),
    (_short_secret, "imserver.toml: $.auth.secret: at least 32 bytes", False),
    (_no_key, "key.pem: No such file", True),
    (_key_of_pages, "$.http.tls_key: x.pem", False),
    (_no_chain, "stores.toml: No such file", True),
    (_nowhere_to_listen, "nowhere/im.sock: No such file", True),
]


@pytest.mark.parametrize(("prepare", "says", "again"), PREVENTIONS)
def test_what_keeps_it_from_starting_is_one_line_and_the_code_says_if_to_try_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    prepare,
    says: str,
    again: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (environment() | prepare(tmp_path)).items():
        monkeypatch.setenv(name, value)
    before = {path.name for path in tmp_path.iterdir()}

    code = run(["serve", "--ready-file", "ready"])

    assert {path.name for path in tmp_path.iterdir()} == before, "a failed start leaves nothing"
    out, err = capsys.readouterr()
    assert (code, out) == (EXIT_AGAIN if again else EXIT_MISTAKE, ""), err
    *logged, last = err.splitlines()
    assert {json.loads(line)["event"] for line in logged} <= {"admin_listening"}, err
    assert last.startswith("imserver: ")
    assert says in last


@pytest.mark.parametrize("section", ["SERVER", "HTTP", "ADMIN"])
def test_a_first_start_on_a_busy_port_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], section: str
) -> None:
    monkeypatch.chdir(tmp_path)
    admin = {"IMSERVER_ADMIN__UNIX_SOCKET": ""} if section == "ADMIN" else {}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for name, value in environment(**{f"IMSERVER_{section}__PORT": str(port)}, **admin).items():
            monkeypatch.setenv(name, value)
        assert run(["serve"]) == EXIT_AGAIN
    said = f"imserver: cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}\n"
    assert capsys.readouterr() == ("", said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("prepare", "says", "again"), [PREVENTIONS[0], PREVENTIONS[2], PREVENTIONS[9]])
def test_and_the_process_ends_so_too(tmp_path: Path, prepare, says: str, again: bool) -> None:
    ended = imserver(tmp_path, "serve", **prepare(tmp_path))

    assert (ended.returncode, ended.stdout) == (75 if again else 2, "")
    assert ended.stderr.splitlines()[-1].startswith("imserver: ")
    assert "Traceback" not in ended.stderr
    assert says in ended.stderr.splitlines()[-1]


def test_one_database_has_one_server(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        second = imserver(tmp_path, "serve")

        assert second.returncode == EXIT_AGAIN
        assert "another imserver has this database open" in second.stderr
        assert server.stop()[0] == 0, "the second one must not have taken anything from the first"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
def test_it_stops_with_one_line_when_the_store_fails(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        # From now on every write to a file fails, as on a broken disk.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        asked = imserver(tmp_path, "user", "add", "bob")
        _, log = server.process.communicate(timeout=PATIENCE_S)

    assert (asked.returncode, asked.stderr.count("\n")) == (2, 1)
    assert server.process.returncode == 1
    assert log.decode().count("imserver: the store failed") == 1
    assert "Traceback" not in log.decode()
