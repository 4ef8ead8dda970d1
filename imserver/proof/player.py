"""A person in a play: a real client that posts, and waits for messages of others instead of for the clock."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from imserver.model import KEY_BYTES
from imserver_client import (
    Client,
    ClientError,
    ConnectionChanged,
    Cursor,
    CursorMoved,
    Message,
    Posted,
)

from .acts import all_acts
from .transcript import Transcript

#: The longest wait of a play, far above need on the slowest machine (seconds).
PATIENCE_S = 60.0


class PlayBroken(Exception):
    """An event that the play waited for did not come."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, new or with another content than before (`changed`)."""

    conversation_id: str
    position: int
    sender_id: str
    sent_at: int
    key: bytes
    content: Mapping[str, Any]
    changed: bool = False


class Player:
    """Reads all that its client receives, from the first moment, into `transcript` and `heard`."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.transcript = Transcript(client.user_id)
        self.heard: list[Heard] = []
        #: Reports of lost and restored connections.
        self.connections: list[ConnectionChanged] = []
        self._cursors: dict[tuple[str, str], Cursor] = {}
        self._changed = asyncio.Condition()
        self._posts: dict[bytes, asyncio.Task[Posted]] = {}
        self._failure: BaseException | None = None
        events = client.events()
        self._readers = [
            asyncio.ensure_future(self._guard(self._read_messages())),
            asyncio.ensure_future(self._guard(self._read_events(events))),
        ]

    async def begin(self) -> None:
        """Note the heads of the conversations: every later message must be delivered."""
        page = await self.client.conversations(limit=100)
        self.transcript.heads = {row.conversation_id: row.head for row in page.conversations}

    async def close(self) -> None:
        """Stop reading. Posts without an answer are left to the client."""
        tasks = [*self._readers, *self._posts.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- posting ------------------------------------------------------------------------------------------------------

    def post(self, conversation_id: str, text: str) -> bytes:
        """Put a post into the client's outbox; returns its key. Nothing is awaited: its fate may be anything yet."""
        key = secrets.token_bytes(KEY_BYTES)
        content = {"type": "text", "text": text}
        self.transcript.posted.append(key)
        self._posts[key] = asyncio.ensure_future(self._post(conversation_id, content, key))
        return key

    async def posted(self, key: bytes) -> Posted:
        """The answer to a post."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(self._posts[key])
        except TimeoutError:
            raise PlayBroken(f"{self.name}'s post was not answered within {PATIENCE_S:.0f} s") from None
        except ClientError as error:
            raise PlayBroken(f"{self.name}'s post failed: {error}") from None

    @property
    def unanswered(self) -> list[bytes]:
        """Keys of posts that the server has not answered."""
        return [queued.key for queued in self.client.outbox()]

    async def _post(self, conversation_id: str, content: dict[str, Any], key: bytes) -> Posted:
        posted = await self.client.post(conversation_id, content, key=key)
        self.transcript.note_answer(posted, content)
        return posted

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """Waits until `happened()`; checks again whenever this client receives anything. Raises PlayBroken."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(lambda: happened() or self._failure is not None)
        except TimeoutError:
            raise PlayBroken(f"{self.name} waited {PATIENCE_S:.0f} s for {what}") from None
        if not happened():
            raise PlayBroken(f"{self.name}'s client stopped: {self._failure}")

    async def find(self, match: Callable[[Heard], bool], what: str, start: int = 0) -> int:
        """The index in `heard` of the first match at or behind `start`, as soon as it is there."""

        def index() -> int:
            found = (n for n in range(start, len(self.heard)) if match(self.heard[n]))
            return next(found, -1)

        await self.until(lambda: index() >= 0, what)
        return index()

    async def caught_up(self) -> None:
        """Waits until this client has received everything that its server has for it."""
        page = await self.client.conversations(limit=100)
        for row in page.conversations:
            await self.until(
                lambda row=row: self._shown_to(row.conversation_id) >= row.head,  # type: ignore[misc]
                f"message {row.head} of {row.conversation_id}",
            )

    def cursor(self, conversation_id: str, user_id: str) -> Cursor:
        """Another member's cursor."""
        return self._cursors.get((conversation_id, user_id), Cursor())

    def _shown_to(self, conversation_id: str) -> int:
        positions = [
            seen.position for seen in self.transcript.seen if seen.conversation_id == conversation_id
        ]
        return max(positions, default=self.transcript.heads.get(conversation_id, 0))

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _guard(self, reading: Any) -> None:
        try:
            await reading
        except ClientError as error:  # the client gave up: pending calls raise the reason
            async with self._changed:
                self._failure = error
                self._changed.notify_all()

    async def _read_messages(self) -> None:
        async for message in self.client.messages():
            async with self._changed:
                self.transcript.note(message)
                self._hear(message)
                self._changed.notify_all()

    def _hear(self, message: Message) -> None:
        if message.content is not None:
            heard = (message.conversation_id, message.position, message.sender_id, message.sent_at)
            self.heard.append(Heard(*heard, message.key, message.content))

    async def _read_events(self, events: Any) -> None:
        async for event in events:
            async with self._changed:
                match event:
                    case CursorMoved():
                        self._cursors[event.conversation_id, event.user_id] = event.cursor
                    case ConnectionChanged():
                        self.connections.append(event)
                for acts in all_acts().values():
                    if acts.hears is not None:
                        acts.hears(self, event)
                self._changed.notify_all()

    # -- imserver.proof.acts.Listener ---------------------------------------------------------------------------------

    @property
    def user_id(self) -> str:
        return self.client.user_id

    def note(self, *facts: Any) -> None:
        """A play has no judge of its features."""

    def says_now(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        """It is the old message with a new content; its time is that of the newest message, which told of it."""
        self.transcript.note_replaced(conversation_id, position, revision, content)
        place = (conversation_id, position)
        old = [one for one in self.heard if (one.conversation_id, one.position) == place]
        if old and content is not None:
            last = self.heard[-1].sent_at
            heard = (*place, old[0].sender_id, last, old[0].key)
            self.heard.append(Heard(*heard, content, changed=True))
