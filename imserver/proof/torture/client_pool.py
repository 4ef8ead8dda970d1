"""The client processes as their director sees them: starts them, sends orders, kills and restarts them on their stores."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from imserver.proof.die_with_parent import dying_with_parent
from imserver.proof.server_process import environment

from .client_process import MAX_LINE_BYTES, Role, Script
from .participants import Group, Participants

#: Longest time for an order before the load begins, far above need on the slowest machine (seconds).
PATIENCE_S = 90.0
_PYTHON = (sys.executable, "-m", "imserver.proof.torture.client_process")


class ClientPoolFailed(Exception):
    """A client process did not carry out an order before the load began."""


class ClientHandle:
    """One client process through all its lives."""

    def __init__(
        self, script: Script, command: Sequence[str], on_failure: Callable[[str], None], on_figures: asyncio.Condition
    ) -> None:  # fmt: skip
        self.script = script
        self._command = command
        self.kills = 0
        #: Figures of past lives, and of this one.
        self.past: Counter[str] = Counter()
        self.present: Counter[str] = Counter()
        self.broken: set[str] = set()
        self._on_failure = on_failure
        self._on_figures = on_figures
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._expected_to_end = False

    @property
    def number(self) -> int:
        return self.script.number

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def log(self) -> Path:
        """The file of its standard error."""
        return Path(self.script.folder) / f"clients-{self.number}.log"

    async def start(self, groups: Mapping[str, str]) -> None:
        """Start a new life."""
        life = self.script.life + 1
        self.script = msgspec.structs.replace(self.script, life=life, groups=dict(groups))
        self._answers.clear()
        self._expected_to_end = False
        # The folder identifies the run in a list of processes.
        command = (*self._command, self.script.folder)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *dying_with_parent(*command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment(self.log.parent.parent / "pycache"),
                limit=MAX_LINE_BYTES,
                start_new_session=True,
            )
        self._reader = asyncio.create_task(self._read(self._process))
        self._send(msgspec.json.encode(self.script))

    async def kill(self) -> None:
        """SIGKILL."""
        self._expected_to_end = True
        if self.running:
            assert self._process is not None
            self._process.kill()
            self.kills += 1
        await self.ended()

    async def ended(self) -> int:
        """Waits for its end and returns the exit code; its figures count as past then."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        if self._reader is not None:
            await self._reader
        self.past.update(self.present)
        self.present.clear()
        return code

    def give_token(self, name: str, token: str) -> None:
        """If the client is one of this process: for this life of the process and the next."""
        if all(role.part.name != name for role in self.script.roles):
            return
        roles = tuple(
            msgspec.structs.replace(role, token=token) if role.part.name == name else role
            for role in self.script.roles
        )
        self.script = msgspec.structs.replace(self.script, roles=roles)
        self.tell(do="token", name=name, token=token)

    def tell(self, **order: Any) -> None:
        """Send an order."""
        self._expected_to_end = self._expected_to_end or order["do"] == "leave"
        self._send(msgspec.json.encode(order))

    async def answer(self, kind: str, timeout_s: float) -> dict[str, Any] | None:
        """The next line of this kind, or None if none comes."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._answers[kind].get()
        except TimeoutError:
            return None

    def forget(self, kind: str) -> None:
        """Drop answers of this kind to earlier orders."""
        self._answers.pop(kind, None)

    def _send(self, line: bytes) -> None:
        if self.running and self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            told = msgspec.json.decode(line)
            kind = told.pop("do")
            if kind == "figures":
                self.present = Counter(told["figures"])
                self.broken.update(told.get("broken", ()))
                async with self._on_figures:
                    self._on_figures.notify_all()
            elif kind == "failed":
                self._on_failure(f"client process {self.number}: {told['text']}")
            else:
                self._answers[kind].put_nowait(told)
        code = await process.wait()
        if not self._expected_to_end:
            self._on_failure(
                f"client process {self.number} ended by itself, exit code {code}; see {self.log.name}"
            )


class ClientPool:
    """All client processes. `javascript`: the command of those that run the JavaScript client, if there are such."""

    def __init__(
        self, participants: Participants, roles: Sequence[Sequence[Role]], folder: Path, seed: int, rate: float,
        on_failure: Callable[[str], None], javascript: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._participants = participants
        self._changed = asyncio.Condition()
        self.groups: dict[str, str] = {}
        self.handles = [
            ClientHandle(
                Script(seed, n, -1, str(folder), rate / len(roles), tuple(mine), {}),
                _PYTHON if n < participants.python_processes else javascript,
                on_failure,
                self._changed,
            )
            for n, mine in enumerate(roles)
        ]

    async def begin(self) -> None:
        """Start all, wait until all are connected, make the groups, and let the load begin. Raises ClientPoolFailed."""
        for handle in self.handles:
            await handle.start({})
        for handle in self.handles:
            await self._expect(handle, "ready")
        for handle, parts in zip(self.handles, self._participants.processes, strict=True):
            users = {part.user_id for part in parts}
            first = {
                part.user_id for others in self._participants.processes[: handle.number] for part in others
            }
            mine: list[Group] = [g for g in self._participants.groups if g.owner in users - first]
            handle.tell(do="make", groups=msgspec.to_builtins(mine))
            self.groups.update((await self._expect(handle, "made"))["groups"])
        for handle in self.handles:
            handle.tell(do="begin", groups=self.groups)

    async def _expect(self, handle: ClientHandle, kind: str) -> dict[str, Any]:
        answer = await handle.answer(kind, PATIENCE_S)
        if answer is None:
            raise ClientPoolFailed(f"client process {handle.number} is not {kind}; see {handle.log.name}")
        return answer

    def give_token(self, name: str, token: str) -> None:
        """What this client comes in with from its next life on."""
        for handle in self.handles:
            handle.give_token(name, token)

    def figures(self) -> Counter[str]:
        """Sums over all processes and lives; `connected` is of now."""
        total: Counter[str] = Counter()
        for handle in self.handles:
            total.update(handle.past)
            total.update(handle.present)
        total["connected"] = sum(handle.present["connected"] for handle in self.handles if handle.running)
        return total

    async def ask_all(self, kind: str, patience_s: float, **order: Any) -> list[dict[str, Any]]:
        """Send an order to all processes, and collect the answers that come in time."""
        running = [handle for handle in self.handles if handle.running]
        for handle in running:
            handle.forget(kind)
            handle.tell(**order)
        answers = await asyncio.gather(*(handle.answer(kind, patience_s) for handle in running))
        return [answer for answer in answers if answer is not None]

    async def reached(self, figure: str, count: int, timeout_s: float) -> None:
        """Wait until a figure has reached `count`, at most `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self.figures()[figure] >= count)

    async def kill_all(self) -> None:
        """Kill all processes, at any end of a run."""
        await asyncio.gather(*(handle.kill() for handle in self.handles))
