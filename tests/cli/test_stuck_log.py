"""Whatever becomes of the log (reader gone, nobody drains it, its disk is full, closed), the server serves and stops."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_FAILED
from imserver.cli.log import set_up_log
from imserver.cli.log_writer import AROUND_LINE_BYTES, LogWriter, descriptor_sink
from imserver.config import LogConfig

from .processes import IMSERVER, PATIENCE_S, environment, imserver

#: A server that has nothing to drain ends well within this, and the log may take one second of it.
PROMPT_S = 8.0


class Served:
    """A server, and how its log is read: not at all, unless a test does."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: int) -> None:
        self.process = process
        self.port = port
        self.log = log

    def connect(self, times: int) -> None:
        """Each leaves some lines at `debug`."""
        for _ in range(times):
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as one:
                one.sendall(b"\0\0\0\1x")
                one.settimeout(PATIENCE_S)
                while one.recv(4096):
                    pass

    def stop(self) -> int:
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        assert time.monotonic() - begun < PROMPT_S
        return code


@contextlib.contextmanager
def served(folder: Path, *, stderr: int | None = None, **env: str) -> Iterator[Served]:
    """A server with a tiny pipe as its log, or with this descriptor."""
    ready, writing = os.pipe()
    log, logging_to = os.pipe()
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(logging_to, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen(
        [*IMSERVER, "serve", "--ready-fd", str(writing)],
        cwd=folder,
        env=environment(**env),
        pass_fds=[writing],
        stderr=logging_to if stderr is None else stderr,
    ) as process:
        os.close(writing)
        os.close(logging_to)
        try:
            with os.fdopen(ready) as line:
                yield Served(process, int(line.readline().split()[0]), log)
        finally:
            process.kill()
            with contextlib.suppress(OSError):
                os.close(log)


def test_it_stops_when_the_reader_of_its_log_has_gone(tmp_path: Path) -> None:
    with served(tmp_path, IMSERVER_LOG__LEVEL="debug") as server:
        os.close(server.log)
        server.connect(3)
        assert server.stop() == 0


@pytest.mark.parametrize("form", ["json", "console"])
def test_it_serves_and_stops_when_nobody_drains_its_log(tmp_path: Path, form: str) -> None:
    with served(tmp_path, IMSERVER_LOG__LEVEL="debug", IMSERVER_LOG__FORMAT=form) as server:
        server.connect(200)
        assert imserver(tmp_path, "user", "add", "alice").returncode == 0
        assert server.stop() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_it_serves_and_stops_when_the_disk_of_its_log_is_full(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with served(tmp_path, stderr=full, IMSERVER_LOG__LEVEL="debug") as server:
        server.connect(3)
        assert imserver(tmp_path, "user", "add", "alice").returncode == 0
        assert server.stop() == 0
    os.close(full)


def test_a_second_signal_ends_it_at_once_beside_a_stuck_log(tmp_path: Path) -> None:
    with served(tmp_path, IMSERVER_LOG__LEVEL="debug") as server:
        server.connect(200)
        begun = time.monotonic()
        while server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        # 0 or killed: the first one was enough already, and this one came behind the end.
        assert server.process.returncode in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
        assert time.monotonic() - begun < PROMPT_S


def test_who_reads_late_is_told_how_much_is_missing(tmp_path: Path) -> None:
    with served(tmp_path, IMSERVER_LOG__LEVEL="debug") as server:
        server.connect(1)
        os.set_blocking(server.log, True)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.extend(iter(lambda: os.read(server.log, 65536), b"")))
        reader.start()
        assert server.stop() == 0
        reader.join(PATIENCE_S)

    events = [json.loads(line)["event"] for line in b"".join(read).splitlines()]
    assert events[:2] == ["listening", "new_database"]
    assert events[-2:] == ["stopping", "stopped"]


def _full_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


def test_a_start_that_fails_ends_though_nobody_reads_why(tmp_path: Path) -> None:
    reading, writing = _full_pipe()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [*IMSERVER, "serve"],
            cwd=tmp_path,
            env=environment(IMSERVER_SERVER__PORT=str(taken.getsockname()[1])),
            stderr=writing,
            timeout=PATIENCE_S,
            check=False,
        )
    os.close(reading)
    os.close(writing)
    assert ended.returncode == EXIT_AGAIN


def _closed(number: int) -> Callable[[], None]:
    return lambda: os.close(number)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["token", "alice"], 0), (["check"], 0), (["user", "add", "alice"], 0), (["token", ""], 2)],
)
@pytest.mark.parametrize("closed", [1, 2])
def test_a_command_works_without_a_stream_to_speak_on(
    tmp_path: Path, arguments: list[str], code: int, closed: int
) -> None:
    """And no file of ours takes its number: what is printed would go into the database."""
    made = imserver(tmp_path, "user", "add", "bob", "--create")
    assert made.returncode == 0, made.stderr
    ended = subprocess.run(
        [*IMSERVER, *arguments],
        cwd=tmp_path,
        env=environment(),
        preexec_fn=_closed(closed),  # no thread here yet
        stdout=subprocess.PIPE if closed == 2 else None,
        stderr=subprocess.PIPE if closed == 1 else None,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == code
    assert imserver(tmp_path, "check").returncode == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_output_is_one_line(tmp_path: Path, stream: str) -> None:
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*IMSERVER, "token", "alice" if stream == "stdout" else ""],
            cwd=tmp_path,
            env=environment(),
            timeout=PATIENCE_S,
            check=False,
            **{stream: full, other: subprocess.PIPE},  # type: ignore[call-overload]
        )
    assert ended.returncode == (EXIT_FAILED if stream == "stdout" else 2)
    said = getattr(ended, other).decode()
    assert "Traceback" not in said
    assert said == (
        "imserver: cannot write the output: No space left on device\n" if stream == "stdout" else ""
    )


