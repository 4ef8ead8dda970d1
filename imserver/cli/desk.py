"""The one way from a command to the accounts: the administration of a running server, or our own on a stopped database.

Both are asked with the same words and answer the same maps, so that a command does not know whom it asks. Answers that are
lists come in pages, each of which fits a line of the control socket.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from imserver.chat.units import Unit
from imserver.clock import ShiftedClock, SystemClock
from imserver.config import Config
from imserver.errors import Refusal, RefusalCode, StartError

from .app import Setup
from .changes import checked_changes
from .control import MAX_LINE_BYTES, Operation, ask, control_path
from .place import require_database
from .root import refuse_as_root

if TYPE_CHECKING:
    from imserver.chat.administration import Administration
    from imserver.plugin_host import PluginHost
    from imserver.store.sqlite.store import SqliteStore

T = TypeVar("T")

#: A starting server has locked the database, and opens its control socket a little later.
START_TRIES = 10
START_WAIT_S = 0.3
#: Rows that are asked for at once, and bytes of an answer on its line.
PAGE_ROWS = 200
ANSWER_BYTES = MAX_LINE_BYTES - 1024
#: Accounts among which a name is looked for that was meant: the first of all, and those that begin as it does.
FIRST_LOOKED = 1000
ALIKE_LOOKED = 400


def at_desk(setup: Setup, work: Callable[[Desk], Awaitable[T]], *, create: bool = False) -> T:
    """Do this work of a command with the configured database; `create`: make it, if there is none."""
    config = setup.config()
    if control_path(config.store.path) is None:
        raise StartError("a database in memory keeps no accounts; set store.path")
    if not create:
        require_database(setup, config.store.path)

    async def run() -> T:
        async with Desk(config, setup.folder) as desk:
            return await work(desk)

    return asyncio.run(run())


def ask_plugin(setup: Setup, plugin: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Have an operation of a plugin done."""
    return at_desk(
        setup, lambda desk: desk.ask("plugin", plugin=plugin, name=operation, arguments=dict(arguments))
    )


