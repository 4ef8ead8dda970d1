"""`python -m clients.bundler`: makes the pages if their sources have changed; with `vendor`: compares what is vendored."""

from __future__ import annotations

import sys

from .npm import ToolMissing
from .pages import BOOKING, ROOT, SourceFault
from .vendor import differences


def main(arguments: list[str]) -> int:
    """Exit code 1: something differs, or could not be made."""
    try:
        if arguments == ["vendor"]:
            wrong = list(differences())
            print("\n".join(wrong) or "vendor: every file is the registry's")
            return 1 if wrong else 0
        if BOOKING.build():
            print(f"pages: made in {BOOKING.built.relative_to(ROOT)}")
    except (ToolMissing, SourceFault) as fault:
        print(f"bundler: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
