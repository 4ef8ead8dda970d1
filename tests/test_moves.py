"""The table of moves: what it says stands in the tree, and patches of the old tree still mean the same in the new one."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests import moves

ROOT = Path(__file__).resolve().parent.parent
#: Every so many of the planted mutants of the old tree are translated here, from this one on; they are of all folders. What is
#: left out of them takes no other's place, or code that is written anew would change which ones are tried.
FIRST, EVERY = 2, 9
#: Sabotages of code that was written anew after the moves: their patches were moved by hand.
BY_HAND = {"fresh-session-without-sync.patch"}


@cache
def old_mutants() -> dict[str, str]:
    """The table of mutants as it stood before the moves; empty without the history."""
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", moves.BASE, "tests/mutants/table/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {Path(name).name: name for name in listed.stdout.split()}


def test_every_new_place_of_the_table_is_a_file_of_the_tree() -> None:
    table = moves.read_table()
    by_hand = {
        # The listener became three files, and the customers went to what proofs know of booking.
        "imserver/store/engine/sync_tokens.py": "imserver/store/engine/places.py",
        "imserver/proof/torture/customer.py": "imserver/proof/booking/customer.py",
        # What listens for TLS listens for PROXY headers, too.
        "imserver/net/tls_listener.py": "imserver/net/socket_listener.py",
        "tests/net/test_tls_listener.py": "tests/net/test_socket_listener.py",
    }
    missing = [new for new in table.files.values() if not (ROOT / by_hand.get(new, new)).exists()]
    assert missing == []
    assert [old for old in table.files if old != table.path(old) and (ROOT / old).exists()] == []


def test_no_old_dotted_name_is_left() -> None:
    """In sources, tests and documents alike; decisions and the log of changes quote the past."""
    pattern, _ = moves._dotted_pattern()
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    names = (
        listed.split("\0") if listed else [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")]
    )
    found = [
        f"{name}: {hit[0]}"
        for name in names
        if moves.is_ours(name) and name != "tests/test_moves.py" and (ROOT / name).is_file()
        for hit in pattern.finditer((ROOT / name).read_text(encoding="utf-8"))
        if not _is_new_again(hit[0])
    ]
    assert found == []


def _is_new_again(name: str) -> bool:
    """Packages that took the name of a module that had stood there (`imserver.cli.chat`)."""
    path = name.replace(".", "/")
    return any((ROOT / shelf / path).is_dir() for shelf in ("", *moves.SHELVES))


def test_names_are_renamed_in_code_and_in_the_fields_of_f_strings_alone() -> None:
    source = 'talk = 1  # talk\nx = f"talk {talk.words(f\'{talk}\')} {{talk}}"\ny = "talk"\nshop(store=store, talk=talk)\n'
    assert moves.rename(source, {"talk": "context", "store": "shop"}) == (
        'context = 1  # talk\nx = f"talk {context.words(f\'{context}\')} {{talk}}"\ny = "talk"\n'
        "shop(store=shop, context=context)\n"
    )


def test_an_import_says_where_things_are_now() -> None:
    old = "from imserver.net import turns\nfrom imserver.net.turns import Turns\n\nturns.Turns = Turns\n"
    assert moves.rewrite("imserver/net/listener.py", old) == (
        "from imserver.net.scheduling import read_scheduler\n"
        "from imserver.net.scheduling.read_scheduler import ReadScheduler\n\n"
        "read_scheduler.ReadScheduler = ReadScheduler\n"
    )


def test_a_change_is_found_again_where_its_lines_have_gone() -> None:
    before = "class A:\n    def f(self):\n        a = 1\n        return a  # so far\n\n    def g(self):\n        return 2\n"
    after = before.replace("        return a  # so far\n", "        return 3\n")
    today = {"imserver/one.py": "class B:\n    pass\n"}
    there = "def f():\n    a = 1\n    return a  # until here\n\n\ndef g():\n    return 2\n"

    def read(path: str) -> str | None:
        return there if path == "imserver/clock.py" else today.get(path)

    assert moves.relocated("imserver/one.py", before, after, read) == {
        "imserver/clock.py": there.replace("    return a  # until here\n", "    return 3\n")
    }
    with pytest.raises(ValueError, match="nothing like line 4"):
        moves.relocated("imserver/one.py", before, after, today.get)


@pytest.mark.skipif(not old_mutants(), reason="the history before the moves is not here")
@pytest.mark.parametrize(
    "name", [name for name in sorted(old_mutants())[FIRST::EVERY] if name not in BY_HAND]
)
def test_a_sabotage_of_the_old_tree_is_the_same_sabotage_of_the_new_one(name: str) -> None:
    """The translated patch changes the lines that the moved mutant of that name changes."""
    patch = moves._of_base(old_mutants()[name])
    translated = moves.translate(patch, moves._of_base, moves._of_today)
    today = (ROOT / "tests" / "mutants" / "table" / name).read_text(encoding="utf-8")
    assert changed(translated) == changed(today)


def changed(patch: str) -> tuple[list[str], list[str]]:
    """The files of a patch, and the code that it takes out and puts in."""
    lines = patch.splitlines()
    return moves.touched(patch), [
        f"{line[0]} {moves._code(line[1:])}"
        for line in lines
        if line[:1] in ("+", "-") and not line.startswith(("+++", "---"))
    ]
