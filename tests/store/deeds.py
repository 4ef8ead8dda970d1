"""What units of the twins do: each deed makes its unit anew, for the product and for the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imserver.chat.transaction import Transaction
from imserver.chat.units import PostUnit, Unit
from imserver.content import decode_content
from imserver.errors import AlreadyHandled, Refusal, RefusalCode, UniqueViolation
from imserver.model import Kind, Role, User, content_digest, direct_conversation_id, group_conversation_id
from tests.store.model import ModelTransaction
from tests.store.support import Work, edit_message, key, post, said, take_back

PEOPLE = ("ann", "bob", "cy", "dee")
#: Has an account too, and is asked nothing.
ONE_MORE = "eve"
PAIRS = tuple(direct_conversation_id(one, two) for one in PEOPLE for two in PEOPLE if one < two)
GROUPS = tuple(group_conversation_id(creator, key(number)) for creator in PEOPLE[:2] for number in (100, 101))
PLUGINS = ("shop", "cafe")

Op = Callable[[], Unit]


def work(function: Callable[[Transaction], Any], place: str | None = None) -> Op:
    return lambda: Work(function, place)


def posts(number: int, sender: str, place: str, text: str, delay: int = 0) -> Op:
    """The same key may come again at another time."""

    def made() -> Unit:
        unit = post(number, sender, place, text)
        unit.sent_at += delay
        return unit

    return made


def creates(creator: str, number: int, kind: Kind, members: dict[str, Role]) -> Op:
    place = group_conversation_id(creator, key(number))
    return work(lambda tx: tx.create_conversation(creator, key(number), kind, "title", members), place)


def adds(place: str, actor: str, number: int, user: str, role: Role) -> Op:
    return work(lambda tx: tx.add_member(place, actor, key(number), user, role), place)


def removes(place: str, actor: str, number: int, user: str) -> Op:
    return work(lambda tx: tx.remove_member(place, actor, key(number), user), place)


def titles(place: str, actor: str, title: str) -> Op:
    return work(lambda tx: tx.set_title(place, actor, title), place)


def edits(place: str, editor: str, number: int, position: int, text: str, revision: int | None) -> Op:
    return work(
        lambda tx: edit_message(
            tx, place, editor, key(number), position, said(text), expected_revision=revision
        ),
        place,
    )


def retracted(tx: Transaction, place: str, actor: str, key: bytes, position: int) -> Any:
    """A tombstone, by any member if this is none; none of what the server told. The same key again: it was told already."""
    members = tx.audience(place) or {}
    if actor not in members:
        actor = min(members, default=actor)
    told = tx.told_under(place, actor, key, content_digest(b"retract %d" % position))
    if told is not None:
        return told
    message = tx.message(place, position)
    content = None if message is None else message.content
    if content is not None and decode_content(content).get("type") == "system":
        raise Refusal(RefusalCode.FORBIDDEN, "a system message")
    return take_back(tx, place, actor, key, position)


def retracts(place: str, actor: str, number: int, position: int) -> Op:
    return work(lambda tx: retracted(tx, place, actor, key(number), position), place)


def moves(place: str, user: str, delivered: int | None, read: int | None) -> Op:
    return work(lambda tx: tx.move_cursors(place, user, delivered, read), place)


def put_code(tx: Transaction, code: int, statement: str) -> None:
    """A row of a plugin's table; the model has a note instead."""
    if not isinstance(tx, ModelTransaction):
        tx.plugin_sql("shop", f"{statement} INTO shop_codes VALUES (?)", (code,))
    elif code in tx.world.notes:
        raise UniqueViolation(f"{code}")
    else:
        tx.note(code)


def codes(code: int) -> Op:
    return work(lambda tx: put_code(tx, code, "INSERT"))


def ends(code: int) -> Op:
    """If the code is taken, the database ends the whole transaction; nobody else may notice."""
    return work(lambda tx: put_code(tx, code, "INSERT OR ROLLBACK"))


def marks(place: str, position: int, name: str, value: Any, own: dict[str, Any]) -> Op:
    def marked(tx: Transaction) -> Any:
        tx.set_item(place, position, name, value, own)
        return tx.item(place, position, "ann")

    return work(marked, place)


def shows(place: str, name: str, value: Any) -> Op:
    def shown(tx: Transaction) -> Any:
        tx.set_about(place, name, value)
        return tx.about(place)

    return work(shown, place)


def sets(place: str, user: str, name: str, value: Any) -> Op:
    def set_there(tx: Transaction) -> Any:
        tx.set_own(place, user, name, value)
        return tx.settings(place, user)

    return work(set_there, place)


def accounts(user: str, name: str, value: Any) -> Op:
    def kept(tx: Transaction) -> Any:
        tx.set_account(user, name, value)
        return tx.account(user)

    return work(kept)


