"""The table of rules says what protocol/SPEC.md says, leaves no "must" out, and every scenario has its rule."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from imserver.conformance.driver import PARTS
from imserver.conformance.rules import EVERY, RULES, Rule
from imserver.conformance.scenarios import SCENARIOS

SPEC = (Path(__file__).resolve().parents[2] / "protocol" / "SPEC.md").read_text("utf-8")
NAMES = [one.name for one in SCENARIOS]
#: Sentences that say what the word means.
ABOUT_THE_WORD = "**must** and **may** are meant literally"


def plain(text: str) -> str:
    return " ".join(text.split())


def sections() -> dict[str, str]:
    """The text of each section by its number; that of a chapter with its sections."""
    parts = re.split(r"^##+ (\d+(?:\.\d+)?)[. ].*$", SPEC, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], map(plain, parts[2::2]), strict=True))
    for number in [one for one in found if "." in one]:
        found[number.partition(".")[0]] += " " + found[number]
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.section}: {rule.says[:40]}")
def test_a_rule_stands_in_its_section(rule: Rule) -> None:
    assert plain(rule.says) in sections()[rule.section]
    assert bool(rule.by) is not bool(rule.why)
    for pattern in rule.by:
        assert pattern == EVERY or any(fnmatch(name, pattern) for name in NAMES), (
            f"no scenario is called {pattern}"
        )


def test_every_must_of_the_specification_has_its_rule() -> None:
    text = plain(SPEC)
    told = [ABOUT_THE_WORD, *(plain(rule.says) for rule in RULES)]
    covered = [
        (at, at + len(says))
        for says in told
        for at in (found.start() for found in re.finditer(re.escape(says), text))
    ]
    missing = [
        text[max(0, must.start() - 60) : must.end() + 60]
        for must in re.finditer(r"\bmust\b", text)
        if not any(begin <= must.start() < end for begin, end in covered)
    ]
    assert missing == []


def test_every_scenario_has_its_rule() -> None:
    patterns = [pattern for rule in RULES for pattern in rule.by]
    assert [name for name in NAMES if not any(fnmatch(name, pattern) for pattern in patterns)] == []


def test_scenarios_are_told_apart_and_name_sections_that_there_are() -> None:
    assert len(set(NAMES)) == len(NAMES)
    numbers = sections().keys()
    for one in SCENARIOS:
        assert one.about.endswith("."), one.name
        assert set(one.sections) <= numbers, one.name
        assert one.needs <= set(PARTS), one.name
