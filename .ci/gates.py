"""Runs gates, some of them side by side, and says at the end how long each took: `python .ci/gates.py check|prove|all`.

A gate is a target of the Makefile, and each can be run by itself. A failed one hides nothing of what the others have to say.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO, TypeAlias

ROOT = Path(__file__).resolve().parents[1]

#: Gates one after another.
Lane: TypeAlias = tuple[str, ...]
#: Lanes side by side. The first one computes in one process at a time: it stands back behind the others, which keep times.
Step: TypeAlias = tuple[Lane, ...]

#: Without it no other gate can run.
FIRST: Step = (("pages",),)
#: What looks at sources. Workers of the tests find their modules compiled by `check-collect`: each would do it again.
LOOKS: Step = (
    ("check-types", "check-layers", "check-wheel"),
    ("check-collect", "check-format", "check-lint", "check-js-types"),
)
TESTS: Step = (("check-tests",),)
COMPUTE: Lane = ("prove-simulation", "prove-random-input", "prove-storage-faults")
#: Servers and clients as processes, in real time, which mostly wait.
WAIT: Lane = ("prove-torture", "prove-hostile-peers", "prove-conformance", "prove-tests")

PLANS: dict[str, tuple[Step, ...]] = {
    "check": (LOOKS, TESTS),
    "prove": ((COMPUTE, WAIT),),
    "all": (
        FIRST,
        LOOKS,
        # Not three lanes: the proofs that keep times fail then. The shares are such that both end at about the same time: tests
        # and proofs that wait leave a third of the machine to what stands back. `check-coverage`, two processes that compute,
        # and what is behind it come when no times are kept any more; it judges the tests that `check-far-tests` leaves out.
        (
            ("prove-simulation", "prove-random-input", "check-floors"),
            ("check-far-tests", *WAIT, "check-coverage", "prove-storage-faults", "understanding"),
        ),
        # Two browsers, and nothing beside them that could make a page look slow.
        (("browse",),),
    ),
}

#: A gate that takes longer hangs (seconds): it is ended, and its output so far is shown. `make prove-long` gives more.
LIMIT_S = 1800.0
#: For judged.py: the file for the names of tests that failed first and passed when judged again. Set in the plan `all` alone.
UNSTEADY = "UNSTEADY_TESTS"
#: How far the first of several lanes stands back: it gets what the others leave, and a thirtieth of what they want.
NICE = 15


@dataclass(frozen=True, slots=True)
class Ran:
    """One gate that ended. `cpu_s`: of all its processes that were waited for."""

    gate: str
    seconds: float
    cpu_s: float
    code: int


class Gates:
    """The gates of a plan, and what became of them."""

    def __init__(
        self, limit_s: float = LIMIT_S, make: Sequence[str] = ("make",), out: BinaryIO | None = None
    ) -> None:
        """`make`: what a gate is started with; its name is put behind. `out`: for what is said, or standard output."""
        self._limit_s = limit_s
        self._make = make
        self._out = out or sys.stdout.buffer
        self._lock = threading.Lock()
        #: Held while a gate starts, so that none escapes what ends them all.
        self._starting = threading.Lock()
        self._running: set[int] = set()
        self._ended = False
        self.ran: list[Ran] = []

    def run(self, plan: Sequence[Step]) -> bool:
        """Whether all passed. Behind a failed `FIRST` nothing else runs."""
        planned = [gate for step in plan for lane in step for gate in lane]
        for step in plan:
            with ended_by_signals(self.end):
                threads = [
                    threading.Thread(target=self._lane, args=(lane, len(step), NICE if number == 0 else 0))
                    for number, lane in enumerate(step)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():  # a signal that comes just before a wait does not end it
                        thread.join(1)
            if step == FIRST and self.failed:
                break
        return sorted(planned) == sorted(one.gate for one in self.ran if not one.code)

    @property
    def failed(self) -> list[str]:
        """The gates that failed, in the order of their ends."""
        return [one.gate for one in self.ran if one.code]

    def end(self) -> None:
        """End what runs, with all that it started; nothing begins behind it."""
        self._ended = True
        with self._starting:
            for group in list(self._running):
                _end(group)

    def table(self) -> str:
        """The gates in the order of their ends: seconds, processor seconds, and what failed."""
        rows = [
            f"{one.seconds:8.1f} {one.cpu_s:8.1f}  {one.gate}{'  FAILED' if one.code else ''}"
            for one in self.ran
        ]
        return "\n".join([f"{'seconds':>8} {'CPU s':>8}  gate", *rows])

    # -- lanes ----------------------------------------------------------------------------------------------------------

    def _lane(self, lane: Lane, beside: int, nice: int) -> None:
        for gate in lane:
            if self._ended:
                return
            if beside == 1:
                self._gate(gate, [*self._make, gate], self._out)
                continue
            # Lines of two gates would stand in each other's: each is shown whole, at its end.
            self._say(f".. {gate}\n".encode())
            with tempfile.TemporaryFile() as output:
                command = ["nice", "-n", str(nice), *self._make, gate] if nice else [*self._make, gate]
                self._gate(gate, command, output, nice)
                output.seek(0)
                self._say(output.read())

    def _gate(self, gate: str, command: Sequence[str], output: BinaryIO, nice: int = 0) -> None:
        begun = time.monotonic()
        with self._starting:
            if self._ended:
                return
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._running.add(process.pid)
            if nice:
                _stand_back(process.pid, nice)
        limit = threading.Timer(self._limit_s, _end, (process.pid,))
        limit.start()
        _, status, used = os.wait4(process.pid, 0)
        limit.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)  # `Popen` would wait for it itself
        self._running.discard(process.pid)
        seconds = time.monotonic() - begun
        if seconds > self._limit_s:
            output.write(f"{gate}: no end after {self._limit_s:g} s; it was ended\n".encode())
        with self._lock:
            self.ran.append(Ran(gate, seconds, used.ru_utime + used.ru_stime, process.returncode))

    def _say(self, words: bytes) -> None:
        with self._lock:
            self._out.write(words)
            self._out.flush()


def _stand_back(session: int, nice: int) -> None:
    """Where the scheduler shares processor time among sessions first, being nice within one's own is no standing back."""
    with suppress(OSError):
        Path(f"/proc/{session}/autogroup").write_text(str(nice), "ascii")


def _end(group: int) -> None:
    """A group that has ended is no fault."""
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return


@contextmanager
def ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """Gates are sessions of their own: what ends this process must end them."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        end()
        sys.exit(128 + number)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> int:
    """Exit 1 if a gate failed."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in PLANS:
        print(f"gates: one of {', '.join(PLANS)}", file=sys.stderr)
        return 2
    begun = time.monotonic()
    gates = Gates(float(os.environ.get("GATE_LIMIT_S") or LIMIT_S))
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as unsteady:
        if name == "all":
            os.environ[UNSTEADY] = unsteady.name
        passed = gates.run(PLANS[name])
        print(gates.table())
        for test in unsteady:
            print(f"unsteady: {test.strip()} failed beside others and passed by itself")
    verdict = "all gates passed" if passed else f"failed: {', '.join(gates.failed)}"
    print(f"{time.monotonic() - begun:8.1f}           {name}: {verdict}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
