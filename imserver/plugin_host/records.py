"""What a plugin puts on record: in the ledger first, then done by its handler, whatever copy of the database comes back.

The store knows of such a record only whose it is, and keeps it among its rows until the handler has done it. So it opens
without the plugin, and what a copy has not seen yet is done when the plugin starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from imserver.chat.ports import Store
from imserver.chat.rates import Rates
from imserver.chat.records import JOINED
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.clock import Clock
from imserver.errors import PluginError, Refusal, RefusalCode
from imserver.model import PluginRecord
from imserver.plugin_api import Transaction
from imserver.plugin_host.methods import PluginOwner
from imserver.plugin_host.registrations import Registrations

#: The store's kind of these records (`chat/records.py`).
KIND = "plugin"
#: A record's body as JSON (bytes). The ledger keeps it for ever: ids, versions and times, nobody's words.
MAX_BODY_BYTES = 2_048
#: Records of one plugin, each of which is kept for ever: so many at once, and then so many a second.
RECORDS_AT_ONCE = 200
RECORDS_PER_SECOND = 2.0

RecordHandler = Callable[[Transaction, Mapping[str, Any]], None]


class _Rehearsed(Exception):
    """The handler can do it; nothing of it stays."""


class Records:
    """The records of one plugin."""

    def __init__(self, store: Store, registrations: Registrations, owner: PluginOwner, clock: Clock) -> None:
        self._store = store
        self._registrations = registrations
        self._owner = owner
        self._rate = Rates(RECORDS_PER_SECOND, RECORDS_AT_ONCE, clock)
        self._doing = asyncio.Lock()
        self._putting: set[asyncio.Task[None]] = set()

    async def put(self, name: str, body: Mapping[str, Any]) -> None:
        """Put it on record and do it. What its handler raises is raised before anything is on record: what is there has to be
        done at every start. OVERLOADED above the rate."""
        self._handler(name)
        body = _as_kept(name, body)
        wait_s = self._rate.take("")
        if wait_s:
            text = "too much is being put on record"
            raise Refusal(RefusalCode.OVERLOADED, text, retry_after_ms=int(wait_s * 1000) + 1)
        with contextlib.suppress(_Rehearsed):
            await self._store.write(partial(self._rehearse, name, body))
        # Whoever waits may be cancelled (a handler's deadline); what is on record is done all the same.
        task = asyncio.get_running_loop().create_task(self._put(name, body))
        self._putting.add(task)
        task.add_done_callback(self._putting.discard)
        await asyncio.shield(task)

    async def _put(self, name: str, body: Mapping[str, Any]) -> None:
        plugin = self._registrations.name
        await self._store.put_on_record(KIND, {"plugin": plugin, "name": name, "body": body})
        await self.do()

    async def close(self) -> None:
        """Wait for those that are being put. What cannot be done any more is done at the next start."""
        if self._putting:
            await asyncio.wait(self._putting)

    async def do(self) -> None:
        """Do what is on record and was not done yet, in order. Raises `PluginError` for what this plugin does not know."""
        plugin = self._registrations.name
        async with self._doing:
            for record in await self._store.read(lambda reader: reader.plugin_records(plugin)):
                await self._store.write(partial(self._done, record))

    def rehearse_joined(self, tx: StoreTransaction, guest_id: str, account_id: str) -> None:
        """Carry over what this plugin keeps of a guest, in a unit of which nothing stays."""
        self._run(JOINED, {"guest": guest_id, "account": account_id}, tx)

    def _rehearse(self, name: str, body: Mapping[str, Any], tx: StoreTransaction) -> None:
        self._run(name, body, tx)
        raise _Rehearsed

    def _done(self, record: PluginRecord, tx: StoreTransaction) -> None:
        self._run(record.name, record.body, tx)
        tx.plugin_record_done(record.plugin, record.number)

    def _run(self, name: str, body: Mapping[str, Any], tx: StoreTransaction) -> None:
        if name != JOINED:
            handler = self._handler(name)
            self._owner.write(tx, None, lambda view: handler(view, body))
            return
        carry_over, guest_id, account_id = self._registrations.carry_over, body["guest"], body["account"]
        if carry_over is not None:
            # They are whom it is about: the plugin may bring them into its conversations, whoever an older copy knows.
            about = frozenset((guest_id, account_id))
            self._owner.write(tx, None, lambda view: carry_over(view, guest_id, account_id), about)

    def _handler(self, name: str) -> RecordHandler:
        handler = self._registrations.records.get(name)
        if handler is None:
            raise PluginError(f"nobody here knows how to do the record {name!r} (`on_record`)")
        return handler


class JoinedRecords:
    """`chat.joins.Carrying`: the records of all plugins that run, as `running` lists them."""

    def __init__(self, running: Callable[[], Iterable[Records]]) -> None:
        self._running = running

    def rehearse(self, tx: StoreTransaction, guest_id: str, account_id: str) -> None:
        """Have each plugin try it. Raises what would go wrong."""
        for records in self._running():
            records.rehearse_joined(tx, guest_id, account_id)

    async def do(self) -> None:
        """Have each plugin do what waits for it."""
        for records in list(self._running()):
            await records.do()


def _as_kept(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as it will be read from the ledger. Raises PluginError for one that cannot be kept."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        raise PluginError(f"record {name!r}: its body is no JSON that can be stored ({error})") from None
    if size > MAX_BODY_BYTES:
        raise PluginError(f"record {name!r}: {size} bytes; at most {MAX_BODY_BYTES}")
    kept = json.loads(text)
    if not isinstance(kept, dict):
        raise PluginError(f"record {name!r}: its body is a map")
    return kept
