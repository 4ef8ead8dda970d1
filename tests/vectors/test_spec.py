"""SPEC.md keeps its promises: its examples are vectors, what the code cites exists, and its tables are complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from imserver.config import LimitsConfig
from imserver_protocol.errors import REACTIONS, CloseCode, Reaction, RefusalCode
from imserver_protocol.limits import MAX_FRAME_BYTES_CEILING, Limits
from imserver_protocol.methods import METHODS
from imserver_protocol.wire.frames import FrameType

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "protocol" / "SPEC.md").read_text(encoding="utf-8")
FRAMES = json.loads((ROOT / "protocol" / "vectors" / "frames.json").read_text(encoding="utf-8"))["frames"]
HEADINGS = {heading.strip("` ") for heading in re.findall(r"^##+ (?:[\d.]+ )?(.+)$", SPEC, re.MULTILINE)}
REACTION_WORDS = {
    "come back": Reaction.COME_BACK,
    "stop": Reaction.STOP,
    "fresh": Reaction.FRESH,
    "new token": Reaction.NEW_TOKEN,
    "later": Reaction.LATER,
}


def test_every_example_of_bytes_is_a_vector_and_is_explained() -> None:
    vectors = {bytes.fromhex(row["hex"]): row["name"] for row in FRAMES if row["name"].startswith("spec ")}
    shown = set()
    for block in re.findall(r"^```hex\n(.*?)^```", SPEC, re.MULTILINE | re.DOTALL):
        data = bytes.fromhex(block)
        while data:
            length = 4 + int.from_bytes(data[:4], "big")
            assert data[:length] in vectors, data[:length].hex(" ")
            shown.add(vectors[data[:length]])
            data = data[length:]
    assert set(vectors.values()) - shown == {"spec WELCOME"}  # too long for a page


def test_what_the_code_cites_exists() -> None:
    cited = {}
    for folder in ("imserver", "protocol", "clients", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r'SPEC, "(\w[^"]*)"', path.read_text(encoding="utf-8")):
                cited[name] = path.name
    assert cited
    assert {name: where for name, where in cited.items() if name not in HEADINGS} == {}


@pytest.mark.parametrize("name", [method.name for method in METHODS])
def test_every_method_has_its_line(name: str) -> None:
    assert re.search(rf"^\| \[?`{name}`", SPEC, re.MULTILINE)


def test_codes_and_reactions_are_those_of_the_code() -> None:
    said: dict[int, str] = {}
    reactions: dict[int, Reaction] = {}
    reaction = Reaction.COME_BACK
    for code, name, text in re.findall(r"^\| (\d{3}) \| ([A-Z_]+) \|(.*)\|$", SPEC, re.MULTILINE):
        said[int(code)] = name
        if int(code) < 600:
            word = re.match(r" \*\*([a-z ]+)\*\*", text)
            reaction = REACTION_WORDS[word[1]] if word else reaction
            reactions[int(code)] = reaction
    assert said == {int(code): code.name for code in [*CloseCode, *RefusalCode] if code != CloseCode.LOST}
    assert reactions == {int(code): of for code, of in REACTIONS.items() if code != CloseCode.LOST}


def numbers(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", text)]


def test_frames_and_limits_are_those_of_the_code() -> None:
    frames = {
        int(number): name for number, name in re.findall(r"^\| (\d+) \| ([A-Z]+) \|", SPEC, re.MULTILINE)
    }
    assert {number: name for number, name in frames.items() if number < 100} == {
        int(of): of.name for of in FrameType
    }
    limits = Limits()
    told: dict[str, int] = {}
    bounds: dict[str, tuple[int, int]] = {}
    row = r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \| ([\d, ]+) \| ([^|]+) \|$"
    for keys, values, ranges in re.findall(row, SPEC, re.MULTILINE):
        names = re.findall(r"`(\w+)`", keys)
        told |= dict(zip(names, numbers(values), strict=True))
        said = numbers(ranges.replace("`max_frame_bytes`", f"{MAX_FRAME_BYTES_CEILING:,}"))
        bounds |= dict(zip(names, zip(said[::2], said[1::2], strict=True), strict=True))
    assert told == limits.to_wire()
    for name, (least, most) in bounds.items():
        for value, good in ((least - 1, False), (least, True), (most, True), (most + 1, False)):
            # A larger frame for the largest content, and a smaller content for the smallest frame.
            partner = {"max_content_bytes": "max_frame_bytes", "max_frame_bytes": "max_content_bytes"}.get(
                name
            )
            wire = {name: value} | (
                {partner: bounds[partner][name == "max_content_bytes"]} if partner else {}
            )
            if good:
                assert getattr(limits.from_wire(wire), name) == value
            else:
                with pytest.raises(ValueError, match=name):
                    limits.from_wire(wire)
    assert LimitsConfig().detached_s == 120
