"""Runs a batch of units on the writer's thread in one transaction; if that fails, each unit in one of its own.

The policy is here, once; a database behind it is an `Engine`. Memory (heads, members, counters) is undone together with the
rows.

The calls of one transaction: `begin`; for each unit `savepoint`, its work on `tx`, then `release` or `rollback_to`, but for
one that has the transaction to itself; for each run of plain posts `posts`, outside of a savepoint; then `commit`. After any
error that is not a unit's own nothing but `rollback`. Calls of two transactions never mix, and all are made where the
connection lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from imserver.chat.units import PostUnit, Unit
from imserver.clock import Clock
from imserver.errors import PluginError, Refusal, RefusalCode, StoreFailed
from imserver.store.engine.faults import Fault, OutcomeUnknown, TransactionLost
from imserver.store.engine.transaction import RuledTransaction

#: Units of one batch that may end its transaction by their own doing (a plugin's endless INSERT) before the rest is done
#: one by one.
MAX_CULPRITS = 4

#: What clients are told of a full disk: whose it is, and that nobody has to do anything again.
FULL_TEXT = "the server's disk is full: it stores messages again, by itself, as soon as there is room"

_Lane = tuple[str, str]


class Engine(Protocol):
    """One transaction at a time on one connection. Lives on the writer's thread."""

    @property
    def tx(self) -> RuledTransaction:
        """What units work with; one object for the writer's life. The policy sets its time, counters and events, and undoes its
        journal; rows are the engine's to undo. At the opening the engine sets `change`, and `message_change` to the change of
        the newest message."""
        ...

    def begin(self) -> None:
        """Begin a transaction that writes, and that no other writer can come between, and with it the time of a unit that has
        it to itself. Raises the database's error: BUSY if another process keeps it waiting for longer than it may. Between two
        transactions, before this or behind `commit`, the engine trims its `ConversationCache`."""
        ...

    def commit(self) -> None:
        """Make the transaction durable, and `tx.change` with it: the next life goes on counting from there.

        Returned means on the disk. Raises `OutcomeUnknown` if that may or may not have happened: the server stops then, so
        only an error that surely leaves the transaction undone may be another. Then `rollback` is called. Raises
        `TransactionLost` if the database ended the transaction before, and `PluginError` for a constraint of a plugin's table
        that waited for the commit and is broken: the units are done one by one then, and the one whose it was keeps this."""
        ...

    def rollback(self) -> None:
        """End the transaction, if there is one, without a trace. Called after any error, also of `begin` and `commit`. Raises
        `StoreFailed` if even that fails."""
        ...

    def savepoint(self) -> None:
        """Begin one unit's part of the transaction. A plugin's bound of time is for one unit, so it begins here anew."""
        ...

    def release(self) -> None:
        """End the unit's part and keep it. An error here is the unit's, like one of its work: a database in which a statement
        that failed spoils the transaction says so now, also if the unit caught it."""
        ...

    def rollback_to(self) -> None:
        """Undo the rows of the unit's part, and end it. What units before it did stays."""
        ...

    def posts(self, units: Sequence[PostUnit]) -> None:
        """Store neighbouring plain posts together, to the same results as `tx.post` for one after another.

        Each unit gets its `error`, a `Refusal`; or its `result`, and, if it is no duplicate, `change` and `audience` (the
        members when it took its position). Events are made of these later, so `tx.events` is not touched. Heads and counters
        of `tx` are moved, with the journal.

        Raises if they cannot be stored together, with rows, journal and counters as they were before and the units void: they
        are done one by one then. An engine without a faster way loops over `tx.post` under a savepoint of its own, keeps each
        refusal, and takes `change` and `audience` from the event that each post appends."""
        ...

    def ended_by(self, raised: BaseException | None = None) -> BaseException | None:
        """The error by which the database ended the whole transaction, `raised` if it left none; None while it stands.

        Asked after any error of a unit. Databases end transactions at errors that look like a statement's own: without this
        answer the next statement would commit alone, or all later ones fail."""
        ...

    def fault_of(self, error: BaseException) -> Fault:
        """The kind of an error; UNIT for one that is not the database's.

        UNIT must be sure: such a unit is refused and never tried again, its neighbours go on. FULL and BUSY are told to the
        caller, who comes again. In doubt it is BROKEN, which stops the store."""
        ...


