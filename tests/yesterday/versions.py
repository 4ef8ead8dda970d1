"""The versions that the tests run beside ours, and how a process gets the packages of one and nothing of another.

CONTRIBUTING.md says when an archive is replaced, and how.
"""

from __future__ import annotations

import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from imserver.proof.server_process import environment
from tests.support.node import NODE

ROOT = Path(__file__).resolve().parents[2]
ARCHIVES = Path(__file__).parent / "kept"
SUFFIX = ".tar.xz"
PHONES = {
    "python": Path(__file__).with_name("phone.py"),
    "javascript": Path(__file__).with_name("phone.mjs"),
}
#: Variables that say where Python looks for packages, and where it keeps what it compiled of them.
_WHERE = ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Version:
    """A part of the product as it was at a commit; "": as it is. `doors`: over what this part speaks."""

    part: str
    commit: str = ""
    doors: tuple[str, ...] = ("tcp",)

    def __str__(self) -> str:
        return f"{self.part} of {self.commit or 'today'}"

    @property
    def archive(self) -> Path:
        return ARCHIVES / f"{self.part}-{self.commit}{SUFFIX}"

    def unpack(self, folder: Path) -> Code:
        """Where its code is: in our tree, or in a new folder of this one."""
        if not self.commit:
            return Code(self, ROOT)
        place = folder / self.archive.name.removesuffix(SUFFIX)
        with tarfile.open(self.archive) as archive:
            archive.extractall(place, filter="data")
        return Code(self, place)


@dataclass(frozen=True, slots=True)
class Code:
    """A version, unpacked."""

    version: Version
    root: Path

    @property
    def packages(self) -> tuple[Path, ...]:
        """What stands before everything else where Python looks; nothing for ours, which are installed."""
        if not self.version.commit:
            return ()
        return self.root, self.root / "protocol", self.root / "clients" / "python"

    @property
    def phone(self) -> list[str]:
        """The command of a user's program (`phone.py`, `phone.mjs`) on this client library."""
        program = str(PHONES[self.version.part])
        if self.version.part == "javascript":
            return [NODE, program, str(self.root / "clients" / "js" / "src")]
        return self.python(program)

    @property
    def conformance_driver(self) -> list[str]:
        """The command of its driver for `imserver conform`; ours, where it had none."""
        if self.version.part == "javascript":
            return [NODE, str(self.root / "clients" / "js" / "examples" / "conformance_driver.js")]
        driver = Path("clients") / "python" / "examples" / "conformance_driver.py"
        own = self.root / driver
        return self.python(str(own if own.exists() else ROOT / driver))

    def python(self, *arguments: str) -> list[str]:
        """The command of a Python that imports this version."""
        where = {name: value for name, value in environment(packages=self.packages).items() if name in _WHERE}
        return ["env", *(f"{name}={value}" for name, value in where.items()), sys.executable, *arguments]


TODAY = {
    "server": Version("server", doors=("tcp", "websocket")),
    "python": Version("python"),
    "javascript": Version("javascript", doors=("tcp", "websocket")),
}
#: The first commit with a JavaScript client is younger.
KEPT = (
    Version("server", "3e3030cf"),
    Version("python", "3e3030cf"),
    Version("javascript", "de44f6ed", doors=("tcp", "websocket")),
)


def kept(part: str) -> tuple[Version, ...]:
    """All that are kept of this part."""
    return tuple(one for one in KEPT if one.part == part)
