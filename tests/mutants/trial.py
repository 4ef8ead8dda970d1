"""Tries whether tests notice a mutant: the named ones first, the whole suite only if it survives them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from .patches import Mutant
from .tree import Tree, Unusable

#: Time-outs for the named tests of one mutant, and for a whole suite (seconds).
NAMED_S, SUITE_S = 180, 1200
#: Tests that hang, or fail without the mutant too, are left out and the rest runs again; after so many the trial gives up.
MAX_LEFT_OUT = 4


class Verdict(Enum):
    """The fate of a mutant."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    HUNG = "hung"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Result:
    """`by`: the test that noticed, or why there is none. `named`: the header names it."""

    mutant: Mutant
    verdict: Verdict
    by: str
    seconds: float
    named: bool = True


@dataclass(slots=True)
class Witnessed:
    """The record of a run of pytest."""

    code: int
    output: str
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)


async def ask(tree: Tree, tests: Sequence[str], *, timeout_s: float = NAMED_S) -> Witnessed:
    """Run tests in a copy until the first failure."""
    notes = tree.folder / ".witness"
    notes.unlink(missing_ok=True)
    plugins = ["-p", "no:cacheprovider", "-p", "mutants_witness"]
    # Of a proof that takes its time `make test` asks nothing; a mutant may name it.
    marks = ["-m", "not browse"] if "::" in tests[0] else []
    command = [sys.executable, "-m", "pytest", "-q", "-x", *plugins, *marks, *tests]
    try:
        code, output = await tree.run(command, timeout_s=timeout_s, MUTANTS_WITNESS=str(notes))
    except TimeoutError:
        code, output = -1, f"no end after {timeout_s} s"
    seen = Witnessed(code, output)
    running: dict[str, None] = {}
    ended = False
    for line in notes.read_text(encoding="utf-8").splitlines() if notes.exists() else ():
        what, _, about = line.partition("\t")
        match what:
            case "start":
                running[about] = None
            case "finish":
                running.pop(about, None)
            case "end":
                ended = True
            case "failed":
                seen.failed.append(about)
            case "error":
                seen.errors.append(about)
            case "uncollected":
                seen.uncollected.append(about)
            case "hung":
                seen.hung.append(about)
    if not ended:
        seen.hung.extend(running)
    return seen


class Trials:
    """Tries mutants, each in one of several copies. `confirm`: a copy that is never sabotaged."""

    def __init__(self, trees: Sequence[Tree], confirm: Tree) -> None:
        self._free: asyncio.Queue[Tree] = asyncio.Queue()
        for tree in trees:
            self._free.put_nowait(tree)
        self._confirm = confirm
        self._confirming = asyncio.Lock()
        #: A whole suite takes all processors.
        self._suite = asyncio.Lock()

    async def try_one(self, mutant: Mutant) -> Result:
        """Sabotage a copy, ask the tests, and put it right again."""
        tree = await self._free.get()
        begun = time.monotonic()
        try:
            await tree.sabotage(mutant.diff, mutant.touched)
            verdict, by, named = await self._judge(tree, mutant)
        except Unusable as error:
            verdict, by, named = Verdict.UNUSABLE, str(error), True
        finally:
            tree.restore(mutant.touched)
            self._free.put_nowait(tree)
        return Result(mutant, verdict, by, time.monotonic() - begun, named)

    async def _judge(self, tree: Tree, mutant: Mutant) -> tuple[Verdict, str, bool]:
        hung: list[str] = []
        if mutant.tests:
            seen = await ask(tree, mutant.tests)
            _require_collected(seen)
            if seen.failed:
                return Verdict.CAUGHT, seen.failed[0], True
            hung = seen.hung
            if hung and mutant.may_hang:
                return Verdict.CAUGHT, f"{hung[0]} (time-out)", True
        elif areas := mutant.areas(tree.folder):
            by = await self._ask_widely(tree, areas, hung)
            if by:
                return Verdict.CAUGHT, by, True
        async with self._suite:
            suite = ["tests", "--ignore=tests/mutants", "-n", "auto"]
            by = await self._ask_widely(tree, suite, hung)
        if by:
            return Verdict.CAUGHT, by, not mutant.tests
        return (Verdict.HUNG, hung[0], False) if hung else (Verdict.SURVIVED, "", False)

    async def _ask_widely(self, tree: Tree, tests: Sequence[str], hung: list[str]) -> str:
        """The first test that fails with the mutant and passes without; "" if none does."""
        useless: list[str] = []
        while len(hung) + len(useless) < MAX_LEFT_OUT:
            left_out = [word for test in (*hung, *useless) for word in ("--deselect", test)]
            seen = await ask(tree, [*tests, *left_out], timeout_s=SUITE_S)
            _require_collected(seen)
            for test in seen.failed:
                async with self._confirming:
                    alone = await ask(self._confirm, [test])
                if alone.code == 0:
                    return test
            if not (seen.hung or seen.failed or seen.errors):
                break
            hung.extend(seen.hung)
            useless.extend([*seen.failed, *seen.errors])
        return ""


def _require_collected(seen: Witnessed) -> None:
    if seen.uncollected:
        raise Unusable(f"tests cannot be collected: {seen.uncollected[0]}")
    if seen.code not in (0, 1, -1) and not seen.hung and not seen.failed:
        raise Unusable(f"pytest ended with {seen.code}: {seen.output.strip()[-300:]}")


async def require_green(tree: Tree, mutants: Sequence[Mutant], jobs: int) -> None:
    """The named tests pass where nothing is planted. Raises Unusable."""
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    if not tests:
        return
    seen = await ask(tree, [*tests, "-n", str(jobs)] if jobs > 1 else tests, timeout_s=SUITE_S)
    if seen.code:
        bad = [*seen.failed, *seen.errors, *seen.uncollected, *seen.hung]
        raise Unusable(f"not green without any mutant: {', '.join(bad) or seen.output.strip()[-2000:]}")
