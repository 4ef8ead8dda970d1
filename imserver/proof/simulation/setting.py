"""The setting that the seed decides before a run: the server's limits, the users, the faults, the duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from imserver.config import AuthConfig, Config, LimitsConfig, ServerConfig, StoreConfig

#: A Wednesday morning in the shops of the demo chain, 10:00 in Shanghai.
BEGIN_MS = 1_794_967_200_000
SECRET = "a secret of the simulation, of no use elsewhere"
#: Users with an account, and their languages.
PEOPLE = {"ann": "en", "ben": "zh-CN", "cho": "zh-CN", "dee": "en", "eve": "en", "fay": "zh-CN"}
#: Has an account, and is in no conversation.
STRANGER = "mal"
#: Address of the hostile peer.
LIES_FROM = "10.9.9.9"
#: A member of a shop's staff; the booking plugin makes the account.
STAFF = "staff-li"
#: Owns the team of a run with one, and has no device.
BOSS = "boss"
#: A group of all of them, in the template of every run.
COMMON = "everybody"


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of faults that prevail in a run."""

    trouble: tuple[float, ...]
    strike_s: float
    server_fault_s: float
    client_fault_s: float
    #: Share of limits that are drawn small.
    small: float


#: Sessions last and connections do not; servers die often; clients die often; everything at once.
KINDS = (
    Kind(trouble=(0.7, 1.0), strike_s=3.0, server_fault_s=1e6, client_fault_s=30.0, small=0.5),
    Kind(trouble=(0.7, 1.0), strike_s=3.0, server_fault_s=20.0, client_fault_s=30.0, small=0.3),
    Kind(trouble=(0.0, 0.3), strike_s=10.0, server_fault_s=1.2, client_fault_s=8.0, small=0.25),
    Kind(trouble=(0.3, 0.6), strike_s=10.0, server_fault_s=1.5, client_fault_s=2.0, small=0.25),
    Kind(trouble=(0.3, 0.6, 1.0), strike_s=6.0, server_fault_s=2.5, client_fault_s=5.0, small=0.35),
)


#: Small values of the server's limits, so that runs reach bounds that the defaults hide.
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "window_frames": (4, 16, 48),
    "window_bytes": (4096, 16_384),
    "max_requests": (1, 4, 24),
    "max_page_items": (1, 5, 40),
    "detached_s": (1.0, 4.0, 15.0),
    "max_detached_sessions": (1, 3),
    "max_detached_bytes": (6_000, 40_000),
    "posts_per_second": (2.0, 8.0),
    "posts_burst": (3, 20),
    "max_sessions_per_user": (2, 3),
    "max_fanout_backlog": (4, 20),
    "unwritable_s": (3.0,),
}
STORE: Mapping[str, tuple[Any, ...]] = {
    "max_batch_units": (1, 4),
    "max_queue_units": (3, 12),
    "max_queue_bytes": (40_000,),
    "max_cached_conversations": (1, 4),
}


#: What keeps a run of posts from being long where it is committed, or makes reading it message by message take for ever.
SHORTENING = frozenset(
    {
        *("max_requests", "posts_per_second", "posts_burst", "max_page_items"),
        *("max_batch_units", "max_queue_units", "max_queue_bytes"),
        *("max_outbox_entries", "page_items"),
    }
)
RUNS_SHARE = 0.2
#: Share of the runs in which older copies of the database come back. In the others everything that was acknowledged is there.
COPIES_SHARE = 0.15
#: Share of the runs with a team whose people come and go, and with an operator who shuts people out.
PEOPLE_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Setting:
    """The setting of one run."""

    seed: int
    limits: dict[str, Any]
    store: dict[str, Any]
    #: Users with a device, and how many devices each has.
    devices: dict[str, int]
    #: Seconds of virtual time with faults.
    busy_s: float
    #: Trouble of the network (0 to 1), and how long a connection lives there (seconds).
    trouble: float
    strike_s: float
    #: Mean seconds between faults of the server and of clients.
    server_fault_s: float
    client_fault_s: float
    #: Mean seconds between two acts of a device.
    pace_s: float
    token_ttl_s: int
    #: Step of the server's clock at each look.
    clock_step_s: float
    booking: bool
    #: Some users send large messages, many at a time.
    bulky: bool
    #: Applications that were cut off offer long runs of posts, and in them what was stored before.
    runs: bool = False
    #: Older copies of the database come back.
    copies: bool = False
    #: People come into a team and go, are shut out and let in.
    people: bool = False

    def config(self, database: Path) -> Config:
        """The configuration of every server of this run."""
        return Config(
            server=ServerConfig(host="127.0.0.1", port=7410, drain_timeout_s=15.0),
            store=StoreConfig(path=str(database), **self.store),
            auth=AuthConfig(secret=SECRET, grace_s=30),
            limits=LimitsConfig(strangers="open", **self.limits),
        )


def draw(seed: int) -> Setting:
    """The setting of a seed."""
    random = Random(f"{seed} setting")
    choice, chance = random.choice, random.random
    kind = choice(KINDS)
    booking, bulky = chance() < 0.6, chance() < 0.12
    devices = _devices(random, booking)
    limits = _some(random, kind.small, LIMITS)
    if bulky:
        # Large messages must pile up in front of a slow socket, not in a window.
        limits = {name: value for name, value in limits.items() if not name.startswith("window")}
    busy_s = choice((10.0, 25.0, 60.0))
    store = _some(random, kind.small, STORE) | {"readers": choice((1, 1, 2))}
    # Drawn by itself: the other seeds stay the runs that they were.
    runs = Random(f"{seed} offered again").random() < RUNS_SHARE
    if runs:
        limits, store = for_runs(limits), for_runs(store)
    copies = Random(f"{seed} older copies").random() < COPIES_SHARE
    people = Random(f"{seed} people").random() < PEOPLE_SHARE
    return Setting(
        seed=seed,
        limits=limits,
        store=store,
        devices=devices,
        busy_s=busy_s,
        trouble=1.0 if bulky else choice(kind.trouble),
        strike_s=kind.strike_s,
        server_fault_s=kind.server_fault_s,
        client_fault_s=kind.client_fault_s,
        pace_s=busy_s * sum(devices.values()) / choice((36, 72, 120)),
        clock_step_s=0.002 if "max_fanout_backlog" in limits else choice((0.0, 0.0, 0.0, 0.00002, 0.0005)),
        token_ttl_s=choice((3_600, 30 * 86_400)),
        booking=booking,
        bulky=bulky,
        runs=runs,
        copies=copies,
        people=people,
    )


def _devices(random: Random, booking: bool) -> dict[str, int]:
    people = random.sample(sorted(PEOPLE), k=random.randint(2, 5))
    if booking and random.random() < 0.5:
        people.append(STAFF)
    return {user: 2 if random.random() < 0.3 else 1 for user in people}


def for_runs(values: Mapping[str, Any]) -> dict[str, Any]:
    """The limits under which runs are long."""
    return {name: value for name, value in values.items() if name not in SHORTENING}


def _some(random: Random, share: float, values: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """For each value: its default, or in this share of the runs one of its small values."""
    return {name: random.choice(small) for name, small in values.items() if random.random() < share}
