"""What the shop keeps of its customers."""

from __future__ import annotations

from typing import Any

from tests.booking.support.shop import Shop


async def known(shop: Shop) -> list[tuple[Any, ...]]:
    """Name, age band and lenses of each, by user id."""
    return await shop.sql("SELECT name, age_band, lens_kind FROM booking_customers ORDER BY user_id")
