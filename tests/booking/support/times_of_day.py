"""Times of the shop's day."""

from __future__ import annotations

from imserver.testing import Said
from tests.booking.support.shop import shown


def at(said: list[Said], place: str) -> str:
    return "\n".join(shown(one) for one in said if one.conversation_id == place)
