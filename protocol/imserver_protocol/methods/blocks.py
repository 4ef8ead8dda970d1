"""blocks: people take no direct messages from somebody (SPEC, "Strangers and blocks")."""

from __future__ import annotations

from imserver_protocol.shared.bounds import PAGE_ITEMS

from .descriptors import Method, Name, Push, Shape

#: The feature, in WELCOME.
BLOCKS_KEY = "blocks"


class BlockParams(Shape, frozen=True):
    """Whom one takes nothing from, or again something."""

    user_id: str


class BlockStands(Shape, frozen=True):
    """How it stands with this user."""

    user_id: Name
    blocked: bool


class BlocksParams(Shape, frozen=True):
    """Those behind the user id `after`; nil: from the first."""

    after: str | None = None
    limit: int = PAGE_ITEMS


class BlocksResult(Shape, frozen=True):
    """In the order of user ids; `next` is nil at the end."""

    user_ids: tuple[Name, ...]
    next: Name | None


BLOCK = Method("block", BlockParams, BlockStands)
UNBLOCK = Method("unblock", BlockParams, BlockStands)
BLOCKS = Method("blocks", BlocksParams, BlocksResult)
#: To the devices of who blocks, and to nobody else.
BLOCK_CHANGED = Push("block_changed", BlockStands)
