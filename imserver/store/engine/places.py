"""Sealed places: what a client keeps of a `Place`, as a text that it can neither read nor make.

AES-SIV (RFC 5297) under a key that is kept in the database: encrypted, so that nobody counts the server's traffic by comparing
two of them; authenticated, so that nobody makes one. All have the same length, whatever is in them.
"""

from __future__ import annotations

import binascii
import random
import struct
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from imserver.store.engine.lineage import (
    MARK_BYTES,
    NAMED_LIVES,
    Lineage,
    Place,
    Run,
    epoch_changed,
)

KEY_BYTES = 32
#: What a sealed text is: a place (of WELCOME and of `sync`), or where a page of `conversations` goes on. Neither is taken for
#: the other. Another form of either gets another number.
PLACE, LISTED = 1, 2
#: A place inside a listing of `sync`: taken wherever a place is. The room of its last life has where the listing goes on.
INSIDE = 3
#: The most users that are remembered as witnesses of another history.
MAX_WITNESSES = 100_000

_HEAD = struct.Struct(f">B{MARK_BYTES}sQQB{MARK_BYTES}s")
_LIFE = struct.Struct(f">{MARK_BYTES}sQ")
#: Of a place inside a listing: the tie and the base, in the room of one life.
_INSIDE = struct.Struct(">QQ8x")
#: The base of a listing that began without a token. No change: 0 is one, that of a server in which nothing happened yet.
_NO_BASE = (1 << 64) - 1
_PLAIN_BYTES = _HEAD.size + (NAMED_LIVES - 1) * _LIFE.size
_TAG_BYTES = 16
#: Random bytes in front, so that equal places look different; as many as make the whole a multiple of three, 16 at least.
_SALT_BYTES = 16 + -(16 + _TAG_BYTES + _PLAIN_BYTES) % 3
SEALED_CHARS = (_SALT_BYTES + _TAG_BYTES + _PLAIN_BYTES) // 3 * 4

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")


class Spot(NamedTuple):
    """Where a listing of `sync` goes on: behind the row with this change and this tie.

    Rows are ordered by both. They are the same number for most; those that one gained with a team share the change of joining,
    and each has its own last change as its tie. `base`: the change of the token with which the listing began; None: without.
    """

    change: int
    tie: int
    base: int | None


#: Before all rows.
BEGINNING = Spot(0, 0, None)


