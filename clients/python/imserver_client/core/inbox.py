"""The progress of each conversation: `have` and `known_head` (SPEC, "Receiving"). No I/O, no clock.

Of very many conversations this is a window: beyond `max_conversations` those that are quiet and were listed longest ago are
let go, and come back with their next row. What can be let go, and what is kept of it, the rest of the client says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import Enum

from imserver_client.storage import SavedPosition
from imserver_protocol.methods.sync import SyncRow


class Place(Enum):
    """How a position relates to a conversation's progress."""

    NEXT = "have + 1: hand it over"
    DUPLICATE = "at or below have"
    AHEAD = "above have + 1, or in a conversation that sync has not explained yet"


class Track:
    """One followed conversation. `have`: handed on up to here, in this process. `handed`: by an earlier process."""

    __slots__ = ("handed", "have", "kind", "known_head", "listed", "reading")

    def __init__(self, have: int, handed: int, known_head: int, kind: str = "") -> None:
        self.have = have
        self.handed = handed
        self.known_head = max(known_head, have, handed)
        self.kind = kind
        self.reading = False
        #: How many rows of sync told of it.
        self.listed = 0

    @property
    def standing(self) -> tuple[int, int]:
        """Changes with whatever says that one is in the conversation."""
        return self.known_head, self.listed


