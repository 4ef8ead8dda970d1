"""create, add, remove, leave: who is in a conversation; members: the list of them (SPEC, "create, add, remove, leave")."""

from __future__ import annotations

from imserver_protocol.shared.bounds import MAX_MEMBERS_PAGE
from imserver_protocol.shared.words import Kind, Role

from .descriptors import Method, Name, Number, Shape


class CreateParams(Shape, frozen=True):
    """A new group or channel; its creator owns it. `team`: a group whose persons are members of this one, too."""

    key: bytes
    kind: Kind
    title: str
    members: list[str]
    team: str | None = None


class CreateResult(Shape, frozen=True):
    """`position` is that of the system message `created`."""

    conversation_id: Name
    position: Number
    duplicate: bool


class AddParams(Shape, frozen=True):
    """A new member, or another role for a member."""

    conversation_id: str
    key: bytes
    user_id: str
    role: Role = Role.MEMBER


class RemoveParams(Shape, frozen=True):
    """Somebody else leaves."""

    conversation_id: str
    key: bytes
    user_id: str


class LeaveParams(Shape, frozen=True):
    """The asker leaves."""

    conversation_id: str
    key: bytes


class MembershipResult(Shape, frozen=True):
    """`position` is that of the system message."""

    position: Number
    duplicate: bool


class MembersParams(Shape, frozen=True):
    """Members from the first one after the user id `after`."""

    conversation_id: str
    after: str | None = None
    limit: int = MAX_MEMBERS_PAGE


class MemberRow(Shape, frozen=True):
    """A member now."""

    user_id: str
    role: str


CREATE = Method("create", CreateParams, CreateResult)
ADD = Method("add", AddParams, MembershipResult)
REMOVE = Method("remove", RemoveParams, MembershipResult)
LEAVE = Method("leave", LeaveParams, MembershipResult)
MEMBERS = Method("members", MembersParams, tuple[MemberRow, ...])
