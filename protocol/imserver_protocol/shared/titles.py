"""Titles: what a line of text may hold that others see in lists and logs (SPEC, "create, add, remove, leave")."""

from __future__ import annotations

import re
import unicodedata

#: Controls, formats (all marks of direction are), surrogates, private use, line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
#: The flag of a region (England): a black flag, its letters as tags, the tag that ends them.
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")

#: What names are compared without, beside controls, formats and blanks: by itself it shows nothing (fillers, selectors).
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def is_printable(text: str) -> bool:
    """True for a line of text: no controls, marks of direction, private use or line separators.

    The rule for titles (SPEC, "create, add, remove, leave").
    Not `str.isprintable`: joiners are needed by emoji and by some scripts, tags by some flags, and it refuses the wide space
    and every emoji that is younger than our Python.
    """
    plain = _TAGGED_FLAG.sub("", text)
    return not any(
        unicodedata.category(character) in _UNPRINTABLE and character not in _JOINERS for character in plain
    )


def folded_name(text: str) -> str:
    """What two names are compared by: in compatibility form (NFKC), without case, blanks and what cannot be seen.

    Letters of another script that look the same are others: names may be anything.
    """
    for _ in range(
        4
    ):  # what is left out may bring together what is composed, and folding may make more of it
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        seen = "".join(
            one for one in folded if unicodedata.category(one)[0] not in "CZ" and not _UNSEEN.match(one)
        )
        if seen == text:
            break
        text = seen
    return text
