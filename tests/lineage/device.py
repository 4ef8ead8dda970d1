"""A device: the product's rules of lineage and state, and an application that keeps what it is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from imserver_client.core.lineage import ACCOUNT, Checked, Forgotten, Lineage
from imserver_client.core.state import UNSAID, ConversationState, Counted, Kept, Ranges
from imserver_client.storage import Notice, SavedOwn, SavedTrail
from imserver_protocol.methods.check import CheckAnswer, Known
from imserver_protocol.methods.sync import SyncRow

from .database import Changes, Item, Page, Push

if TYPE_CHECKING:
    from .world import World

#: Rows of a page of `sync`, answers of one `check`, positions read again at once: few, so that much comes in between.
SYNC_ROWS = ANSWERS = REREAD = 2
#: Saves that are kept, for a device that comes back from an older one.
SAVES = 4


class Content(NamedTuple):
    key: bytes
    content: str
    revision: int
    number: int
    sender: str


@dataclass(slots=True)
class Followed:
    """A conversation that the device follows, and what the application keeps of it.

    `start`: below it nothing is kept. `edited`: messages that the application reads again, since it was told of an edit.
    `wish`: the read cursor that is still to be reported.
    """

    start: int
    have: int
    head: int
    state: ConversationState[str]
    contents: dict[int, Content] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    left: int | None = None
    edited: set[int] = field(default_factory=set)
    wish: int = 0

    def copy(self) -> Followed:
        return replace(
            self,
            state=copy_of(self.state),
            contents=dict(self.contents),
            cursors=dict(self.cursors),
            edited=set(self.edited),
        )


def copy_of(state: ConversationState[str]) -> ConversationState[str]:
    """As the store brings it back."""
    copied = ConversationState[str](have=state.have, seen=state.seen, top=state.top)
    copied.met = state.met
    copied.held = Ranges(state.held.pairs())
    copied.former = state.former
    copied.about = Counted(state.about.seq, state.about.value)
    copied.settings = Counted(state.settings.seq, state.settings.value)
    for at, kept in state.items.items():
        copied.items[at] = Kept(kept.modseq, kept.extra, kept.mine_modseq, kept.mine)
    return copied


class Post(NamedTuple):
    """An entry of the outbox; `answered`: the position that the reply named."""

    key: bytes
    chat: str
    content: str
    answered: int | None = None


class Saved(NamedTuple):
    """The device's disk at one time."""

    since: str | None
    synced: bool
    chats: dict[str, Followed]
    trails: dict[str, SavedTrail]
    own: dict[bytes, SavedOwn]
    notices: dict[str, Notice]
    account: tuple[int, str | None]
    outbox: dict[bytes, Post]
    gone: set[bytes]
    stored: set[bytes]
    excused: set[bytes]
    perhaps: set[bytes]
    dropped: set[str]


