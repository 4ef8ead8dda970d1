"""The chat without its terminal: conversations, unread counts, cards, ticks, posting.

It gets a client and a `Screen`; `chat.terminal` and `chat.piped` have the two screens. `chat.commands` interprets a typed
line.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from imserver.cli.sanitize import safe_line
from imserver.clock import Clock
from imserver.model import direct_pair
from imserver_client import (
    CatchUpFailed,
    Client,
    ClientError,
    ConnectionChanged,
    Conversation,
    Cursor,
    CursorMoved,
    Disconnected,
    GonePost,
    HistoryReplaced,
    Item,
    ItemChanged,
    Message,
    PostsDelayed,
    PostsGone,
    RefusalCode,
    Refused,
    Retracted,
    State,
    Stopped,
)

from .looks import ChatCommand, looks_of
from .places import Names, Place, is_system, tells_of_retraction, users_in
from .refusals import quota, reason
from .render import Action, Page, Row, Shown, Tick, message_rows, notice, preview, tick_of

#: Messages shown when a conversation is opened.
OPENING_ITEMS = 20
#: Posts in flight; beyond it typing or a pipe waits.
MAX_POSTING = 500
#: Seconds between two announcements of one other conversation; the toolbar counts meanwhile.
ANNOUNCE_EVERY_S = 3.0
#: Up to so many other members the chat reports each one's receipt; above, only when all have read.
MAX_TOLD_READERS = 5


class Screen(Protocol):
    """Shows rows."""

    @property
    def width(self) -> int:
        """Cells of a line."""
        ...

    async def show(self, rows: Sequence[Row]) -> None:
        """Print the rows; waits while very many are queued."""
        ...

    def refresh(self) -> None:
        """Show `ChatSession.status` again: it has changed."""
        ...


class ChatSession:
    """One user at one screen."""

    def __init__(self, client: Client, screen: Screen, clock: Clock) -> None:
        self.client = client
        self.screen = screen
        self.names = Names(client)
        self.places: dict[str, Place] = {}
        self.current: Place | None = None
        #: The list that `/list` printed last, so that `/open 2` works.
        self.listed: list[str] = []
        #: Own messages that were lost on the server, by conversation.
        self.lost: dict[str, list[GonePost]] = {}
        #: Refused posts and other errors.
        self.failures = 0
        #: Set whenever a message of another user was shown.
        self.arrived = asyncio.Event()
        #: What is shown of features, by name.
        self.looks = looks_of(self, client.server_features)
        #: Words of features.
        self.commands: Mapping[str, ChatCommand] = {
            word: command for look in self.looks.values() for word, command in look.commands().items()
        }
        self._clock = clock
        self._posting: set[asyncio.Task[None]] = set()
        self._connected = True
        self._events = client.events()  # from now on: nothing is missed until `run` reads them

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Show arriving messages and events, until the client ends. Raises Stopped if it gave up."""
        readers = [asyncio.ensure_future(self._read_messages()), asyncio.ensure_future(self._read_events())]
        try:
            done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def close(self) -> None:
        """Stop waiting for posts (the client has them in its outbox)."""
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)

    @property
    def posting(self) -> int:
        """Number of posts without an answer."""
        return len(self._posting)

    async def posted(self) -> None:
        """Waits until every post has its answer."""
        while self._posting:
            await asyncio.wait(set(self._posting))

    # -- showing ------------------------------------------------------------------------------------------------------

    async def say(self, text: str, style: str = "notice") -> None:
        """Show a line that is not a message."""
        await self.screen.show(notice(text, style, self.screen.width))

    async def complain(self, text: str) -> None:
        """Show a line about an error."""
        self.failures += 1
        await self.say(text, "error")

    def page(self) -> Page:
        """How to draw now."""
        return Page(self.screen.width, self._clock.now_ms(), name_of=self.names, words=self._words)

    def refresh(self) -> None:
        """Show the status again."""
        self.screen.refresh()

    def typed(self) -> None:
        """The line that is being typed has changed."""
        for look in self.looks.values():
            look.typed()

    def status(self) -> str:
        """The status: user, place, connection, the newest own message, and unread counts elsewhere."""
        parts = [f"{self.client.user_id} → {self.current.title}" if self.current else self.client.user_id]
        if not self._connected:
            parts.append("no connection, trying again")
        if self._posting:
            parts.append(f"{len(self._posting)} on the way")
        elif self.current is not None and self.current.last_own:
            parts.append(f"last: {self._tick(self.current, self.current.last_own).value}")
        parts += [part for look in self.looks.values() if (part := look.status())]
        unread = [place for place in self.places.values() if place.unread and place is not self.current]
        if unread:
            parts.append(
                "unread: " + ", ".join(f"{place.title} ({place.unread_text()})" for place in unread[:5])
            )
        return safe_line("  │  ".join(parts))

    # -- conversations ------------------------------------------------------------------------------------------------

    async def load_list(self) -> list[Conversation]:
        """Read the user's newest conversations; updates places, titles and unread counts."""
        rows = list((await self.client.conversations(limit=50)).conversations)
        await self.names.learn(
            [
                *(user for row in rows for user in direct_pair(row.conversation_id) or ()),
                *(row.last.sender_id for row in rows if row.last is not None),
            ]
        )
        for row in rows:
            place = self.place(row.conversation_id)
            place.title = self.title_of(row.conversation_id, row.title)
            place.unread = 0 if place is self.current else row.unread
            place.counted_to = max(place.counted_to, row.head)
        self.screen.refresh()
        return rows

    def place(self, conversation_id: str) -> Place:
        """The conversation, as far as it is known."""
        if conversation_id not in self.places:
            self.places[conversation_id] = Place(
                conversation_id, self.client.user_id, self.title_of(conversation_id)
            )
        return self.places[conversation_id]

    def title_of(self, conversation_id: str, title: str = "") -> str:
        """The name of a conversation: its title, or the other person of a direct one."""
        pair = direct_pair(conversation_id)
        if pair is not None:
            other = pair[0] if pair[1] == self.client.user_id else pair[1]
            return safe_line(self.names(other)) or other
        return safe_line(title) or conversation_id

    async def open(self, conversation_id: str, items: int = OPENING_ITEMS) -> None:
        """Make it the current conversation and show its newest `items`. Messages that arrive meanwhile come after them."""
        place = self.place(conversation_id)
        pair = direct_pair(conversation_id)
        if pair is not None:
            await self.names.learn(pair)
            place.title = self.title_of(conversation_id)
        if self.current is not None:
            self.client.hide(self.current.conversation_id)
        self.client.show(place.conversation_id)
        self.current, place.arriving = place, []
        try:
            if items:
                await self.say(f"— {place.title} —")
                await self.show_history(place, items)
        finally:
            arriving, place.arriving = place.arriving or [], None
        place.unread = 0
        for message in arriving:
            await self._show_new(place, message)
        self.screen.refresh()

    async def show_history(self, place: Place, items: int) -> None:
        """Show the newest messages of a conversation, with ticks on own ones."""
        try:
            page = await self.client.history(place.conversation_id, limit=items)
        except Refused:
            if direct_pair(place.conversation_id) is None:
                raise
            await self.say("nothing here yet; the first message makes the conversation")
            return
        await self.names.learn(
            user_id for item in page.items for user_id in (item.sender_id, *users_in(item.content))
        )
        rows: list[Row] = []
        for item in map(place.as_now, page.items):
            place.note(item, self._cursors(place))
            if not self._hides(item.content):
                rows += self._rows(place, item, changed=item.revision > 1)
        if page.first > 1 and page.items:
            rows = [*notice("… /history 100 shows more"), *rows]
        await self.screen.show(rows)
        if page.items:
            place.shown_to = max(place.shown_to, page.items[-1].position)
            self.client.mark_read(place.conversation_id, place.shown_to)

    # -- posting ------------------------------------------------------------------------------------------------------

    async def post(self, text: str) -> None:
        """Post to the current conversation; returns when it is in the outbox. The answer is shown when it comes."""
        if self.current is None:
            await self.complain("no conversation is open: /open NAME, or /list")
            return
        while len(self._posting) >= MAX_POSTING:
            await asyncio.wait(set(self._posting), return_when=asyncio.FIRST_COMPLETED)
        if not self._connected:
            content = self.current.as_tapped({"type": "text", "text": text})
            shown = Shown("", self._clock.now_ms(), content, own=True, tick=Tick.QUEUED)
            await self.screen.show(message_rows(shown, self.page()))
        await self._start_post(self.current.conversation_id, {"type": "text", "text": text})

    def reason(self, refused: Refused, conversation_id: str = "") -> str:
        """Why the server says no, in words."""
        pair = direct_pair(conversation_id)
        return reason(refused, self.page(), self.title_of(conversation_id) if pair is not None else "")

    async def _start_post(
        self, conversation_id: str, content: Mapping[str, Any], key: bytes | None = None
    ) -> None:
        task = asyncio.ensure_future(self._post(conversation_id, content, key))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)
        # The post is in the outbox before its first wait: posts keep the order of typing.
        await asyncio.sleep(0)

    def action(self, line: str) -> Action | None:
        """The button that this line taps, if it is the number of one (full-width digits count)."""
        number = unicodedata.normalize("NFKC", line.strip())
        if self.current is None or not (number.isascii() and number.isdigit() and len(number) <= 2):
            return None
        actions = self.current.actions
        return actions[int(number) - 1] if 1 <= int(number) <= len(actions) else None

    async def _post(self, conversation_id: str, content: Mapping[str, Any], key: bytes | None) -> None:
        try:
            await self.client.post(conversation_id, content, key=key)
        except (Disconnected, Stopped):
            return
        except ClientError as error:
            words = self.reason(error, conversation_id) if isinstance(error, Refused) else str(error)
            start = preview(content, 40)
            await self.complain(f"not sent: “{start}” — {words}")
        finally:
            self.screen.refresh()

    # -- receiving ----------------------------------------------------------------------------------------------------

    async def _read_messages(self) -> None:
        async for message in self.client.messages():
            place = self.place(message.conversation_id)
            if place is not self.current:
                await self._announce(place, message)
            elif place.arriving is not None:
                place.arriving.append(message)
            else:
                await self._show_new(place, message)

    async def _show_new(self, place: Place, message: Message) -> None:
        if message.position <= place.shown_to:
            return
        place.shown_to = message.position
        if self._hides(message.content):
            place.note(message, self._cursors(place))
            return
        await self.names.learn([message.sender_id, *users_in(message.content)])
        message = place.as_now(message)
        place.note(message, self._cursors(place))
        await self.screen.show(self._rows(place, message))
        self.client.mark_read(place.conversation_id, message.position)
        if not message.own:
            self.arrived.set()
        self.screen.refresh()

    async def _announce(self, place: Place, message: Message) -> None:
        if message.own or is_system(message.content):
            return
        if message.position > place.counted_to:
            place.unread += 1
        await self.names.learn([message.sender_id])
        if direct_pair(place.conversation_id) is None and place.title == place.conversation_id:
            await self.load_list()  # a conversation that is new to us: its title
        else:
            place.title = self.title_of(place.conversation_id, place.title)
        now = asyncio.get_running_loop().time()
        if now - place.announced_at >= ANNOUNCE_EVERY_S:
            place.announced_at = now
            words = preview(message.content, 40)
            who = safe_line(self.names(message.sender_id))
            where = place.title if who == place.title else f"{place.title}, {who}"
            await self.say(f"• {where} ({place.unread_text()} unread): {words}   /open {place.title}")
        self.arrived.set()
        self.screen.refresh()

    async def _read_events(self) -> None:
        async for event in self._events:
            match event:
                case ConnectionChanged():
                    await self._connection_changed(event)
                case CursorMoved():
                    await self._cursor_moved(event)
                case PostsDelayed():
                    await self._delayed(event)
                case Retracted():
                    await self._retracted(event)
                case ItemChanged():
                    await self._item_changed(event)
                case HistoryReplaced():
                    await self._replaced(event)
                case PostsGone():
                    await self._gone(event)
                case CatchUpFailed():
                    await self.complain(f"messages after {event.after} cannot be read: {event.reason}")
            for look in self.looks.values():
                with suppress(Refused):  # it is not to be read any more
                    await look.hear(event)

    async def _replaced(self, event: HistoryReplaced) -> None:
        """An older copy of the server's messages has come back."""
        place = self.place(event.conversation_id)
        cards = place.fall(event.agreed or 0)
        what = "the last messages there are" if event.agreed else "all that was there is"
        await self.say(
            f"— {place.title}: the server was set back to an older copy; {what} gone, and what there is now follows —",
            "error",
        )
        for card in cards:
            await self.say(f"{'':7}no longer known to the shop: {card}", "error")
        self.screen.refresh()

    async def _gone(self, event: PostsGone) -> None:
        """Own messages did not come back: they can be sent again."""
        place = self.place(event.conversation_id)
        await self.say(f"— {place.title}: {len(event.posts)} of your messages were lost with it —", "error")
        for post in event.posts:
            words = preview(post.content, 60) if post.content is not None else "(this device has it no more)"
            await self.say(f"{'':7}lost: {words}", "error")
        if any(post.content is not None for post in event.posts):
            self.lost.setdefault(event.conversation_id, []).extend(event.posts)
            await self.say(f"{'':7}/again sends them again")

    async def send_again(self) -> None:
        """Post the own messages that were lost: under their old keys, so that none is there twice, whoever sends it again."""
        lost, self.lost = self.lost, {}
        if not lost:
            await self.complain("nothing of yours was lost")
        for conversation_id, posts in lost.items():
            for post in posts:
                if post.content is not None:
                    await self._start_post(conversation_id, post.content, post.key)

    async def _connection_changed(self, event: ConnectionChanged) -> None:
        connected = event.state is State.CONNECTED
        if connected and not self._connected:
            await self.say("— connected again —")
        elif event.state is State.WAITING and self._connected:
            reason = f": {event.reason}" if event.reason else ""
            await self.say(f"— connection lost{reason}; trying again —", "error")
        if connected or event.state is State.WAITING:
            self._connected = connected
        self.screen.refresh()

    async def _delayed(self, event: PostsDelayed) -> None:
        used_up = quota(event.detail, self.page())
        if not event.delayed:
            await self.say("— the server takes posts at once again —")
        elif used_up:
            await self.say(f"— {used_up}; what waits goes out by itself —", "error")
        elif event.code == RefusalCode.RATE_LIMITED:
            text = "— faster than the server takes posts from one user; the rest goes out at its pace —"
            await self.say(text, "error")
        else:
            text = safe_line(event.text) or f"the server refuses posts for now ({event.code})"
            await self.say(f"— {text}; what waits goes out by itself —", "error")

    async def _item_changed(self, event: ItemChanged) -> None:
        """Show a message again if what stands below it is another thing than what was shown."""
        place = self.current
        if place is None or place.conversation_id != event.conversation_id:
            return
        if event.position in place.revisions:
            marks = self._marks(event.extra, event.mine)
            if marks != place.marks.get(event.position, ""):
                with suppress(Refused):
                    await self.show_again(event.position)

    async def show_again(self, position: int, *, changed: bool = False, by: str = "") -> None:
        """Show a message of the open conversation again, as it is now. `by`: who took it back."""
        place = self.current
        if place is None:
            return
        page = await self.client.history(place.conversation_id, after=position - 1, limit=1)
        for item in map(place.as_now, page.items):
            if item.position == position:
                by = by if by != item.sender_id else ""
                await self.names.learn([item.sender_id, by])
                place.note(item, self._cursors(place))
                changed = changed or item.revision > 1
                await self.screen.show(self._rows(place, item, changed=changed, by=by and self.names(by)))
                self.arrived.set()

    async def _retracted(self, event: Retracted) -> None:
        """Draw the tombstone, and who made it, if the message is on the screen; what is about to be shown is drawn as one."""
        place = self.place(event.conversation_id)
        if place.taken_back(event.position, event.revision) and place is self.current:
            with suppress(Refused):
                await self.show_again(event.position, by=event.user_id)

    async def _cursor_moved(self, event: CursorMoved) -> None:
        place = self.current
        self.screen.refresh()
        if place is None or event.conversation_id != place.conversation_id or not place.last_own:
            return
        cursors = place.others(self._cursors(place))
        if event.user_id not in cursors:
            return
        tick = tick_of(place.last_own, [cursors[event.user_id]])
        name = self.names(event.user_id)
        if len(cursors) > MAX_TOLD_READERS:
            tick, name = self._tick(place, place.last_own), "all"
        who = event.user_id if len(cursors) <= MAX_TOLD_READERS else ""
        if tick in (Tick.COMMITTED, place.told.get(who)):
            return
        place.told[who] = tick
        words = "read by" if tick is Tick.READ else "delivered to"
        await self.say(f"{'':7}✓✓ {words} {safe_line(name)}", "read" if tick is Tick.READ else "tick")

    # -- small parts --------------------------------------------------------------------------------------------------

    def _rows(self, place: Place, item: Message | Item, *, changed: bool = False, by: str = "") -> list[Row]:
        own = item.sender_id == self.client.user_id
        tick = self._tick(place, item.position) if own else None
        marks = self._marks_of(place, item)
        bot = self.names.is_bot(item.sender_id)
        who = self.names(item.sender_id)
        if bot:
            place.know_buttons(item.content)
        content = place.as_tapped(item.content)
        shown = Shown(who, item.sent_at, content, own, tick, changed, marks, by, bot)
        return message_rows(shown, self.page())

    def _marks_of(self, place: Place, item: Message | Item) -> str:
        state = item if isinstance(item, Item) else self.client.item(place.conversation_id, item.position)
        marks = "" if state is None else self._marks(state.extra, state.mine)
        if marks:
            place.marks[item.position] = marks
        else:
            place.marks.pop(item.position, None)
        return marks

    def _marks(self, extra: Mapping[str, Any], mine: Mapping[str, Any]) -> str:
        marks = [look.marks(extra.get(name), mine.get(name)) for name, look in self.looks.items()]
        return "  ".join(part for part in marks if part)

    def _hides(self, content: Any) -> bool:
        if not is_system(content):
            return False
        return tells_of_retraction(content) or any(look.hides(content) for look in self.looks.values())

    def _words(self, who: str, content: Mapping[str, Any]) -> str:
        return next((words for look in self.looks.values() if (words := look.words(who, content))), "")

    def _cursors(self, place: Place) -> dict[str, Cursor]:
        return self.client.cursors(place.conversation_id)

    def _tick(self, place: Place, position: int) -> Tick:
        return tick_of(position, place.others(self._cursors(place)).values())
