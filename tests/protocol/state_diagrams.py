"""Draws the two transition tables of `session/states.py` into SPEC.md, between marks.

python -m tests.protocol.state_diagrams           print the drawings
python -m tests.protocol.state_diagrams --write   put them into protocol/SPEC.md
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from imserver_protocol import CONNECTION_TRANSITIONS, SESSION_TRANSITIONS, ConnectionState, SessionState

SPEC = Path(__file__).resolve().parents[2] / "protocol" / "SPEC.md"
BEGIN = "<!-- drawn by tests/protocol/state_diagrams.py: begin -->"
END = "<!-- drawn by tests/protocol/state_diagrams.py: end -->"
State = TypeVar("State", bound=IntEnum)
Input = TypeVar("Input", bound=IntEnum)


def drawn(transitions: Mapping[tuple[State, Input], State], first: State, last: State) -> str:
    """A table as a Mermaid diagram: one arrow for each pair of states, with all inputs that lead from one to the other."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (source, given), target in transitions.items():
        arrows.setdefault((source.name, target.name), []).append(given.name)
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {first.name}",
        *(f"    {source} --> {target}: {', '.join(given)}" for (source, target), given in arrows.items()),
        f"    {last.name} --> [*]",
        "```",
    ]
    return "\n".join(lines)


def block() -> str:
    """What stands between the marks, with them."""
    connection = drawn(CONNECTION_TRANSITIONS, ConnectionState.AWAITING_HELLO, ConnectionState.CLOSED)
    session = drawn(SESSION_TRANSITIONS, SessionState.DETACHED, SessionState.ENDED)
    return f"{BEGIN}\nA connection:\n\n{connection}\n\nA session:\n\n{session}\n{END}"


def with_block(text: str) -> str:
    """The text with the drawings of today. Raises ValueError unless it has one place for them."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError("SPEC.md must have the two marks, once each")
    before, _, rest = text.partition(BEGIN)
    return before + block() + rest.partition(END)[2]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the protocol's states.")
    parser.add_argument("--write", action="store_true", help="into protocol/SPEC.md")
    if parser.parse_args().write:
        SPEC.write_text(with_block(SPEC.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(block())
