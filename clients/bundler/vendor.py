"""Compares what is vendored with what the npm registry has under the same version, to the byte; or takes another version.

`pages/vendor/vendored.json` names package, version, file and SHA-256. Licences lie beside the files that they are about.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .npm import npm
from .pages import BOOKING

VENDOR = BOOKING.folder / "vendor"
LIST = VENDOR / "vendored.json"


def differences() -> Iterator[str]:
    """One line for each file that is not as its package has it, or not as its hash says. Raises `ToolMissing`."""
    for one in json.loads(LIST.read_text("utf-8")):
        with tempfile.TemporaryDirectory() as folder:
            fetched = _fetched(one, Path(folder))
        for name, inside in one["files"].items():
            here = (VENDOR / name).read_bytes()
            if here != fetched[inside]:
                yield f"{name} is not {inside} of {one['package']} {one['version']}"
            if hashlib.sha256(here).hexdigest() != one["sha256"][name]:
                yield f"{name} has another SHA-256 than {LIST.name} says"


def _fetched(one: dict[str, Any], folder: Path) -> dict[str, bytes]:
    """The files of the package, by their names in it; npm checks what it fetched against the registry's own hash."""
    npm(["pack", f"{one['package']}@{one['version']}", "--silent"], folder)
    (archive,) = folder.glob("*.tgz")
    wanted = set(one["files"].values())
    with tarfile.open(archive) as packed:
        return {
            name: file.read()
            for name in wanted
            if (file := packed.extractfile(f"package/{name}")) is not None
        }
