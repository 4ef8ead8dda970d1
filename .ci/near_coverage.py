"""Coverage of the packages that keep the promises, each by the tests near it: one line a package, with its floor.

A line that no near test runs is tested by chance at best. The floors stand a little below what is reached, so that a change
without its tests is noticed; they are raised, never lowered without a reason. A failed test fails this gate, and `.ci/run` runs
these tests nowhere else: `python .ci/near_coverage.py --far` prints what tells pytest to leave them to it.
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: At once: what the smallest machine has cores.
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Package:
    """Sources, the tests near them, and the least share of lines that these run, in percent."""

    sources: str
    tests: tuple[str, ...]
    floor: int


PACKAGES = (
    Package("imserver/store", ("tests/store",), 90),
    Package("imserver/net", ("tests/net",), 90),
    Package("imserver/chat", ("tests/chat",), 70),
    Package("protocol/imserver_protocol", ("tests/protocol",), 95),
)


def measured(package: Package, folder: Path) -> tuple[float, str]:
    """Percent of the lines, and what the tests printed if any failed, also if it passed when judged again."""
    name = package.sources.replace("/", ".")
    data, report = folder / name, folder / f"{name}.json"
    coverage = [sys.executable, "-m", "coverage"]
    kept = ["--rcfile=/dev/null", f"--data-file={data}"]  # lines, not branches: half the time
    judged = [sys.executable, ".ci/judged.py", f"check-coverage-{name}"]
    # What is judged again adds to what was measured before.
    under = ["coverage", "run", "-a", *kept, f"--source={package.sources}", "-m", "--"]
    tests = ["-q", "-n0", f"--basetemp={folder / ('of-' + name)}", *package.tests]
    ran = subprocess.run([*judged, *under, *tests], cwd=ROOT, capture_output=True, text=True, check=False)
    printed = ran.stdout + ran.stderr
    if ran.returncode:
        return 0.0, printed
    subprocess.run(
        [*coverage, "json", "-q", *kept, "-o", report], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    percent = json.loads(report.read_text("utf-8"))["totals"]["percent_covered"]
    return percent, printed if "judged again" in printed else ""


def main() -> int:
    if sys.argv[1:] == ["--far"]:
        print(*(f"--ignore={tests}" for package in PACKAGES for tests in package.tests))
        return 0
    failed = False
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda package: measured(package, Path(name)), PACKAGES)
        for package, (percent, printed) in zip(PACKAGES, found, strict=True):
            low = percent < package.floor
            failed |= low
            print(printed, end="")
            print(
                f"   {percent:5.1f} %  {package.sources}{f'  below {package.floor} %' if low else ''}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
