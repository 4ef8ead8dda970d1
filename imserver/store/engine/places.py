"""Sealed places: what a client keeps of a `Place`, as a text that it can neither read nor make.

AES-SIV (RFC 5297) under a key that is kept in the database: encrypted, so that nobody counts the server's traffic by comparing
two of them; authenticated, so that nobody makes one. All have the same length, whatever is in them.
"""

from __future__ import annotations

import binascii
import random
import struct
from collections.abc import Callable

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
#: The most users that are remembered as witnesses of another history.
MAX_WITNESSES = 100_000

_HEAD = struct.Struct(f">B{MARK_BYTES}sQQB{MARK_BYTES}s")
_LIFE = struct.Struct(f">{MARK_BYTES}sQ")
_PLAIN_BYTES = _HEAD.size + (NAMED_LIVES - 1) * _LIFE.size
_TAG_BYTES = 16
#: Random bytes in front, so that equal places look different; as many as make the whole a multiple of three, 16 at least.
_SALT_BYTES = 16 + -(16 + _TAG_BYTES + _PLAIN_BYTES) % 3
SEALED_CHARS = (_SALT_BYTES + _TAG_BYTES + _PLAIN_BYTES) // 3 * 4

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")


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
        plain = _HEAD.pack(kind, run.mark, head, head if upto is None else upto, count, run.life) + earlier
        salt = self._rng.randbytes(_SALT_BYTES)
        sealed = salt + self._cipher.encrypt(plain, [salt])
        return binascii.b2a_base64(sealed, newline=False).translate(_TO_URL).decode("ascii")

    def open(self, sealed: str, *, kind: int = PLACE) -> Place | None:
        """The place in the text; None if it is none of ours."""
        if len(sealed) != SEALED_CHARS or not sealed.isascii():
            return None
        try:
            data = binascii.a2b_base64(sealed.encode("ascii").translate(_FROM_URL), strict_mode=True)
            plain = self._cipher.decrypt(data[_SALT_BYTES:], [data[:_SALT_BYTES]])
        except (binascii.Error, InvalidTag):
            return None
        found, mark, change, upto, count, life = _HEAD.unpack_from(plain)
        if found != kind:
            return None
        lives = (_LIFE.unpack_from(plain, _HEAD.size + number * _LIFE.size) for number in range(count))
        return Place(mark, change, ((life, change), *lives), upto)

    def read(self, sealed: str | None, head: int, user_id: str, *, kind: int = PLACE) -> int:
        """The change up to which the listing had come at this place; 0 for None, its beginning.

        EPOCH_CHANGED for a place that is no part of this history, or of another make: the client's way out is the same.
        """
        if sealed is None:
            return 0
        place = self.open(sealed, kind=kind)
        if place is None or not self.is_ours(place, head, user_id):
            raise epoch_changed()
        return place.upto

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