class Session:
    """A session, with what is on its way to the device."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.stream: deque[Push | Posted] = deque()
        self.answers: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.busy: set[str] = set()
        self.wants_sync = True
        #: Conversations with a post on its way; messages edited while the application reads them again.
        self.posting: set[str] = set()
        self.edited: set[tuple[str, int]] = set()


class Posted(NamedTuple):
    """The reply to a post; `position` None: NOT_FOUND."""

    post: Post
    position: int | None
    duplicate: bool
    number: int


class Device:
    """One of a user's devices."""

    def __init__(self, world: World, user: str) -> None:
        self.world = world
        self.user = user
        self.session: Session | None = None
        self.since: str | None = None
        self.synced = world.random.random() < 0.7
        self.chats: dict[str, Followed] = {}
        self.lineage: Lineage = world.variant.lineage()
        self.account: Counted[str] = Counted()
        self.outbox: dict[bytes, Post] = {}
        #: What the application was told: own messages that are gone, and how often anything was replaced or forgotten.
        self.gone: set[bytes] = set()
        self.resets = 0
        #: Own messages that are known to be stored: about these the judge asks.
        self.stored: set[bytes] = set()
        #: Own messages of which nothing is told, since a team was lost; and those of which that is so if `since` is accepted.
        self.excused: set[bytes] = set()
        self.perhaps: set[bytes] = set()
        #: Conversations of a team that the device does not follow any more, of its own accord.
        self.dropped: set[str] = set()
        self.saves: list[Saved] = []
        self._trails: dict[str, SavedTrail] = {}
        self._own: dict[bytes, SavedOwn] = {}
        self._notices: dict[str, Notice] = {}

    def broken(self, flag: str) -> bool:
        return flag in self.world.variant.flags

    # -- the disk -----------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """All in one step; of the lineage, what it says has changed."""
        step = self.lineage.unsaved()
        for table, changed in (
            (self._trails, step.trails),
            (self._own, step.own),
            (self._notices, step.notices),
        ):
            update(table, changed)
        self.lineage.saved()
        chats = {name: chat.copy() for name, chat in self.chats.items()}
        tables = dict(self._trails), dict(self._own), dict(self._notices)
        account = self.account.seq, self.account.value
        keys = set(self.gone), set(self.stored), set(self.excused), set(self.perhaps)
        outbox, dropped = dict(self.outbox), set(self.dropped)
        self.saves.append(Saved(self.since, self.synced, chats, *tables, account, outbox, *keys, dropped))
        if len(self.saves) > SAVES:
            del self.saves[self.world.random.randrange(SAVES - 1)]

    def kill(self, *, older: bool) -> None:
        """Come back from the last save, or from an older one, as a device does that is itself restored from a backup."""
        self.session = None
        if not self.saves:
            return
        saved = self.world.random.choice(self.saves) if older else self.saves[-1]
        self.since, self.synced = saved.since, saved.synced
        self.chats = {name: chat.copy() for name, chat in saved.chats.items()}
        self._trails, self._own, self._notices = dict(saved.trails), dict(saved.own), dict(saved.notices)
        trails = self._trails
        if self.broken("dirty unsaved"):
            trails = {name: replace(trail, place=None) for name, trail in trails.items()}
        self.lineage = self.world.variant.lineage()
        self.lineage.restore(trails, self._own, self._notices)
        self.account = Counted(*saved.account)
        self.outbox = dict(saved.outbox)
        self.gone, self.stored, self.dropped = set(saved.gone), set(saved.stored), set(saved.dropped)
        self.excused, self.perhaps = set(saved.excused), set(saved.perhaps)

    def connect(self) -> None:
        place = self.world.seal(self.world.database.lineage.place(self.world.database.change))
        self.session = Session(place)
        for chat in self.chats.values():
            chat.state.session_lost()
        self.lineage.begin(place, since=self.since, followed=bool(self.chats))

    # -- frames -------------------------------------------------------------------------------------------------------

    def take(self, frame: Push | Posted) -> None:
        """A frame came."""
        session = self.session
        assert session is not None
        if isinstance(frame, Posted):
            self._posted(frame)
        elif frame.kind == "lagging" or not (self.lineage.open or self.broken("pushes before the check")):
            session.wants_sync = True
        elif frame.kind == "account":
            self.account.take(frame.seq, frame.value)
            self._moved(ACCOUNT, "account")
        elif frame.chat not in self.chats:
            session.wants_sync = True
        else:
            self._pushed(self.chats[frame.chat], frame)

    def _pushed(self, chat: Followed, push: Push) -> None:
        state = chat.state
        match push.kind:
            case "message":
                assert push.message is not None
                self._message(push.chat, chat, push.message)
            case "cursor":
                chat.cursors[push.user] = max(chat.cursors.get(push.user, 0), push.position)
            case "settings":
                state.told()
                state.settings.take(push.seq, push.value)
            case "state":
                state.have = chat.have
                state.push_items(push.seq, [(push.position, push.value, UNSAID)])
            case "about":
                state.push_about(push.seq, push.value)
        self._moved(push.chat, push.kind)

    def _message(self, name: str, chat: Followed, item: Item) -> None:
        chat.state.told()
        self._heard(name, chat, item)
        if item.position == chat.have + 1:
            self._hand_on(name, chat, item)
        elif item.position > chat.have:
            chat.head = max(chat.head, item.position)

    def _heard(self, name: str, chat: Followed, item: Item) -> None:
        """What a system message tells, handed on or not."""
        assert self.session is not None
        if item.event in ("edited", "retracted"):
            self.lineage.edited(name, item.target)
        elif item.about_user == self.user:
            self.session.wants_sync = True
            if item.event == "left":
                self.lineage.left(name)

    def _hand_on(self, name: str, chat: Followed, item: Item) -> None:
        assert self.session is not None
        self._keep(name, chat, item)
        chat.have = item.position
        chat.head = max(chat.head, item.position)
        chat.state.message(item.position)
        if item.event == "retracted" and item.target in chat.contents:
            gone = chat.contents[item.target]
            chat.contents[item.target] = gone._replace(content="", revision=int(item.content))
        if item.event == "edited" and chat.start < item.target <= item.position:
            chat.edited.add(item.target)
            self.session.edited.add((name, item.target))
        self._settle_posts(name, chat)

    def _keep(self, name: str, chat: Followed, item: Item, *, again: bool = False) -> None:
        """The application has the message. `again`: it was asked for, and replaces whatever is there."""
        old = chat.contents.get(item.position)
        if old is not None and old.number != item.number:
            self.world.found("replaced without a word")
        if old is None or again or item.revision >= old.revision:
            content = Content(item.key, item.content, item.revision, item.number, item.sender)
            chat.contents[item.position] = content
        own = item.sender == self.user
        self.lineage.message(name, item.position, item.revision, item.key if own else None)
        if own and item.key in self.outbox:
            self.stored.add(item.key)
            del self.outbox[item.key]

    def _settle_posts(self, name: str, chat: Followed) -> None:
        """Answered posts leave the outbox when `have` passes them."""
        for post in [post for post in self.outbox.values() if post.chat == name]:
            if post.answered is not None and post.answered <= chat.have:
                del self.outbox[post.key]

    def _posted(self, reply: Posted) -> None:
        assert self.session is not None
        post, position = reply.post, reply.position
        self.session.posting.discard(post.chat)
        if position is None:
            if self.outbox.pop(post.key, None) is not None:
                self.gone.add(post.key)  # the refusal is told
            return
        chat = self.chats.get(post.chat)
        if chat is None or position > chat.start:
            self.stored.add(post.key)
        self.lineage.posted(post.chat, position, post.key)
        self._own[post.key] = SavedOwn(post.chat, position)  # what the store knows from the answered entry
        if post.key in self.outbox:
            self.outbox[post.key] = post._replace(answered=position)
        if chat is None:
            self.session.wants_sync = True
        elif not reply.duplicate and position == chat.have + 1:
            self._hand_on(
                post.chat,
                chat,
                Item(position, post.key, self.user, "post", 0, "", post.content, 1, None, reply.number),
            )
        else:
            chat.head = max(chat.head, position)
            self._settle_posts(post.chat, chat)
        self._moved(post.chat, "reply")

    def _moved(self, name: str, how: str) -> None:
        if not self.broken(f"{how} stays clean"):
            self.lineage.moved(name)

    # -- asking: an answer is made at once, and may come late ---------------------------------------------------------

    def ask(self) -> bool:
        """Ask or offer one thing, if there is anything; True if so."""
        assert self.session is not None
        if not self.lineage.open:
            return self._ask_check() if "check" not in self.session.busy else False
        if self.session.wants_sync and "sync" not in self.session.busy:
            self._ask_sync()
            return True
        return any(self._ask_of(name, chat) for name, chat in list(self.chats.items())) or self._offer()

    def _ask_check(self) -> bool:
        assert self.session is not None
        question = self.lineage.question(self._known)
        if question is None:
            if "sync" in self.session.busy:
                return False
            self._ask_sync()
            return True
        database = self.world.database
        answers = [
            database.check(self.user, known, self.world.opened(known.place), self._key_at(known))
            for known in question[:ANSWERS]
        ]
        self._later("check", self._checked, question, answers, database.account(self.user))
        return True

    def _known(self, name: str) -> tuple[int, int] | None:
        chat = self.chats.get(name)
        if chat is None:
            return None
        position = chat.have if self.broken("asks at have") else max(chat.have, chat.head)
        return position, chat.state.seen if self.broken("asks at seen") else chat.state.met

    def _key_at(self, known: Known) -> bytes | None:
        chat = self.chats.get(known.conversation_id)
        content = None if chat is None else chat.contents.get(known.position)
        return None if content is None else content.key

    def _ask_sync(self) -> None:
        assert self.session is not None
        self.session.wants_sync = False
        self.lineage.sync_asked()
        since = self.world.opened(self.since)
        if not self.world.database.good(since):
            self._later("sync", self._refused)
            return
        rows, place, more = self.world.database.sync(self.user, since, SYNC_ROWS)
        account = self.world.database.account(self.user, 0 if since is None else since.upto)
        self._later("sync", self._synced, rows, self.world.seal(place), more, account)

    def _ask_of(self, name: str, chat: Followed) -> bool:
        """Catch up with one conversation."""
        assert self.session is not None
        database, session = self.world.database, self.session
        if name not in session.busy and chat.state.due():
            after = chat.state.ask()
            self.lineage.changes_asked(name)
            self._later(f"changes {name}", self._changes, name, database.changes(name, self.user, after))
            return True
        if name in session.busy:
            return False
        if chat.have >= chat.head:
            self._reached(name)
        if chat.edited and (chat.have >= chat.head or self.world.random.random() < 0.5):
            target = min(chat.edited)
            session.edited.discard((name, target))
            self._later(name, self._read_again, name, target, database.page(name, self.user, target - 1, 1))
            return True
        if chat.have < chat.head:
            page = database.page(name, self.user, chat.have, self.world.page_items)
            self._later(name, self._page, name, chat.have, page)
            return True
        span = self.lineage.reread(name, REREAD)
        if span is None:
            return False
        page = database.page(name, self.user, span[0] - 1, span[1] - span[0] + 1)
        self._later(name, self._reread, name, span, page)
        return True

    def _offer(self) -> bool:
        """Report a read cursor, or offer a post."""
        assert self.session is not None
        for name, chat in self.chats.items():
            wish = min(chat.wish, chat.head)
            if chat.left is None and wish > chat.cursors.get(self.user, 0):
                self.world.report(name, self.user, wish)
                return True
        if not self.synced:
            return False
        for post in self.outbox.values():
            if post.answered is None and post.chat not in self.session.posting:
                self.session.posting.add(post.chat)
                self.world.post(self, post)
                return True
        return False

    def _later(self, busy: str, take: Callable[..., None], *answer: Any) -> None:
        assert self.session is not None
        self.session.busy.add(busy)

        def answered(*values: Any) -> None:
            assert self.session is not None
            self.session.busy.discard(busy)
            take(*values)

        self.session.answers.append((answered, answer))

    # -- check and sync -----------------------------------------------------------------------------------------------

    def _checked(
        self, question: list[Known], answers: list[CheckAnswer | None], account: tuple[str, int] | None
    ) -> None:
        for known, result in zip(question, self.lineage.answer(answers), strict=False):
            if isinstance(result, Forgotten):
                self._forget(result.conversation_id)
            else:
                self._take_checked(known, result)
        if not self.broken("account by its counter"):
            self.account.replace(account[1] if account else 0, account[0] if account else None)
        elif account:
            self.account.take(account[1], account[0])
        if self.world.random.random() < 0.5:
            self.save()

    def _forget(self, name: str) -> None:
        """The server does not know the conversation."""
        if self.broken("not found kept"):
            return
        chat = self.chats.pop(name, None)
        if self.world.team_of.get(name):
            self.perhaps |= self._own_in(name, chat)
        for post in [post for post in self.outbox.values() if post.chat == name and post.answered]:
            del self.outbox[post.key]

    def _own_in(self, name: str, chat: Followed | None) -> set[bytes]:
        contents = {} if chat is None else chat.contents
        own = {content.key for content in contents.values() if content.sender == self.user}
        return own | {post.key for post in self.outbox.values() if post.chat == name}

    def _lose(self, name: str, forget: Callable[..., None] | None = None) -> None:
        """A conversation of a team is lost, or dropped: what becomes of own messages there nobody promises."""
        posting = any(post.chat == name for post in self.outbox.values())
        (forget or self.lineage.forget)(name, posting=posting)
        self.excused |= self._own_in(name, self.chats.pop(name, None))

    def _take_checked(self, known: Known, checked: Checked) -> None:
        name, row = known.conversation_id, checked.row
        chat = self.chats.get(name)
        if chat is None:
            self._take_row(row, new=True)
            return
        self._forget_below_first(name, chat)
        if checked.keep is not None:
            self._cut(name, chat, checked.keep)
        former = row.left_at is not None
        if checked.discard_state and not self.broken("state kept"):
            self.world.met["states emptied"] += len(chat.state.discard(former=former))
        elif checked.doubt_state:
            chat.state.doubt()
        if self.broken("rows raise"):
            self._take_row(row, new=False)
            return
        chat.head = max(chat.head, checked.head) if self.broken("head kept") else checked.head
        chat.left = row.left_at
        chat.cursors = cursors_of(row, self.user)
        about, settings = (row.about or {}).get(""), row.settings.get("")
        chat.state.replace(row.modseq or 0, about, row.settings_seq or 0, settings, former=former)
        if chat.have >= chat.head:
            self._reached(name)

    def _forget_below_first(self, name: str, chat: Followed) -> None:
        """What the server does not keep any more is nobody's promise, and may be of any history."""
        first = min(self.world.database.chats[name].first, chat.head + 1)
        for at in [at for at in chat.contents if at < first]:
            self.stored.discard(chat.contents.pop(at).key)
        chat.start = max(chat.start, first - 1)

    def _cut(self, name: str, chat: Followed, keep: int) -> None:
        """The application forgets what is of a history that is gone."""
        there = self.world.database.chats[name].messages
        for at in [at for at in chat.contents if at > keep]:
            same = at in there and there[at].number == chat.contents[at].number
            self.world.met["forgotten for nothing"] += same
            del chat.contents[at]
        if any(at in there and there[at].number != kept.number for at, kept in chat.contents.items()):
            self.world.found("agreed too high")
        chat.start = min(chat.start, keep)
        chat.have = min(chat.have, keep)
        chat.edited = {at for at in chat.edited if at <= keep}
        chat.wish = min(chat.wish, keep)
        chat.state.cap(keep)

    def _refused(self) -> None:
        """`since` is of a history that is gone."""
        assert self.session is not None
        self.perhaps.clear()
        self.lineage.let_go(self.since, self.chats)
        self.since = None
        if self.world.random.random() < 0.5:
            self.save()

    def _synced(self, rows: list[SyncRow], since: str, more: bool, account: tuple[str, int] | None) -> None:
        assert self.session is not None
        self.excused |= self.perhaps
        self.perhaps.clear()
        for row in rows:
            self._take_row(row, new=row.conversation_id not in self.chats)
        younger = not more and self._end_with_teams()
        self.lineage.sync_answered(more=more and not self.broken("any page cleans"))
        if account is not None:
            self.account.take(account[1], account[0])
        self.since = since
        self.synced = self.synced or not more
        if more or younger:
            self._ask_sync()

    def _take_row(self, row: SyncRow, *, new: bool) -> None:
        name, modseq = row.conversation_id, row.modseq or 0
        if new:
            start = row.head if not self.synced else min(max(row.joined_at - 1, 0), row.head)
            state = ConversationState[str](have=start, seen=modseq, top=modseq)
            self.chats[name] = Followed(start, start, start, state)
            self._overtaken(name, row)
            self.dropped.discard(name)
        chat = self.chats[name]
        if row.left_at is not None and row.left_at < chat.have:
            return  # older than a push that told of coming back
        self.lineage.row(name, former=row.left_at is not None, team=row.team)
        if row.left_at is not None and not self.broken("team kept"):
            self.lineage.teams_left({name})
        chat.head = max(chat.head, row.head)
        self._forget_below_first(name, chat)
        chat.left = row.left_at
        state = chat.state
        state.row(modseq, former=row.left_at is not None)
        state.settings.take(row.settings_seq or 0, row.settings.get(""))
        if row.about is None:
            chat.cursors = {}  # a member's row brings them again
        else:
            state.row_about(modseq, row.about.get(""))
            for user, at in cursors_of(row, self.user).items():
                chat.cursors[user] = max(chat.cursors.get(user, 0), at)

    def _end_with_teams(self) -> bool:
        """Whether one more sync is to be asked."""
        ended, younger = self.lineage.ended(self.chats.__contains__)
        for name in ended:
            self._lose(name)
        return bool(younger)

    def _overtaken(self, name: str, row: SyncRow) -> None:
        """A row with state comes behind the pushes that its snapshot holds: of a new conversation they explained nothing, and
        were dropped. Here answers may run ahead, so they are dropped now."""
        assert self.session is not None
        stream = self.session.stream
        for frame in list(stream):
            if isinstance(frame, Push) and frame.chat == name and row.modseq:
                told = frame.position <= row.head if frame.kind == "message" else frame.seq <= row.modseq
                if told and frame.kind in ("message", "state", "about"):
                    stream.remove(frame)

    def drop_a_team(self) -> None:
        """Too many conversations: one of a team that is neither behind nor dirty, and has no posts, is followed no more."""
        dirty = {name for name, trail in self._trails.items() if trail.place is not None}
        for name, chat in self.chats.items():
            posts = any(post.chat == name for post in self.outbox.values())
            if self.world.team_of.get(name) and chat.have >= chat.head and not posts and name not in dirty:
                self.save()
                if self._trails.get(name, SavedTrail()).place is not None:
                    return
                self._lose(name)
                self.dropped.add(name)
                return

    # -- messages and state -------------------------------------------------------------------------------------------

    def _page(self, name: str, after: int, page: Page | None) -> None:
        chat = self.chats.get(name)
        if chat is None:
            return
        if page is None:
            self._lose(name, self.lineage.not_found)  # only who is by a team loses one in this way
            return
        chat.state.have = chat.have
        chat.state.page(page.modseq, [(item.position, item.state, None) for item in page.items])
        chat.head = max(chat.head, page.head)
        for item in page.items:
            if item.position > chat.have:
                self._heard(name, chat, item)
                self._hand_on(name, chat, item)
        if page.last > after and (not page.items or page.items[0].position > after + 1):
            chat.start = max(chat.start, page.items[0].position - 1 if page.items else page.last)
        chat.have = max(chat.have, page.last)
        self._settle_posts(name, chat)
        if chat.have >= chat.head:
            self._reached(name)
        self._moved(name, "page")

    def _read_again(self, name: str, target: int, page: Page | None) -> None:
        """The application asked for a message, since it was edited."""
        assert self.session is not None
        chat = self.chats.get(name)
        if chat is None or page is None:
            return
        self._shown(name, chat, page, (target, target), again=False)
        if (name, target) not in self.session.edited:
            chat.edited.discard(target)
        self._moved(name, "page")

    def _reread(self, name: str, span: tuple[int, int], page: Page | None) -> None:
        """What may have been edited in a history that is gone was read again."""
        chat = self.chats.get(name)
        if chat is None:
            return
        if page is None:
            self.lineage.reread_answered(name, None)
            return
        self._shown(name, chat, page, span, again=True)
        self.lineage.reread_answered(name, page.last)
        self._moved(name, "page")

    def _shown(self, name: str, chat: Followed, page: Page, span: tuple[int, int], *, again: bool) -> None:
        items = {item.position: item for item in page.items if span[0] <= item.position <= span[1]}
        kept = [item for item in items.values() if item.position in chat.contents]
        chat.state.page(page.modseq, [(item.position, item.state, None) for item in kept])
        for item in kept:
            self._keep(name, chat, item, again=again)
        for at in range(span[0], min(span[1], page.last) + 1):
            if at not in items and at in chat.contents:  # it is not kept any more
                del chat.contents[at]
                chat.start = max(chat.start, at)

    def _changes(self, name: str, changes: Changes | None) -> None:
        chat = self.chats.get(name)
        if chat is None:
            return
        if changes is None:
            chat.state.refuse()
            return
        chat.state.have = chat.have
        chat.state.answer(changes.rows, changes.upto, False)
        self.lineage.changes_answered(name)
        self._moved(name, "changes")

    # -- telling the application --------------------------------------------------------------------------------------

    def _reached(self, name: str) -> None:
        if name not in self.lineage.looked_for():
            return
        self.lineage.reached(name)
        told = {key for notice in self.lineage.notices() for key in notice.gone}
        self.outbox = {
            key: post for key, post in self.outbox.items() if post.answered is None or key not in told
        }

    def listen(self) -> None:
        """The application reads what it is told."""
        for notice in self.lineage.notices():
            self.gone |= set(notice.gone)
            self.resets += notice.replaced or notice.forgotten
            self.lineage.told(notice)


def cursors_of(row: SyncRow, user: str) -> dict[str, int]:
    """The cursors in a row, one's own too; none in that of a former member."""
    if row.left_at is not None:
        return {}
    return {user: row.read, **{cursor.user_id: cursor.read for cursor in row.cursors}}


def update(table: dict[Any, Any], changed: Any) -> None:
    for name, value in changed.items():
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
