"""One way of writing before anything is read: traditional characters, emoji that say something, Cantonese day words.

Every rewriting is as long as what it replaces, so a place in the rewritten text is the same place in the text as typed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Final

from imserver.plugins.booking.dates.text import TRADITIONAL

#: Of the dialect and of names, beyond the table.
_BESIDE: Final = {
    "諗": "谂", "鄺": "邝", "鄔": "邬", "欒": "栾", "帳": "账", "嬤": "嬷", "妳": "你", "揾": "搵", "痠": "酸",
    "覆": "复", "閒": "闲", "間": "间",
}  # fmt: skip


def _table() -> dict[str, str]:
    file = resources.files("imserver.plugins.booking") / "words" / "traditional.txt"
    traditional, simplified = file.read_text(encoding="utf-8").split()
    return dict(zip(traditional, simplified, strict=True))


SIMPLIFIED: Final = _table() | TRADITIONAL | _BESIDE
"""Traditional characters, one for one."""

_EMOJI: Final = {
    **dict.fromkeys("👍👌🆗✅✔☑🤝💯", "好"),
    **dict.fromkeys("🙅👎", "不"),
    **dict.fromkeys("❌✖🚫", "别"),
    **dict.fromkeys("👋🙋", "嗨"),
    **dict.fromkeys("❓❔⁉", "?"),
    **dict.fromkeys("→➡➔➜⇒", "改"),
    **dict.fromkeys("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", " "),
}
_TABLE: Final = str.maketrans(SIMPLIFIED | _EMOJI)


_ASKED: Final = re.compile(
    "(?<=[子行以好位能成间约验配做开来班门空号座光镜片框眼钱费贵远近车店货准假息歇业过用戴卡修取查检票证折懂够住停带样啦呀下个次回])不(?=[呀啊哦]?(?:$|[\\s,.!?，。！？]))(?!不)"
)
#: "But" where a clause begins ends whatever was refused before; its 不 refuses nothing.
_HOWEVER: Final = re.compile("(?<=[,，。;；])[ ]?不过(?!去|来|期|了)")


def rewrite(text: str) -> str:
    """The text in one way of writing, character for character: a 不 that asks is 吗 (位子不, 能约不)."""
    plain = text.translate(_TABLE).replace("\n", ",")  # a form is filled in line by line
    if "不" not in plain:
        return plain
    return _HOWEVER.sub(lambda match: match[0].replace("不过", "但是"), _ASKED.sub("吗", plain))


def fold(text: str) -> str:
    """A label, or a word of a chain, in the one form in which two of them are compared."""
    if text.isascii() and text.isprintable():  # nothing of it is written in two ways
        return " ".join(text.split()).casefold()
    pieces = map(_folded, unicodedata.normalize("NFKC", text.translate(_TABLE)))
    return " ".join("".join(pieces).split()).casefold()


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    kind = unicodedata.category(char)
    if kind in ("Cf", "Mn", "Me"):
        return ""
    return " " if kind[0] in "CZ" or kind == "So" else SIMPLIFIED.get(char, char)
