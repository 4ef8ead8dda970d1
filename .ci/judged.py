"""Runs pytest for a gate: `python .ci/judged.py NAME [pytest's arguments]`. In `.ci/run`, few failed tests are judged again.
`NAME coverage run … -m -- [pytest's arguments]` runs it under that module.

Beside hundreds of processes on two cores a browser or a server now and then needs longer than a test waits. A test that fails
again, by itself, fails the gate; one that passes then is named at the end as unsteady, and is to be mended. What this may hide:
docs/decisions/0030. `make test`, `make check` and `make prove` judge once, and so do all proofs that count what was lost.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The file that keeps the names of unsteady tests. Where it is not set, nothing is judged again.
UNSTEADY = "UNSTEADY_TESTS"
#: More failed tests than this are no chance.
AT_MOST = 3
#: pytest's exit code for "tests failed"; the others (interrupted, nothing collected, wrong arguments) are no matter of chance.
TESTS_FAILED = 1


def failed_tests(cache: Path) -> list[str]:
    """As pytest keeps them for `--last-failed`: a test each, or a file that could not be collected."""
    kept = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(kept.read_text("utf-8"))) if kept.exists() else []


def judge(
    name: str, arguments: Sequence[str], cache: Path, unsteady: Path | None, under: Sequence[str] = ()
) -> int:
    """pytest's exit code, of the second run if there was one. `cache` is emptied first. `under`: module that runs it, with its
    arguments."""
    shutil.rmtree(cache, ignore_errors=True)
    command = [sys.executable, "-m", *under, "pytest", *arguments, "-o", f"cache_dir={cache}"]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    failed = failed_tests(cache)
    if code != TESTS_FAILED or unsteady is None or not 0 < len(failed) <= AT_MOST:
        return code
    print(f"{name}: judged again, each by itself: {', '.join(failed)}", flush=True)
    code = subprocess.run([*command, "-n0", "--last-failed"], cwd=ROOT, check=False).returncode
    if code == 0:
        with unsteady.open("a", encoding="utf-8") as file:
            file.writelines(f"{test}\n" for test in failed)
    return code


def main() -> int:
    name, *arguments = sys.argv[1:]
    border = arguments.index("--") if "--" in arguments else -1
    unsteady, cache = os.environ.get(UNSTEADY), ROOT / ".pytest_cache" / f"of-{name}"
    under = arguments[: max(border, 0)]
    return judge(name, arguments[border + 1 :], cache, Path(unsteady) if unsteady else None, under)


if __name__ == "__main__":
    sys.exit(main())
