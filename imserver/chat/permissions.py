"""Permissions: the one place that decides who may do what, as one pure function over small tables.

`decide` takes what is wanted (a need), the kind of conversation, how the user stands to it, the role there, what bars the user
now, and what the act is aimed at. It answers with a `Grant`, the positions that may be shown or touched, or with the refusal.
The order of refusals is part of the rule: an outsider learns nothing (NOT_FOUND); then the kind knows no such act (FORBIDDEN);
then the target is missing (NOT_FOUND); then the role is not enough (FORBIDDEN); then something bars the user now (FORBIDDEN,
with a detail). Before all that the store looks the key up; behind it, it judges the state of things (GONE, CONFLICT). Persons,
bots of plugins and the host program are alike.

Posting does not call it: `POSTERS` is the table folded into a set for each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum, IntEnum, auto
from typing import Any, NamedTuple

from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Role, direct_pair

#: Up to this many members, cursors go to all members (messaging, "Receipts"); above, to the user's own devices only.
MAX_RECEIPT_MEMBERS = 50

#: A position above all others: the end of a grant that goes on with the conversation.
END = (1 << 63) - 1


class Need(IntEnum):
    """What an act wants. Each method names one; a new feature picks one of these and adds nothing here.

    docs/first-feature.md has a table of them with who may.
    """

    #: Nothing of a conversation: an account that is not disabled.
    ACCOUNT = 1
    #: See messages, their states, and where the conversation is.
    READ = 2
    SEE_MEMBERS = 3
    #: Change what is one's own in a conversation: cursors, settings.
    OWN_STATE = 4
    #: Say something that others hear: posts, typing.
    SPEAK = 5
    #: Mark a message for all to see, without a message: reactions.
    MARK = 6
    #: Change or take back what one has said.
    CHANGE_OWN = 7
    #: The same with what others have said.
    CHANGE_ANY = 8
    #: Bring somebody in.
    INVITE = 9
    #: Remove members, change their roles, mute them; aimed at oneself: leave.
    MANAGE = 10
    #: Change what the conversation is: title, who may speak, how fast.
    ADMINISTER_CONVERSATION = 11
    #: Run the server. No role in a conversation gives this.
    OPERATE = 12
    #: Choose what a conversation holds up to all: pins, an announcement, a topic. In a direct conversation both do.
    CURATE = 13


class Grant(NamedTuple):
    """Positions `first..last` that may be shown or touched; none if `first` is above `last`."""

    first: int
    last: int

    def cut(self, head: int) -> int:
        """The highest position that may be shown, in a conversation with this head."""
        return min(head, self.last)

    def covers(self, position: int) -> bool:
        return self.first <= position <= self.last

    @property
    def goes_on(self) -> bool:
        """True if it covers what will be said, too."""
        return self.last == END


NO_POSITIONS = Grant(1, 0)
EVERYTHING = Grant(1, END)


class Relation(IntEnum):
    """How a user belongs to a conversation."""

    STRANGER = auto()
    #: Asked to join, and not in yet.
    INVITED = auto()
    #: Left or was removed: reads up to there.
    FORMER = auto()
    #: Was here through a team, and is not in that team any more: reads nothing.
    FORMER_TEAM_MEMBER = auto()
    MEMBER = auto()
    #: Is a member because the conversation names a team that the user is in now; has no row of its own.
    TEAM_MEMBER = auto()


class Standing(NamedTuple):
    """A relation, and the positions that it opens."""

    relation: Relation
    opens: Grant


STRANGER = Standing(Relation.STRANGER, NO_POSITIONS)
INVITED = Standing(Relation.INVITED, NO_POSITIONS)
FORMER_TEAM_MEMBER = Standing(Relation.FORMER_TEAM_MEMBER, NO_POSITIONS)
MEMBER = Standing(Relation.MEMBER, EVERYTHING)
TEAM_MEMBER = Standing(Relation.TEAM_MEMBER, EVERYTHING)


def standing_of(left_at: int | None, first: int = 1) -> Standing:
    """The standing by a member's row: `left_at` is where the user left, `first` where the user's history begins."""
    if left_at is not None:
        return Standing(Relation.FORMER, Grant(first, left_at))
    return MEMBER if first == 1 else Standing(Relation.MEMBER, Grant(first, END))


class Bars(NamedTuple):
    """What keeps a user from saying something now. Times are UTC milliseconds, 0 unless they are still to come."""

    muted_until: int = 0
    #: In a direct conversation: the other one does not take messages.
    blocked: bool = False
    #: Only those who run the conversation speak.
    announce: bool = False
    #: Slow mode: until then this user has spoken lately enough.
    slow_until: int = 0
    #: The account may do nothing at all.
    disabled: bool = False
    #: In a direct conversation: a stranger has said something, and the other one has not answered yet.
    waiting: bool = False
    #: In a direct conversation: this user does not take messages of the other one.
    refuses: bool = False


FREE = Bars()
DISABLED = Bars(disabled=True)


class Seat(NamedTuple):
    """All that `decide` has to know of a user in a conversation."""

    kind: Kind | None
    standing: Standing
    role: Role | None
    bars: Bars = FREE


#: Of somebody who does not belong to a conversation, whether it exists or not.
NO_SEAT = Seat(None, STRANGER, None)


class Aim(Enum):
    """What an act is aimed at."""

    NOTHING = auto()
    #: It does not exist, or not for this user.
    ABSENT = auto()
    OWN_MESSAGE = auto()
    #: Of somebody else, whose role is that of now: None if the author is no member any more.
    MESSAGE = auto()
    #: Said by the server in somebody's name.
    SYSTEM_MESSAGE = auto()
    #: A user who is to be a member.
    NEWCOMER = auto()
    MEMBER = auto()
    #: A member through the conversation's team only.
    TEAM_MEMBER = auto()
    ONESELF = auto()


class Target(NamedTuple):
    """The aim, the role that it has now, the role that it is to get, and how its absence is told."""

    aim: Aim
    role: Role | None = None
    gets: Role | None = None
    text: str = ""
    detail: Any = None


NOTHING = Target(Aim.NOTHING)
OWN_MESSAGE = Target(Aim.OWN_MESSAGE)
SYSTEM_MESSAGE = Target(Aim.SYSTEM_MESSAGE)
TEAM_ONLY = Target(Aim.TEAM_MEMBER)
ONESELF = Target(Aim.ONESELF)
NO_MESSAGE = Target(Aim.ABSENT, text="no such message")
NO_MEMBER = Target(Aim.ABSENT, text="no such member")


def message_of(role: Role | None) -> Target:
    """Somebody else's message; `role` is None if the author is no member any more."""
    return Target(Aim.MESSAGE, role)


