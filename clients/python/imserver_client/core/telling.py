"""Tells the application what came of an older copy of the server's database: each thing once, and again if the process is
killed before anybody heard it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from imserver_client.events import ClientEvent, GonePost, HistoryReplaced, PostsGone
from imserver_client.storage import Notice, Storage
from imserver_client.wire import read_content

from .announcer import Announcer
from .lineage import Lineage


class Telling:
    """Events for the notices of `Lineage`, which are kept until these were heard."""

    def __init__(self, lineage: Lineage, storage: Storage, announcer: Announcer) -> None:
        self._lineage = lineage
        self._storage = storage
        self._announcer = announcer
        #: Events of each conversation that nobody has heard yet.
        self._unheard: dict[str, int] = {}
        #: Own messages that are in one of them.
        self._gone: dict[str, set[bytes]] = {}
        self._over = False

    def restore(self) -> None:
        """What an earlier process did not get to tell."""
        for notice in self._lineage.notices():
            self.notice(notice)

    def notice(self, notice: Notice) -> None:
        """Something came to this notice that is none of single events: tell all of it."""
        if notice.replaced or notice.forgotten:
            self.replaced(notice.conversation_id, None if notice.forgotten else notice.agreed)
        self.gone(notice)

    def replaced(self, conversation_id: str, agreed: int | None) -> None:
        """A history was replaced. To be called before anything of the new one is announced."""
        self._keep(HistoryReplaced(conversation_id, agreed))

    def gone(self, notice: Notice) -> None:
        """Own messages were not found."""
        told = self._gone.setdefault(notice.conversation_id, set())
        keys = [key for key in notice.gone if key not in told]
        if keys:
            told.update(keys)
            self._keep(PostsGone(notice.conversation_id, self._posts(keys)))

    def end(self) -> None:
        """The store is about to be closed: what is heard from now on is told again at the next start."""
        self._over = True

    def _posts(self, keys: Sequence[bytes]) -> tuple[GonePost, ...]:
        contents = self._storage.contents(keys)
        return tuple(GonePost(key, read_content(contents.get(key))) for key in keys)

    def _keep(self, event: HistoryReplaced | PostsGone) -> None:
        name = event.conversation_id
        self._unheard[name] = self._unheard.get(name, 0) + 1
        self._announcer.keep(event, partial(self._heard, event))

    def _heard(self, event: ClientEvent) -> None:
        assert isinstance(event, (HistoryReplaced, PostsGone))
        name = event.conversation_id
        self._unheard[name] -= 1
        if self._unheard[name] or self._over:
            return
        del self._unheard[name]
        self._gone.pop(name, None)
        for notice in self._lineage.notices():
            if notice.conversation_id == name:
                self._lineage.told(notice)
                self._storage.save_lineage(self._lineage.unsaved())
                self._lineage.saved()
