"""Every number of the configuration has bounds, and what is outside is said in words."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import msgspec

from imserver.config import Config, faults, load_config, read_config
from imserver.config.bounds import BOUNDS
from imserver.config.environment import sections
from imserver_protocol.limits import _WIRE_BOUNDS, Limits

NUMBERS = [
    (section, field.name, field.type)
    for section, kind in sections().items()
    for field in msgspec.structs.fields(kind)
    if field.type in (int, float)
]
HUGE: list[Any] = [2**64, 10**5000, -1, -(2**64)]
ODD = [math.nan, math.inf, -math.inf, -0.0, -0.5]


def with_value(section: str, name: str, value: Any) -> Config:
    made = msgspec.structs.replace(sections()[section](), **{name: value})
    return msgspec.structs.replace(Config(), **{section: made})


def of(config: Config, section: str, name: str) -> list[str]:
    return [str(fault) for fault in faults(config) if fault.path == f"$.{section}.{name}"]


def test_a_number_outside_of_its_bounds_is_refused_in_words() -> None:
    for section, name, kind in NUMBERS:
        low, high = BOUNDS[section][name]
        for value in (*HUGE, *(ODD if kind is float else [])):
            [told] = of(with_value(section, name, value), section, name)
            assert re.search(r": [0-9.]+-\d+, not \S", told), told
            assert len(told) < 120
        default = getattr(sections()[section](), name)
        assert low <= default <= high
        assert of(with_value(section, name, default), section, name) == []


def test_a_number_of_thousands_of_digits_is_one_line(tmp_path: Path) -> None:
    for number in ("1" * 5000, "0x" + "f" * 5000):
        (tmp_path / "im.toml").write_text(f"[limits]\nposts_burst = {number}\n")
        [fault] = read_config(tmp_path / "im.toml", {}).faults
        assert "digits" in str(fault)
        assert len(str(fault)) < 200


def test_the_table_names_no_other_fields() -> None:
    assert {(section, name) for section, fields in BOUNDS.items() for name in fields} == {
        (section, name) for section, name, _ in NUMBERS
    }
    assert load_config(None, {}) == Config()


def test_what_sessions_are_told_every_client_takes() -> None:
    Limits(max_requests=int(BOUNDS["limits"]["max_requests"][1]))
    for name, (low, high) in BOUNDS["limits"].items():
        for value in (low, high) if name in _WIRE_BOUNDS else ():
            Limits().from_wire({"max_frame_bytes": 2**20, name: int(value)})
