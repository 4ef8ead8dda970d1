"""Commands of ours as processes, without a third of a second for loading: forked from a process that has loaded everything.

What is forked is a process like any other: its own folder, environment, streams and exit code, and it ends in the same order
(`_end`). Whoever tests the loading itself, or the last end of an interpreter, starts `python -m imserver.cli`.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
#: Most that a pipe takes though nobody reads yet.
MAX_STDIN_BYTES = 32_768
#: What an interpreter reads while it starts: a process that has started would not see it.
READ_AT_START = ("PYTHON", "LC_", "LANG", "MALLOC")
_NUMBER_BYTES = 4


def suits(stdin: str, env: dict[str, str]) -> bool:
    """Whether a forked process does the same as one that is started."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(READ_AT_START)}
    theirs = {name: value for name, value in env.items() if name.startswith(READ_AT_START)}
    return ours == theirs and len(stdin) * 4 <= MAX_STDIN_BYTES


class Forked:
    """A process that runs a command with these streams, and with `kept` open under their numbers here."""

    def __init__(
        self, folder: Path, arguments: list[str], env: dict[str, str], streams: list[int], kept: list[int]
    ) -> None:
        self._end, theirs = socket.socketpair()
        umask = os.umask(0o77)
        os.umask(umask)
        request = pickle.dumps((str(folder), arguments, env, umask, kept))
        with theirs:
            _warm().ask(request, [theirs.fileno(), *streams, *kept])
        self.pid = _number(self._end)
        #: As soon as `poll` or `read` has seen it.
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, if it has not ended, and wait for that."""
        self.send_signal(signal.SIGKILL)
        if self.returncode is None:
            self._see_end()
        self._end.close()

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], 0)[0]:
            self._see_end()
        return self.returncode

    def read(self, pipes: list[int], timeout_s: float) -> list[bytes]:
        """What it says there until it has ended."""
        came: dict[int, bytes] = dict.fromkeys(pipes, b"")
        deadline = time.monotonic() + timeout_s
        waiting = {*pipes} if self.returncode is not None else {*pipes, self._end.fileno()}
        while waiting:
            ready, _, _ = select.select(waiting, [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                self.kill()
                raise subprocess.TimeoutExpired("imserver", timeout_s, b"".join(came.values()))
            for number in ready:
                if number not in came:
                    self._see_end()
                    waiting.remove(number)
                elif data := os.read(number, 65536):
                    came[number] += data
                else:
                    waiting.remove(number)
        return list(came.values())

    def _see_end(self) -> None:
        self.returncode = _number(self._end)


class Serving(Forked):
    """A command that goes on, and the pipe that it logs to."""

    def __init__(self, folder: Path, arguments: list[str], env: dict[str, str], kept: list[int]) -> None:
        self._log, log_end = os.pipe()
        with open(os.devnull, "r+b") as nothing:
            super().__init__(folder, arguments, env, [nothing.fileno(), nothing.fileno(), log_end], kept)
        os.close(log_end)

    def communicate(self, timeout: float = 40) -> tuple[bytes, bytes]:
        return b"", self.read([self._log], timeout)[0]

    def logs(self, text: bytes, timeout: float = 40) -> bytes:
        """Wait for the next line with this text, and return it. What it reads is in no `communicate` any more."""
        line, deadline = b"", time.monotonic() + timeout
        while not (text in line and line.endswith(b"\n")):
            if line.endswith(b"\n"):
                line = b""
            assert select.select([self._log], [], [], max(deadline - time.monotonic(), 0))[0], f"no {text!r}"
            came = os.read(self._log, 1)
            assert came, f"it ended without {text!r}"
            line += came
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()
        os.close(self._log)


def run(
    folder: Path, arguments: list[str], stdin: str, env: dict[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does."""
    reading, telling = os.pipe()
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    try:
        os.write(telling, stdin.encode())
        os.close(telling)
        process = Forked(folder, arguments, env, [reading, out_end, err_end], [])
        for number in (reading, out_end, err_end):
            os.close(number)
        try:
            said, complained = process.read([out, err], timeout_s)
        finally:
            process.kill()
    finally:
        os.close(out)
        os.close(err)
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, _text(said), _text(complained))


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _number(line: socket.socket) -> int:
    data = line.recv(_NUMBER_BYTES, socket.MSG_WAITALL)
    assert len(data) == _NUMBER_BYTES, "the process that forks has ended"
    return int.from_bytes(data, "big", signed=True)


class Warm:
    """The process that has loaded everything. It ends with ours."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def ask(self, request: bytes, descriptors: list[int]) -> None:
        with self._lock:
            socket.send_fds(self._line, [len(request).to_bytes(_NUMBER_BYTES, "big")], descriptors)
            self._line.sendall(request)

    def end(self) -> None:
        """At the end of the tests' process, where no time-out is left to end it."""
        self._line.close()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()


@functools.cache
def _warm() -> Warm:
    made = Warm()
    atexit.register(made.end)
    return made


# -- the other side -----------------------------------------------------------------------------------------------------


def _load() -> None:
    from imserver.cli.app import COMMANDS

    for row in COMMANDS.values():
        importlib.import_module(row.where.partition(":")[0])
    for name in (
        "uvloop",
        "imserver.net.listener",
        "imserver.features",
        "imserver.plugins.booking",
    ):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)


def _serve(line: socket.socket) -> list[str]:
    """Fork whatever is asked for. Returns, in each child, the arguments of its command."""
    woken, waking = socket.socketpair()
    for end in (woken, waking):
        end.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    gc.collect()
    gc.freeze()
    while True:
        ready, _, _ = select.select([line, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ends(running)
        if line not in ready:
            continue
        size, descriptors, _, _ = socket.recv_fds(line, _NUMBER_BYTES, 16)
        if not size:
            sys.exit()
        folder, arguments, env, umask, kept = pickle.loads(
            line.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
        )
        telling = socket.socket(fileno=descriptors.pop(0))
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for each in (line, woken, waking, telling, *running.values()):
                each.close()
            _become(folder, env, umask, dict(zip([0, 1, 2, *kept], descriptors, strict=True)))
            return list(arguments)
        for number in descriptors:
            os.close(number)
        telling.sendall(pid.to_bytes(_NUMBER_BYTES, "big"))
        running[pid] = telling


def _tell_ends(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as telling, contextlib.suppress(OSError):
                code = os.waitstatus_to_exitcode(status)
                telling.sendall(code.to_bytes(_NUMBER_BYTES, "big", signed=True))


def _become(folder: str, env: dict[str, str], umask: int, descriptors: dict[int, int]) -> None:
    above = max(*descriptors, *descriptors.values()) + 1
    moved = {number: fcntl.fcntl(old, fcntl.F_DUPFD, above) for number, old in descriptors.items()}
    for old in descriptors.values():
        os.close(old)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number)
        os.close(descriptor)
    # Those that were there have asked the files of before whether one can seek in them.
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(  # type: ignore[misc]  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[0] = folder
    importlib.invalidate_caches()


def _main() -> None:
    from imserver.cli import main

    _load()
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = ["imserver", *arguments]
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            _end(end.code)
        raise


def _end(code: int) -> None:
    """End as an interpreter does, but without taking down the modules of all commands one by one: 60 of a command's 77 ms.

    Returns where something cannot be written: what is said of that, and the exit code, are the interpreter's.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, and for what they left to be done
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _main()
