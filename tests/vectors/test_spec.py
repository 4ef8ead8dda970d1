"""SPEC.md keeps its promises: its examples are vectors, what the code cites exists, and its tables are complete."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as shapes
import pytest

from imserver.config import LimitsConfig
from imserver.feature_api import Repetition, Write
from imserver.features import FEATURES
from imserver.net.dispatch import ROWS
from imserver.store.sqlite.transaction import OUTCOMES_KEPT_MS
from imserver_protocol.errors import REACTIONS, CloseCode, Reaction, RefusalCode
from imserver_protocol.limits import MAX_FRAME_BYTES_CEILING, Limits
from imserver_protocol.methods.abandon import ABANDON
from imserver_protocol.methods.check import CHECK, CheckAnswer, Known
from imserver_protocol.methods.conversations import ConversationRow
from imserver_protocol.methods.history import PageItem
from imserver_protocol.methods.lagging import LAGGING
from imserver_protocol.methods.sync import SyncRow
from imserver_protocol.methods.users import USERS
from imserver_protocol.shared.bounds import MAX_CHECKED, MAX_USERS_ASKED
from imserver_protocol.wire.frames import FrameType
from tests.support.methods import METHODS, PUSHES, SIGNALS

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
#: How much of their list two methods take.
MOST = {USERS.name: MAX_USERS_ASKED, CHECK.name: MAX_CHECKED}


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


def anchor(heading: str) -> str:
    """The link target that GitHub makes of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def test_what_the_spec_points_at_exists() -> None:
    anchors = [anchor(heading) for heading in re.findall(r"^#+ (.+)$", SPEC, re.MULTILINE)]
    numbers = re.findall(r"^##+ ([\d.]+?)\.? ", SPEC, re.MULTILINE)
    assert len(set(numbers)) == len(numbers) > 30
    assert set(re.findall(r"\]\(#([^)]+)\)", SPEC)) - set(anchors) == set()
    for number, target in re.findall(r"\[[^\]]*?([\d.]+) [^\]]+\]\(#(\d+)-", SPEC):
        assert number.replace(".", "") == target
    cited = re.findall(r"\b[sS]ections? ([\d.]*\d)|\((\d+\.\d+)\)", SPEC)
    assert {one or other for one, other in cited} - set(numbers) == set()
    shown = set(re.findall(r"[tT]ranscript\s`(\w+)`", SPEC))
    assert shown
    assert shown - {path.stem for path in (ROOT / "protocol" / "vectors" / "transcripts").iterdir()} == set()


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table rows between this heading and the next that begin with a name."""
    section = re.split(rf"^## [\d.]+ {heading}$", SPEC, flags=re.MULTILINE)[1].split("\n##")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if re.match(r"\| \[?`", line)]
    return [[re.sub(r"^ \[?`(\w+)`.*$", r"\1", name), *map(str.strip, cells)] for name, *cells in rows]


def section(number: str) -> str:
    """The text under a heading with this number, up to the next heading."""
    return re.split(rf"^##+ {re.escape(number)} .+$", SPEC, flags=re.MULTILINE)[1].split("\n##")[0]


def named(text: str) -> list[tuple[list[str], list[str]]]:
    """Of each row of a table in it, the names in the first and in the last cell."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`([\w-]+)`", row[0]), re.findall(r"`([\w-]+)`", row[-1])) for row in rows]


def test_optional_parts_are_those_of_a_server() -> None:
    """By their names, with every method and signal that they bring."""
    said = {name: set(brings) for (name,), brings in named(section("18.12"))}
    assert list(said) == sorted(said)
    assert said.keys() == {feature.name for feature in FEATURES}
    for feature in FEATURES:
        methods = {row.method.name for row in feature.methods}
        others = {heard.signal.kind for heard in feature.signals} | {
            told.push.kind for told in feature.pushes
        }
        assert methods | others | {*feature.content_types} <= said[feature.name], feature.name


