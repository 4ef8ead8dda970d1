"""The client's rule for older copies of the server's database (SPEC, "When an older copy has come back"). No I/O, no clock.

Whatever a client learns is learnt under a *place*. For what the last finished `sync` listed that is the token `since`: such a
conversation is clean. A conversation in which anything moved after that sync was asked is *dirty*, and has the place of the
session in which it moved last. In each fresh session nothing is applied and nothing is posted until the server has said, of
every dirty conversation, up to where what is known of it is part of its history (`check`), and has accepted `since` for all
others.

A session goes so: `begin`; while there is a `question`, ask `check` and `answer`; then sync, with `sync_asked` and
`sync_answered` around each page. If that is refused EPOCH_CHANGED: `let_go`, whereupon there are more questions; then sync from
nil. `open` says whether pushes are applied, posts offered and pages read. A push that comes before is dropped, and wants one
more sync.

What changes here is to be stored in one step with what it came with: take `unsaved()` along in every step, and call `saved()`
behind it. A place that is stored early does no harm; one that is stored late lets what was learnt pass as older than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from imserver_client.storage import LineageStep, Notice, SavedOwn, SavedTrail
from imserver_protocol.methods.check import CheckAnswer, Known
from imserver_protocol.methods.sync import SyncRow
from imserver_protocol.shared.bounds import MAX_CHECKED

from .state import Ranges

#: The name under which the account's own values are dirty: no conversation has this id.
ACCOUNT: Final = ""
#: Instead of the team of a conversation: that was left, and the end of the listing that said so decides. No team has this id.
LEFT: Final = ""
#: Own messages that are remembered, to tell which of them are gone: the newest, some weeks of a busy user. If an older one is
#: gone, only `agreed` tells.
MAX_OWN: Final = 10_000
#: So many more may be there before those that are too many go, in one step: one by one they would cost each post a row.
OWN_SLACK: Final = 500
#: Ranges of positions with edited messages, for each conversation. More are joined: then some are read again for nothing.
MAX_EDITED_RANGES: Final = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What an answer comes to. To be done, and stored with `unsaved()`, in one step.

    A conversation that is not followed begins with its row, as in `sync`. Otherwise the row *replaces*: cursors, settings,
    about, role and membership are the row's, lower or not, and `known_head` is `head`. If `keep` is not None, messages above it
    are forgotten: positions (`have`, `handed`), values of items, messages that wait to be handed on and read cursors that wait
    to be reported fall to it. `discard_state`: all values of the conversation's items go, its numbers too, and `changes` is
    asked from 0. `doubt_state`: so it is asked, but what the application was shown stays until then, for nothing says that any
    of it is wrong.
    """

    row: SyncRow
    head: int
    keep: int | None
    discard_state: bool
    doubt_state: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """NOT_FOUND: all that is kept of the conversation is forgotten, in one step with `unsaved()`. Its outbox stays: the posts
    are offered, and their refusal is told."""

    conversation_id: str


class _Trail:
    """What is known of one conversation's history, beside its messages."""

    __slots__ = ("again", "edited", "lifting", "place", "reading", "team", "touched", "veiled")

    def __init__(self, saved: SavedTrail) -> None:
        #: The place under which something moved here last; None: clean.
        self.place = saved.place
        #: Where messages with a revision above 1 are.
        self.edited = Ranges(saved.edited)
        #: What is to be read again; what is being read again, and where a message was edited meanwhile.
        self.again = Ranges(saved.again)
        self.reading: tuple[int, int] | None = None
        self.touched: set[int] = set()
        #: Something may have been read as a former member: what changed after leaving did not show.
        self.veiled = saved.veiled
        #: `changes` is being asked, and will show it.
        self.lifting = False
        self.team = saved.team

    def saved(self) -> SavedTrail | None:
        """What is to be stored; None if that is nothing."""
        edited, again = tuple(self.edited.pairs()), tuple(self.again.pairs())
        saved = SavedTrail(self.place, edited, again, self.veiled, self.team)
        return None if saved == _NOTHING else saved


