"""blocks: people take no direct messages from somebody, who is told so when he tries (SPEC, "Strangers and blocks").

What a block keeps away is the kernel's, which has the rows; here one puts and removes it, and sees whom one blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver.feature_api import (
    Asker,
    Feature,
    Need,
    Read,
    Reader,
    Refusal,
    RefusalCode,
    Repetition,
    Told,
    Transaction,
    Write,
)
from imserver_protocol.methods.blocks import (
    BLOCK,
    BLOCK_CHANGED,
    BLOCKS,
    BLOCKS_KEY,
    UNBLOCK,
    BlockParams,
    BlocksParams,
    BlocksResult,
    BlockStands,
)
from imserver_protocol.shared.bounds import MAX_PAGE_ITEMS

#: User ids of one answer: those of 64 bytes fit into half of the smallest frame that a server may be configured for.
MAX_IDS = min(MAX_PAGE_ITEMS, 200)
#: Blocks that are removed in one transaction when a person is erased.
ERASED_AT_ONCE = 50


def block(tx: Transaction, asker: Asker, params: BlockParams) -> BlockStands:
    """Take nothing from this user any more."""
    return _put(tx, asker.user_id, params.user_id, on=True)


def unblock(tx: Transaction, asker: Asker, params: BlockParams) -> BlockStands:
    """Take messages from this user again."""
    return _put(tx, asker.user_id, params.user_id, on=False)


def _put(tx: Transaction, user_id: str, other_id: str, *, on: bool) -> BlockStands:
    stands = BlockStands(other_id, on)
    if tx.set_block(user_id, other_id, on):
        tx.push([user_id], BLOCK_CHANGED, stands)
    return stands


def page(reader: Reader, asker: Asker, params: BlocksParams) -> BlocksResult:
    """A page of those whom the asker blocks."""
    if params.limit < 1:
        raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")
    size = min(params.limit, MAX_IDS)
    found = reader.blocked_by(asker.user_id, params.after or "", size + 1)
    return BlocksResult(tuple(found[:size]), found[size - 1] if len(found) > size else None)


def export(reader: Reader, user_id: str) -> Mapping[str, Any]:
    """Whom the person blocks."""
    found: list[str] = []
    while some := reader.blocked_by(user_id, found[-1] if found else "", MAX_IDS):
        found += some
    return {"blocked": found}


def erase(tx: Transaction, user_id: str) -> bool:
    """Remove some of the person's blocks. True: ask once more, there may be others. Who blocks the person goes on doing so."""
    some = tx.blocked_by(user_id, "", ERASED_AT_ONCE)
    for other_id in some:
        tx.set_block(user_id, other_id, False)
    return len(some) == ERASED_AT_ONCE


FEATURE = Feature(
    BLOCKS_KEY,
    methods=(
        Write(BLOCK, block, Need.ACCOUNT, Repetition.NATURAL, told_to_all=False),
        Write(UNBLOCK, unblock, Need.ACCOUNT, Repetition.NATURAL, told_to_all=False),
        Read(BLOCKS, page, Need.ACCOUNT),
    ),
    pushes=(Told(BLOCK_CHANGED, by=BLOCKS),),
    export=export,
    erase=erase,
)
