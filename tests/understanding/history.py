"""What the repository's history says of the corpus. None where there is no history: a tarball, a shallow clone, no git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_MINUTE = 60


class NoHistoryError(Exception):
    """Why nothing can be said; for people."""


def plain_environment() -> dict[str, str]:
    """The environment without git's own variables: under a hook they name another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


class History:
    """Questions to git about one tree."""

    def __init__(self, root: Path) -> None:
        """Raises NoHistoryError if there is none, or none that is whole."""
        self._root = root
        if shutil.which("git") is None:
            raise NoHistoryError("git is not installed")
        top = self._ask("rev-parse", "--show-toplevel")
        if top is None or Path(top).resolve() != root.resolve():
            raise NoHistoryError("this tree is no clone: a tarball or a copy has no history")
        if self._ask("rev-parse", "--is-shallow-repository") != "false":
            raise NoHistoryError("a shallow clone has no early history")

    def first_with(self, path: str) -> str | None:
        """The first commit that holds a path; None if none does yet."""
        found = self._ask(
            "log", "--full-history", "--topo-order", "--format=%H", "--diff-filter=A", "--", path
        )
        return found.splitlines()[-1] if found else None

    def is_ancestor(self, earlier: str, later: str) -> bool:
        """Whether `later` was built on `earlier`."""
        return earlier != later and self._ask("merge-base", "--is-ancestor", earlier, later) is not None

    def copies(self, path: str) -> Iterator[tuple[str, str]]:
        """(commit, content) of a file as each commit that changed it left it."""
        for commit in (self._ask("log", "--full-history", "--format=%H", "--", path) or "").splitlines():
            content = self._ask("show", f"{commit}:{path}")
            if content is not None:
                yield commit, content

    def _ask(self, *arguments: str) -> str | None:
        done = subprocess.run(
            ["git", "-C", str(self._root), *arguments],
            capture_output=True, timeout=_MINUTE, check=False, env=plain_environment(),
        )  # fmt: skip
        return done.stdout.decode("utf-8").strip() if done.returncode == 0 else None
