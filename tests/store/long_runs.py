"""Long runs of posts of which a part was committed before, as clients offer them after a cut or a restart.

A run is one multi-row statement for each few dozen rows: what is known may stand in the first of them, in the last, or between.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from imserver.chat.units import PostUnit
from tests.store.support import post

#: Rows of one statement, one more and one less, and runs that need several.
LENGTHS = (2, 5, 63, 64, 65, 66, 96, 99, 99, 127, 128, 129, 200, 600)
#: Where in the run stands what was committed before.
WHERE = ("first", "last", "middle", "anywhere", "every other", "none")


@dataclass(frozen=True, slots=True)
class Said:
    """One post as its sender's application keeps it, so that it can be offered again."""

    number: int
    sender_id: str
    conversation_id: str
    text: str

    def unit(self) -> PostUnit:
        return post(self.number, self.sender_id, self.conversation_id, self.text)


def long_run(
    random: Random,
    people: tuple[str, ...],
    places: tuple[str, ...],
    known: list[Said],
    first: int,
    *,
    longest: int = LENGTHS[-1],
) -> list[Said]:
    """New posts with keys from `first` on, and among them some of `known`: as they were, twice, or with another text."""
    length, where = min(random.choice(LENGTHS), longest), random.choice(WHERE)
    lanes = [_lane(random, people, places) for _ in range(random.choice((1, 1, 2, 5)))]
    run = [Said(first + number, *random.choice(lanes), f"{number}") for number in range(length)]
    again = random.sample(known, k=min(len(known), random.choice((1, 1, 2, 10, length)), length))
    for number, said in enumerate(again):
        run[_place(random, where, number, length)] = said
    for _ in range(random.choice((0, 0, 1, 3))):
        said = run[random.randrange(length)]
        text = said.text if random.random() < 0.7 else "another"
        run[random.randrange(length)] = Said(said.number, said.sender_id, said.conversation_id, text)
    return run if where != "none" else [said for said in run if said not in known]


def _lane(random: Random, people: tuple[str, ...], places: tuple[str, ...]) -> tuple[str, str]:
    """Mostly somewhere where the sender may speak."""
    sender_id = random.choice(people)
    own = [place for place in places if sender_id in place.split("/") or place.startswith("group/")]
    return sender_id, random.choice(own if random.random() < 0.8 else places)


def _place(random: Random, where: str, number: int, length: int) -> int:
    if where == "first":
        return number
    if where == "last":
        return length - 1 - number
    if where == "middle":
        return (length // 2 + number) % length
    return 2 * number % length if where == "every other" else random.randrange(length)
