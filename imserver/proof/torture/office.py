"""The operator of a torture run: shuts employees out and lets them in again, and revokes what they come in with, beside all
that happens to the server."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from imserver.proof.access_checks import Out
from imserver.proof.server_process import ServerProcess

from .client_journal import now_ms
from .client_pool import ClientPool
from .older_copies import Kind, PutBack
from .participants import Part

#: Between two acts, and how long somebody stays out (seconds).
PAUSE_S = (0.3, 3.0)
OUT_S = (0.5, 4.0)
#: Until a server is asked again that did not answer (seconds).
AGAIN_S = 0.3
#: What ends a user's access.
DISABLED, TOKEN, DEVICE, EVERYTHING = "disabled", "a token revoked", "a device revoked", "all tokens revoked"
WAYS = (DISABLED, DISABLED, TOKEN, DEVICE, EVERYTHING)


class Office:
    """Works while `keep` runs, and in `let_all_in`. `parts`: whom it may shut out; `acts` counts how, and `outs` gets who was
    out, and for how long."""

    def __init__(
        self,
        server: ServerProcess,
        pool: ClientPool,
        parts: Sequence[Part],
        rng: random.Random,
        acts: Counter[str],
        outs: list[Out],
    ) -> None:
        self._server = server
        self._pool = pool
        self._rng = rng
        self._parts = parts
        self._acts = acts
        self._outs = outs
        #: What each came in with last: the part of a token that names it.
        self._tokens: dict[str, str] = {}
        #: Since when a user is out (UTC ms).
        self._out_since: dict[str, int] = {}
        self._without_token: set[str] = set()
        self._stopping = asyncio.Event()
        self._older_record = False

    async def keep(self) -> None:
        """One after the other, until `stop`."""
        while self._parts and not await self._stopped_within(self._rng.uniform(*PAUSE_S)):
            if self._older_record:
                await self.let_all_in()
            part = self._rng.choice(self._parts)
            await self._end(part, self._rng.choice(WAYS))
            await self._stopped_within(self._rng.uniform(*OUT_S))
            await self._let_in(part)

    def stop(self) -> None:
        """Begin nothing new; who is out is let in."""
        self._stopping.set()

    async def let_all_in(self) -> None:
        """Nobody knows whom an older record has left out. What they come in with was never revoked."""
        self._older_record = False
        for part in self._parts:
            await self._insist("enable_user", user_id=part.user_id)

    def put_back(self, copy: PutBack) -> None:
        """An older folder brings an older record of who is out along: whoever was shut out since then may be in, and whoever
        was let in since then may be out."""
        if copy.kind is Kind.FOLDER:
            self._older_record = True
            for user_id in [user for user, since in self._out_since.items() if since >= copy.taken_at]:
                self._close(user_id)

    # -- acts ---------------------------------------------------------------------------------------------------------

    async def _end(self, part: Part, way: str) -> None:
        user_id = part.user_id
        if way is TOKEN and user_id not in self._tokens:
            way = EVERYTHING
        what: dict[str, dict[str, Any]] = {
            TOKEN: {"token_id": self._tokens.get(user_id)},
            DEVICE: {"device_id": part.device_id},
            EVERYTHING: {"everything": True},
        }
        operation = "disable_user" if way is DISABLED else "revoke_tokens"
        await self._insist(operation, user_id=user_id, **what.get(way, {}))
        self._out_since[user_id] = now_ms()
        self._acts[way] += 1
        if way is not DISABLED:
            self._without_token.add(user_id)

    async def _let_in(self, part: Part) -> None:
        """With another token if the last one was revoked; only then the client is certain to come in with it."""
        self._close(part.user_id)
        if part.user_id in self._without_token:
            self._without_token.discard(part.user_id)
            self._tokens[part.user_id] = token_id = secrets.token_hex(8)
            token = self._server.token(part.user_id, device_id=part.device_id, token_id=token_id)
            self._pool.give_token(part.name, token)
        await self._insist("enable_user", user_id=part.user_id)

    def _close(self, user_id: str) -> None:
        since = self._out_since.pop(user_id, None)
        if since is not None:
            self._outs.append(Out(user_id, since, now_ms()))

    async def _insist(self, operation: str, **arguments: Any) -> None:
        """Until a server has answered."""
        while True:
            answer = await self._server.operate(operation, **arguments)
            if answer is not None and ("changed" in answer or "sessions_ended" in answer):
                return
            await asyncio.sleep(AGAIN_S)

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()