class Places:
    """Seals and opens the places of one store. Shared by its threads: `lineage` is replaced, never changed."""

    def __init__(self, key: bytes, lineage: Lineage, rng: random.Random) -> None:
        self._cipher = AESSIV(key)
        self._rng = rng
        self._present = (lineage, *_pack_lives(lineage))
        #: Users who know a history that is not this one: an older copy of the database has come back.
        self.witnesses: set[str] = set()
        #: Called at the first witness, on any thread.
        self.on_witness: Callable[[], None] = lambda: None

    @property
    def lineage(self) -> Lineage:
        return self._present[0]

    @lineage.setter
    def lineage(self, lineage: Lineage) -> None:
        self._present = (lineage, *_pack_lives(lineage))  # in one step: readers' threads look at it

    def seal(self, head: int, upto: int | None = None, *, kind: int = PLACE) -> str:
        """The place of the snapshot that ends with `head`; `upto` where a listing of it goes on."""
        lineage, count, earlier = self._present
        run = lineage.present
        return self._sealed(
            _HEAD.pack(kind, run.mark, head, head if upto is None else upto, count, run.life) + earlier
        )

    def seal_spot(self, head: int, spot: Spot | None) -> str:
        """The place of the snapshot that ends with `head`, where a listing of `sync` goes on at the spot; None: it ended."""
        if spot is None:
            return self.seal(head)
        lineage, count, earlier = self._present
        run = lineage.present
        change, tie, base = spot
        return self._sealed(
            _HEAD.pack(INSIDE, run.mark, head, change, min(count, NAMED_LIVES - 2), run.life)
            + earlier[: -_INSIDE.size]
            + _INSIDE.pack(tie, _NO_BASE if base is None else base)
        )

    def _sealed(self, plain: bytes) -> str:
        salt = self._rng.randbytes(_SALT_BYTES)
        sealed = salt + self._cipher.encrypt(plain, [salt])
        return binascii.b2a_base64(sealed, newline=False).translate(_TO_URL).decode("ascii")

    def open(self, sealed: str, *, kind: int = PLACE) -> Place | None:
        """The place in the text; None if it is none of ours."""
        opened = self._opened(sealed, kind)
        return None if opened is None else opened[0]

    def _opened(self, sealed: str, kind: int) -> tuple[Place, Spot] | None:
        """The place, and where a listing of `sync` goes on from it."""
        if len(sealed) != SEALED_CHARS or not sealed.isascii():
            return None
        try:
            data = binascii.a2b_base64(sealed.encode("ascii").translate(_FROM_URL), strict_mode=True)
            plain = self._cipher.decrypt(data[_SALT_BYTES:], [data[:_SALT_BYTES]])
        except (binascii.Error, InvalidTag):
            return None
        found, mark, change, upto, count, life = _HEAD.unpack_from(plain)
        spot = Spot(upto, upto, upto)
        if found == INSIDE and kind == PLACE:
            tie, base = _INSIDE.unpack_from(plain, _PLAIN_BYTES - _INSIDE.size)
            spot = Spot(upto, tie, None if base == _NO_BASE else base)
        elif found != kind:
            return None
        lives = (_LIFE.unpack_from(plain, _HEAD.size + number * _LIFE.size) for number in range(count))
        return Place(mark, change, ((life, change), *lives), upto), spot

    def read(self, sealed: str | None, head: int, user_id: str, *, kind: int = PLACE) -> int:
        """The change up to which the listing had come at this place; 0 for None, its beginning.

        EPOCH_CHANGED for a place that is no part of this history, or of another make: the client's way out is the same.
        """
        return 0 if sealed is None else self._read(sealed, head, user_id, kind)[0].upto

    def read_spot(self, sealed: str | None, head: int, user_id: str) -> Spot:
        """Where the listing of `sync` goes on from this place. EPOCH_CHANGED as in `read`."""
        return BEGINNING if sealed is None else self._read(sealed, head, user_id, PLACE)[1]

    def _read(self, sealed: str, head: int, user_id: str, kind: int) -> tuple[Place, Spot]:
        opened = self._opened(sealed, kind)
        if opened is None or not self.is_ours(opened[0], head, user_id):
            raise epoch_changed()
        return opened

    def common(self, sealed: str, head: int, user_id: str) -> int:
        """The change up to which who learnt under this place shares this history. 0 if it is none of ours."""
        place = self.open(sealed)
        if place is None:
            return 0
        self.is_ours(place, head, user_id)
        return self.lineage.common(place, head)

    def is_ours(self, place: Place, head: int, user_id: str) -> bool:
        """Whether the place is part of this history. If not, its owner is a witness of another."""
        if self._present[0].good(place, head):
            return True
        if len(self.witnesses) < MAX_WITNESSES:
            is_first = not self.witnesses
            self.witnesses.add(user_id)
            if is_first:
                self.on_witness()
        return False


def of_no_store() -> Places:
    """For a reader whose places nobody keeps: under a key and a mark of their own."""
    rng = random.SystemRandom()
    mark = rng.randbytes(MARK_BYTES)
    return Places(rng.randbytes(KEY_BYTES), Lineage([Run(1, mark, mark, 1)]), rng)


def _pack_lives(lineage: Lineage) -> tuple[int, bytes]:
    """How many earlier lives there are, and their bytes, filled up to the full number."""
    packed = b"".join(_LIFE.pack(life, end) for life, end in lineage.earlier)
    return len(lineage.earlier), packed.ljust((NAMED_LIVES - 1) * _LIFE.size, b"\0")
