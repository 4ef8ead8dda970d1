"""The state diagrams of SPEC.md are those of the tables: drawn again and compared, and read back arrow by arrow."""

from __future__ import annotations

import re

import pytest

from imserver_protocol import CONNECTION_TRANSITIONS, SESSION_TRANSITIONS

from .state_diagrams import BEGIN, END, SPEC, block, with_block

TEXT = SPEC.read_text(encoding="utf-8")


def test_the_spec_shows_the_tables_as_they_are() -> None:
    assert with_block(TEXT) == TEXT, "draw them again: python -m tests.protocol.state_diagrams --write"


def test_the_drawings_say_every_row_and_nothing_else() -> None:
    told = TEXT.partition(BEGIN)[2].partition(END)[0]
    read = [
        {
            (source, given): target
            for source, target, inputs in re.findall(r"^    (\w+) --> (\w+): (.+)$", drawing, re.MULTILINE)
            for given in inputs.split(", ")
        }
        for drawing in re.findall(r"```mermaid\n(.*?)```", told, re.DOTALL)
    ]
    tables = [
        {(source.name, given.name): target.name for (source, given), target in table.items()}
        for table in (CONNECTION_TRANSITIONS, SESSION_TRANSITIONS)
    ]
    assert read == tables


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}{BEGIN}", f"{block()}\n{block()}"])
def test_a_place_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="marks"):
        with_block(text)
