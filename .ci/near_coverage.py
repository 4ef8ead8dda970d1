"""Coverage of the packages that keep the promises, each by the tests near it: one line a package, with its floor.

A line that no near test runs is tested by chance at best. The floors stand a little below what is reached, so that a change
without its tests is noticed; they are raised, never lowered without a reason.
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
    Package("imserver/store", ("tests/store",), 75),
    Package("imserver/net", ("tests/net",), 88),
    Package("imserver/chat", ("tests/chat",), 70),
    Package("protocol/imserver_protocol", ("tests/protocol",), 90),
)


def measured(package: Package, folder: Path) -> tuple[float, str]:
    """Percent of the lines, and what the tests printed if they failed."""
    name = package.sources.replace("/", ".")
    data, report = folder / name, folder / f"{name}.json"
    coverage = [sys.executable, "-m", "coverage"]
    kept = ["--rcfile=/dev/null", f"--data-file={data}"]  # lines, not branches: half the time
    tests = ["pytest", "-q", "-n0", "-p", "no:cacheprovider", f"--basetemp={folder / ('of-' + name)}"]
    ran = subprocess.run(
        [*coverage, "run", *kept, f"--source={package.sources}", "-m", *tests, *package.tests],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        return 0.0, ran.stdout + ran.stderr
    subprocess.run(
        [*coverage, "json", "-q", *kept, "-o", report], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return json.loads(report.read_text("utf-8"))["totals"]["percent_covered"], ""


def main() -> int:
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