def newcomer(role: Role) -> Target:
    """A user who is to join with this role."""
    return Target(Aim.NEWCOMER, gets=role)


def member(role: Role, gets: Role | None = None) -> Target:
    """A member with this role, who gets another one or, without it, has to go."""
    return Target(Aim.MEMBER, role, gets)


def no_user(user_id: str) -> Target:
    """A user who does not exist."""
    return Target(Aim.ABSENT, text="no such user", detail=user_id)


# -- the tables -----------------------------------------------------------------------------------------------------------

_OF_MEMBERS = frozenset(Need) - {Need.ACCOUNT, Need.OPERATE}

#: What a relation may ask at all. To any other need the answer is that there is no such conversation.
ASKS: Mapping[Relation, frozenset[Need]] = {
    Relation.STRANGER: frozenset(),
    Relation.INVITED: frozenset(),
    Relation.FORMER: frozenset({Need.READ}),
    Relation.FORMER_TEAM_MEMBER: frozenset(),
    Relation.MEMBER: _OF_MEMBERS,
    Relation.TEAM_MEMBER: _OF_MEMBERS,
}

_TWO_USERS = "a direct conversation always has its two users"
#: What nobody does in a direct conversation, whatever it is aimed at, and what is said to who tries.
NOT_IN_DIRECT: Mapping[Need, str] = {
    Need.CHANGE_ANY: "only its author changes a message",
    Need.INVITE: _TWO_USERS,
    Need.MANAGE: _TWO_USERS,
    Need.ADMINISTER_CONVERSATION: "a direct conversation has nothing to be changed",
}
_NOT_LEFT = "a direct conversation cannot be left"

#: Who says things. A channel has few writers and many readers; only a channel has readers.
_SPEAKERS = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER})
#: Who runs a conversation.
_LEADERS = frozenset({Role.OWNER, Role.ADMIN})
_NOBODY: frozenset[Role] = frozenset()

#: (kind, role) -> roles that this role gives and changes, whose members it removes and whose messages it takes back. A missing
#: row means none. No row has OWNER: one becomes the owner by succession (`heir`).
OVER: Mapping[tuple[Kind, Role], frozenset[Role]] = {
    (Kind.GROUP, Role.OWNER): frozenset({Role.ADMIN, Role.MEMBER}),
    (Kind.GROUP, Role.ADMIN): frozenset({Role.MEMBER}),
    (Kind.CHANNEL, Role.OWNER): frozenset({Role.ADMIN, Role.MEMBER, Role.READER}),
    (Kind.CHANNEL, Role.ADMIN): frozenset({Role.MEMBER, Role.READER}),
}

