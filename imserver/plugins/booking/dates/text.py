"""Typed text, folded to one way of writing, on a sheet where rules blank out what they have read.

Full-width and half-width, traditional and simplified, upper and lower case, emoji and invisible characters make no
difference to the rules; what is left over is handed back exactly as it was typed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

MAX_CHARS: Final = 500
"""Longer than this after folding is no sentence about an appointment: it is asked about, and no rule runs on it."""

DAY_MARK: Final = "\x00"
"""Stands for each character read as a day. Rules that look at neighbours match it; folding never leaves one."""
TIME_MARK: Final = "\x01"
"""The same for a clock time or a part of the day."""
ASIDE_MARK: Final = "\x02"
"""The same for text that cannot be a time (a phone number, an age); unlike the others it stays in the leftover."""
WORD_MARK: Final = "\x03"
"""The same for words that say what is meant with the time beside them: 左右, 不行, 或者, from."""
MARKS: Final = f"{DAY_MARK}{TIME_MARK}{ASIDE_MARK}{WORD_MARK}"

TRADITIONAL: Final = dict(
    zip(
        "週禮點時後個號兩鐘鍾預約驗鏡幾間過從開關這來飯內請謝歲塊錢員嗎沒別無數當節費於還麼遲調訂變換隔農曆歷誕國慶慮對係題"
        "區視遠試張樓線門醫雙診層鄰願應該會議課學晝陰淨並隨趕聖眾孫儘兒陽許雜頭聽尋轉講說閒飛機車錯給將辦實買賣為紐約倫東餘請",
        "周礼点时后个号两钟钟预约验镜几间过从开关这来饭内请谢岁块钱员吗没别无数当节费于还么迟调订变换隔农历历诞国庆虑对系题"
        "区视远试张楼线门医双诊层邻愿应该会议课学昼阴净并随赶圣众孙尽儿阳许杂头听寻转讲说闲飞机车错给将办实买卖为纽约伦东余请",
        strict=True,
    )
)
"""Only the characters that the rules use and their near company; anything else is left alone."""

LOOKALIKES: Final = {
    **dict.fromkeys("–—―−‐‑‒", "-"),
    **dict.fromkeys("〜～∼˜", "~"),
    **dict.fromkeys("∶ː", ":"),
    **dict.fromkeys("’‘", "'"),
    **dict.fromkeys("❌✖🚫", "不要"),
    "俩": "两",
    "叁": "三",
    "亖": "四",
    "眀": "明",
}
INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
BLANK: Final = frozenset({"Cc", "Co", "Cn", "Cs", "So", "Zs", "Zl", "Zp"})


class Sheet:
    """A text being read: `text` is folded and shrinks to marks, and each character of it knows where it was typed.

    misspelt: where a near miss of a day word was put right, in the order of the text; what is read there is a guess.
    grams: what it can match since other words were put there, if somebody looked (`sieve.grams_on`).
    """

    __slots__ = ("_origin", "grams", "misspelt", "source", "text", "too_long")

    def __init__(self, source: str) -> None:
        self.source = source
        self._origin: list[int] = []
        self.misspelt: list[tuple[int, int]] = []
        self.grams: Any = None
        self.too_long = False
        if _is_plain(source):
            self.text, self._origin = source.lower(), list(range(len(source)))
            return
        each = list(map(_fold, source[:MAX_CHARS]))
        if _is_even(source, each):
            self.text, self._origin = "".join(each), list(range(len(source)))
            return
        folded: list[str] = []
        for index, char in enumerate(source):
            for piece in _fold(char):
                if piece != " " or (folded and folded[-1] != " "):
                    folded.append(piece)
                    self._origin.append(index)
            if len(folded) > MAX_CHARS:
                self.too_long = True
                break
        self.text = "".join(folded)

    def blank(self, start: int, end: int, mark: str) -> None:
        """Replace what stands there by marks, so that its neighbours do not join and offsets stay."""
        self.text = self.text[:start] + mark * (end - start) + self.text[end:]

    def rewrite(self, start: int, end: int, words: str) -> None:
        """Put other words there. Each of their characters was typed where the ones they replace were."""
        self.grams = None
        typed = self._origin[start:end]
        spread = [typed[index * len(typed) // len(words)] for index in range(len(words))]
        self.text = self.text[:start] + words + self.text[end:]
        self._origin[start:end] = [*spread[:-1], typed[-1]]

    def drop(self, at: int) -> None:
        """Take one character out, as if it had not been typed."""
        self.grams = None
        self.text = self.text[:at] + self.text[at + 1 :]
        del self._origin[at]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from `start` up to `end` stand in the source."""
        return self._origin[start], self._origin[end - 1] + 1

    @property
    def starts(self) -> Sequence[int]:
        """Of each character, where it stands in the source; it never goes back."""
        return self._origin

    def leftover(self) -> str:
        """What no rule has read, as typed, tidied of the gaps and of the 的 that tied it to a time."""
        if self.too_long:
            return self.source
        kept: list[str] = []
        last = -1
        for piece, index in zip(self.text, self._origin, strict=True):
            if piece in (DAY_MARK, TIME_MARK, WORD_MARK):
                kept.append(" ")
            elif index != last:
                tie = self.source[index] == "的" and kept[-1:] == [" "]
                kept.append("" if tie else self.source[index])
            last = index
        joined = " ".join("".join(kept).split())
        for mark in ",，.。!！?？、":
            joined = joined.replace(f" {mark}", mark)
        return joined.strip(" ,，.。!！?？、")


def _is_plain(source: str) -> bool:
    """Whether every character stands for itself, but for its case; most English texts are so."""
    bare = source.isascii() and source.isprintable() and len(source) <= MAX_CHARS
    return bare and "  " not in source and not source.startswith(" ")


def _is_even(source: str, each: Sequence[str]) -> bool:
    """Whether each character is folded to one, and all are kept, as in most Chinese texts."""
    text = "".join(each)
    return len(text) == len(source) and "" not in each and "  " not in text and not text.startswith(" ")


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    """One typed character as the rules see it: none, one or several."""
    pieces = []
    for piece in LOOKALIKES.get(char) or unicodedata.normalize("NFKC", char).lower():
        kind = unicodedata.category(piece)
        if kind in INVISIBLE:
            continue
        if kind in BLANK:
            piece = " "
        elif kind == "Nd":
            piece = str(unicodedata.decimal(piece))
        pieces.append(LOOKALIKES.get(piece) or TRADITIONAL.get(piece) or piece)
    return "".join(pieces)