_NOTHING: Final = SavedTrail()


class Lineage:
    """What is known of the server's history, and under which places it was learnt."""

    def __init__(self) -> None:
        self._trails: dict[str, _Trail] = {}
        #: The eldest first.
        self._own: dict[bytes, SavedOwn] = {}
        #: Keys of those that are lost, by conversation.
        self._lost: dict[str, dict[bytes, None]] = {}
        self._notices: dict[str, Notice] = {}
        #: The place of this session.
        self._place = ""
        #: Dirty conversations of which the server has not told yet in this session, and what it is being asked.
        self._todo: dict[str, None] = {}
        self._asked: dict[str, Known] = {}
        self._followed: set[str] = set()
        #: Conversations that were dirty when a page of `sync` was asked, and did not move since.
        self._covered: set[str] = set()
        #: All whose team is `LEFT`, and maybe some whose was.
        self._ending: set[str] = set()
        #: There is no `since` that could vouch for anything.
        self._refused = True
        self._unsaved_trails: dict[str, None] = {}
        self._unsaved_own: dict[bytes, None] = {}
        self._unsaved_notices: dict[str, None] = {}
        #: Whether pushes are applied, posts offered and pages read.
        self.open = False

    # -- the store ----------------------------------------------------------------------------------------------------

    def restore(
        self, trails: Mapping[str, SavedTrail], own: Mapping[bytes, SavedOwn], notices: Mapping[str, Notice]
    ) -> None:
        """Resume from the store; `own` in the order in which they were put there."""
        self._trails = {name: _Trail(saved) for name, saved in trails.items()}
        self._ending = {name for name, saved in trails.items() if saved.team == LEFT}
        self._notices = dict(notices)
        self._own = dict(own)
        for key, one in own.items():
            if one.lost:
                self._lost.setdefault(one.conversation_id, {})[key] = None

    def unsaved(self) -> LineageStep:
        """What the store does not have yet, to be stored in one step with what it came with; then call `saved`."""
        return LineageStep(
            {name: self._trail_to_save(name) for name in self._unsaved_trails},
            {key: self._own.get(key) for key in self._unsaved_own},
            {name: self._notices.get(name) for name in self._unsaved_notices},
        )

    def saved(self) -> None:
        """The store has it."""
        self._unsaved_trails.clear()
        self._unsaved_own.clear()
        self._unsaved_notices.clear()

    def step(self) -> LineageStep | None:
        """`unsaved`; None if there is nothing, as with nearly every message and post. Then `saved` need not be called."""
        if self._unsaved_trails or self._unsaved_own or self._unsaved_notices:
            return self.unsaved()
        return None

    # -- a fresh session ----------------------------------------------------------------------------------------------

    def begin(self, place: str, *, since: str | None, followed: bool) -> None:
        """A fresh session, with the place of its WELCOME. Places are opaque, so all that is dirty is asked, also after a lost
        connection. A device that follows nothing and has no token has nothing to ask.

        If WELCOME names another `store_epoch`, call `let_go` next: the token is as good as refused.
        """
        self._place = place
        self._todo = {name: None for name, trail in self._trails.items() if trail.place is not None}
        self._asked = {}
        self._covered.clear()
        self._refused = since is None
        for trail in self._trails.values():
            trail.reading = None
            trail.lifting = False
        self.open = since is None and not followed and not self._todo

    def question(self, known: Callable[[str], tuple[int, int] | None]) -> list[Known] | None:
        """What to ask `check` next; None: nothing, `sync` may be asked. An empty list asks for the account alone.

        `known` says of a conversation the highest position known (`have` or `known_head`) and the highest modseq met; None for
        one that is not followed: a post there was answered and no row has come yet, or it was not found.
        """
        if not self._todo:
            return None
        names = [name for name in self._todo if name != ACCOUNT][:MAX_CHECKED]
        answered: dict[str, int] = {}
        for own in self._own.values():
            if not own.lost:
                answered[own.conversation_id] = max(own.position, answered.get(own.conversation_id, 0))
        self._asked, self._followed = {}, set()
        for name in names:
            met = known(name)
            position, modseq = met or (0, 0)
            if met is not None:
                self._followed.add(name)
            position = max(position, answered.get(name, 0))
            self._asked[name] = Known(name, self._trails[name].place or "", position, modseq)
        return list(self._asked.values())

    def answer(self, answers: Sequence[CheckAnswer | None]) -> list[Checked | Forgotten]:
        """What the answers come to, in the order asked. All of it is done and stored in one step, together with the account's
        value and counter, which the result of `check` has and which replace those that are kept. What was not answered is
        asked again."""
        asked, self._asked = self._asked, {}
        self._todo.pop(ACCOUNT, None)
        # Also if it was clean: this is what it is now, not what `since` vouches for.
        self._set_place(ACCOUNT, self._place)
        return [
            self._forgotten(known.conversation_id, followed=known.conversation_id in self._followed)
            if answer is None
            else self._checked(known, answer)
            for known, answer in zip(asked.values(), answers, strict=False)
        ]

    def let_go(self, since: str | None, followed: Iterable[str]) -> None:
        """`since` was refused, or is given up. In one step it becomes the place of all that it vouched for, and nil.

        This is asked next. The sync behind that begins at nil, but is not that of a new device.
        """
        for name in (*followed, ACCOUNT):
            if self._trail(name).place is None:
                self._set_place(name, since or "")
                self._todo[name] = None
        self._refused = True
        self.open = False
        for name, notice in list(self._notices.items()):
            if notice.pending:
                self._set_notice(name, replace(notice, pending=False))

    # -- sync ---------------------------------------------------------------------------------------------------------

    def sync_asked(self) -> None:
        """A page of `sync` is asked: it will cover what is dirty now."""
        self._covered = {name for name, trail in self._trails.items() if trail.place is not None}

    def sync_answered(self, *, more: bool) -> None:
        """A page came: the server has accepted `since`. The last one covers what was dirty when it was asked, and did not move
        since. To be stored in one step with `next_since`, and with the heads and modseqs of the rows."""
        self.open = True
        self._refused = False
        for name, notice in list(self._notices.items()):
            if notice.pending:
                self._set_notice(name, None)
        if not more:
            for name in self._covered:
                self._set_place(name, None)
                if self._trails[name].saved() is None:
                    del self._trails[name]
        self._covered.clear()

    def row(self, conversation_id: str, *, former: bool, team: str | None) -> None:
        """A row of `sync` says how this user stands to a conversation."""
        if former:
            self.left(conversation_id)
        if team is not None or conversation_id in self._trails:
            trail = self._trail(conversation_id)
            if trail.team != team:
                trail.team = team
                self._unsaved_trails[conversation_id] = None

    def teams_left(self, teams: Collection[str]) -> None:
        """Rows of a page say that these were left. The conversations in which this user was by one of them end when the listing
        does, unless a row that comes until then says how the user is there: by a place of his own, or by the team again."""
        for name, trail in self._trails.items() if teams else ():
            if trail.team in teams:
                trail.team = LEFT
                self._ending.add(name)
                self._unsaved_trails[name] = None

    def ended(self, followed: Callable[[str], bool]) -> tuple[list[str], list[str]]:
        """The rows of the last page were told: conversations that end with their team, to be forgotten in one step with the
        token; and those in which something came since that page was asked. It may be younger than the page, and tell of a place
        of one's own or of coming back: so the next sync decides, and is to be asked for."""
        self._ending = {name for name in self._ending if self.team_of(name) == LEFT and followed(name)}
        ended: list[str] = []
        younger: list[str] = []
        for name in sorted(self._ending):
            moved = self._trails[name].place is not None and name not in self._covered
            (younger if moved else ended).append(name)
        return ended, younger

    def team_of(self, conversation_id: str) -> str | None:
        """The team by which this user is in it, as the last row said; or `LEFT`."""
        trail = self._trails.get(conversation_id)
        return None if trail is None else trail.team

    def is_quiet(self, conversation_id: str) -> bool:
        """Whether `since` vouches for all that is known of it, and nothing of it is to be read again or told."""
        trail = self._trails.get(conversation_id)
        settled = trail is None or (trail.place is None and not trail.again and trail.reading is None)
        return settled and conversation_id not in self._lost and conversation_id not in self._notices

    def rest(self, conversation_id: str) -> None:
        """A quiet conversation is let go for a while. Which messages were edited is forgotten, and so is its team."""
        if self._trails.pop(conversation_id, None) is not None:
            self._unsaved_trails[conversation_id] = None

    # -- what is learnt -----------------------------------------------------------------------------------------------

    def moved(self, conversation_id: str) -> None:
        """Something was learnt here: by a push of any kind, a page, an answer of `changes`, a reply to an own write."""
        self._covered.discard(conversation_id)
        trail = self._trails.get(conversation_id)
        if trail is None or trail.place != self._place:
            self._set_place(conversation_id, self._place)

    def message(self, conversation_id: str, position: int, revision: int, own_key: bytes | None) -> None:
        """A message was handed on, or a page showed it. `own_key`: its key, if this user sent it."""
        if revision > 1:
            self._note_edited(conversation_id, self._trail(conversation_id), position)
        if own_key is not None:
            self._set_own(own_key, SavedOwn(conversation_id, position))

    def met(self, key: bytes) -> bool:
        """Whether this is a known own message, be it one that is looked for."""
        return key in self._own

    def position_of(self, key: bytes) -> int:
        """Where a known own message is; 0: nowhere, or it is looked for."""
        own = self._own.get(key)
        return 0 if own is None or own.lost else own.position

    def posted(self, conversation_id: str, position: int, key: bytes) -> None:
        """A post was answered; a conversation that was not there before moves by it. The outbox entry stays, as answered, until
        `have` passes the position: should the message be lost before it was handed on, its content is still there. And from
        that entry, which is stored in the same step, the store knows of the message."""
        own = SavedOwn(conversation_id, position)
        if key in self._own:
            self._set_own(key, own)
        else:
            self._own[key] = own
            self._bound_own()

    def take_back(self, key: bytes, position: int) -> bool:
        """The answer that this post had may be void, and it could be offered again: True, and it is met no more, unless it is
        being looked for already, or somebody was told that it is gone."""
        own = self._own.get(key)
        if own is None or own.lost or own.position != position:
            return False
        self._drop_own(key)
        return True

    def edited(self, conversation_id: str, target: int) -> None:
        """A system message, handed on or not, tells that this message was edited or taken back."""
        trail = self._trail(conversation_id)
        if trail.reading is not None and trail.reading[0] <= target <= trail.reading[1]:
            trail.touched.add(target)
        self._note_edited(conversation_id, trail, target)

    def left(self, conversation_id: str) -> None:
        """A system message, handed on or not, or a row tells that this user left or was removed."""
        trail = self._trail(conversation_id)
        trail.lifting = False
        if not trail.veiled:
            trail.veiled = True
            self._unsaved_trails[conversation_id] = None

    def changes_asked(self, conversation_id: str) -> None:
        """`changes` is asked: only members are answered."""
        trail = self._trails.get(conversation_id)
        if trail is not None:
            trail.lifting = trail.veiled

    def changes_answered(self, conversation_id: str) -> None:
        """Its last page came: it showed what had been hidden, if this user has not left again."""
        trail = self._trails.get(conversation_id)
        if trail is not None and trail.lifting:
            trail.veiled = trail.lifting = False
            self._unsaved_trails[conversation_id] = None

    def reached(self, conversation_id: str) -> None:
        """Everything was read up to the head: own messages that are still looked for are gone. Call it, too, where there was
        nothing to read, for `looked_for`."""
        lost = tuple(self._lost.get(conversation_id, ()))
        for key in lost:
            self._drop_own(key)
        if lost:
            self._note(Notice(conversation_id, gone=lost))

    def is_looked_for(self, conversation_id: str) -> bool:
        """Whether own messages are looked for in this one."""
        return conversation_id in self._lost

    def looked_for(self) -> list[str]:
        """Conversations in which own messages are looked for."""
        return list(self._lost)

    def forget(self, conversation_id: str, *, posting: bool = False) -> None:
        """The conversation is not followed any more: what is kept of it goes. Own messages that were looked for are gone.

        `posting`: the outbox has posts for it. Then it is remembered to be a team's, for their answers may yet come.
        """
        self.forget_all([conversation_id], {conversation_id} if posting else ())

    def forget_all(self, conversation_ids: Collection[str], posting: Collection[str] = ()) -> None:
        """`forget` each; `posting` are those that the outbox has posts for."""
        for name in conversation_ids:
            self.reached(name)
            trail = self._trails.pop(name, None)
            if name in posting and trail is not None and trail.team is not None:
                self._trail(name).team = trail.team
            self._todo.pop(name, None)
            self._covered.discard(name)
            self._unsaved_trails[name] = None
        gone = set(conversation_ids)
        for key in [key for key, own in self._own.items() if own.conversation_id in gone]:
            self._drop_own(key)

    def not_found(self, conversation_id: str, *, posting: bool = False) -> None:
        """A page was refused NOT_FOUND: `forget`, which was learnt under this session's place. Another copy may have it again,
        and no `since` of before would tell of it."""
        self.forget(conversation_id, posting=posting)
        self._set_place(conversation_id, self._place)

    # -- reading again ------------------------------------------------------------------------------------------------

    def to_reread(self) -> list[str]:
        """Conversations with messages that are to be read again, and are not being read."""
        return [name for name, trail in self._trails.items() if trail.again and trail.reading is None]

    def reread(self, conversation_id: str, limit: int) -> tuple[int, int] | None:
        """The next positions to be read again, first and last, at most `limit`; None: none, or they are being read."""
        trail = self._trails.get(conversation_id)
        if trail is None or not trail.again or trail.reading is not None:
            return None
        low, high = trail.again.pairs()[0]
        trail.reading = low, min(high, low + limit - 1)
        trail.touched.clear()
        return trail.reading

    def reread_answered(self, conversation_id: str, upto: int | None) -> None:
        """The application has what the page says, which is complete up to this position; None: there was no page. Only then it
        is to be stored, so that a kill loses nothing."""
        trail = self._trails.get(conversation_id)
        if trail is None or trail.reading is None:
            return
        low, high = trail.reading
        trail.reading = None
        if upto is not None:
            trail.again.remove(low, min(high, upto))
            for target in trail.touched:  # the page may be older than that
                trail.again.add(target, target)
            self._unsaved_trails[conversation_id] = None

    # -- telling the application --------------------------------------------------------------------------------------

    def notices(self) -> list[Notice]:
        """What is to be told; kept until `told`."""
        return [notice for notice in self._notices.values() if not notice.pending]

    def told(self, notice: Notice) -> None:
        """The application has this. If more came to it meanwhile, it is told again."""
        if self._notices.get(notice.conversation_id) == notice:
            self._set_notice(notice.conversation_id, None)

    # -- the rules ----------------------------------------------------------------------------------------------------

    def _checked(self, known: Known, answer: CheckAnswer) -> Checked:
        name, row = known.conversation_id, answer.row
        self._todo.pop(name, None)
        trail = self._trail(name)
        former = row.left_at is not None
        # What a former member is not shown looks like nothing, also if it is of another history. So such state is never known
        # to be good; but mostly it is, and that it may not be is no news.
        hidden = trail.veiled or former
        trail.veiled = former
        trail.team = row.team
        self._set_place(name, self._place)
        head = row.head if row.left_at is None else min(row.head, row.left_at)
        if answer.agreed == known.position and (answer.state_good or hidden):
            return Checked(row, head, None, not answer.state_good, hidden and answer.state_good)
        keep = 0 if answer.agreed is None else min(answer.agreed, known.position)
        self._replaced(name, trail, keep)
        self._note(Notice(name, replaced=True, agreed=answer.agreed))
        return Checked(row, head, keep, hidden or not answer.state_good)

    def _replaced(self, name: str, trail: _Trail, keep: int) -> None:
        """What stood above `keep` is gone, and so may be the edits of what stands below it."""
        trail.edited.cap(keep)
        trail.again.cap(keep)
        for low, high in trail.edited.pairs():
            trail.again.add(low, high)
        for key, own in list(self._own.items()):
            if own.conversation_id == name and own.position > keep and not own.lost:
                self._set_own(key, own._replace(lost=True))

    def _forgotten(self, name: str, *, followed: bool) -> Forgotten:
        ordinary = self._trail(name).team is not None and not self._refused
        gone = tuple(key for key, own in self._own.items() if own.conversation_id == name and not own.lost)
        self.not_found(name)
        if followed or gone:
            self._note(Notice(name, forgotten=True, gone=gone, pending=ordinary))
        return Forgotten(name)

    def _note(self, new: Notice) -> None:
        """Add to what is to be told of a conversation: the application hears of all of it at once."""
        old = self._notices.get(new.conversation_id)
        if old is not None:
            agreed = [one.agreed for one in (old, new) if one.replaced]
            known = [one for one in agreed if one is not None]
            new = Notice(
                new.conversation_id,
                bool(agreed),
                min(known) if known and len(known) == len(agreed) else None,
                new.forgotten or (old.forgotten and not new.replaced),
                (*old.gone, *new.gone),
                old.pending and new.pending,
            )
        self._set_notice(new.conversation_id, new)

    def _note_edited(self, name: str, trail: _Trail, position: int) -> None:
        if trail.edited.add(position, position):
            trail.edited.join(MAX_EDITED_RANGES)
            self._unsaved_trails[name] = None

    # -- within -------------------------------------------------------------------------------------------------------

    def _trail(self, name: str) -> _Trail:
        trail = self._trails.get(name)
        if trail is None:
            trail = self._trails[name] = _Trail(_NOTHING)
        return trail

    def _trail_to_save(self, name: str) -> SavedTrail | None:
        trail = self._trails.get(name)
        return None if trail is None else trail.saved()

    def _set_place(self, name: str, place: str | None) -> None:
        self._trail(name).place = place
        self._unsaved_trails[name] = None

    def _set_own(self, key: bytes, own: SavedOwn) -> None:
        old = self._own.get(key)
        if old == own:
            return
        if old is not None and old.lost:
            self._found(key, old.conversation_id)
        if own.lost:
            self._lost.setdefault(own.conversation_id, {})[key] = None
        self._own[key] = own
        self._unsaved_own[key] = None
        self._bound_own()

    def _bound_own(self) -> None:
        if len(self._own) > MAX_OWN + OWN_SLACK:
            for eldest in list(islice(self._own, OWN_SLACK)):
                self._drop_own(eldest)

    def _drop_own(self, key: bytes) -> None:
        own = self._own.pop(key)
        if own.lost:
            self._found(key, own.conversation_id)
        self._unsaved_own[key] = None

    def _found(self, key: bytes, conversation_id: str) -> None:
        lost = self._lost[conversation_id]
        del lost[key]
        if not lost:
            del self._lost[conversation_id]

    def _set_notice(self, name: str, notice: Notice | None) -> None:
        if notice is None:
            self._notices.pop(name, None)
        else:
            self._notices[name] = notice
        self._unsaved_notices[name] = None