# -- the writer itself --------------------------------------------------------------------------------------------------


class Gate:
    """A sink that takes nothing until it is opened, and may fail."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.taken: list[bytes] = []
        self.error: OSError | None = None

    def __call__(self, data: bytes) -> None:
        self.entered.set()
        assert self.open.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        self.taken.append(data)

    @property
    def text(self) -> str:
        return b"".join(self.taken).decode()


def test_a_slow_reader_gets_the_oldest_lines_in_order_and_the_number_of_the_others() -> None:
    gate = Gate()
    room = 10
    writer = LogWriter(gate, max_bytes=room * (2 + AROUND_LINE_BYTES))
    writer.write("a\n")
    assert gate.entered.wait(PATIENCE_S)
    for number in range(room + 7):
        writer.write(f"{number % 10}\n")
    gate.open.set()
    assert writer.settle(PATIENCE_S)
    writer.write("z\n")
    writer.close()

    kept = "".join(f"{number}\n" for number in range(room))
    assert gate.text == f"a\n{kept}7 lines were dropped\nz\n"


def test_behind_a_dropped_line_no_shorter_one_slips_in() -> None:
    gate = Gate()
    writer = LogWriter(gate, max_bytes=3 * AROUND_LINE_BYTES)
    writer.write("a\n")
    assert gate.entered.wait(PATIENCE_S)
    writer.write("b\n")
    writer.write("long" * AROUND_LINE_BYTES)
    writer.write("c\n")
    gate.open.set()
    writer.close()

    assert gate.text == "a\nb\n2 lines were dropped\n"


@pytest.mark.parametrize("format", ["json", "console"])
def test_the_number_is_told_in_the_form_of_the_log(format: str) -> None:
    gate = Gate()
    writer = LogWriter(gate, max_bytes=400)
    log = set_up_log(LogConfig(format=format), writer)
    log.info("first")
    assert gate.entered.wait(PATIENCE_S)
    for _ in range(9):
        log.info("more")
    gate.open.set()
    writer.close()

    lines = gate.text.splitlines()
    dropped = next(line for line in lines if "lines_dropped" in line)
    shown = len([line for line in lines if "more" in line])
    assert f"{9 - shown}" in dropped.split("count")[1]
    if format == "json":
        assert json.loads(dropped)["level"] == "warning"


def test_lines_that_could_not_be_written_are_told_once_there_is_room_and_on_a_line_of_their_own() -> None:
    gate = Gate()
    gate.open.set()
    writer = LogWriter(gate)
    writer.write("half a line")
    assert writer.settle(PATIENCE_S)
    gate.error = OSError(28, "No space left on device")
    for _ in range(3):
        writer.write("lost\n")
        assert writer.settle(PATIENCE_S)
    gate.error = None
    writer.write("room\n")
    writer.close()

    assert gate.text == "half a line\n3 lines were dropped\nroom\n"


def test_so_it_is_behind_a_line_of_which_only_a_part_was_written() -> None:
    """The disk was full in the middle of it."""
    taken: list[bytes] = []
    full = [False]

    def sink(data: bytes) -> None:
        taken.append(data[:4] if full[0] else data)
        if full[0]:
            raise OSError(28, "No space left on device")

    writer = LogWriter(sink)
    for full[0], line in ((False, "whole\n"), (True, "broken\n"), (False, "room\n")):
        writer.write(line)
        assert writer.settle(PATIENCE_S)
    writer.close()

    assert b"".join(taken) == b"whole\nbrok\n1 lines were dropped\nroom\n"


def test_closing_waits_for_a_stuck_reader_only_for_a_moment() -> None:
    gate = Gate()
    writer = LogWriter(gate)
    writer.write("x\n")
    begun = time.monotonic()
    writer.close()
    assert 0.5 < time.monotonic() - begun < 5
    gate.open.set()
    assert writer.settle(PATIENCE_S)
    writer.write("later\n")
    assert writer.settle(PATIENCE_S)
    assert gate.text == "x\nlater\n"


def test_a_descriptor_that_somebody_made_non_blocking_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sent = b"x" * 300_000
    sender = threading.Thread(target=descriptor_sink(writing), args=(sent,))
    sender.start()
    got = b""
    while len(got) < len(sent):
        got += os.read(reading, 65536)
    sender.join(PATIENCE_S)
    os.close(reading)
    os.close(writing)
    assert got == sent


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_child_of_a_fork_writes_its_own_lines_and_none_of_the_parents() -> None:
    reading, writing = os.pipe()
    gate = threading.Event()
    sink = descriptor_sink(writing)
    in_child = False

    def gated(data: bytes) -> None:
        if not in_child:
            gate.wait(PATIENCE_S)
        sink(data)

    writer = LogWriter(gated)
    for number in range(3):
        writer.write(f"parent {number}\n")
    child = os.fork()
    if child == 0:
        in_child = True
        writer.write("child\n")
        writer.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    gate.set()
    writer.close()
    os.close(writing)
    with os.fdopen(reading) as file:
        assert file.read() == "child\nparent 0\nparent 1\nparent 2\n"


def test_a_log_that_is_over_is_kept_by_nobody_and_waits_for_nothing() -> None:
    """Each failed start of an embedding program would leave one, which Python ended at its own end, in pieces already."""
    stuck = threading.Event()
    writer = LogWriter(lambda _: stuck.set())
    writer.write("last words\n")
    writer.close()
    assert stuck.wait(PATIENCE_S)
    thread, kept = writer._thread, weakref.ref(writer)
    if thread is not None:
        thread.join(PATIENCE_S)
    del writer
    gc.collect()
    assert kept() is None
