"""A mutant as a file: a header with the broken behaviour and the tests that notice, and a unified diff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

TABLE = Path(__file__).parent / "table"

_TOUCHED = re.compile(r"^\+\+\+ (?:b/)?([^\t\n]+)", re.MULTILINE)

#: Tests to run first for a patch without a header: path of the source, and test folders. The first match counts.
AREAS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("protocol/", ("tests/protocol", "tests/vectors")),
    ("imserver/store/", ("tests/store",)),
    ("imserver/chat/text_commands", ("tests/plugins",)),
    ("imserver/chat/", ("tests/chat", "tests/store", "tests/limits", "tests/embedding", "tests/plays")),
    ("imserver/net/", ("tests/net", "tests/limits", "tests/plays")),
    ("imserver/plugin_host/", ("tests/plugins",)),
    ("imserver/plugin_api", ("tests/plugins",)),
    ("imserver/plugins/booking/", ("tests/booking", "tests/plays")),
    ("imserver/plugins/", ("tests/plugins",)),
    ("imserver/config/", ("tests/config", "tests/embedding", "tests/cli")),
    ("imserver/cli/", ("tests/cli",)),
    ("imserver/conformance/", ("tests/conformance",)),
    ("imserver/check/", ("tests/cli", "tests/store")),
    ("imserver/proof/simulation/", ("tests/simulation",)),
    ("imserver/proof/", ("tests/proof", "tests/simulation")),
    ("imserver/", ("tests/store", "tests/limits", "tests/embedding", "tests/plugins", "tests/cli")),
    ("clients/python/", ("tests/client", "tests/plays")),
    ("benchmarks/", ("tests/benchmarks",)),
    ("docs/", ("tests/docs",)),
    ("tests/fuzz/", ("tests/fuzz",)),
    ("tests/hostile/", ("tests/hostile",)),
    ("tests/storage_faults/", ("tests/storage_faults",)),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`tests` are node ids; without any, the tests of the touched files' areas run."""

    name: str
    path: Path
    diff: str
    touched: tuple[str, ...]
    breaks: str = ""
    what: str = ""
    tests: tuple[str, ...] = ()
    #: A time-out of its test counts as noticing.
    may_hang: bool = False

    def areas(self, root: Path) -> list[str]:
        """Test folders for the touched files, as far as the tree has them."""
        found = (
            next((areas for start, areas in AREAS if file.startswith(start)), ()) for file in self.touched
        )
        return [area for area in dict.fromkeys(sum(found, ())) if (root / area).exists()]


def read_mutant(path: Path) -> Mutant:
    """Read a mutant from a file. A bare diff is one, too: then only its name is known."""
    mail = Parser().parsestr(path.read_text(encoding="utf-8"))
    diff = str(mail.get_payload())
    return Mutant(
        name=path.stem,
        path=path,
        diff=diff,
        touched=tuple(file for file in _TOUCHED.findall(diff) if file != "/dev/null"),
        breaks=mail.get("Breaks", ""),
        what=" ".join(mail.get("What", "").split()),
        tests=tuple(mail.get_all("Caught-by", ())),
        may_hang=mail.get("Hangs", "") == "yes",
    )


def read_table(folder: Path = TABLE) -> list[Mutant]:
    """All patch files of a folder, by name."""
    return [read_mutant(path) for path in sorted(folder.iterdir()) if path.suffix in {".patch", ".diff"}]
