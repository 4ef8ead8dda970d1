"""User ids: which a new account may have, so that no two people see the same id and mean two accounts.

Ids that exist stay as they are. A new one is as UTS 39 calls *highly restrictive*: the letters of one script, or Latin beside
those of Chinese, Japanese or Korean.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import regex  # type: ignore[import-untyped]

#: Scripts in use today (UAX 31, table 5). Han, kana, Hangul and Bopomofo are in the sets below.
_SCRIPTS: Final = (
    *("Latn", "Cyrl", "Grek", "Armn", "Hebr", "Arab", "Thaa", "Ethi", "Geor"),
    *("Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh"),
    *("Thai", "Laoo", "Tibt", "Mymr", "Khmr"),
)
#: Scripts that are written together, and beside Latin: Japanese, Chinese, Korean.
_WITH_LATIN: Final = (("Hani", "Hira", "Kana"), ("Hani", "Bopo"), ("Hani", "Hang"))
#: Belong to no script of their own: they may stand in any.
_ANYWHERE: Final = ("Zyyy", "Zinh")


def _of(*scripts: str) -> str:
    return "[" + "".join(rf"\p{{scx={script}}}" for script in (*scripts, *_ANYWHERE)) + "]*"


_ONE_SCRIPT: Final = regex.compile(
    "|".join([*map(_of, _SCRIPTS), *(_of("Latn", *scripts) for scripts in _WITH_LATIN)])
)
#: Visible ASCII, single blanks between; elsewhere letters, their marks, and digits, as far as one sees them.
_CHARACTERS: Final = regex.compile(r"(?:[!-~]| (?! )|(?![\x00-\x7f]|\p{DI})[\p{L}\p{M}\p{Nd}])+")
#: A mark that stands on itself, where it looks like one; and marks around or across a letter (UTS 39, 5.4).
_MARKED_AGAIN: Final = regex.compile(r"(\p{M})\1|\p{Me}|[\u0334-\u0338]")


def canonical_user_id(user_id: str) -> str:
    """The id that is meant: composed (NFC), without blanks around it. A lone surrogate stays where it is."""
    return unicodedata.normalize("NFC", user_id).strip()


def user_id_fault(user_id: str) -> str:
    """Why no new account may have this id; "" if one may. Its length is judged elsewhere."""
    if user_id != canonical_user_id(user_id):
        return "not composed (NFC), or with a blank at its end"
    if unicodedata.normalize("NFKC", user_id) != user_id:
        return "it has letters that look like other letters (not NFKC)"
    if _CHARACTERS.fullmatch(user_id) is None or any(unicodedata.category(one) == "Cn" for one in user_id):
        return "letters, digits and visible ASCII only"  # Cn: newer than the tables that compose, so not known to be composed
    if unicodedata.category(user_id[0]).startswith("M"):
        return "it begins with a mark"
    if _MARKED_AGAIN.search(user_id) is not None:
        return "a mark that stands twice, around a letter or across it"
    if _ONE_SCRIPT.fullmatch(user_id) is None:
        return "letters of one script, or Latin with Chinese, Japanese or Korean"
    if len({ord(one) - unicodedata.decimal(one) for one in user_id if one.isdecimal()}) > 1:
        return "digits of one kind"
    return ""
