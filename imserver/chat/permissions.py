"""Permissions in a conversation: pure rules as tables. The store applies them inside its transaction, chat for early refusals.
`None` means "allowed".

Absent and forbidden look the same to outsiders: a user who is not a member gets NOT_FOUND.
"""

from __future__ import annotations

from collections.abc import Mapping

from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Role, direct_pair

#: Up to this many members, cursors go to all members (messaging, "Receipts"); above, to the user's own devices only.
MAX_RECEIPT_MEMBERS = 50

#: Which roles post (and edit what they posted). A channel has few writers and many readers.
POSTERS: Mapping[Kind, frozenset[Role]] = {
    Kind.DIRECT: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    Kind.GROUP: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    Kind.CHANNEL: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
}

_NOBODY: frozenset[Role] = frozenset()

#: (kind, role of the actor) -> roles that the actor may give. A row that is missing may give none. No row gives OWNER.
MAY_GIVE: Mapping[tuple[Kind, Role], frozenset[Role]] = {
    (Kind.GROUP, Role.OWNER): frozenset({Role.ADMIN, Role.MEMBER}),
    (Kind.GROUP, Role.ADMIN): frozenset({Role.MEMBER}),
    (Kind.CHANNEL, Role.OWNER): frozenset({Role.ADMIN, Role.MEMBER, Role.READER}),
    (Kind.CHANNEL, Role.ADMIN): frozenset({Role.MEMBER, Role.READER}),
}

#: (kind, role of the actor) -> roles of members that the actor may remove, or whose role the actor may change.
MAY_REMOVE: Mapping[tuple[Kind, Role], frozenset[Role]] = {
    (Kind.GROUP, Role.OWNER): frozenset({Role.ADMIN, Role.MEMBER}),
    (Kind.GROUP, Role.ADMIN): frozenset({Role.MEMBER}),
    (Kind.CHANNEL, Role.OWNER): frozenset({Role.ADMIN, Role.MEMBER, Role.READER}),
    (Kind.CHANNEL, Role.ADMIN): frozenset({Role.MEMBER, Role.READER}),
}

#: Kinds that one can leave. A direct conversation always has its two.
MAY_LEAVE: frozenset[Kind] = frozenset({Kind.GROUP, Kind.CHANNEL})

#: Succession when the owner leaves: the first of these roles that any member has, and of those the longest member.
HEIRS: tuple[Role, ...] = (Role.ADMIN, Role.MEMBER, Role.READER)


def no_such_conversation() -> Refusal:
    """The refusal for outsiders, whether the conversation exists or not."""
    return Refusal(RefusalCode.NOT_FOUND, "no such conversation")


def refuse_post(kind: Kind, role: Role | None, muted_until: int, now_ms: int) -> Refusal | None:
    """Refuse a post or edit unless this role (None: not a member) may post here and is not muted."""
    if role is None:
        return no_such_conversation()
    if role not in POSTERS[kind]:
        return Refusal(RefusalCode.FORBIDDEN, "readers of a channel do not post")
    if muted_until > now_ms:
        return Refusal(RefusalCode.FORBIDDEN, "muted", detail={"muted_until": muted_until})
    return None


def pair_to_open(conversation_id: str, sender_id: str) -> tuple[str, str]:
    """The two users of a direct conversation that the sender may make by a first post, if both exist. Raises NOT_FOUND."""
    try:
        pair = direct_pair(conversation_id)
    except UnicodeEncodeError:  # a lone surrogate: no such user can exist
        pair = None
    if pair is None or sender_id not in pair:
        raise no_such_conversation()
    return pair


def refuse_create(kind: Kind, members: Mapping[str, Role]) -> Refusal | None:
    """Refuse initial members that the kind does not allow. `members` lacks the creator, who becomes the owner."""
    if kind is Kind.DIRECT:
        return Refusal(
            RefusalCode.INVALID, "kind: a direct conversation is made by its first post", detail="kind"
        )
    allowed = MAY_GIVE[kind, Role.OWNER]
    for role in members.values():
        if role not in allowed:
            text = f"members: role {role} cannot be given in a {kind}"
            return Refusal(RefusalCode.INVALID, text, detail="members")
    return None


def refuse_add(kind: Kind, actor: Role | None, role: Role, current: Role | None) -> Refusal | None:
    """Refuse unless `actor` may add a user with `role` (`current` None), or change a member's role from `current`."""
    if actor is None:
        return no_such_conversation()
    if kind is Kind.DIRECT:
        return Refusal(RefusalCode.FORBIDDEN, "a direct conversation always has its two users")
    if role not in MAY_GIVE.get((kind, actor), _NOBODY):
        return Refusal(RefusalCode.FORBIDDEN, f"role {actor} may not give role {role} here")
    if current is None:
        return None
    if current is role:
        return Refusal(RefusalCode.CONFLICT, "is a member already")
    if current not in MAY_REMOVE.get((kind, actor), _NOBODY):
        return Refusal(RefusalCode.FORBIDDEN, f"role {actor} may not change role {current}")
    return None


def refuse_remove(kind: Kind, actor: Role | None, target: Role | None) -> Refusal | None:
    """Refuse unless `actor` may remove a member with role `target` (None: not a member)."""
    if actor is None:
        return no_such_conversation()
    if kind is Kind.DIRECT:
        return Refusal(RefusalCode.FORBIDDEN, "a direct conversation always has its two users")
    if not MAY_REMOVE.get((kind, actor)):
        return Refusal(RefusalCode.FORBIDDEN, f"role {actor} may not remove members")
    if target is None:
        return Refusal(RefusalCode.NOT_FOUND, "no such member")
    if target not in MAY_REMOVE[kind, actor]:
        return Refusal(RefusalCode.FORBIDDEN, f"role {actor} may not remove role {target}")
    return None


def refuse_leave(kind: Kind, role: Role | None) -> Refusal | None:
    """Refuse unless a member with this role may leave."""
    if role is None:
        return no_such_conversation()
    if kind not in MAY_LEAVE:
        return Refusal(RefusalCode.FORBIDDEN, "a direct conversation cannot be left")
    return None


def heir(members: Mapping[str, Role], joined_at: Mapping[str, int]) -> str | None:
    """The next owner when the owner is gone; None if no member is left. Ties go to the first user id."""
    for role in HEIRS:
        candidates = [(joined_at[user_id], user_id) for user_id, held in members.items() if held is role]
        if candidates:
            return min(candidates)[1]
    return None


def has_receipts(kind: Kind, member_count: int) -> bool:
    """True if members get each other's cursors here."""
    return kind is not Kind.CHANNEL and member_count <= MAX_RECEIPT_MEMBERS
