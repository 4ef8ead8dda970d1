"""The corpus of texts can be read: every line is an object with an id of its own, and there are no fewer than there were."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest

from .corpus import rows

#: Texts that were there when the file was counted last; more may come.
LEAST = {
    "open/alarms": 2_777,
    "open/dialogues": 102,
    "open/others": 4_095,
    "open/utterances": 746,
    "sealed/alarms": 602,
    "sealed/dialogues": 113,
    "sealed/others": 1_699,
    "sealed/utterances": 721,
}
ACTS = {"begin", "give", "refuse", "correct", "yes", "no", "question", "thanks", "greeting", "later", "alarm"}


def items(name: str) -> list[dict[str, Any]]:
    half, _, file = name.partition("/")
    return rows("open" if half == "open" else "sealed", file)


@pytest.mark.parametrize("name", LEAST)
def test_there_are_no_fewer_than_there_were_and_no_id_stands_twice(name: str) -> None:
    found = items(name)
    assert len(found) >= LEAST[name]
    assert max(Counter(item["id"] for item in found).values()) == 1
    assert all(item.get("text") or item.get("turns") for item in found)


@pytest.mark.parametrize("name", [name for name in LEAST if "alarms" not in name and "others" not in name])
def test_moments_are_times_and_acts_are_known(name: str) -> None:
    for item in items(name):
        dt.datetime.fromisoformat(item["now"])
        assert {act["act"] for act in item.get("acts", ())} <= ACTS, item["id"]


def test_every_kind_of_alarm_has_texts_in_both_halves() -> None:
    for half in ("open", "sealed"):
        found = items(f"{half}/alarms")
        assert len({item["kind"] for item in found}) == 16
        assert sum(bool(item["gravest"]) for item in found) >= 40


def test_hardly_a_long_text_stands_in_both_halves() -> None:
    known = {
        item["text"] for name in LEAST if name.startswith("open") for item in items(name) if "text" in item
    }
    alike = [
        item["id"]
        for name in ("sealed/alarms", "sealed/utterances")
        for item in items(name)
        if item["text"] in known and len(item["text"]) > 12
    ]
    assert len(alike) < 10, alike
