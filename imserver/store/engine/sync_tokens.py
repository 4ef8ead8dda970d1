"""Sync tokens: opaque to clients, each names a place in commit order within one history of the store."""

from __future__ import annotations

import random

from imserver.errors import Refusal, RefusalCode


def new_epoch(rng: random.Random) -> str:
    """The mark of a new history: 16 hex digits."""
    return f"{rng.getrandbits(64):016x}"


def make_token(epoch: str, change: int) -> str:
    return f"{epoch}.{change}"


def read_token(token: str | None, epoch: str, head: int) -> int:
    """The change that the token names. EPOCH_CHANGED for a token of another history, of the future, or of another make:
    in each case the client's way out is the same, to forget its cursors."""
    if token is None:
        return 0
    mark, _, digits = token.partition(".")
    if (
        mark != epoch
        or not digits.isascii()
        or not digits.isdigit()
        or len(digits) > 19
        or int(digits) > head
    ):
        raise epoch_changed()
    return int(digits)


def epoch_changed() -> Refusal:
    return Refusal(RefusalCode.EPOCH_CHANGED, "the store's history is another than the one you know")