#: Who inherits a conversation from its owner: the first of these roles that any member has, of those the longest member.
HEIRS: tuple[Role, ...] = (Role.ADMIN, Role.MEMBER, Role.READER)

#: Needs that reach others, so that a mute or a block bars them.
_REACHING = frozenset({Need.SPEAK, Need.MARK, Need.CHANGE_OWN, Need.CURATE})

# -- the decision ---------------------------------------------------------------------------------------------------------


def decide(
    need: Need,
    kind: Kind | None,
    standing: Standing,
    role: Role | None,
    bars: Bars = FREE,
    target: Target = NOTHING,
) -> Grant | Refusal:
    """The positions that the need may have here, or why not. `kind` may be None for strangers only."""
    relation, opens = standing
    if kind is None or need not in ASKS[relation]:
        return _outside(need, bars)
    if kind is Kind.DIRECT and need in NOT_IN_DIRECT:
        return _forbidden(_NOT_LEFT if target is ONESELF else NOT_IN_DIRECT[need])
    if target is not NOTHING and target.aim is Aim.ABSENT:
        return Refusal(RefusalCode.NOT_FOUND, target.text, detail=target.detail)
    judge = _JUDGES.get(need)
    refusal = judge(kind, relation, role, target) if judge is not None else None
    if refusal is None and bars is not FREE:
        refusal = _barred(need, kind, role, bars)
    return opens if refusal is None else refusal


def require(need: Need, seat: Seat, target: Target = NOTHING) -> Grant:
    """The grant. Raises the refusal."""
    answer = decide(need, *seat, target=target)
    if isinstance(answer, Refusal):
        raise answer
    return answer


def disabled() -> Refusal:
    """The answer to whatever a disabled account asks."""
    return _forbidden("this account is disabled", "disabled")


def may(need: Need, seat: Seat, target: Target = NOTHING) -> bool:
    """True unless it is refused."""
    return isinstance(decide(need, *seat, target=target), Grant)


def no_such_conversation() -> Refusal:
    """The refusal for outsiders, whether the conversation exists or not."""
    return Refusal(RefusalCode.NOT_FOUND, "no such conversation")


def _forbidden(text: str, detail: Any = None) -> Refusal:
    return Refusal(RefusalCode.FORBIDDEN, text, detail=detail)


def _outside(need: Need, bars: Bars) -> Grant | Refusal:
    """The answer to who does not belong here, and to what is not asked of a conversation."""
    if need is Need.OPERATE:
        return _forbidden("only operators may do this")
    if need is Need.ACCOUNT:
        return _barred(need, None, None, bars) or NO_POSITIONS
    return no_such_conversation()


