"""reactions: people put emoji on messages, and everybody sees which, how many and some of whom (SPEC, "reactions")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver.feature_api import (
    MOST_ITEMS,
    Asker,
    Feature,
    Hooks,
    ItemStands,
    Message,
    Need,
    Read,
    Reader,
    Refusal,
    RefusalCode,
    Repetition,
    Transaction,
    Write,
)
from imserver.features.reactions import checks, rows, rules
from imserver_protocol.methods.reactions import (
    REACT,
    REACTED_BY,
    REACTIONS_KEY,
    ReactedByParams,
    ReactedByResult,
    Reactor,
    ReactParams,
)


def react(tx: Transaction, asker: Asker, params: ReactParams) -> ItemStands:
    """Put the asker's emoji, or remove it. Once more changes nothing, and answers how it stands."""
    if asker.target.content is None:
        raise Refusal(RefusalCode.GONE, "the message was taken back")
    at, user_no = (tx.place(params.conversation_id), params.position), tx.user_no(asker.user_id)
    own = rows.of_one(tx, at, user_no)
    if params.on and params.emoji not in own:
        rules.may_put(params.emoji, own, rows.kinds(tx, at))
        rows.put(tx, at, user_no, params.emoji)
        _show(tx, params.conversation_id, at, {asker.user_id: rules.own(own | {params.emoji})})
    elif not params.on and params.emoji in own:
        rows.remove(tx, at, user_no, (params.emoji,))
        _show(tx, params.conversation_id, at, {asker.user_id: rules.own(own - {params.emoji})})
    return tx.stands(params.conversation_id, params.position, asker.user_id)


def _show(tx: Transaction, conversation_id: str, at: rows.At, own: Mapping[str, Any]) -> None:
    kinds = rows.kinds(tx, at)
    names = {emoji: rows.first(tx, at, emoji, rules.MAX_NAMES) for emoji in kinds}
    tx.set_item(conversation_id, at[1], rules.shown(kinds, names), own)


def reacted_by(reader: Reader, asker: Asker, params: ReactedByParams) -> ReactedByResult:
    """A page of the people."""
    size = rules.page_size(params.limit)
    at = (reader.place(params.conversation_id), params.position)
    after_no = 0 if params.after is None else reader.user_no(params.after)
    most = (size + 1) * (1 if params.emoji is not None else rules.MAX_OWN)
    found, more = rules.page(rows.people(reader, at, params.emoji, after_no, most), size)
    people = tuple(Reactor(user_id, emoji) for user_id, emoji in found)
    return ReactedByResult(people, people[-1].user_id if more else None)


def content_replaced(tx: Transaction, conversation_id: str, message: Message) -> None:
    """A message that is taken back takes its reactions with it."""
    if message.content is None:
        rows.remove_all(tx, (tx.place(conversation_id), message.position))
        tx.set_item(conversation_id, message.position, None)


def export(reader: Reader, user_id: str) -> Mapping[str, Any]:
    """What the person put, where and when."""
    put = rows.put_by(reader, reader.user_no(user_id))
    return {"put": [[reader.conversation_id(place), *others] for place, *others in put]}


def erase(tx: Transaction, user_id: str) -> bool:
    """Remove what the person put on some messages. True: ask once more, there may be others."""
    user_no = tx.user_no(user_id)
    messages = rows.messages_of(tx, user_no, MOST_ITEMS)
    for at in messages:
        rows.remove(tx, at, user_no, rows.of_one(tx, at, user_no))
        _show(tx, tx.conversation_id(at[0]), at, {user_id: None})
    return len(messages) == MOST_ITEMS


FEATURE = Feature(
    REACTIONS_KEY,
    migrations=rows.MIGRATIONS,
    methods=(
        Write(REACT, react, Need.MARK, Repetition.NATURAL, aimed=True),
        # Not READ: rows are as of now, and who left sees in pages what stood then.
        Read(REACTED_BY, reacted_by, Need.SEE_MEMBERS, aimed=True),
    ),
    hooks=Hooks(content_replaced=content_replaced),
    checks={"rows": checks.counted, "state": checks.shown},
    export=export,
    erase=erase,
)
