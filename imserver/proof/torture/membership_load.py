"""Membership load: the owner of one group now and then adds a guest and removes it again, however the server fares; the owner
of a team takes people in and puts them out.

Each user is a guest once. So the removals in the final database hold for the whole run: the checker needs nothing else to
see that no user read or posted after the own removal. In a team people come and go as often as they like: the checker goes by
what its messages tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Mapping, MutableSet, Sequence
from typing import Any

from imserver.model import KEY_BYTES
from imserver_client import Refused

from .actor import Actor

#: Between two changes (seconds).
PAUSE_S = (1.0, 5.0)
#: Share of messages that a guest answers. Some answers are in flight when the guest is removed.
ANSWER_SHARE = 0.5
#: Between two changes of a team (seconds).
TEAM_PAUSE_S = (0.3, 2.5)


class MembershipLoad:
    """The owner of `group_id`. `keep` starts over in every life of its process: changes have keys, so none is made twice."""

    def __init__(self, actor: Actor, rng: random.Random, seed: int, group_id: str) -> None:
        self._actor = actor
        self._rng = rng
        self._seed = seed
        self._group_id = group_id

    async def keep(self, stopping: asyncio.Event) -> None:
        """Add and remove one guest after the other."""
        await self._actor.ready.wait()
        client = self._actor.client
        rows = await self._actor.conversations()
        known = next((row.head for row in rows if row.conversation_id == self._group_id), 0)
        for guest in self._actor.part.guests:
            for what, change in (("add", client.add_member), ("remove", client.remove_member)):
                try:
                    position = await change(self._group_id, guest, key=self._key(guest, what))
                except Refused:
                    if self._group_id not in self._actor.replaced:
                        raise
                    continue  # an older copy does not know the guest
                if position > known and await _told_to_stop(stopping, self._rng.uniform(*PAUSE_S)):
                    return

    def _key(self, guest: str, what: str) -> bytes:
        """The same in every life."""
        words = f"{self._seed} {self._group_id} {what} {guest}"
        return hashlib.blake2b(words.encode(), digest_size=KEY_BYTES).digest()


class TeamLoad:
    """The owner of `team`, which the conversations `naming` name. Nobody is in it at first."""

    def __init__(self, actor: Actor, rng: random.Random, team: str, naming: Sequence[str]) -> None:
        self._actor = actor
        self._rng = rng
        self._team = team
        self._naming = naming

    async def keep(self, stopping: asyncio.Event) -> None:
        """Take in and put out whom chance names; at the end a word to all who are in, of which they learn that they are."""
        await self._actor.ready.wait()
        client, employees = self._actor.client, self._actor.part.employees
        inside = {member.user_id for member in await client.members(self._team)}
        left = [user for user in employees if user not in inside]
        while not await _told_to_stop(stopping, self._rng.uniform(*TEAM_PAUSE_S) if not left else 0.0):
            user = left.pop() if left else self._rng.choice(employees)
            # An older copy knows another team: what was wrong is right the next time.
            with contextlib.suppress(Refused):
                if user in inside:
                    inside.discard(user)
                    await client.remove_member(self._team, user)
                else:
                    inside.add(user)
                    await client.add_member(self._team, user)
        for conversation_id in self._naming:
            self._actor.post(conversation_id, "closing time")


class Guest:
    """Notices its admission, and answers while it is a member: `actor.hear`."""

    def __init__(self, actor: Actor, rng: random.Random, stopping: asyncio.Event) -> None:
        self._actor = actor
        self._rng = rng
        self._stopping = stopping
        self._inside: MutableSet[str] = set()
        actor.fell = self.fell

    def hear(self, conversation_id: str, position: int, sender_id: str, content: Mapping[str, Any]) -> None:
        """A message."""
        me = self._actor.part.user_id
        if content.get("type") == "system" and content.get("user") == me:
            if content.get("event") == "added":
                self._inside.add(conversation_id)
            else:
                self._inside.discard(conversation_id)
            return
        answers = conversation_id in self._inside and sender_id not in ("", me)
        if answers and not self._stopping.is_set() and self._rng.random() < ANSWER_SHARE:
            self._actor.post(conversation_id, f"{self._actor.part.name} is in here, too, after {position}")

    def fell(self, conversation_id: str, agreed: int | None) -> None:
        """It may be no member there."""
        self._inside.discard(conversation_id)


async def _told_to_stop(stopping: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
