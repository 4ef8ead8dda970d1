"""Histories that meet a store's rules on purpose: scenes, each in a conversation of its own, told in turns.

Drawing at large finds what nobody thought of, and meets a rule that wants four deeds in a row once in a thousand draws. A
scene has such a row; who plays in it, and what happens beside it, is drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from random import Random

from imserver.model import Kind, Role, group_conversation_id
from tests.store.deeds import (
    GROUPS,
    ONE_MORE,
    PAIRS,
    PEOPLE,
    PLUGINS,
    Op,
    accounts,
    adds,
    asked_by,
    binds,
    cancels,
    codes,
    creates,
    edits,
    ends,
    fires,
    handles,
    looks_up,
    marks,
    moves,
    mutes,
    passes,
    posts,
    registers,
    removes,
    retracts,
    schedules,
    sets,
    several,
    shows,
    stumbles,
    titles,
)
from tests.store.support import key

#: In the years of the tests, nobody's mute ends.
LATER, EARLIER = 1 << 50, 1
OUT_OF_REACH = (-1, 0, 9, 99)
#: Who makes a group, under which key.
OWNERS = {
    group_conversation_id(creator, key(number)): (creator, number)
    for creator in PEOPLE[:2]
    for number in (100, 101)
}

#: A hand at the drawing, and new keys.
Scene = Callable[["Cast"], list[Op]]


class Session:
    """Asks for units."""

    user_id = "ann"


SESSIONS = (Session(), Session())


class Cast:
    """Who plays in a scene, and where."""

    def __init__(self, rng: Random, place: str, keys: Iterator[int]) -> None:
        self.rng = rng
        self.place = place
        self.keys = keys
        if place in GROUPS:
            self.one, self.group_key = OWNERS[place]
        else:
            _, self.one, self.two = place.split("/")
        others = [person for person in PEOPLE if person != self.one]
        rng.shuffle(others)
        self.others = others

    def key(self) -> int:
        return next(self.keys)

    def makes(self, members: dict[str, Role] | None = None, kind: Kind = Kind.GROUP) -> Op:
        return creates(self.one, self.group_key, kind, members or {})

    def says(self, who: str | None = None, text: str = "said") -> Op:
        return posts(self.key(), who or self.one, self.place, text)


# -- scenes of a group ---------------------------------------------------------------------------------------------------


def grows(cast: Cast) -> list[Op]:
    """Members come, get other roles, come twice, and some must not come."""
    ann, place, (bob, cy, dee) = cast.one, cast.place, cast.others
    again, other = cast.key(), cast.key()
    return [
        cast.makes({}, Kind.DIRECT),
        cast.makes({bob: Role.OWNER}),
        cast.makes({bob: Role.READER}),
        cast.makes({bob: Role.MEMBER, "nobody": Role.MEMBER}),
        cast.makes({bob: Role.MEMBER, cy: Role.MEMBER, dee: Role.MEMBER, ONE_MORE: Role.MEMBER}),
        cast.makes({bob: Role.MEMBER}),
        cast.makes({bob: Role.MEMBER}),
        cast.makes({bob: Role.ADMIN}),
        cast.makes(),
        cast.says(bob),
        adds(place, bob, cast.key(), cy, Role.MEMBER),
        adds(place, ann, again, cy, Role.MEMBER),
        adds(place, ann, again, cy, Role.MEMBER),
        adds(place, ann, again, cy, Role.ADMIN),
        adds(place, ann, again, dee, Role.MEMBER),
        adds(place, ann, cast.key(), cy, Role.MEMBER),
        adds(place, ann, cast.key(), cy, Role.ADMIN),
        adds(place, ann, cast.key(), cy, Role.OWNER),
        adds(place, ann, cast.key(), "nobody", Role.MEMBER),
        adds(place, cy, other, dee, Role.MEMBER),
        adds(place, ann, other, dee, Role.MEMBER),
        adds(place, cy, cast.key(), dee, Role.MEMBER),
        adds(place, ann, cast.key(), ONE_MORE, Role.MEMBER),
        removes(place, cy, cast.key(), bob),
        removes(place, bob, cast.key(), cy),
        removes(place, ann, cast.key(), "nobody"),
        adds(place, ann, cast.key(), ONE_MORE, Role.MEMBER),
        cast.says(dee),
    ]


def is_sent_away(cast: Cast) -> list[Op]:
    """Who has gone offers again what was taken, and new things; and comes back to what was said meanwhile."""
    ann, place, (bob, cy, dee) = cast.one, cast.place, cast.others
    taken, gone = cast.key(), cast.key()
    before = [cast.says(bob) for _ in range(cast.rng.randint(0, 2))]
    meanwhile = [cast.says(ann) for _ in range(cast.rng.randint(1, 3))]
    return [
        cast.makes({bob: Role.MEMBER, dee: Role.ADMIN}),
        *before,
        posts(taken, bob, place, "taken"),
        moves(place, bob, 1, cast.rng.randint(0, 1)),
        removes(place, dee, gone, bob),
        removes(place, dee, gone, bob),
        removes(place, dee, gone, dee),
        titles(place, ann, "behind who has gone"),
        titles(place, ann, "two\nlines"),
        posts(taken, bob, place, "taken", 2),
        posts(taken, bob, place, "other"),
        cast.says(bob),
        looks_up(place, bob, taken),
        several([posts(taken, bob, place, "taken", 5)], False),
        moves(place, bob, 1, 1),
        *meanwhile,
        moves(place, dee, 2, 2),
        adds(place, ann, cast.key(), bob, Role.ADMIN),
        cast.says(bob),
        moves(place, bob, 3, cast.rng.randint(1, 3)),
        removes(place, ann, cast.key(), cy),
        removes(place, cy, cast.key(), ann),
    ]


def is_inherited(cast: Cast) -> list[Op]:
    """The owner goes, and the next, until nobody is left. Those who came first are not the first by name."""
    place, (first, second, third) = cast.place, sorted(cast.others, reverse=True)
    role = cast.rng.choice((Role.MEMBER, Role.MEMBER, Role.ADMIN))
    return [
        cast.makes(),
        adds(place, cast.one, cast.key(), first, Role.MEMBER),
        adds(place, cast.one, cast.key(), second, role),
        adds(place, cast.one, cast.key(), third, Role.MEMBER),
        removes(place, cast.one, cast.key(), cast.one),
        cast.says(first),
        removes(place, second, cast.key(), first),
        removes(place, first, cast.key(), second),
        removes(place, third, cast.key(), third),
        removes(place, second, cast.key(), second),
        removes(place, first, cast.key(), first),
        cast.says(first),
    ]


def is_rewritten(cast: Cast) -> list[Op]:
    """Edits that expect this revision or that, of this message or another, by this one or another; one of them again."""
    ann, place, (bob, cy, _) = cast.one, cast.place, cast.others
    again = cast.key()
    return [
        cast.makes({bob: Role.MEMBER, cy: Role.ADMIN}),
        posts(cast.key(), bob, place, "one", 1),
        posts(cast.key(), ann, place, "two", 2),
        edits(place, bob, cast.key(), 2, "one a", None),
        edits(place, bob, again, 2, "one b", 2),
        edits(place, bob, cast.key(), 2, "one c", 1),
        edits(place, bob, cast.key(), 2, "one d", 4),
        edits(place, bob, cast.key(), 2, "one e", 3),
        edits(place, bob, again, 2, "one b", 2),
        edits(place, bob, again, 2, "one f", 4),
        edits(place, ann, cast.key(), 3, "two a", 1),
        edits(place, bob, again, 3, "one b", 2),
        edits(place, cy, cast.key(), 2, "not mine", None),
        edits(place, ann, cast.key(), 1, "made of nothing", None),
        *(edits(place, ann, cast.key(), position, "nothing", None) for position in OUT_OF_REACH),
        moves(place, cy, 4, 4),
        removes(place, cy, cast.key(), bob),
        edits(place, bob, cast.key(), 2, "gone", None),
        cast.says(cy),
    ]


def is_left_between_edits(cast: Cast) -> list[Op]:
    """Who goes keeps what they could read, whatever is said of it later; who comes back sees it as it is."""
    ann, place, (bob, cy, _) = cast.one, cast.place, cast.others
    before, after = cast.rng.randint(0, 2), cast.rng.randint(1, 2)
    edit = [edits(place, ann, cast.key(), 2, f"said {number}", None) for number in range(before + after)]
    return [
        cast.makes({bob: Role.MEMBER, cy: Role.MEMBER}),
        cast.says(ann),
        cast.says(ann, "other"),
        *edit[:before],
        removes(place, ann, cast.key(), bob),
        *edit[before:],
        edits(place, ann, cast.key(), 3, "other 1", None),
        removes(place, cy, cast.key(), cy),
        edits(place, ann, cast.key(), 2, "last", None),
        adds(place, ann, cast.key(), cy, Role.MEMBER),
    ]


def is_taken_back(cast: Cast) -> list[Op]:
    """Words are gone for everybody, former members too: those of others, edited ones, the last ones, and each but once."""
    ann, place, (bob, cy, _) = cast.one, cast.place, cast.others
    taken, again = cast.key(), cast.key()
    return [
        cast.makes({bob: Role.MEMBER, cy: Role.MEMBER}),
        posts(taken, ann, place, "said"),
        cast.says(bob),
        cast.says(ann, "other"),
        retracts(place, ann, cast.key(), 3),
        *(
            edits(place, ann, cast.key(), 2, f"said {number}", None)
            for number in range(cast.rng.randint(0, 2))
        ),
        moves(place, cy, None, cast.rng.randint(0, 3)),
        removes(place, ann, cast.key(), bob),
        edits(place, ann, cast.key(), 2, "later", None),
        edits(place, ann, cast.key(), 4, "later", None),
        retracts(place, cy, again, 2),
        retracts(place, cy, again, 2),
        retracts(place, cy, again, 4),
        retracts(place, cy, cast.key(), 2),
        retracts(place, ann, cast.key(), 1),
        retracts(place, ann, cast.key(), 99),
        edits(place, ann, cast.key(), 2, "back", cast.rng.choice((None, 2, 3))),
        posts(taken, ann, place, "said", 3),
        posts(taken, ann, place, "else"),
        cast.says(cy),
        retracts(place, cy, cast.key(), cast.rng.randint(8, 12)),
    ]


def is_read(cast: Cast) -> list[Op]:
    """Cursors up and down, too far, and by those who joined later or have gone; where all are told, and in a channel."""
    ann, place, (bob, cy, dee) = cast.one, cast.place, cast.others
    kind = cast.rng.choice((Kind.GROUP, Kind.CHANNEL))
    marks = [(cast.rng.randint(0, 6), cast.rng.choice((None, 0, 2, 5, 6))) for _ in range(4)]
    return [
        cast.makes({bob: Role.MEMBER}, kind),
        *(cast.says() for _ in range(3)),
        edits(place, ann, cast.key(), 2, "again", None),
        adds(place, ann, cast.key(), cy, Role.READER if kind is Kind.CHANNEL else Role.MEMBER),
        cast.says(),
        cast.says(cy),
        moves(place, bob, 3, None),
        moves(place, bob, None, 2),
        moves(place, bob, 1, 1),
        moves(place, bob, None, 4),
        moves(place, cy, 2, 2),
        moves(place, cy, 3, 99),
        moves(place, cy, -1, None),
        moves(place, cy, None, None),
        moves(place, dee, 1, 1),
        moves(place, cy, None, 6),
        *(moves(place, bob, *mark) for mark in marks),
        removes(place, ann, cast.key(), bob),
        cast.says(),
        moves(place, ann, 5, 5),
        adds(place, ann, cast.key(), bob, Role.MEMBER),
    ]


def is_silenced(cast: Cast) -> list[Op]:
    """Some are muted, for ever or up to a time that is over. They stay: no rule says yet what coming back does to a mute."""
    ann, place, (bob, cy, _) = cast.one, cast.place, cast.others
    again = cast.key()
    return [
        cast.makes({bob: Role.MEMBER, cy: Role.MEMBER}),
        posts(again, bob, place, "before"),
        cast.says(cy),
        mutes(place, bob, LATER),
        mutes(place, cy, EARLIER),
        cast.says(bob),
        cast.says(cy),
        posts(again, bob, place, "before", 3),
        several([cast.says(bob), cast.says(cy), cast.says(ann)], False),
        edits(place, bob, cast.key(), 2, "after", None),
        moves(place, bob, 3, 2),
        cast.says(bob),
    ]


def is_long(cast: Cast) -> list[Op]:
    """More messages than there are from one milestone to the next, alone and together; some again, and edits far back."""
    ann, place, (bob, _, _) = cast.one, cast.place, cast.others
    numbers = [cast.key() for _ in range(cast.rng.randint(30, 40))]
    alone = [several([posts(number, ann, place, f"{number}")], False) for number in numbers[:18]]
    together = [posts(number, ann, place, f"{number}") for number in numbers[18:]]
    if cast.rng.random() < 0.5:
        alone, together = together, alone
    return [
        cast.makes({bob: Role.MEMBER}),
        *alone,
        *together,
        *(posts(number, ann, place, f"{number}", 1) for number in cast.rng.sample(numbers, 3)),
        *(edits(place, ann, cast.key(), position, "far back", None) for position in (2, 16, 17, 20)),
        moves(place, bob, 25, 17),
    ]


def fails_in_part(cast: Cast) -> list[Op]:
    """Units that are undone, in which much had been done; a post that stumbles, and those that must not pass it."""
    ann, place, (bob, cy, _) = cast.one, cast.place, cast.others
    undone = [
        cast.says(),
        adds(place, ann, cast.key(), cy, Role.MEMBER),
        cast.says(bob),
        moves(place, bob, 3, 3),
    ]
    fresh, stumbling = f"new{cast.key()}", cast.key()
    return [
        several([cast.makes({bob: Role.MEMBER}), cast.says()], True),
        cast.says(),
        cast.makes({bob: Role.MEMBER}),
        several(undone, True),
        cast.says(),
        several(
            [edits(place, ann, cast.key(), 2, "undone", None), removes(place, ann, cast.key(), bob)], True
        ),
        cast.says(bob),
        stumbles(stumbling, bob, place),
        cast.says(bob),
        cast.says(ann),
        several([registers(fresh, "undone"), adds(place, ann, cast.key(), fresh, Role.MEMBER)], True),
        adds(place, ann, cast.key(), fresh, Role.MEMBER),
        cast.says(),
        ends(1),
        cast.says(),
        codes(1),
        ends(1),
        cast.says(bob),
        several(undone, False),
    ]


# -- scenes of two, and of the house --------------------------------------------------------------------------------------


def is_offered_again(cast: Cast) -> list[Op]:
    """The same keys again, with the same text or another, in one run or later, by either of the two."""
    place, one, two = cast.place, cast.one, cast.two
    first, second, third = cast.key(), cast.key(), cast.key()
    return [
        posts(first, one, place, "a"),
        posts(second, one, place, "b"),
        posts(second, one, place, "b", 1),
        posts(second, one, place, "another"),
        posts(second, two, place, "c"),
        posts(third, one, place, "d"),
        posts(first, one, place, "a", 2),
        posts(first, one, place, "another"),
        several(
            [posts(first, one, place, "a", 4), posts(first, two, place, "b"), posts(third, two, place, "e")],
            False,
        ),
        looks_up(place, one, third),
        looks_up(place, two, second + 1000),
        edits(place, one, cast.key(), 1, "a1", None),
        posts(first, one, place, "a", 3),
    ]


def is_between_two(cast: Cast) -> list[Op]:
    """What nobody else does there, or before there is anything; and cursors."""
    place, one, two = cast.place, cast.one, cast.two
    stranger = next(person for person in PEOPLE if person not in (one, two))
    return [
        moves(place, one, 0, 0),
        posts(cast.key(), stranger, place, "let me in"),
        posts(cast.key(), one, f"direct/{one}/nobody", "is anybody there"),
        posts(cast.key(), stranger, f"direct/nobody/{stranger}", "is anybody there"),
        cast.says(two),
        posts(cast.key(), stranger, place, "let me in"),
        cast.says(one),
        moves(place, one, 1, None),
        moves(place, one, None, 2),
        moves(place, two, 2, 1),
        edits(place, two, cast.key(), 1, "so", 1),
        removes(place, one, cast.key(), two),
        adds(place, one, cast.key(), stranger, Role.MEMBER),
        moves(place, stranger, 1, 1),
        moves(place, one, 3, 3),
    ]


def is_kept_for_plugins(cast: Cast) -> list[Op]:
    """Timers that are set, cancelled, fired, and set in vain; plugins that have handled this and that; tokens and names."""
    shop, cafe = PLUGINS
    one, two = cast.one, cast.two
    return [
        schedules(shop, 7, "late"),
        schedules(shop, 5, "now"),
        schedules(shop, 4, "first"),
        schedules(cafe, 3, "of the other"),
        several([schedules(shop, 1, "undone")], True),
        schedules(shop, 5, "again"),
        cancels(cafe, 1),
        cancels(shop, cast.rng.randint(2, 3)),
        fires(5),
        fires(5),
        schedules(shop, 6, "new"),
        handles(shop, 3),
        handles(shop, cast.rng.randint(1, 3)),
        handles(cafe, 2),
        handles(shop, 5),
        handles(shop, 9, 2),
        handles(shop, cast.rng.randint(6, 9), 5),
        handles(shop, 9),
        passes(shop, 4, 3, 8, 9),
        handles(shop, 6, 7),
        handles(shop, 12, 3),
        binds("token", one, "phone"),
        binds("token", one, "tablet"),
        binds("token", two, "phone"),
        binds("no token", "nobody", "phone"),
        registers(one, "Another Name"),
    ]


OF_GROUPS: tuple[Scene, ...] = (
    grows,
    is_sent_away,
    is_inherited,
    is_rewritten,
    is_left_between_edits,
    is_taken_back,
    is_read,
    is_silenced,
    is_long,
    fails_in_part,
)
OF_TWO: tuple[Scene, ...] = (is_offered_again, is_between_two)


def history(rng: Random) -> list[list[Op]]:
    """Batches of deeds: four groups and four pairs, told in turns, in any of which a session may ask."""
    keys = itertools.count(1000)
    scenes = list(zip(GROUPS, rng.sample(OF_GROUPS, len(GROUPS)), strict=True))
    scenes += [(place, rng.choice(OF_TWO)) for place in rng.sample(PAIRS, 3)]
    scenes.append((PAIRS[0], is_kept_for_plugins))
    rows = [scene(Cast(rng, place, keys)) for place, scene in scenes]
    told: list[Op] = []
    while rows:
        row = rng.choice(rows)
        some = rng.choice((1, 1, 1, 2, 5, 12))
        told += (_asked(rng, op) for op in row[:some])
        del row[:some]
        rows = [row for row in rows if row]
    batches: list[list[Op]] = []
    while told:
        size = rng.choice((1, 2, 4, 8, 16))
        batches.append(told[:size])
        del told[:size]
    return batches


#: Under which state is written in `history_of_state`.
STATE_NAMES = ("marks", "x")


def history_of_state(rng: Random) -> list[list[Op]]:
    """Batches of deeds: state in every scope under two names, of a group whose last comer leaves and comes back."""
    ann, bob, cy = PEOPLE[:3]
    place, keys = GROUPS[0], itertools.count(1000)
    batches: list[list[Op]] = [
        [creates(ann, 100, Kind.GROUP, {bob: Role.MEMBER, cy: Role.MEMBER})],
        [posts(next(keys), ann, place, str(number)) for number in range(4)],
        [several([accounts(ann, name, 5)], True) for name in STATE_NAMES],
    ]
    for number in range(14):
        batch = [_state(rng, place, (ann, bob, cy)) for _ in range(rng.randint(1, 5))]
        if rng.random() < 0.3:
            batch.append(several([_state(rng, place, (ann, bob)) for _ in range(3)], rng.random() < 0.5))
        if number == 6:
            batch.insert(0, removes(place, ann, next(keys), cy))
        if number == 11:
            batch.append(adds(place, ann, next(keys), cy, Role.MEMBER))
        batches.append(batch)
    return batches


def _state(rng: Random, place: str, people: Sequence[str]) -> Op:
    name, value = rng.choice(STATE_NAMES), rng.choice((None, 1, 2, "three"))
    own = {one: rng.choice((None, 1, 2)) for one in people if rng.random() < 0.5}
    kind = rng.choice((marks, marks, marks, shows, sets, accounts))
    if kind is marks:
        return marks(place, rng.randint(1, 4), name, value, own if value is not None else {})
    if kind is shows:
        return shows(place, name, value)
    person = rng.choice(people)
    return sets(place, person, name, value) if kind is sets else accounts(person, name, value)


def _asked(rng: Random, op: Op) -> Op:
    return asked_by(rng.choice(SESSIONS), op) if rng.random() < 0.5 else op
