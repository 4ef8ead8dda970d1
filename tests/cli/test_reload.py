"""SIGHUP: what a running server takes over, what it says needs a restart, and what changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from imserver.cli import main
from imserver.cli.app import Setup, run
from imserver.cli.log import Level
from imserver.cli.reload import Reloads, on_hangup, reloading
from imserver.config import Changes, Config, load_config, read_config
from imserver.config.loading import MAX_BYTES
from imserver.errors import PluginError, Refusal
from imserver.model import Kind, User
from imserver.plugin_api import TakeOver
from imserver.plugin_host.reload import reload as reload_plugins
from imserver.server import Server
from imserver.testing import LogBook
from tests.cli.certificates import certified
from tests.limits.raw import Raw, eventually

from .processes import serving

BASE = "[server]\nport = 0\n[auth]\nsecret = 'a secret for tests that is long enough'\n"


class House:
    """A server with a configuration file of its own, and what asks it to read that again."""

    def __init__(self, folder: Path, server: Server, reloads: Reloads, log: LogBook) -> None:
        self._file = folder / "imserver.toml"
        self.server = server
        self.reloads = reloads
        self.log = log

    async def reload(self, text: str) -> dict[str, dict[str, Any]]:
        """Write this into the file, have it read, and return the lines of the log, by event."""
        self._file.write_text(text)
        begin = len(self.log.lines)
        self.reloads.ask()
        await eventually(lambda: not {"reloaded", "not_reloaded"}.isdisjoint(self.log.events()[begin:]))
        await asyncio.sleep(0)
        return {event: fields for _, event, fields in self.log.lines[begin:]}


@asynccontextmanager
async def house(folder: Path, text: str = BASE) -> AsyncIterator[House]:
    (folder / "imserver.toml").write_text(text)
    setup, log = Setup(folder / "imserver.toml"), LogBook()
    config = load_config(setup.config_path, {})
    reloads = Reloads(setup, config, log, Level())
    async with Server(config, log=log, folder=folder) as server, reloading(reloads, server):
        yield House(folder, server, reloads, log)


async def test_limits_hold_from_then_on_and_what_needs_a_restart_is_named(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        server = here.server
        told = await here.reload(
            BASE.replace("port = 0", "port = 1")
            + "[limits]\nposts_burst = 1\nposts_per_second = 0.001\nmax_title_chars = 5\nmax_requests = 3\n"
            "max_connections_per_address = 1\nmax_group_members = 2\nbytes_per_day = 40000\nstrangers = 'open'\n"
            "max_fanout_backlog = 7\nusers_burst = 600\nmax_sessions_per_user = 1\nunwritable_s = 5\n"
        )
        assert "limits.posts_burst" in told["reloaded"]["changed"]
        assert told["restart_needed"] == {"fields": ["server.port", "limits.max_requests"]}
        # Each in its own place.
        posting, listener = server.posting, server.listener
        assert (posting.rates.burst, posting.quotas.per_day, server.chat.lookups.burst) == (
            1.0,
            40_000,
            600.0,
        )
        assert (server.hub.max_backlog, listener.limits.unwritable_s) == (7, 5.0)
        assert listener.admission.limits.max_connections_per_address == 1
        assert server.config.limits.max_requests == 256
        for name in ("ann", "bob", "cat"):
            await server.chat.put_user(User(name, name))
        async with await Raw.open(server) as phone:
            await phone.enter(server, "ann", "phone")
            assert not listener.sessions.make_room_for("ann")
        with pytest.raises(Refusal, match="at most 5 characters"):
            await server.chat.create_conversation("ann", Kind.GROUP, "too long", ["bob"])
        with pytest.raises(Refusal, match="at most 2"):
            await server.chat.create_conversation("ann", Kind.GROUP, "short", ["bob", "cat"])


async def test_a_broken_file_changes_nothing_and_is_one_line(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        told = await here.reload(BASE + "[limits]\nposts_burst = 1\nposts_brst = 2\nmax_title_chars = 'x'\n")
        assert list(told) == ["not_reloaded"]
        assert told["not_reloaded"]["cause"] == (
            f"{tmp_path}/imserver.toml: $.limits.posts_brst: no such field; did you mean posts_burst?"
            " (and 1 more; `imserver config check` says all)"
        )
        assert here.server.posting.rates.burst == 200.0
        # What cannot go together with what stays is refused as a whole: titles that fit no frame of these sessions.
        frames = "max_title_chars = 20000\nmax_frame_bytes = 131072\n"
        told = await here.reload(BASE + f"[limits]\nposts_burst = 1\n{frames}")
        assert "$.limits.max_frame_bytes" in told["not_reloaded"]["cause"]
        assert here.server.posting.rates.burst == 200.0
        assert list(await here.reload(BASE + "[limits]\nposts_burst = 1\n")) == ["reloaded"]
        assert here.server.posting.rates.burst == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[http]\ntls_certificate = 'no.pem'\ntls_key = 'no.pem'\n",
            "$.http.tls_key: TMP/no.pem: No such file",
        ),
        ("[store]\npath = 'no/im.db'\n", "the folder TMP/no does not exist"),
        ("[plugins.nosuch]\n", "no such plugin is installed"),
        ("[plugins.ping]\nbto = 'x'\n", "$.plugins.ping.bto: there is no such option"),
    ],
)
async def test_what_no_start_takes_is_refused_and_needs_no_restart(
    tmp_path: Path, text: str, says: str
) -> None:
    async with house(tmp_path) as here:
        told = await here.reload(f"{BASE}{text}[limits]\nposts_burst = 1\n")
        assert list(told) == ["not_reloaded"]
        assert says in told["not_reloaded"]["cause"].replace(str(tmp_path), "TMP")
        assert here.server.posting.rates.burst == 200.0


async def test_the_file_is_read_beside_the_loop_and_a_huge_one_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    read = Setup.reading

    def reading(setup: Setup) -> Any:
        threads.append(threading.current_thread())
        return read(setup)

    monkeypatch.setattr(Setup, "reading", reading)
    async with house(tmp_path) as here:
        told = await here.reload(BASE + "#" * MAX_BYTES)
        assert "is larger than 256 KiB" in told["not_reloaded"]["cause"]
    assert threads != []
    assert threading.current_thread() not in threads


async def test_asked_twice_at_once_it_is_right_in_the_end(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        (tmp_path / "imserver.toml").write_text(BASE + "[limits]\nposts_burst = 8\n")
        here.reloads.ask()
        here.reloads.ask()
        # An embedding program may call it itself, at the same moment.
        other = load_config(tmp_path / "imserver.toml", {"IMSERVER_LIMITS__MAX_TITLE_CHARS": "9"})
        await asyncio.gather(*(here.server.reload(other) for _ in range(2)))
        told = await here.reload(BASE + "[limits]\nposts_burst = 9\n")
        assert "reloaded" in told
        await eventually(lambda: here.server.posting.rates.burst == 9.0)


class Asked(Server):
    """A server that is asked again while it reads, and fails at that for a reason of its own."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.ask, self.times = ask, 0

    async def reload(self, config: Config) -> Changes:
        self.times += 1
        if self.times == 1:
            self.ask()
            raise ZeroDivisionError
        return Changes((), (), config)


