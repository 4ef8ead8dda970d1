"""Labels of buttons, typed: what the button does.

A dialogue remembers the labels that it showed (`Dialogue.labels`). The buttons of cards that stand for themselves (an
appointment, the welcome, the help) are the catalogue's: their labels mean the command without the code, and which appointment
is meant is asked where there is more than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

from imserver.plugins.booking.messages.texts import LANGUAGES, load_words
from imserver.plugins.booking.understanding.rewrite import fold

#: Labels of buttons that stand without a dialogue (the catalogue's keys), and the command of each.
STANDING = {
    "button.book": "command.book",
    "button.slots": "command.slots",
    "button.my": "command.my",
    "button.move": "command.move",
    "button.cancel": "command.cancel",
    "button.stores": "command.stores",
    "button.info": "command.info",
    "button.human": "command.human",
    "button.keep": "command.my",
    "button.back": "command.open",
    "button.yes_cancel": "command.cancel",
    "button.give_up": "command.cancel",
}
LENSES = ("soft", "rgp", "orthok")


@lru_cache(maxsize=1024)
def label_key(label: str) -> str:
    """A label as it is compared; the same few are shown again and again."""
    return fold(label)


@cache
def standing_labels() -> Mapping[str, str]:
    """Folded label -> command, in all languages."""
    found = {}
    for language in LANGUAGES:
        words = load_words(language)
        for label, command in STANDING.items():
            found[label_key(str(words[label]))] = str(words[command])
        for kind in LENSES:
            command = f"{words['command.lenses']} {words[f'lenses.{kind}_word']}"
            found[label_key(str(words[f"lenses.{kind}_label"]))] = command
    return found


@cache
def labels_of(key: str) -> frozenset[str]:
    """The folded label of one button, in all languages."""
    return frozenset(label_key(str(load_words(language)[key])) for language in LANGUAGES)
