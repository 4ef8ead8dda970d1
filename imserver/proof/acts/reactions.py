"""reactions: people put and remove emoji, ask who did, and in the end everybody sees what the last one said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from imserver_client import Client, Item, Refused
from imserver_client.features.reactions import read_mine, read_reactions

from . import Act, Acts, Evidence, Facts, Hand, Query

#: More than one person may put on one message, and of each kind of text that is one emoji.
EMOJI = ("👍", "❤️", "😂", "🎉", "🇨🇳", "👩🏽‍🚀", "5️⃣", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "🙏🏿", "👀")
MOST_AT_ONCE = 8
#: Of each so many messages one is what people mostly react to.
POPULAR = 8
#: Messages of each conversation that a device looks at in the end, so many at a time; people of one page there.
LOOKED_AT, PAGE = 400, 100
FEW = 2
#: What facts begin with.
SAID, DONE, ASKED = "said", "done", "asked"
#: The rows name conversations and people by their numbers.
_STORED = (
    "SELECT r.emoji, u.user_id FROM reactions_put r JOIN conversations c ON c.no = r.place"
    " JOIN users u ON u.no = r.user_no WHERE c.conversation_id = ? AND r.position = ? ORDER BY r.user_no"
)
_ALL = (
    "SELECT u.user_id, c.conversation_id, r.position, r.emoji FROM reactions_put r"
    " JOIN conversations c ON c.no = r.place JOIN users u ON u.no = r.user_no"
)


def react(hand: Hand) -> None:
    """A few changes at once, of which each waits for the one before; a read behind them shows those that were answered."""
    target = _target(hand)
    if target is None:
        return
    mine = hand.client.reactions.mine(*target)
    choice = [*mine, *hand.random.choices(EMOJI, k=3)]
    for _ in range(hand.random.randint(1, MOST_AT_ONCE)):
        _say(hand, target, hand.random.choice(choice), on=hand.random.random() < 0.65)
    if hand.random.random() < 0.5:
        _ask(hand, target, None)


def _say(hand: Hand, target: tuple[str, int], emoji: str, *, on: bool) -> None:
    number = hand.random.getrandbits(48)
    hand.note(SAID, number, *target, emoji, on)

    def said(client: Client) -> Awaitable[None]:
        change = client.reactions.put if on else client.reactions.remove
        return change(*target, emoji)

    hand.ask(said, lambda _: hand.note(DONE, number))


def ask_who(hand: Hand) -> None:
    """A first page, of one emoji or of all."""
    target = _target(hand)
    if target is not None:
        _ask(hand, target, hand.random.choice((None, *EMOJI[:3])))


def _ask(hand: Hand, target: tuple[str, int], emoji: str | None) -> None:
    hand.ask(
        lambda client: client.reactions.people(*target, emoji, limit=FEW),
        lambda page: hand.note(ASKED, len(page[0])),
    )


def _target(hand: Hand) -> tuple[str, int] | None:
    """A message that was shown, mostly one on which others put theirs, too."""
    seen = hand.seen()
    if not seen:
        return None
    popular = [one for one in seen if one[1] % POPULAR == 1]
    return hand.random.choice(popular if popular and hand.random.random() < 0.8 else seen)


async def rest(hand: Hand) -> Iterable[tuple[Any, ...]]:
    """What messages have in conversations that one has seen: by pages, by what the client knows then, and by asking who."""
    found = []
    for conversation_id in dict.fromkeys(where for where, _ in hand.seen()):
        with suppress(Refused):
            async for item in _newest(hand.client, conversation_id):
                extra, mine = item.extra.get("reactions"), item.mine.get("reactions")
                known = hand.client.item(conversation_id, item.position)
                same = known is None or (known.extra, known.mine) == (item.extra, item.mine)
                who = await _who(hand.client, conversation_id, item.position) if extra else []
                found.append((conversation_id, item.position, extra, mine, same, who))
    return found


async def _newest(client: Client, conversation_id: str) -> AsyncIterator[Item]:
    before: int | None = None
    for _ in range(LOOKED_AT // PAGE):
        page = await client.history(conversation_id, before=before, limit=PAGE)
        for item in page.items:
            yield item
        if page.first <= 1 or page.first > page.last:
            return
        before = page.first


async def _who(client: Client, conversation_id: str, position: int) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        people, after = await client.reactions.people(conversation_id, position, after=after, limit=FEW)
        found += [[one.user_id, list(one.emoji)] for one in people]
        if after is None:
            return found


def judge(evidence: Evidence) -> Iterator[str]:
    """Everybody sees what is stored, and stored is what each said last."""
    stored = _Stored(evidence)
    yield from _last_words(evidence, stored)
    for notes in evidence.notes:
        for conversation_id, position, extra, mine, same, who in notes.rest or ():
            _, left_at = evidence.members(conversation_id).get(notes.user_id, (0, 0))
            if left_at is None:
                kinds = stored(conversation_id, position)
                here = f"{notes.device_id} at {position} of {conversation_id}"
                if not same:
                    yield f"{here} knows something else than the page says"
                yield from (f"{here}: {text}" for text in _seen(kinds, notes.user_id, extra, mine, who))


def _seen(
    kinds: dict[str, list[str]], user_id: str, extra: Any, mine: Any, who: Sequence[Any]
) -> Iterator[str]:
    """What is wrong with one message, as one device sees it. `kinds`: everybody who put each emoji."""
    found = read_reactions(extra)
    if found.kinds != len(kinds):
        yield f"sees {found.kinds} kinds of {len(kinds)}"
    for one in found.shown:
        people = kinds.get(one.emoji, [])
        if one.count != len(people) or list(one.user_ids) != people[: len(one.user_ids)]:
            yield f"sees {one.count} {one.emoji} of {one.user_ids}, stored are {people}"
    by_person: dict[str, list[str]] = defaultdict(list)
    for emoji, people in kinds.items():
        for person in people:
            by_person[person].append(emoji)
    if sorted(read_mine(mine)) != sorted(by_person.get(user_id, ())):
        yield f"sees {mine} as its own, stored are {by_person.get(user_id)}"
    told = {person: sorted(emoji) for person, emoji in who}
    if told != {person: sorted(emoji) for person, emoji in by_person.items()} or len(who) != len(told):
        yield f"was told of {who}, stored are {dict(by_person)}"


def _last_words(evidence: Evidence, stored: _Stored) -> Iterator[str]:
    """Where one device alone of a person spoke of an emoji, and the last that it said was answered, that is how it stands."""
    last: dict[tuple[str, str, int, str], tuple[str, bool, int]] = {}
    unclear, done = set(), set()
    for notes in evidence.notes:
        for kind, number, *words in notes.facts:
            if kind == DONE:
                done.add(number)
            elif kind == SAID:
                conversation_id, position, emoji, on = words
                about = (notes.user_id, conversation_id, position, emoji)
                if last.get(about, (notes.device_id,))[0] != notes.device_id:
                    unclear.add(about)
                last[about] = (notes.device_id, on, number)
    for about, (device_id, on, number) in last.items():
        user_id, conversation_id, position, emoji = about
        if about in unclear or number not in done or about in evidence.undone:
            continue
        if (user_id in stored(conversation_id, position).get(emoji, ())) != on:
            word = "removed" if on else "there"
            yield f"{device_id} said {emoji} {'on' if on else 'off'} last at {position} of {conversation_id}: {word}"


def stored(query: Query) -> Iterable[Facts]:
    """Who put what on what."""
    return query(_ALL)


class _Stored:
    """Everybody who put each emoji on a message, asked once of each."""

    def __init__(self, evidence: Evidence) -> None:
        self._query = evidence.query
        self._known: dict[tuple[str, int], dict[str, list[str]]] = {}

    def __call__(self, conversation_id: str, position: int) -> dict[str, list[str]]:
        known = self._known.get((conversation_id, position))
        if known is None:
            known = self._known[conversation_id, position] = {}
            for emoji, user_id in self._query(_STORED, (conversation_id, position)):
                known.setdefault(emoji, []).append(user_id)
        return known


ACTS = Acts(
    (Act(20, react), Act(4, ask_who)),
    rest=rest,
    judge=judge,
    stored=stored,
)