def _speaks(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    return None if role in _SPEAKERS else _forbidden("readers of a channel do not post")


def _changes_own(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    if target.aim is Aim.MESSAGE:
        return _forbidden("only its author changes a message")
    if target.aim is Aim.SYSTEM_MESSAGE:
        return _forbidden("a system message is not changed")
    return _speaks(kind, relation, role, target)


def _changes_any(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    if target.aim is Aim.SYSTEM_MESSAGE:
        return _forbidden("a system message is not changed")
    if role not in _LEADERS:
        return _forbidden("only its author changes a message")
    if target.aim is Aim.MESSAGE and target.role is not None and target.role not in _over(kind, role):
        return _forbidden(f"role {role} may not change messages of role {target.role}")
    return None


def _invites(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    over = _over(kind, role)
    if target.gets is None:
        return None if over else _forbidden(f"role {role} may not add members")
    return None if target.gets in over else _forbidden(f"role {role} may not give role {target.gets} here")


def _manages(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    if target.aim is Aim.ONESELF:
        return _by_team() if relation is Relation.TEAM_MEMBER else None
    over = _over(kind, role)
    if target.gets is not None and target.gets not in over:
        return _forbidden(f"role {role} may not give role {target.gets} here")
    if not over:
        return _forbidden(f"role {role} may not remove members")
    if target.aim is Aim.TEAM_MEMBER:
        return _by_team()
    if target.role is not None and target.role not in over:
        act = "change" if target.gets is not None else "remove"
        return _forbidden(f"role {role} may not {act} role {target.role}")
    return None


def _administers(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    if role in _LEADERS:
        return None
    return _forbidden("only those who run a conversation change it")


def _curates(kind: Kind, relation: Relation, role: Role | None, target: Target) -> Refusal | None:
    """Nobody runs a direct conversation: its two users have it in common."""
    return None if kind is Kind.DIRECT else _administers(kind, relation, role, target)


#: What a role has to be for a need. Any member may have a need that is missing here.
_JUDGES: Mapping[Need, Callable[[Kind, Relation, Role | None, Target], Refusal | None]] = {
    Need.SPEAK: _speaks,
    Need.CHANGE_OWN: _changes_own,
    Need.CHANGE_ANY: _changes_any,
    Need.INVITE: _invites,
    Need.MANAGE: _manages,
    Need.ADMINISTER_CONVERSATION: _administers,
    Need.CURATE: _curates,
}


def _over(kind: Kind, role: Role | None) -> frozenset[Role]:
    return _NOBODY if role is None else OVER.get((kind, role), _NOBODY)


def _by_team() -> Refusal:
    return _forbidden("members of the team are removed there", "team")


def _barred(need: Need, kind: Kind | None, role: Role | None, bars: Bars) -> Refusal | None:
    """What bars the need now, though standing and role allow it."""
    if bars.disabled:
        return disabled()
    if need not in _REACHING:
        return None
    if kind is Kind.DIRECT and (apart := _kept_apart(bars)) is not None:
        return apart
    if bars.muted_until:
        return _forbidden("muted", {"muted_until": bars.muted_until})
    if role in _LEADERS or need is Need.MARK:
        return None
    if bars.announce:
        return _forbidden("only those who run the conversation post here", "announce")
    if bars.slow_until and need is Need.SPEAK:
        return _forbidden("slow mode", {"slow_until": bars.slow_until})
    return None


def _kept_apart(bars: Bars) -> Refusal | None:
    """What keeps the two users of a direct conversation apart. A block is told in the words of a request that waits."""
    if bars.blocked:
        return _forbidden("does not take messages from you", "peer")
    if bars.refuses:
        return _forbidden("you do not take messages from them", "blocked")
    return _forbidden("does not take messages from you", "request") if bars.waiting else None


# -- folded, and beside it ------------------------------------------------------------------------------------------------


def speakers(kind: Kind, bars: Bars = FREE) -> frozenset[Role]:
    """Roles whose members may post in conversations of this kind: `decide` folded for the hot path."""
    return frozenset(role for role in Role if isinstance(decide(Need.SPEAK, kind, MEMBER, role, bars), Grant))


#: Which roles post, as long as nothing bars them.
POSTERS: Mapping[Kind, frozenset[Role]] = {kind: speakers(kind) for kind in Kind}


def pair_to_open(conversation_id: str) -> tuple[str, ...]:
    """The two users of a direct conversation, by its id alone; none if it is not the id of one."""
    try:
        return direct_pair(conversation_id) or ()
    except UnicodeEncodeError:  # a lone surrogate: no such user can exist
        return ()


def refuse_create(kind: Kind, members: Mapping[str, Role]) -> Refusal | None:
    """Refuse initial members that the kind does not allow. `members` lacks the creator, who becomes the owner."""
    if kind is Kind.DIRECT:
        return Refusal(
            RefusalCode.INVALID, "kind: a direct conversation is made by its first post", detail="kind"
        )
    allowed = OVER[kind, Role.OWNER]
    for role in members.values():
        if role not in allowed:
            text = f"members: role {role} cannot be given in a {kind}"
            return Refusal(RefusalCode.INVALID, text, detail="members")
    return None


def heir(
    members: Mapping[str, Role], joined_at: Mapping[str, int], by_own_act: Collection[str] = ()
) -> str | None:
    """The next owner when the owner is gone; None if no member is left. Ties go to the first user id.

    Who is there by an act of his own comes before all who were brought: nobody is handed what he never asked for, as long as
    there is another. If there is none, one of these inherits, for without an owner nobody could put the rest out.
    """
    willing = {user_id: role for user_id, role in members.items() if user_id in by_own_act}
    members = willing or members
    for role in HEIRS:
        candidates = [(joined_at[user_id], user_id) for user_id, held in members.items() if held is role]
        if candidates:
            return min(candidates)[1]
    return None


def has_receipts(kind: Kind, member_count: int) -> bool:
    """True if members get each other's cursors here."""
    return kind is not Kind.CHANNEL and member_count <= MAX_RECEIPT_MEMBERS