async def test_asked_while_it_reads_it_reads_again_also_behind_a_fault_of_ours() -> None:
    log = LogBook()
    reloads = Reloads(Setup(None), load_config(None, {}), log, Level())
    async with reloading(reloads, server := Asked(reloads.ask)):
        reloads.ask()
        await eventually(lambda: server.times == 2)
    assert log.events() == ["not_reloaded", "reloaded"]


async def test_the_line_of_a_reload_is_said_at_the_louder_of_the_two_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Level, "show", lambda self, level: shown.append(level))
    async with house(tmp_path) as here:
        info = here.log.info

        def told(event: str, **facts: Any) -> None:
            info(event, **facts)
            shown.extend([event] if event == "reloaded" else [])

        monkeypatch.setattr(here.log, "info", told)
        for level in ("debug", "error", "info"):
            await here.reload(BASE + f"[log]\nlevel = '{level}'\n")
    assert shown == ["debug", "reloaded", "reloaded", "error", "info", "reloaded"]


# -- certificates -------------------------------------------------------------------------------------------------------


def anybody() -> ssl.SSLContext:
    """Of a client that takes any certificate, and looks at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def serial_at(port: int) -> int:
    """The number of the certificate that is served there."""
    from cryptography import x509

    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anybody())
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def serial_in(folder: Path) -> int:
    from cryptography import x509

    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes()).serial_number


async def test_a_renewed_certificate_is_served_and_nobody_is_cut_off(tmp_path: Path) -> None:
    certified(tmp_path)
    files = "tls_certificate = 'certificate.pem'\ntls_key = 'key.pem'\n"
    # The pages have files of their own: what is wrong with one of the two listeners is enough.
    (pages := tmp_path / "pages").mkdir()
    certified(pages)
    of_pages = files.replace("'certificate", "'pages/certificate").replace("'key", "'pages/key")
    text = BASE.replace("port = 0\n", f"port = 0\n{files}") + f"[http]\nport = 0\n{of_pages}"
    async with house(tmp_path, text) as here:
        ports = here.server.port, here.server.http_port
        first = [serial_in(tmp_path), serial_in(pages)]
        assert [await serial_at(port) for port in ports] == first
        async with await Raw.open(here.server, tls=anybody()) as raw:
            await here.server.chat.put_user(User("ann", "Ann"))
            await raw.enter(here.server, "ann", "phone")
            certified(tmp_path)
            certified(pages)
            (tmp_path / "imserver.toml").write_text(text)
            assert (await here.reload(text))["reloaded"]["changed"] == ["certificates"]
            assert (await here.reload(text))["reloaded"]["changed"] == []
            second = [serial_in(tmp_path), serial_in(pages)]
            assert set(second).isdisjoint(first)
            assert [await serial_at(port) for port in ports] == second
            assert (await raw.ask("sync", None)).code == 0
            # One that has run out takes no place of one that holds, nor one with the key of another, nor half a file.
            for breaks, folder in (
                (_run_out, pages),
                (_run_out, tmp_path),
                (_other_key, tmp_path),
                (_cut_off, tmp_path),
            ):
                breaks(folder)
                told = await here.reload(text)
                assert list(told) == ["not_reloaded"], breaks
                assert "tls_" in told["not_reloaded"]["cause"]
                assert [await serial_at(port) for port in ports] == second
                certified(folder)


def _run_out(folder: Path) -> None:
    certified(folder, days=-0.5, begins_in=-2)


def _other_key(folder: Path) -> None:
    certified(folder)
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(folder / "key.pem")


def _cut_off(folder: Path) -> None:
    (folder / "certificate.pem").write_bytes((folder / "certificate.pem").read_bytes()[:100])


async def test_where_the_old_one_has_run_out_too_the_rest_counts(tmp_path: Path) -> None:
    _run_out(tmp_path)
    text = BASE.replace("port = 0\n", "port = 0\ntls_certificate = 'certificate.pem'\ntls_key = 'key.pem'\n")
    async with house(tmp_path, text) as here:
        told = await here.reload(text + "[limits]\nposts_burst = 9\n")
        assert {"reloaded", "certificate_expired"} <= set(told)
        assert here.server.posting.rates.burst == 9.0


# -- plugins ------------------------------------------------------------------------------------------------------------


class Reading:
    """A plugin whose section names a file."""

    config_type, migrations = dict, ()

    def __init__(self, file: Path, name: str = "reading") -> None:
        self.file, self.name = file, name
        self.read: list[str] = []
        self.refuses = False

    async def start(self, context: Any) -> None:
        self.read.append(self.file.read_text())

    async def stop(self) -> None: ...

    def file_faults(self, config: Any, path: Any) -> list[str]:
        return [f"{path('a').name}: is wrong"] * self.file.read_text().count("wrong")

    async def reload(self) -> TakeOver:
        if self.refuses:
            raise PluginError("the store is gone")
        text = self.file.read_text()

        async def take_over() -> None:
            self.read.append(text)

        return take_over


async def test_files_of_plugins_are_read_again_or_everything_stays(tmp_path: Path) -> None:
    file, log = tmp_path / "file", LogBook()
    file.write_text("one")
    first, plugin = Reading(file, "earlier"), Reading(file)
    (tmp_path / "imserver.toml").write_text(BASE)
    config = load_config(tmp_path / "imserver.toml", {})
    louder = load_config(tmp_path / "imserver.toml", {"IMSERVER_LIMITS__POSTS_BURST": "9"})
    async with Server(config, log=log, folder=tmp_path, plugins=[first, plugin]) as server:
        file.write_text("wrong wrong")
        with pytest.raises(Exception, match=r"\$.plugins.earlier: a: is wrong \(and 3 more;"):
            await server.reload(louder)
        file.write_text("two")
        plugin.refuses = True
        with pytest.raises(PluginError, match="'reading' goes on with what it had: the store is gone"):
            await server.reload(louder)
        assert (first.read, plugin.read, server.posting.rates.burst) == (["one"], ["one"], 200.0)
        plugin.refuses = False
        await server.reload(louder)
        assert (first.read, plugin.read, server.posting.rates.burst) == (["one", "two"], ["one", "two"], 9.0)


class Stuck:
    """A plugin that never has its files in effect; and one that does not come back from there either."""

    name = "stuck"

    def __init__(self, *, comes_back: bool) -> None:
        self.comes_back = comes_back
        self.at = "before"

    async def reload(self) -> TakeOver:
        return self._take_over

    async def _take_over(self) -> None:
        self.at = "under way"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.at = "going back"
            if not self.comes_back:
                await asyncio.Event().wait()
            self.at = "before"
            raise


@pytest.mark.parametrize(
    ("comes_back", "at", "said"),
    [
        (True, "before", "the plugin 'stuck' goes on with what it had: it was broken off after 0.01 s"),
        (
            False,
            "going back",
            r"what it has of them is not known; restart the server \(new files .* reading\)",
        ),
    ],
)
async def test_neither_taking_over_nor_going_back_keeps_a_reload_for_ever(
    tmp_path: Path, comes_back: bool, at: str, said: str
) -> None:
    (tmp_path / "file").write_text("one")
    first, plugin = Reading(tmp_path / "file"), Stuck(comes_back=comes_back)
    plugins = [plugin] if comes_back else [first, plugin]
    running: Any = [SimpleNamespace(plugin=one, log=LogBook()) for one in plugins]
    with pytest.raises(PluginError, match=said):
        await reload_plugins(running, 0.01)
    assert plugin.at == at


# -- signals ------------------------------------------------------------------------------------------------------------


def test_a_server_that_is_told_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "imserver.toml"
    file.write_text("[log]\nformat = 'json'\n")
    with serving(tmp_path, IMSERVER_SERVICE_HOST="10.0.0.1", IMSERVER_SEVER_PORT="1") as server:
        process = server.process
        assert json.loads(process.logs(b"environment_unknown"))["variables"] == [
            "IMSERVER_SEVER_PORT, meant IMSERVER_SERVER__PORT"
        ]
        assert json.loads(process.logs(b"environment_of_services"))["ignored"] == ["IMSERVER_SERVICE_HOST"]
        file.write_text("[log]\nlevel = 'dbug'\n")
        process.send_signal(signal.SIGHUP)
        assert "debug, info, warning or error" in json.loads(process.logs(b"not_reloaded"))["cause"]
        file.write_text("[log]\nlevel = 'debug'\nformat = 'json'\n[store]\nreaders = 3\n")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        assert json.loads(process.logs(b'"reloaded"'))["changed"] == ["log.level"]
        assert json.loads(process.logs(b"restart_needed"))["fields"] == ["store.readers"]
        socket.create_connection(("127.0.0.1", server.port)).close()
        process.logs(b"connection_closed")  # of the level that was asked for
        code, log = server.stop()
    assert code == 0
    assert "Traceback" not in log


def test_one_that_comes_while_the_command_is_imported_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    meanwhile: list[Any] = []
    monkeypatch.setattr("imserver.cli.app.run", lambda _: meanwhile.append(signal.getsignal(signal.SIGHUP)))
    try:
        for words in (["user", "add", "serve"], ["--config", "serve", "status"], ["--config", "a", "serve"]):
            with pytest.raises(SystemExit):
                main(words)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert meanwhile == [signal.SIG_DFL, signal.SIG_DFL, signal.SIG_IGN]


def test_one_that_comes_while_the_configuration_is_read_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGHUP)
    told: list[bool] = []

    def reading(setup: Setup) -> Any:
        os.kill(os.getpid(), signal.SIGHUP)
        return read_config(None, {})

    monkeypatch.setattr(Setup, "reading", reading)
    monkeypatch.setattr("imserver.cli.serve._serve", lambda *given: told.append(given[-1].is_set()))
    assert run(["serve"]) == 0
    assert told == [True]
    assert signal.getsignal(signal.SIGHUP) is before
    asked = asyncio.Event()
    asked.set()
    assert Reloads(Setup(None), load_config(None, {}), LogBook(), Level(), asked).asked


@pytest.mark.parametrize("gone", [False, True])
async def test_the_end_of_its_terminal_stops_a_server(gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reloads, stop = Reloads(Setup(None), load_config(None, {}), LogBook(), Level()), asyncio.Event()
    terminal, before = [True], signal.getsignal(signal.SIGHUP)
    monkeypatch.setattr("imserver.cli.reload.os.isatty", lambda descriptor: terminal[0])
    with on_hangup(reloads, stop):
        terminal[0] = not gone
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: stop.is_set() or reloads.asked)
    assert (stop.is_set(), reloads.asked) == (gone, not gone)
    assert signal.getsignal(signal.SIGHUP) is before
