"""The table of alarm weights that ships is what its script learns from the open half, to the byte, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from imserver.plugins.booking.understanding.alarm_model import Table, read_table
from imserver.plugins.booking.understanding.alarms import KINDS, RedFlags
from tests.understanding import corpus, train_alarms
from tests.understanding.corpus import rows
from tests.understanding.train_alarms import MAX_BYTES, PHRASES, SAID, TABLE, TOLD, learn, samples, written

#: The rules alone: no text reaches a threshold of this table.
RULES = RedFlags(Table(0.0, 1.0, 1.0, {}, {}))


def test_the_shipped_table_is_what_the_script_writes() -> None:
    """If it is not: words or texts were changed, and `python -m tests.understanding.train_alarms` was not run after."""
    assert train_alarms.main(["--check"]) == 0
    assert TABLE.stat().st_size <= MAX_BYTES


def test_it_learns_from_no_sealed_text(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, str]] = []

    def noted(half: corpus.Half, name: str) -> list[dict[str, Any]]:
        read.append((half, name))
        return rows(half, name)[:3]

    monkeypatch.setattr(corpus, "rows", noted)
    samples(RULES)
    assert read == [("open", name) for name in (*TOLD, *SAID)]
    assert "sealed" not in str(PHRASES)


def test_a_table_is_read_as_it_was_written() -> None:
    known = [one for one in samples(RULES) if "眼" in one.text][:120]
    table = learn(known, (0.5, 0.2))
    assert read_table(written(table)) == table
    assert set(table.kinds.values()) <= set(KINDS)


def test_what_speaks_for_an_alarm_weighs_more_than_what_does_not() -> None:
    table = read_table(TABLE.read_text("utf-8"))
    assert (
        table.score("右眼突然看不见了") > table.urgent > table.careful > table.score("想约周六上午十点验光")
    )
    assert table.words("想约周六，右眼突然看不见了") in "右眼突然看不见了"