class Batches:
    """Runs batches on one engine. Not thread-safe: lives on the writer's thread."""

    def __init__(self, engine: Engine, clock: Clock, retry_after_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock
        self._retry_after_ms = retry_after_ms
        #: (conversation, sender) of posts in this batch that may be offered again: no later post of theirs may overtake.
        self._held: set[_Lane] = set()
        #: The unit that itself ended the last transaction, if one did.
        self._culprit: Unit | None = None

    def run(self, units: Sequence[Unit]) -> None:
        """Give each unit a result or an error. Raises `StoreFailed` if the outcome is unknown: then none counts."""
        self._held.clear()
        error = self._together(units)
        left = MAX_CULPRITS
        while error is not None and self._culprit is not None and left > 0:
            # One unit itself ended the transaction; the others need not pay for it with a commit each.
            left -= 1
            self._give_up(self._culprit, error)
            units = [unit for unit in units if unit is not self._culprit]
            error = self._together(units) if units else None
        if error is not None:
            self._each_alone(units, error)

    def _each_alone(self, units: Sequence[Unit], first_error: Exception) -> None:
        error: Exception | None = first_error
        stopped: Refusal | None = None
        for unit in units:
            if stopped is None and len(units) > 1:
                error = self._together([unit])
                if error is None:
                    continue
            if stopped is None:
                stopped = self._give_up(unit, error)
            else:
                # No unit may overtake one that failed for want of room.
                unit.error = stopped

    # -- one transaction ----------------------------------------------------------------------------------------------

    def _together(self, units: Sequence[Unit]) -> Exception | None:
        """Run all units in one transaction. None: committed. An error: nothing is stored, and memory is as before."""
        engine, tx = self._engine, self._engine.tx
        before = (tx.change, tx.message_change)
        held = set(self._held)
        self._culprit = None
        tx.now_ms = self._clock.now_ms()
        try:
            engine.begin()
            self._all(units)
            engine.commit()
        except OutcomeUnknown as error:
            # The side file must not get numbers that the next start may not find (see `HighWater`).
            tx.change, tx.message_change = before
            raise StoreFailed(f"COMMIT failed, outcome unknown: {error}") from error
        except Exception as error:
            tx.journal.undo()
            tx.change, tx.message_change = before
            tx.events = []
            engine.rollback()
            # Results and events of the units are void: neither replies nor pushes may be made of them.
            _unmark(units)
            self._held = held
            return error
        tx.journal.clear()
        return None

    def _all(self, units: Sequence[Unit]) -> None:
        start, count = 0, len(units)
        if count == 1 and not units[0].together and not self._held:
            self._by_itself(units[0])
            return
        while start < count:
            end = start
            while end < count and units[end].together:
                end += 1
            if end > start:
                self._posts(cast("Sequence[PostUnit]", units[start:end]))
            if end < count:
                self._one(units[end])
                end += 1
            start = end

    def _posts(self, units: Sequence[PostUnit]) -> None:
        if self._held:
            self._one_by_one(units)
            return
        try:
            self._engine.posts(units)
        except (TransactionLost, StoreFailed):
            raise
        except Exception as error:
            # One odd value spoils the run; alone it spoils itself.
            if self._engine.ended_by() is not None or self._engine.fault_of(error) is not Fault.UNIT:
                raise
            self._one_by_one(units)

    def _one_by_one(self, units: Sequence[PostUnit]) -> None:
        for unit in units:
            self._one(unit)

    # -- one unit -----------------------------------------------------------------------------------------------------

    def _one(self, unit: Unit) -> None:
        """Run a unit in its own SAVEPOINT: its exception undoes it alone, in the rows and in memory."""
        engine, tx = self._engine, self._engine.tx
        lane = (unit.conversation_id, unit.sender_id) if isinstance(unit, PostUnit) else None
        if lane in self._held:
            unit.error = Refusal(
                RefusalCode.HELD, "an earlier message of this conversation has to be decided first"
            )
            return
        mark, change, message_change = tx.journal.mark(), tx.change, tx.message_change
        tx.events = []
        engine.savepoint()
        try:
            unit.result = unit.run(tx)  # type: ignore[arg-type]  # stores complete it
            unit.error = None
            unit.happened = tuple(tx.events)
            engine.release()
        except BaseException as raised:
            cause = engine.ended_by(raised)
            if cause is not None:
                if engine.fault_of(cause) is Fault.UNIT:
                    self._culprit = unit
                raise TransactionLost(cause) from cause
            if engine.fault_of(raised) is not Fault.UNIT:
                raise
            engine.rollback_to()
            tx.journal.undo(mark)
            tx.change, tx.message_change = change, message_change
            unit.void()
            unit.error = own_error(raised)
            if lane is not None and not is_final(unit.error):
                self._held.add(lane)

    def _by_itself(self, unit: Unit) -> None:
        """Run the only unit of a transaction, which is its savepoint: what it raises undoes all, and `_give_up` judges it."""
        engine, tx = self._engine, self._engine.tx
        tx.events = []
        try:
            unit.result = unit.run(tx)  # type: ignore[arg-type]  # stores complete it
            unit.error = None
            unit.happened = tuple(tx.events)
        except BaseException as raised:
            cause = engine.ended_by(raised)
            if cause is not None:
                raise TransactionLost(cause) from cause
            if isinstance(raised, Exception) or engine.fault_of(raised) is not Fault.UNIT:
                raise
            raise own_error(raised) from raised

    def _give_up(self, unit: Unit, error: Exception | None) -> Refusal | None:
        """Judge a unit that failed in a transaction of its own. Returns the refusal for all units behind it, if any."""
        cause = error.cause if isinstance(error, TransactionLost) else error
        assert cause is not None
        fault = self._engine.fault_of(cause)
        if fault is Fault.BROKEN:
            raise StoreFailed(f"the database does not work: {cause}") from cause
        if fault is Fault.UNIT:
            unit.error = own_error(cause)
            if isinstance(unit, PostUnit) and not is_final(unit.error):
                self._held.add((unit.conversation_id, unit.sender_id))
            return None
        if fault is Fault.FULL:
            refusal = Refusal(RefusalCode.STORE_FULL, FULL_TEXT, retry_after_ms=self._retry_after_ms())
        else:
            refusal = Refusal(
                RefusalCode.OVERLOADED, "the store is busy", retry_after_ms=self._retry_after_ms()
            )
        unit.error = refusal
        return refusal


def is_final(error: Exception | None) -> bool:
    """True if the error means that the unit will never be stored."""
    return isinstance(error, Refusal) and not error.code.retryable


def own_error(raised: BaseException) -> Exception:
    """The error as the unit's owner gets it."""
    if isinstance(raised, Exception):
        return raised
    return PluginError(f"a unit of work raised {type(raised).__name__}")


def _unmark(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.void()
