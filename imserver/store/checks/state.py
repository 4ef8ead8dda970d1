"""Checks of state that is no message: counters, values of items, conversations, members and accounts, the names in them;
and outcomes of keys."""

from __future__ import annotations

from imserver.model import EMPTY_MAP, KEY_BYTES
from imserver.store.checks.check_run import CheckRun, read_content
from imserver.store.checks.positions import DIGEST_BYTES
from imserver_protocol.shared.bounds import MAX_ITEM_STATE_BYTES, MAX_ITEMS_A_CHANGE, MAX_STATE_BYTES

STATE, ITEMS, ACCOUNT_STATE, OUTCOMES = "state", "state of items", "state of accounts", "outcomes"
STATE_NAMES = "names of state"

_LEFT = (
    "SELECT m.conversation_no, m.user_no, m.left_at, m.left_modseq, c.modseq FROM members m"
    " JOIN conversations c ON c.no = m.conversation_no WHERE (m.left_at IS NULL) <> (m.left_modseq IS NULL)"
    " OR m.left_modseq NOT BETWEEN 0 AND c.modseq"
)
_ITEMS = (
    "SELECT i.conversation_no, i.position, i.user_no, i.modseq, i.data, c.modseq, h.position,"
    " i.user_no = 0 OR u.no IS NOT NULL, s.modseq, i.user_no > 0 AND s.data = x'80'"
    " FROM item_values i LEFT JOIN conversations c ON c.no = i.conversation_no"
    " LEFT JOIN heads h ON h.conversation_no = i.conversation_no LEFT JOIN users u ON u.no = i.user_no"
    " LEFT JOIN item_values s ON s.conversation_no = i.conversation_no AND s.position = i.position AND s.user_no = 0"
)


#: Removed state stays as an empty map: the newest step is there, unless it was one of the conversation's own map.
_UNCOUNTED = (
    "SELECT c.conversation_id, c.modseq, coalesce(max(i.modseq), 0) FROM conversations c"
    " LEFT JOIN item_values i ON i.conversation_no = c.no AND i.user_no = 0"
    " WHERE c.modseq > 0 AND c.about IS NULL GROUP BY c.no HAVING c.modseq <> coalesce(max(i.modseq), 0)"
)
#: More messages under one modseq than a step may have; `changes` and pushes rely on it.
_LONG_STEPS = (
    "SELECT conversation_no, modseq, count(*) FROM item_values WHERE user_no = 0"
    " GROUP BY conversation_no, modseq HAVING count(*) > ?"
)


def conversations(run: CheckRun) -> None:
    """Check counters, what conversations and members show, and that who left has the counter of leaving, and nobody else."""
    for name, modseq, about in run.rows("SELECT conversation_id, modseq, about FROM conversations"):
        run.looked_at(STATE, 1)
        if modseq < 0:
            run.found(STATE, f"{name} counts {modseq} changes of state")
        if wrong := _wrong_map(run, about, MAX_STATE_BYTES):
            run.found(STATE, f"{name} shows {wrong}")
        elif about is not None and modseq == 0:
            run.found(STATE, f"{name} shows something, and counts no change of state")
    run.list(
        STATE,
        _UNCOUNTED,
        lambda name, modseq, newest: f"{name} counts {modseq} changes of state, and its newest is {newest}",
    )
    run.list(
        STATE,
        _LEFT,
        lambda no, user, left_at, left_modseq, modseq: (
            f"{run.user(user)} in {run.conversation(no)} left at {left_at or 'no time'}, at state {left_modseq} of {modseq}"
        ),
    )
    for no, user, settings, seq in run.rows(
        "SELECT conversation_no, user_no, settings, settings_seq FROM members"
        " WHERE settings IS NOT NULL OR settings_seq <> 0"
    ):
        wrong = _wrong_map(run, settings, MAX_STATE_BYTES)
        if wrong or seq < 1:
            run.found(
                STATE,
                f"{run.user(user)} in {run.conversation(no)} has settings {seq}: {wrong or 'never set'}",
            )


def items(run: CheckRun) -> None:
    """Check that state of items is of messages and people that exist, was counted, and stands beside a value for all."""
    for no, position, user, modseq, data, newest, head, known, shared, emptied in run.rows(_ITEMS):
        run.looked_at(ITEMS, 1)
        wrong = ""
        if newest is None or not 1 <= position <= (head or 0):
            wrong = "there is no such message"
        elif not 1 <= modseq <= newest:
            wrong = f"its change of state is {modseq} of {newest}"
        elif not known:
            wrong = f"user no. {user} does not exist"
        elif shared is None or emptied:
            wrong = f"{run.user(user)} has a value of their own, and there is none for all"
        elif modseq > shared:
            wrong = f"{run.user(user)} has a value of change {modseq}, and the one for all is of {shared}"
        elif user and data == EMPTY_MAP:
            wrong = f"{run.user(user)} has an empty value of their own"
        wrong = wrong or _wrong_map(run, data, MAX_ITEM_STATE_BYTES)
        if wrong:
            run.found(ITEMS, f"message {position} of {run.conversation(no)}: {wrong}")
    run.list(
        ITEMS,
        _LONG_STEPS,
        lambda no, modseq, count: (
            f"change of state {modseq} of {run.conversation(no)} is of {count} messages, and {MAX_ITEMS_A_CHANGE} are allowed"
        ),
        (MAX_ITEMS_A_CHANGE,),
    )


def accounts(run: CheckRun) -> None:
    """Check that state of accounts belongs to one, and was counted."""
    for user, known, seq, data in run.rows(
        "SELECT v.user_no, u.no IS NOT NULL, v.seq, v.data FROM user_values v LEFT JOIN users u ON u.no = v.user_no"
    ):
        run.looked_at(ACCOUNT_STATE, 1)
        wrong = "" if known else "is none"
        wrong = (
            wrong or ("" if seq >= 1 else f"counts {seq} changes") or _wrong_map(run, data, MAX_STATE_BYTES)
        )
        if wrong:
            run.found(ACCOUNT_STATE, f"{run.user(user)}: {wrong}")


def names(run: CheckRun) -> None:
    """Check, behind the maps, that each name in them is kept as one: a server that does not have it would show it else."""
    kept = {name for (name,) in run.rows("SELECT name FROM state_names")}
    run.looked_at(STATE_NAMES, len(kept))
    for name in sorted(run.state_names - kept):
        run.found(STATE_NAMES, f"{name!r} is in maps of state, and is not kept as a name of it")


def outcomes(run: CheckRun) -> None:
    """Check that what a key led to is whole: somebody's key and digest, a method, a result, a time."""
    run.looked_at(OUTCOMES, run.number("SELECT count(*) FROM outcomes"))
    run.list(
        OUTCOMES,
        "SELECT hex(o.key), o.method, o.user_no FROM outcomes o LEFT JOIN users u ON u.no = o.user_no WHERE u.no IS NULL"
        " OR length(o.key) <> ? OR length(o.digest) <> ? OR o.method = '' OR length(o.result) = 0 OR o.at < 0",
        lambda key, method, user: (
            f"the outcome of key {key} ({method or 'no method'}) of {run.user(user)} is not whole"
        ),
        (KEY_BYTES, DIGEST_BYTES),
    )


def _wrong_map(run: CheckRun, data: bytes | None, most: int) -> str:
    """What is wrong with a stored map; "" if nothing is, or if there is none. Its names are noted."""
    if data is None:
        return ""
    if len(data) > most:
        return f"{len(data)} bytes, and {most} are allowed"
    content = read_content(data)
    if isinstance(content, str):
        return content
    run.state_names.update(content)
    return ""