def several(parts: list[Op], spoiled: bool) -> Op:
    """All of it in one unit, whose refusals are caught; and all of it undone if it is spoiled."""

    def function(tx: Transaction) -> list[Any]:
        results: list[Any] = []
        for part in parts:
            try:
                results.append(part().run(tx))
            except Refusal as refusal:
                results.append(refusal.code)
        if spoiled:
            raise ValueError("spoiled")
        return results

    return work(function)


def comes_back(owner: str, number: int, user: str, before: Role, after: Role) -> Op:
    """In, out and in again, as something else; under keys that nobody else takes, in a group that is made if there is none."""
    place = group_conversation_id(owner, key(100))
    return several(
        [
            creates(owner, 100, Kind.GROUP, {}),
            adds(place, owner, 200 + 3 * number, user, before),
            removes(place, owner, 201 + 3 * number, user),
            adds(place, owner, 202 + 3 * number, user, after),
        ],
        False,
    )


def talks(pair: str, number: int, marks: list[tuple[int | None, int | None]]) -> Op:
    """Two messages, and one of the two moves cursors up and down, and too far."""
    one, two = pair.split("/")[1:]
    said_first = [posts(800 + 2 * number + step, one, pair, "a") for step in range(2)]
    return several([*said_first, *(moves(pair, two, *mark) for mark in marks)], False)


def leaves_between_edits(owner: str, number: int, user: str, before: int, after: int) -> Op:
    """The owner edits a message a few times, removes somebody who saw it, and edits on. Groups and keys as above."""
    place, first = group_conversation_id(owner, key(100)), 400 + 12 * number

    def said_first(tx: Transaction) -> int:
        return tx.post(place, owner, key(first + 1), said("said"), sent_at=1)[0]

    def edited(tx: Transaction, step: int) -> Any:
        return edit_message(tx, place, owner, key(first + 2 + step), said_first(tx), said(f"said {step}"))

    def step(number: int) -> Op:
        if number == before:
            return removes(place, owner, first + 2 + number, user)
        return work(lambda tx: edited(tx, number))

    added = adds(place, owner, first, user, Role.MEMBER)
    steps = (step(number) for number in range(before + 1 + after))
    return several([creates(owner, 100, Kind.GROUP, {}), added, work(said_first), *steps], False)


def asked_by(session: object, op: Op) -> Op:
    """The same unit, for a session."""

    def made() -> Unit:
        unit = op()
        unit.origin = session  # type: ignore[assignment]  # nobody pushes here
        return unit

    return made


class Stumbling(PostUnit):
    """A post that fails, and may be offered again: nothing of its author may pass it."""

    def run(self, tx: Transaction) -> Any:
        super().run(tx)
        raise ValueError("stumbled")


def stumbles(number: int, sender: str, place: str) -> Op:
    def made() -> Unit:
        unit = post(number, sender, place)
        return Stumbling(place, sender, unit.key, unit.content, unit.digest, unit.sent_at)

    return made


def mute(tx: Any, place: str, user: str, until: int) -> None:
    """As a feature will: no method of the port does it yet."""
    if user not in (tx.audience(place) or {}):
        return
    if isinstance(tx, ModelTransaction):
        tx.mute(place, [user], until)
        return
    state = tx.conversation(place)
    tx.sql(
        "UPDATE members SET muted_until = ? WHERE conversation_no = ? AND user_no = ?",
        (until, state.no, tx.user_no(user)),
    )
    state.muted = {**state.muted, user: until}


def mutes(place: str, user: str, until: int) -> Op:
    return work(lambda tx: mute(tx, place, user, until), place)


def registers(user: str, name: str) -> Op:
    return work(lambda tx: tx.put_user(User(user, name)))


def binds(token: str, user: str, device: str) -> Op:
    return work(lambda tx: tx.bind_token(token, user, device))


def looks_up(place: str, sender: str, number: int) -> Op:
    return work(lambda tx: tx.find_key(place, sender, key(number)), place)


def schedules(plugin: str, due_at: int, name: str) -> Op:
    return work(lambda tx: tx.schedule(plugin, due_at, name, {"name": name}))


def cancels(plugin: str, timer_id: int) -> Op:
    return work(lambda tx: tx.cancel_timer(plugin, timer_id))


def fires(timer_id: int) -> Op:
    return work(lambda tx: _handled(lambda: tx.mark_timer_done(timer_id)))


def handles(plugin: str, change: int, upto: int | None = None) -> Op:
    return work(lambda tx: _handled(lambda: tx.mark_handled(plugin, change, upto)))


def passes(plugin: str, upto: int, *ahead: int) -> Op:
    return work(lambda tx: tx.pass_handled(plugin, upto, ahead))


def _handled(mark: Callable[[], None]) -> str:
    try:
        mark()
    except AlreadyHandled:
        return "handled before"
    return "handled"