class Desk:
    """Asks the running server, if one answers; else opens the database, and keeps it until the command ends."""

    def __init__(self, config: Config, folder: Path = Path()) -> None:
        path = control_path(config.store.path)
        assert path is not None
        self._config = config
        self._folder = folder
        self._socket = path
        self._store: SqliteStore | None = None
        self._own: Mapping[str, Operation] = {}
        #: True once a server has answered, False once the database is ours, None before.
        self.running: bool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._store is not None:
            await self._store.close()

    async def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """What is answered. Raises `StartError`, one line, if it is refused, or if nobody can answer."""
        answer = await self._answer(operation, arguments)
        if "no_user" in answer:
            raise StartError(await self._no_user(answer["no_user"]))
        if "refused" in answer:
            raise StartError(answer["refused"], again=answer["again"])
        return answer

    async def pages(self, operation: str, **arguments: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows of a list, page by page."""
        after = None
        while True:
            page = await self.ask(operation, limit=PAGE_ROWS, **arguments, after=after)
            yield page["rows"]
            after = page["next"]
            if after is None:
                return

    # -- whom to ask --------------------------------------------------------------------------------------------------

    async def _answer(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        for _ in range(START_TRIES):
            if self.running is False:
                return await self._own[operation](dict(arguments))
            answer = await ask(self._socket, operation, arguments)
            if answer is not None:
                self.running = True
                return answer
            if self.running:
                raise StartError("the server stopped meanwhile; try again", again=True)
            if await self._open():
                self.running = False
            else:  # a server holds the file and will open its control socket soon
                await asyncio.sleep(START_WAIT_S)
        raise StartError(
            f"{self._config.store.path} is in use by a process that does not take commands; stop it and try again",
            again=True,
        )

    async def _open(self) -> bool:
        """Take the database; False if somebody has it."""
        refuse_as_root(os.geteuid(), self._config.store.path)
        # Loaded only here: a running server has it all.
        from structlog import get_logger

        from imserver.chat.administration import Administration
        from imserver.plugin_host import PluginHost
        from imserver.store.sqlite.store import SqliteStore

        # A server whose clock was put forward (`[clock]`, for demonstrations) issued tokens at times that are still to come.
        clock = ShiftedClock(max(SystemClock().now_ms(), self._config.clock.start_ms))
        store = SqliteStore(self._config.store, clock=clock)
        try:
            await store.open(Nobody())
        except StartError as error:
            if "has this database open" not in str(error):
                raise
            return False
        self._store = store
        host = PluginHost(store, self._config.plugins, clock=clock, log=get_logger(), folder=self._folder)
        self._own = {**operations(Administration(store, clock)), **of_plugins(host)}
        return True

    # -- who was meant ------------------------------------------------------------------------------------------------

    async def _no_user(self, name: str) -> str:
        seen: dict[str, str] = {}
        for after, most in (("", FIRST_LOOKED), *((begin, ALIKE_LOOKED) for begin in _beginnings(name))):
            async for user in self._users_behind(after, most):
                seen[user["user_id"].casefold()] = user["user_id"]
                seen.setdefault(user["display_name"].casefold(), user["user_id"])
        close = get_close_matches(name.casefold(), seen, n=1, cutoff=0.6)
        meant = f" Did you mean {seen[close[0]]!r}?" if close else " `imserver user list` lists them all."
        return f"there is no user {name!r}.{meant}"

    async def _users_behind(self, after: str | None, most: int) -> AsyncIterator[dict[str, Any]]:
        while most > 0:
            page = await self._answer("users", {"after": after, "limit": min(most, PAGE_ROWS)})
            for user in page["rows"]:
                yield user
            most -= len(page["rows"])
            after = page["next"]
            if after is None:
                return


def _beginnings(name: str) -> set[str]:
    return {name[:1].lower(), name[:1].upper(), name[:2]} - {""}


# -- what can be asked --------------------------------------------------------------------------------------------------


def operations(of: Administration) -> dict[str, Operation]:
    """Everything that a command may ask, of a running server and of a stopped database alike. Answers that are lists have
    `rows`, and `next` if they are pages."""

    async def tokens(asked: dict[str, Any]) -> dict[str, Any]:
        told = await of.tokens(asked["user_id"])
        told["rows"] = told.pop("tokens")
        while _bytes(told) > ANSWER_BYTES:
            # Whichever is longer: a user of whom hundreds of devices were revoked may have no token left to leave out.
            longer = max(told["rows"], told["revoked_before"], key=len)
            del longer[len(longer) * 3 // 4 :]
            told["more"] = True
        return told

    return {
        name: _refusing(operation)
        for name, operation in {
            "users": _paged("users", lambda asked: of.users(**asked)),
            "user": lambda asked: of.user(asked["user_id"]),
            "put_user": lambda asked: of.put_user(
                **checked_changes(
                    asked.get("user_id", ""),
                    asked.get("display_name"),
                    asked.get("language"),
                    asked.get("roles"),
                )
            ),
            "disable_user": lambda asked: of.disable(asked["user_id"]),
            "enable_user": lambda asked: of.enable(asked["user_id"]),
            "tokens": tokens,
            "revoke_tokens": lambda asked: of.revoke(**asked),
            "sessions": _paged("sessions", lambda asked: of.sessions(**asked)),
            "kick": lambda asked: of.kick(asked["user_id"], asked.get("device_id")),
            "browsers": _rows("browsers", lambda asked: of.browsers.browsers(asked["user_id"])),
            "sign_out": lambda asked: of.browsers.sign_out(asked["user_id"], asked["device_id"]),
            "label_browser": lambda asked: of.browsers.label(**asked),
            "links": _rows("links", lambda asked: of.browsers.links(asked["user_id"])),
            "make_link": lambda asked: of.browsers.make_link(asked["user_id"]),
            "revoke_link": lambda asked: of.browsers.revoke_link(asked["user_id"], asked["link_no"]),
        }.items()
    }


def of_plugins(host: PluginHost) -> dict[str, Operation]:
    """What a command of a plugin may ask of it."""

    async def operation(asked: dict[str, Any]) -> dict[str, Any]:
        return await host.operate(asked["plugin"], asked["name"], asked["arguments"])

    return {"plugin": operation}


def _rows(rows: str, read: Operation) -> Operation:
    """All of them, few as they are; but no more than fit a line."""

    async def operation(asked: dict[str, Any]) -> dict[str, Any]:
        told = await read(asked)
        told["rows"] = told.pop(rows)
        while _bytes(told) > ANSWER_BYTES:
            del told["rows"][len(told["rows"]) * 3 // 4 :]
        return told

    return operation


def _paged(rows: str, read: Operation) -> Operation:
    """Pages that fit a line: with fewer rows, if they are long."""

    async def operation(asked: dict[str, Any]) -> dict[str, Any]:
        limit = asked.pop("limit", PAGE_ROWS)
        while True:
            page = await read({**asked, "limit": limit})
            if limit <= 1 or _bytes(page) <= ANSWER_BYTES:
                page["rows"] = page.pop(rows)
                return page
            limit //= 2

    return operation


def _refusing(operation: Operation) -> Operation:
    """What is refused is an answer, too: it reads the same from a server and from here."""

    async def answering(asked: dict[str, Any]) -> dict[str, Any]:
        try:
            return await operation(asked)
        except Refusal as refusal:
            if refusal.code is RefusalCode.NOT_FOUND and "user_id" in asked:
                return {"no_user": asked["user_id"]}
            words = refusal.text.removeprefix(f"{refusal.detail}: ")
            return {"refused": words, "again": refusal.retry_after_ms > 0}

    return answering


def _bytes(answer: dict[str, Any]) -> int:
    return len(json.dumps(answer))


class Nobody:
    """The listener of commits of a store that serves no connections."""

    def committed(self, units: Sequence[Unit]) -> None:
        for unit in units:
            unit.settle()

    def saturated(self) -> bool:
        return False
