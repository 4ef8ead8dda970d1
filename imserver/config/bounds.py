"""The bounds of every number in the configuration. What lies outside is a slip of the keyboard, or would break something later.

Where a session is told a number, the bounds are those of clients, who take no others (`imserver_protocol.limits`). Elsewhere
they are far from what anybody needs: a number of seconds or bytes above them overflows a timer, or an integer of SQLite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from imserver.errors import ConfigError

KIB, MIB, PIB = 2**10, 2**20, 2**50
HOUR_S, YEAR_S = 3600, 366 * 24 * 3600
PORT = (0, 65_535)
#: Whoever wants no limit writes many nines.
COUNT = (1, 1_000_000_000)
BYTES = (1, PIB)
#: From once in eleven days on.
RATE = (0.000001, 1_000_000_000.0)
#: Of the protocol, which stands above this row; a test compares them. Each request has a place for its reply in a session.
MAX_FRAME_BYTES_CEILING = MIB
MAX_REQUESTS = 2048
#: The year 9999 is the last one that a clock can show.
LAST_MS = 253_402_300_799_000
#: Longer numbers are not shown whole: Python refuses to write some of them out.
SHOWN_DIGITS = 30

BOUNDS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "server": {"port": PORT, "drain_timeout_s": (0.001, HOUR_S)},
    "store": {
        "readers": (1, 16),
        "max_batch_units": (1, 100_000),
        "max_queue_units": COUNT,
        "max_queue_bytes": BYTES,
        "max_queue_wait_s": (0.001, HOUR_S),
        "max_cached_conversations": COUNT,
    },
    "auth": {"grace_s": (0, YEAR_S), "max_token_ttl_s": (1, 100 * YEAR_S)},
    "limits": {
        "max_frame_bytes": (4 * KIB, MAX_FRAME_BYTES_CEILING),
        "max_content_bytes": (1, MAX_FRAME_BYTES_CEILING),
        "max_requests": (1, MAX_REQUESTS),
        "window_frames": (1, 65_536),
        "window_bytes": (4 * KIB, 64 * MIB),
        "max_page_items": (1, 10_000),
        "max_connections": COUNT,
        "max_connections_per_address": COUNT,
        "max_unauthenticated": COUNT,
        "connects_per_minute": COUNT,
        "failed_logins_per_minute": COUNT,
        "posts_per_second": RATE,
        "posts_burst": COUNT,
        "bytes_per_day": BYTES,
        "bytes_in_all": BYTES,
        "bytes_per_day_of_guests": BYTES,
        "users_per_second": RATE,
        "users_burst": COUNT,
        "max_sessions_per_user": COUNT,
        "detached_s": (0.001, YEAR_S),
        "max_detached_sessions": COUNT,
        "max_detached_bytes": BYTES,
        "max_unacked_bytes": BYTES,
        "max_group_members": COUNT,
        "max_title_chars": (1, MAX_FRAME_BYTES_CEILING),
        "max_conversations_per_user": COUNT,
        "invitations_per_day": COUNT,
        "max_fanout_backlog": COUNT,
        "unwritable_s": (0.001, YEAR_S),
    },
    "http": {
        "port": PORT,
        "guests_per_address": COUNT,
        "guests_per_hour": COUNT,
        "max_connections": COUNT,
        "min_free_bytes": BYTES,
    },
    "admin": {"port": PORT},
    "clock": {"start_ms": (0, LAST_MS), "rate": (0.001, 1_000_000.0)},
}


def out_of_bounds(section: str, values: Any) -> Iterator[ConfigError]:
    """Numbers of a section that are outside, and what is no number (`nan`), no end (`inf`), or a zero with a sign."""
    for name, (low, high) in BOUNDS.get(section, {}).items():
        value = getattr(values, name)
        if not low <= value <= high or (value == 0 and math.copysign(1, value) < 0):
            yield ConfigError(f"$.{section}.{name}", f"{_plain(low)}-{_plain(high)}, not {_shown(value)}")


def _plain(bound: float) -> str:
    return f"{bound:f}".rstrip("0").rstrip(".")


def _shown(value: float) -> str:
    if isinstance(value, int) and abs(value) >= 10**SHOWN_DIGITS:
        return f"a number of more than {SHOWN_DIGITS} digits"
    return str(value)
