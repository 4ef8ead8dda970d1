"""The lists of words and patterns that are shipped: `words/NAME.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final


@cache
def load_words(name: str) -> Mapping[str, Any]:
    """A shipped list of words, read once; not to be changed. A long pattern goes over several lines there: a line break and the
    blanks that begin a line are none of it."""
    file = resources.files("imserver.plugins.booking") / "words" / f"{name}.toml"
    return {
        key: _in_one_line(value) for key, value in tomllib.loads(file.read_text(encoding="utf-8")).items()
    }


#: Lines of a pattern are indented; those of a plain list of words are not, and their ends stay between the words.
_BREAK: Final = re.compile("(?:^|\n) +|\n$")


def _in_one_line(value: Any) -> Any:
    if isinstance(value, str):
        return _BREAK.sub("", value) if "\n" in value else value
    if isinstance(value, list):
        return [_in_one_line(one) for one in value]
    if isinstance(value, dict):
        return {key: _in_one_line(one) for key, one in value.items()}
    return value
