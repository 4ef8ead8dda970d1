"""Build the wheel in a temporary folder and check that it holds our packages, whole, and nothing else."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Folder in the repository -> name in the wheel.
PACKAGES = {
    "imserver": "imserver",
    "protocol/imserver_protocol": "imserver_protocol",
    "clients/python/imserver_client": "imserver_client",
}

# Sources whose making is in the wheel: pages/built.
LEFT_OUT = ("imserver/plugins/booking/pages/src", "imserver/plugins/booking/pages/vendor")

# A template of a text ends with its language.
LANGUAGES = {".en", ".zh"}

# What a package may consist of. A new kind of file is a decision, so it has to be added here.
KINDS = {
    ".py",
    ".typed",
    ".sql",
    ".toml",
    ".tsv",
    ".txt",
    ".json",
    ".html",
    ".css",
    ".js",
    ".png",
    ".svg",
    *LANGUAGES,
}


def _build(folder: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    run = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


def _expected() -> set[str]:
    return {
        f"{name}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, name in PACKAGES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not _left_out(path)
    }


def _left_out(path: Path) -> bool:
    return any(path.is_relative_to(ROOT / folder) for folder in LEFT_OUT)


def _faults(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    expected = _expected()
    return [
        *(f"in the wheel, but no file of our packages: {name}" for name in sorted(held - expected)),
        *(f"missing from the wheel: {name}" for name in sorted(expected - held)),
        *(
            f"a kind of file that no package holds: {name}"
            for name in sorted(held)
            if _kind(name) not in KINDS
        ),
    ]


def _kind(name: str) -> str:
    return Path(name).suffix


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wheel = _build(folder)
        checked = subprocess.run(
            [Path(sys.executable).with_name("check-wheel-contents"), "--config", "pyproject.toml", wheel],
            cwd=ROOT,
            check=False,
        )
        faults = _faults(wheel)
    for fault in faults:
        print(fault)
    return 1 if faults or checked.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
