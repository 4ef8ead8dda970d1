"""What `imserver check` asks of reactions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from imserver.feature_api import Snapshot
from imserver.features.reactions import rules

_COUNTED = (
    "SELECT place, position, emoji, COUNT(*) FROM reactions_put GROUP BY place, position, emoji"
    " ORDER BY place, position"
)
_KINDS = "SELECT emoji, people FROM reactions_kinds WHERE place = ? AND position = ?"
_NAMES = (
    "SELECT p.user_id FROM reactions_put r JOIN people p ON p.user_no = r.user_no"
    " WHERE r.place = ? AND r.position = ? AND r.emoji = ? ORDER BY r.user_no LIMIT ?"
)
_OWN = "SELECT emoji FROM reactions_put WHERE place = ? AND position = ? AND user_no = ?"


def counted(snapshot: Snapshot) -> Iterator[str]:
    """Each kind has as many people as put it, none more than a message or a person may have, none on what was taken back."""
    messages = kinds = 0
    for (place, position), some in groupby(snapshot.rows(_COUNTED), key=itemgetter(0, 1)):
        put = {emoji: people for *_, emoji, people in some}
        messages, kinds = messages + 1, kinds + len(put)
        said = dict(snapshot.execute(_KINDS, (place, position)))
        if said != put:
            yield f"{place}.{position} counts {said}, and {put} were put"
        if len(put) > rules.MAX_KINDS:
            yield f"{place}.{position} has {len(put)} different ones"
    snapshot.looked_at(messages)
    [(said_kinds,)] = snapshot.execute("SELECT COUNT(*) FROM reactions_kinds")
    if said_kinds != kinds:
        yield f"{said_kinds} kinds are counted, and {kinds} were put"
    for place, position in snapshot.taken_back():
        if snapshot.execute(_KINDS, (place, position)):
            yield f"{place}.{position} was taken back, and has some"


def shown(snapshot: Snapshot) -> Iterator[str]:
    """What messages show is what was put, in number and by whom, and nothing that was put is missing."""
    messages = people = 0
    for place, position, user_no, value in snapshot.items():
        if user_no == 0:
            messages += 1
            kinds = dict(snapshot.execute(_KINDS, (place, position)))
            names = {
                emoji: [one for (one,) in snapshot.execute(_NAMES, (place, position, emoji, rules.MAX_NAMES))]
                for emoji in kinds
            }
            right = rules.shown(kinds, names)
            if value != right:
                yield f"{place}.{position} shows {value} instead of {right}"
        else:
            people += 1
            own = rules.own(emoji for (emoji,) in snapshot.execute(_OWN, (place, position, user_no)))
            if value != own:
                yield f"{place}.{position} shows user {user_no} {value} instead of {own}"
    snapshot.looked_at(messages + people)
    [(of_messages,)] = snapshot.execute(
        "SELECT COUNT(*) FROM (SELECT DISTINCT place, position FROM reactions_kinds) m"
    )
    [(of_people,)] = snapshot.execute(
        "SELECT COUNT(*) FROM (SELECT DISTINCT place, position, user_no FROM reactions_put) o"
    )
    if (messages, people) != (of_messages, of_people):
        yield f"{messages} messages and {people} people show some, and {of_messages} and {of_people} have some"
