"""The load: texts to groups and to single users, at times and in sizes drawn from the seed, however the server fares."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from imserver_client import Posted

from .actor import Actor

#: Shares: of all posts given up again, and followed by an act of a feature once answered; of all answers read.
GIVE_UP_SHARE, ACT_SHARE, READ_SHARE = 0.01, 0.05, 0.2
#: In some bursts one client says so much, and then offers again up to so much of what it said before.
RUN_SHARE, RUN_POSTS, RUN_AGAIN = 0.4, 80, 10
#: A process that was stopped for longer skips the posts that it missed (seconds).
MAX_BEHIND_S = 0.5


class Talkers:
    """All talkers of one process. `places` of an actor: where it talks."""

    def __init__(self, rng: random.Random, rate: float) -> None:
        self._rng = rng
        self._rate = rate
        self._numbers = 0
        self.places: dict[Actor, Sequence[str]] = {}

    async def talk(self, stopping: asyncio.Event) -> None:
        """Post `rate` times a second, at random moments."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while not stopping.is_set():
            next_at = max(next_at + self._rng.expovariate(self._rate), loop.time() - MAX_BEHIND_S)
            await asyncio.sleep(next_at - loop.time())
            ready = [actor for actor in self.places if actor.ready.is_set() and not actor.broken]
            if ready and not stopping.is_set():
                self.say(self._rng.choice(ready))

    def burst(self, count: int) -> int:
        """Post `count` messages at once from connected clients; returns how many it were."""
        ready = [actor for actor in self.places if actor.ready.is_set() and actor.connected]
        said = [self.say(self._rng.choice(ready)) for _ in range(count if ready else 0)]
        if ready and self._rng.random() < RUN_SHARE:
            actor = self._rng.choice(ready)
            said += [self.say(actor) for _ in range(RUN_POSTS)]
            actor.offer_again(self._rng.randint(1, RUN_AGAIN))
        return sum(said)

    def say(self, actor: Actor) -> bool:
        """Make one post of this actor, and perhaps give it up, or do something that a feature offers."""
        places = self.places[actor]
        if not places:
            return False
        self._numbers += 1
        place = self._rng.choice(places)
        posting = actor.post(place, self._text(actor.part.name))
        if posting is None:
            return False
        dice = self._rng.random()
        if dice < GIVE_UP_SHARE:
            asyncio.get_running_loop().call_later(self._rng.uniform(0, 0.05), actor.give_up_last, place)
        elif dice < GIVE_UP_SHARE + ACT_SHARE + READ_SHARE:
            acts = dice < GIVE_UP_SHARE + ACT_SHARE
            posting.add_done_callback(lambda done: self._answered(actor, done, acts))
        return True

    def _answered(self, actor: Actor, done: asyncio.Task[Posted | None], acts: bool) -> None:
        posted = None if done.cancelled() or done.exception() else done.result()
        if posted is None:
            return
        if acts:
            actor.act(self._rng, self.places[actor], lambda: self._text(f"{actor.part.name} again"))
        else:
            actor.client.mark_read(posted.conversation_id, posted.position)

    def _text(self, name: str) -> str:
        """Mostly short, now and then as long as a page, rarely as long as allowed."""
        dice = self._rng.random()
        size = self._rng.randint(10, 200) if dice < 0.85 else self._rng.randint(200, 2000)
        if dice > 0.99:
            size = self._rng.randint(2000, 12000)
        text = f"{name} says {self._numbers} "
        return text + "字" * (size // 8) + "." * (size % 97)