def test_every_push_is_told_again_by_a_read() -> None:
    """Of the kernel here; the door refuses a feature's that names none."""
    said = {kind: reads for kinds, reads in named(section("19.1")) for kind in kinds}
    of_parts = {told.push.kind for feature in FEATURES for told in feature.pushes}
    assert said.keys() == {push.kind for push in PUSHES} - {LAGGING.kind} - of_parts
    assert {read for reads in said.values() for read in reads} <= {
        row.method.name for row in ROWS if row.pages
    }


def test_a_method_with_a_key_says_how_it_is_known_again() -> None:
    kinds = {line.split("**")[1]: line for line in section("9.7").splitlines() if line.startswith("| **")}
    parts = {
        row.method.name: row for feature in FEATURES for row in feature.methods if isinstance(row, Write)
    }
    keyed = {method.name for method in METHODS if "key" in method.params.__struct_fields__} - {ABANDON.name}
    outcomes = {name for name, row in parts.items() if row.repetition is Repetition.OUTCOME}
    assert {*re.findall(r"`(\w+)`", kinds["message"].split(" | ")[-1])} == keyed - outcomes
    assert "7 days" in kinds["outcome"]
    assert OUTCOMES_KEPT_MS >= 7 * 86_400_000


def word(kind: shapes.Type) -> str:
    """A type as the SPEC writes it; nothing for a row, which the SPEC describes elsewhere."""
    match kind:
        case shapes.StrType() | shapes.EnumType():
            return " str"
        case shapes.IntType():
            return " int"
        case shapes.BytesType():
            return " bin"
        case shapes.BoolType():
            return " bool"
        case shapes.DictType():
            return " map"
        case shapes.UnionType():
            (one,) = [one for one in kind.types if not isinstance(one, shapes.NoneType)]
            return f"{word(one)}?"
        case shapes.ListType():
            return f" [{word(kind.item_type).strip()}…]"
    assert isinstance(kind, shapes.StructType | shapes.VarTupleType), kind
    return ""


def parameters(shape: Any, *, typed_key: bool = False) -> str:
    """Fields as a cell of a table has them."""
    said = []
    for field in shapes.type_info(shape).fields:  # type: ignore[attr-defined]
        name, default = f"`{field.name}`", field.default
        text = name if field.name == "key" and not typed_key else name + word(field.type)
        if default is not msgspec.NODEFAULT and default is not None:
            text += f" = {json.dumps(default)}"
        said.append(text)
    return ", ".join(said) or "none"


def array(kind: shapes.Type, *, deep: bool = False) -> str:
    """An array as the SPEC writes it. `deep`: rows in it are written out. A field with a default may be left out."""
    if isinstance(kind, shapes.VarTupleType):
        return f"[{array(kind.item_type)}…]"
    assert isinstance(kind, shapes.StructType)
    said = []
    for field in kind.fields:
        inner = isinstance(field.type, shapes.VarTupleType) and deep
        text = f"{field.name} {array(field.type)}" if inner else field.name + word(field.type)
        said.append(text.removesuffix("?") + " = nil" if field.default is None else text)
    return f"[{', '.join(said)}]"


def test_methods_are_those_of_the_code_field_by_field() -> None:
    said = {name: (params, result.strip("`")) for name, params, result, _ in rows_of("Methods")}
    assert said == {
        method.name: (
            parameters(method.params) + (f", at most {MOST[method.name]}" if method.name in MOST else ""),
            array(shapes.type_info(method.result)),
        )
        for method in METHODS
    }


def test_pushes_and_signals_are_those_of_the_code_field_by_field() -> None:
    assert sorted(rows_of("Pushes and signals")) == sorted(
        [
            *([push.kind, parameters(push.fields, typed_key=True)] for push in PUSHES),
            *(
                [signal.kind, direction, parameters(shape)]
                for signal in SIGNALS
                for direction, shape in (("client → server", signal.said), ("server → client", signal.told))
            ),
        ]
    )


@pytest.mark.parametrize("row", [PageItem, SyncRow, ConversationRow, Known, CheckAnswer])
def test_items_and_rows_are_those_of_the_code_field_by_field(row: Any) -> None:
    said = re.findall(r"`(\[[^`]+\])`", " ".join(SPEC.split()))
    assert array(shapes.type_info(row), deep=True) in said


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
