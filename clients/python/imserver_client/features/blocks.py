"""blocks: take no direct messages from somebody."""

from __future__ import annotations

from dataclasses import dataclass

from imserver_client.events import ClientEvent
from imserver_protocol.methods.blocks import (
    BLOCK,
    BLOCK_CHANGED,
    BLOCKS,
    UNBLOCK,
    BlockParams,
    BlocksParams,
    BlockStands,
)
from imserver_protocol.shared.bounds import PAGE_ITEMS

from .base import Feature, Offer, Port


@dataclass(frozen=True, slots=True)
class BlockChanged(ClientEvent):
    """One blocks somebody, or does not any more: said by another device of this account."""

    user_id: str
    blocked: bool


class Blocking(Feature):
    """`client.blocks`. Who is blocked is told so when he writes; in groups nothing is kept away."""

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        port.on_push(BLOCK_CHANGED, self._changed)

    async def put(self, user_id: str) -> None:
        """Take no direct messages from this user. Raises Refused: NOT_FOUND for who does not exist, FORBIDDEN for a bot that
        cannot be done without yet."""
        await self._port.write(BLOCK, BlockParams(user_id))

    async def remove(self, user_id: str) -> None:
        """Take messages from this user again."""
        await self._port.write(UNBLOCK, BlockParams(user_id))

    async def people(
        self, *, after: str | None = None, limit: int = PAGE_ITEMS
    ) -> tuple[list[str], str | None]:
        """A page of those whom one blocks, and what the next page comes after; None: that was the last."""
        page = await self._port.call(BLOCKS, BlocksParams(after, limit))
        return list(page.user_ids), page.next

    def _changed(self, told: BlockStands) -> None:
        self._port.announce(BlockChanged(told.user_id, told.blocked))


blocks: Offer[Blocking] = Offer(Blocking)