class Inbox:
    """All followed conversations, those that are behind, and heads of those that no sync has listed yet."""

    def __init__(self, max_conversations: int, max_unknown: int) -> None:
        self._max_conversations = max_conversations
        self._max_unknown = max_unknown
        self._tracks: dict[str, Track] = {}
        self._unknown: dict[str, int] = {}
        #: Conversations with have < known_head, longest waiting first.
        self._behind: dict[str, Track] = {}
        #: Counts calls of `void`: answers to earlier requests do not count.
        self.epoch = 0
        #: With more than so many, some are to be let go.
        self._room = max_conversations

    def restore(self, positions: Mapping[str, SavedPosition]) -> None:
        """Resume from the stored positions."""
        for conversation_id, saved in positions.items():
            track = Track(saved.have, saved.handed, saved.known_head)
            self._tracks[conversation_id] = track
            self._look_at(conversation_id, track)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tracks)

    def __bool__(self) -> bool:
        return bool(self._tracks)

    def __len__(self) -> int:
        return len(self._tracks)

    def crowded(self, *, listed: bool) -> bool:
        """Whether conversations are to be let go. `listed`: a sync has ended, which made some of them quiet."""
        return len(self._tracks) > (self._max_conversations if listed else self._room)

    def quiet(self) -> Iterator[str]:
        """Those with nothing to read, listed longest ago first."""
        return (
            name for name, track in self._tracks.items() if name not in self._behind and not track.reading
        )

    def let_go(self, conversation_ids: Collection[str]) -> None:
        """These are not followed for a while. If they were too few, more are wanted only when there are more."""
        for name in conversation_ids:
            self.drop(name)
        self._room = max(self._max_conversations, len(self._tracks) + self.slack)

    @property
    def slack(self) -> int:
        """So many are let go at once, for to look for them takes time."""
        return self._max_conversations // 20 + 1

    @property
    def surplus(self) -> int:
        """How many to let go."""
        return max(0, len(self._tracks) - self._max_conversations + self.slack - 1)

    def void(self) -> None:
        """Positions are about to be checked: what was asked with those of before does not count."""
        self._unknown.clear()
        self.epoch += 1

    def fall(self, row: SyncRow, keep: int | None, head: int) -> None:
        """A row that replaces: the head is this one, and nothing above `keep` was handed on."""
        track = self._tracks[row.conversation_id]
        if keep is not None:
            track.have, track.handed = min(track.have, keep), min(track.handed, keep)
        track.known_head = max(head, track.have)
        track.kind = row.kind
        self._look_at(row.conversation_id, track)

    def drop(self, conversation_id: str) -> None:
        """The conversation is not followed any more."""
        self._tracks.pop(conversation_id, None)
        self._behind.pop(conversation_id, None)

    def standing(self, conversation_id: str) -> tuple[int, int] | None:
        """`Track.standing`; None if it is not followed."""
        track = self._tracks.get(conversation_id)
        return None if track is None else track.standing

    def get(self, conversation_id: str) -> Track | None:
        """The track of a conversation that is followed."""
        return self._tracks.get(conversation_id)

    def known_head(self, conversation_id: str) -> int | None:
        """The highest known position of the conversation; None if it is not followed."""
        track = self._tracks.get(conversation_id)
        return None if track is None else track.known_head

    # -- positions ----------------------------------------------------------------------------------------------------

    def place(self, conversation_id: str, position: int) -> Place:
        """What to do with a message at this position."""
        track = self._tracks.get(conversation_id)
        if track is None:
            return Place.AHEAD
        if position <= track.have:
            return Place.DUPLICATE
        return Place.NEXT if position == track.have + 1 else Place.AHEAD

    def advance(self, conversation_id: str, position: int) -> None:
        """Mark everything up to `position` as handed on."""
        track = self._tracks[conversation_id]
        track.have = max(track.have, position)
        track.known_head = max(track.known_head, position)
        self._look_at(conversation_id, track)

    def note_head(self, conversation_id: str, position: int) -> bool:
        """The conversation reaches at least up to `position`. True if sync has to explain the conversation first."""
        track = self._tracks.get(conversation_id)
        if track is None:
            if conversation_id in self._unknown or len(self._unknown) < self._max_unknown:
                self._unknown[conversation_id] = max(position, self._unknown.get(conversation_id, 0))
            return True
        track.known_head = max(track.known_head, position)
        self._look_at(conversation_id, track)
        return False

    def give_up(self, conversation_id: str) -> None:
        """Give up missing positions, which cannot be read: go on when the conversation moves again."""
        track = self._tracks.get(conversation_id)
        if track is not None:
            track.known_head = track.have
            self._look_at(conversation_id, track)

    # -- sync ---------------------------------------------------------------------------------------------------------

    def apply(
        self, rows: Iterable[SyncRow], *, first_sync: bool, resting: Mapping[str, SavedPosition] | None = None
    ) -> dict[str, SavedPosition]:
        """Apply rows of sync; returns the positions to store in the same step as the token.

        In a device's first sync conversations start at their heads; later, where the row says that the user joined. Those of
        `resting` go on where they were. Where twice as many as are wanted cannot be let go, rows of others find no room:
        their conversations are not followed.
        """
        changed: dict[str, SavedPosition] = {}
        for row in rows:
            readable = row.head if row.left_at is None else min(row.head, row.left_at)
            track = self._tracks.get(row.conversation_id)
            start = 0
            if track is None:
                if len(self._tracks) >= 2 * self._max_conversations:
                    continue
                rested = (resting or {}).get(row.conversation_id)
                if rested is not None:
                    start = rested.have
                    track = Track(start, rested.handed, rested.known_head)
                else:
                    start = readable if first_sync else min(max(row.joined_at - 1, 0), readable)
                    track = Track(start, 0, start)
            else:
                del self._tracks[row.conversation_id]
            self._tracks[row.conversation_id] = track
            noted = self._unknown.pop(row.conversation_id, 0)
            track.kind = row.kind
            track.listed += 1
            track.known_head = max(track.known_head, readable, noted)
            self._look_at(row.conversation_id, track)
            changed[row.conversation_id] = SavedPosition(start, 0, track.known_head)
        return changed

    def explained(self) -> list[str]:
        """Sync is finished: drop, and return, unknown conversations that it did not list."""
        dropped = list(self._unknown)
        self._unknown.clear()
        return dropped

    # -- reading ------------------------------------------------------------------------------------------------------

    def next_to_read(self) -> str | None:
        """The conversation that has been behind for longest and is not being read."""
        for conversation_id, track in self._behind.items():
            if not track.reading:
                return conversation_id
        return None

    def _look_at(self, conversation_id: str, track: Track) -> None:
        if track.have < track.known_head:
            self._behind.setdefault(conversation_id, track)
        else:
            self._behind.pop(conversation_id, None)
