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
#: Base letters of those scripts that no language writes today, or only phonetics, liturgy and old books (`ɑ` beside `a`): those
#: that UTS 39 calls restricted (`Identifier_Status` of Unicode 17, by ICU 78). Han, Hangul and Bopomofo are not judged: rare
#: characters are in the names of people. Ranges also cover letters that are composed or compatible: they are judged elsewhere.
_RESTRICTED_RANGES: Final = """
    138 180 182-185 187-188 18B-18D 193 195 19A-19C 19E-1B1 1B5-1B6 1B8-1C3 1E4-243 245-24B 24E-252 255 258 25A
    25C-262 264-267 26A-271 273-288 28A 28C-291 293-2BA 2BD-2D1 2EC-37F 3CF-3FF 460-48F 49C-49D 4A6-4A7 4B8-4B9
    4C3-4CE 4F6-523 526-52F 558-560 588-58C 5EF-5F2 63B-63C 63E-640 66E-671 673 690 69B-69E 6A1 6A3 6AC 6B2 6B4
    6B8-6B9 6BF 6E5-6E6 6FA-6FC 750 753-755 757-75F 761 764-765 769 76B-76D 772-77F 870-88E 8A1 8AA-8BA 8C3-8C6
    8C8-904 90C 93D-971 978-97A 97D 980 98C 9BD 9E0-9E1 9FC A72-A74 ABD-AF9 B0C B35 B3D B60-B61 BD0 C0C C31 C34
    C3D-C80 C8C CB1 CBD-D04 D0C D29 D3A-D61 D8E-D90 D9E E86 E89 E8C E8E-E93 E98 EA0 EA8-EA9 EAC EAF EDE-F00
    F6A-F8C 1050-1055 1065-1070 108E-10C5 10F1-10FF 1207 1287 12AF 12F8-12FF 130F 131F 1347 135A-138F 179D-179E
    17A3-17A4 17A8-17A9 17D7-1C8A 1CE9-1E9D 1E9F-2E2F 3031-3035 303C 31F0-31FF A640-A78C A78E-A7A9 A7AB-A8FE
    A9E0-AB6D FE73 10780-11DF1 1AFF0-1E06D
"""
_RESTRICTED: Final = regex.compile(
    r"(?V1)[\p{L}&&["
    + "".join("-".join(chr(int(end, 16)) for end in each.split("-")) for each in _RESTRICTED_RANGES.split())
    + "]]"
)
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
    if _RESTRICTED.search(unicodedata.normalize("NFD", user_id)) is not None:
        return "a letter that no language writes today"
    if _ONE_SCRIPT.fullmatch(user_id) is None:
        return "letters of one script, or Latin with Chinese, Japanese or Korean"
    if len({ord(one) - unicodedata.decimal(one) for one in user_id if one.isdecimal()}) > 1:
        return "digits of one kind"
    return ""
