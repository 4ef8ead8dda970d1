"""What `client.NAME` offers beside conversations, messages and members: one line for each feature.

A feature has a module of its own here, which sees the client through `base.Port` alone, and no other feature. Its name is
that of the server's feature, in WELCOME and in the maps of state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .base import Feature, Offer, Port


class Features:
    """The features of a client."""

    # ruff: isort: off
    from .blocks import blocks
    from .edits import edits
    from .reactions import reactions
    from .typing import typing

    def __init__(self, offered: Mapping[str, Any]) -> None:
        self.offered = offered


#: What makes each feature of a client.
FEATURES: Mapping[str, Callable[[Port], Feature]] = {
    name: offer.make for name, offer in vars(Features).items() if isinstance(offer, Offer)
}
