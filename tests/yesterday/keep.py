"""Keeps a part of a commit for the tests: `python -m tests.yesterday.keep server|python|javascript COMMIT`.

The archive goes to `kept`, replaces none, and is the same on every machine. `versions.py` names it.
"""

from __future__ import annotations

import io
import lzma
import subprocess
import sys
import tarfile

from .versions import ARCHIVES, ROOT, SUFFIX

#: What of a commit belongs to a part. Words and rules of booking would double the archive of a server, and nothing here books;
#: what only judges, proves and explains serves nobody.
PATHS = {
    "server": (
        "imserver",
        "protocol/imserver_protocol",
        *(f":!imserver/{name}" for name in ("plugins/booking", "proof", "conformance", "trace")),
    ),
    "python": (
        "clients/python/imserver_client",
        "clients/python/examples/conformance_driver.py",
        "protocol/imserver_protocol",
    ),
    "javascript": ("clients/js/src", "clients/js/examples", "clients/js/package.json"),
}


def keep(part: str, commit: str) -> str:
    """Returns the name of the archive."""
    full = _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    there = [path for path in PATHS[part] if path.startswith(":") or _git("ls-tree", full, path)]
    name = f"{part}-{full[:8]}"
    packed = lzma.compress(
        _clean(_git("archive", "--format=tar", full, *there)), preset=9 | lzma.PRESET_EXTREME
    )
    ARCHIVES.mkdir(exist_ok=True)
    (ARCHIVES / f"{name}{SUFFIX}").write_bytes(packed)
    return f"{name}: {len(packed) / 1024:.0f} KiB"


def _clean(archive: bytes) -> bytes:
    """Files alone, without owners, modes, times and the commit's whole id: they say nothing here."""
    kept = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as given,
        tarfile.open(fileobj=kept, mode="w", format=tarfile.USTAR_FORMAT) as made,
    ):
        for member in given:
            if not member.isfile():
                continue
            plain = tarfile.TarInfo(member.name)
            plain.size = member.size
            made.addfile(plain, given.extractfile(member))
    return kept.getvalue()


def _git(*arguments: str) -> bytes:
    return subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True).stdout


if __name__ == "__main__":
    part, commit = sys.argv[1:]
    print(keep(part, commit))
