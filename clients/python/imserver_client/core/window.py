"""The window on very many conversations: beyond `max_conversations` the quiet ones are let go, and come back when they move.

Quiet is what has nothing to read, nothing in the application's queue and in the outbox, no screen that shows it, and nothing
that `since` does not vouch for. Of a conversation by a team nothing is kept: the row that a later sync lists begins behind that
`since`. So they go between two listings alone; within the first one, rows that are listed again begin at their heads. Of others
the store keeps the positions, for their rows say only where one joined; these go on where they were.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from imserver_client.limits import ClientLimits
from imserver_client.storage import SavedPosition, Storage
from imserver_protocol.methods.sync import SyncRow

from .cursors import Cursors
from .delivery import Delivery
from .inbox import Inbox
from .lineage import Lineage
from .posting import Posting
from .states import States

_log = logging.getLogger("imserver_client")


class Window:
    """Lets conversations go, and remembers where they were."""

    def __init__(
        self,
        inbox: Inbox,
        lineage: Lineage,
        states: States,
        delivery: Delivery,
        posting: Posting,
        cursors: Cursors,
        storage: Storage,
        limits: ClientLimits,
    ) -> None:
        self._inbox = inbox
        self._lineage = lineage
        self._states = states
        self._delivery = delivery
        self._posting = posting
        self._cursors = cursors
        self._storage = storage
        self._most_at_rest = limits.max_conversations_at_rest
        #: How many are at rest.
        self._resting = 0

    def at_rest(self, rows: Sequence[SyncRow]) -> dict[str, SavedPosition]:
        """Where the conversations of these rows were that are at rest. They are not any more: `Inbox.apply` follows them."""
        if not self._resting:
            return {}
        names = [row.conversation_id for row in rows if self._inbox.get(row.conversation_id) is None]
        found = self._storage.places(names)
        self._resting -= len(found)
        return found

    def recall(self) -> None:
        """Follow all that are at rest: the token that vouched for them is given up, and they are checked."""
        if self._resting:
            places = self._storage.places()
            self._inbox.restore(
                {name: place for name, place in places.items() if self._inbox.get(name) is None}
            )
            self._resting = 0

    def make_room(self, *, listed: bool) -> None:
        """A page of sync was applied. `listed`: it was the last one."""
        inbox = self._inbox
        if not inbox.crowded(listed=listed):
            return
        kept = self._delivery.conversations() | self._posting.conversations()
        resting: list[str] = []
        forgotten: list[str] = []
        surplus = inbox.surplus
        for name in inbox.quiet():
            if len(resting) + len(forgotten) >= surplus:
                break
            if name in kept or self._states.is_shown(name) or not self._lineage.is_quiet(name):
                continue
            if self._lineage.team_of(name) is None:
                if self._resting + len(resting) < self._most_at_rest:
                    resting.append(name)
            elif listed:
                forgotten.append(name)
        self._let_go(resting, forgotten)

    def _let_go(self, resting: Collection[str], forgotten: Collection[str]) -> None:
        names = [*resting, *forgotten]
        self._inbox.let_go(names)
        if not names:
            return
        _log.info("%d quiet conversations are not followed until they move", len(names))
        for name in names:
            self._lineage.rest(name)
            self._states.drop(name)
            self._cursors.drop(name)
        self._storage.save_rest(resting, forgotten, self._lineage.unsaved())
        self._lineage.saved()
        self._resting += len(resting)
